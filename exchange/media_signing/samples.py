"""The coded pictures of a master as they lie in it: MP4 (ISO/IEC 14496-12) and Matroska (RFC 9559), one by one, unread.

Only what a master is: one video track of H.264 or H.265 with lengths before its NAL units, no fragments, no lacing.
Not for: recorded segments, or files of any other shape: those are told as not understood.
"""

import os
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MOST_TABLES = 512 << 20
"""Bytes of an MP4's header."""
_MOST_SAMPLES = 2_000_000
"""18 hours at 30 pictures a second."""
MOST_SAMPLE = 64 << 20
"""Bytes of one coded picture."""


class NotUnderstood(Exception):
    """The file, or something in it, is of a kind that is not understood here; the message says what."""


class Samples:
    """Where each coded picture lies in its file, (offset, bytes), in decoding order: twelve bytes of memory each."""

    def __init__(self) -> None:
        self._offsets = array("Q")
        self._lengths = array("I")

    def append(self, offset: int, length: int) -> None:
        if len(self) >= _MOST_SAMPLES:
            raise NotUnderstood("it has more pictures than any honest file")
        self._offsets.append(offset)
        self._lengths.append(length)

    def __len__(self) -> int:
        return len(self._offsets)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._offsets, self._lengths, strict=True)


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """``hevc``: H.265, else H.264. ``length_size``: bytes of the length before each NAL unit."""

    hevc: bool
    length_size: int
    samples: Samples


def read_track(path: Path) -> VideoTrack:
    """The video track of an MP4 or Matroska file. NotUnderstood, OSError."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(12)
        try:
            if start[:4] == b"\x1a\x45\xdf\xa3":
                return _Matroska(file.fileno(), size).track()
            if start[4:8] == b"ftyp":
                return _mp4(file.fileno(), size)
        except (struct.error, IndexError, ValueError) as error:
            raise NotUnderstood(f"its tables can't be read ({type(error).__name__})") from None
    raise NotUnderstood("it is neither MP4 nor Matroska")


def _codec_lengths(hevc: bool, record: bytes) -> int:
    """The NAL length size from an avcC or hvcC record (ISO/IEC 14496-15)."""
    place, least = (21, 23) if hevc else (4, 7)
    if len(record) < least or record[0] != 1:
        raise NotUnderstood("its codec's record can't be read")
    size = (record[place] & 3) + 1
    if size == 3:
        raise NotUnderstood("its NAL units have lengths of three bytes")
    return size


# -- MP4 -------------------------------------------------------------------------------------------------------------


def _mp4(descriptor: int, size: int) -> VideoTrack:
    position = 0
    while position + 8 <= size:
        head = os.pread(descriptor, 16, position)
        length, kind, skip = *struct.unpack(">I4s", head[:8]), 8
        if length == 1:
            length, skip = struct.unpack(">Q", head[8:16])[0], 16
        elif length == 0:
            length = size - position
        if length < skip or position + length > size:
            raise NotUnderstood("a box in it is longer than the file")
        if kind == b"moov":
            if length > _MOST_TABLES:
                raise NotUnderstood("its tables are larger than any honest ones")
            return _moov(memoryview(os.pread(descriptor, length - skip, position + skip)), size)
        position += length
    raise NotUnderstood("it has no table of its pictures")


def _boxes(content: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    position = 0
    while position + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        if length < 8 or position + length > len(content):
            raise NotUnderstood("a box in it is longer than what holds it")
        yield bytes(kind), content[position + 8 : position + length]
        position += length


def _inside(content: memoryview, *path: bytes) -> memoryview | None:
    for wanted in path:
        found = next((inner for kind, inner in _boxes(content) if kind == wanted), None)
        if found is None:
            return None
        content = found
    return content


def _moov(moov: memoryview, size: int) -> VideoTrack:
    tracks = []
    for kind, trak in _boxes(moov):
        if kind == b"mvex":
            raise NotUnderstood("it is fragmented")
        if (
            kind == b"trak"
            and (handler := _inside(trak, b"mdia", b"hdlr")) is not None
            and bytes(handler[8:12]) == b"vide"
        ):
            tracks.append(trak)
    if len(tracks) != 1 or (table := _inside(tracks[0], b"mdia", b"minf", b"stbl")) is None:
        raise NotUnderstood(f"it has {len(tracks)} video tracks")
    hevc, lengths = _entry(table)
    return VideoTrack(hevc, lengths, _sample_places(table, size))


def _entry(table: memoryview) -> tuple[bool, int]:
    described = _inside(table, b"stsd")
    if described is None or struct.unpack_from(">I", described, 4)[0] != 1:
        raise NotUnderstood("it has no description of its pictures, or more than one")
    kind, entry = next(_boxes(described[8:]), (b"", memoryview(b"")))
    hevc = kind in (b"hvc1", b"hev1")
    if not hevc and kind not in (b"avc1", b"avc3"):
        raise NotUnderstood(f"its pictures are of the kind {bytes(kind)!r}")
    record = _inside(entry[78:], b"hvcC" if hevc else b"avcC")
    if record is None:
        raise NotUnderstood("its codec's record is missing")
    return hevc, _codec_lengths(hevc, bytes(record[:64]))


def _numbers(code: str, content: memoryview, count: int, start: int) -> "array[int]":
    if count > _MOST_SAMPLES:
        raise NotUnderstood("it tells of more pictures than any honest file")
    table = array(code, bytes(content[start : start + count * array(code).itemsize]))
    if len(table) != count:
        raise NotUnderstood("a table in it is cut short")
    table.byteswap()
    return table


def _sample_places(table: memoryview, size: int) -> Samples:
    sizes, chunks, offsets = _inside(table, b"stsz"), _inside(table, b"stsc"), _inside(table, b"stco")
    code = "I"
    if offsets is None:
        offsets, code = _inside(table, b"co64"), "Q"
    if sizes is None or chunks is None or offsets is None:
        raise NotUnderstood("a table of its pictures is missing")
    usual, count = struct.unpack_from(">II", sizes, 4)
    if count > _MOST_SAMPLES:  # also where no table of that length has to lie in the file
        raise NotUnderstood("it tells of more pictures than any honest file")
    lengths = array("I", [usual]) * count if usual else _numbers("I", sizes, count, 12)
    begins = _numbers(code, offsets, struct.unpack_from(">I", offsets, 4)[0], 8)
    rows = _numbers("I", chunks, 3 * struct.unpack_from(">I", chunks, 4)[0], 8)
    places = Samples()
    for row in range(0, len(rows), 3):
        first, each = rows[row] - 1, rows[row + 1]
        last = rows[row + 3] - 1 if row + 3 < len(rows) else len(begins)
        if not 0 <= first < last <= len(begins):
            raise NotUnderstood("its table of chunks contradicts itself")
        for begin in begins[first:last]:
            for length in lengths[len(places) : len(places) + each]:
                if length > MOST_SAMPLE or begin + length > size:
                    raise NotUnderstood("a picture lies beyond the file")
                places.append(begin, length)
                begin += length
    if len(places) != count:
        raise NotUnderstood("its tables tell of different numbers of pictures")
    return places


# -- Matroska --------------------------------------------------------------------------------------------------------

_SEGMENT, _TRACKS, _ENTRY, _CLUSTER = 0x18538067, 0x1654AE6B, 0xAE, 0x1F43B675
_NUMBER, _TYPE, _CODEC, _PRIVATE = 0xD7, 0x83, 0x86, 0x63A2
_ENCODINGS, _GROUP, _BLOCK, _SIMPLE = 0x6D80, 0xA0, 0xA1, 0xA3
_MOST_TRACKS = 4 << 20
# fmt: off
_MASTERS = frozenset((
    0x1A45DFA3, 0x4281, 0x114D9B74, 0x4DBB, 0x1549A966, 0x6924, 0x1C53BB6B, 0xBB, 0xB7, 0xDB, 0x1941A469, 0x61A7,
    0x1654AE6B, 0xAE, 0x41E4, 0x6624, 0xE0, 0x55B0, 0x55D0, 0x7670, 0xE1, 0xE2, 0xE3, 0xE4, 0xE9,
    0x6D80, 0x6240, 0x5034, 0x5035, 0x47E7, 0x1F43B675, 0x5854, 0xA0, 0x75A1, 0xA6, 0x8E, 0xE8, 0xC8,
    0x1043A770, 0x45B9, 0x4520, 0xB6, 0x8F, 0x80, 0x6944, 0x6911, 0x1254C367, 0x7373, 0x63C0, 0x67C8,
))
# fmt: on
"""Elements that hold elements (RFC 9559, section 5)."""
_HEADER, _VOID, _CRC = 0x1A45DFA3, 0xEC, 0xBF
_IN_FILE = frozenset((_HEADER, _SEGMENT, _VOID))
_IN_SEGMENT = frozenset((
    _TRACKS, _CLUSTER, 0x114D9B74, 0x1549A966, 0x1C53BB6B, 0x1941A469, 0x1043A770, 0x1254C367, _VOID, _CRC,
))  # fmt: skip
_IN_CLUSTER = frozenset((_SIMPLE, _GROUP, 0xE7, 0xA7, 0xAB, 0x5854, _VOID, _CRC))
_IN_GROUP = frozenset((_BLOCK, 0x9B, 0xFA, 0xFB, 0xFD, 0xA4, 0x75A1, 0x75A2, 0x8E, 0xC8, _VOID, _CRC))
_DEEPEST = 16
_UNKNOWN = {(1 << 7 * size) - 1 for size in range(1, 9)}


class _Matroska:
    """Walks all elements by their heads; only the track entries are read whole.

    One that is longer than what holds it is not passed over, nor one that is nobody's where pictures lie: a player that
    meets it looks for the next thing that it knows, and may find there what this reader took for something else.
    """

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size
        self._number = -1
        self._hevc = False
        self._lengths = 0
        self._samples = Samples()

    def track(self) -> VideoTrack:
        segments = 0
        for identifier, start, end in self._known(0, self._size, _IN_FILE):
            if identifier == _SEGMENT:
                segments += 1
                self._segment(start, end)
            else:
                self._inside(identifier, start, end)
        if segments > 1:
            raise NotUnderstood(f"it is {segments} files in one")
        if self._number < 0:
            raise NotUnderstood("it has no video track")
        return VideoTrack(self._hevc, self._lengths, self._samples)

    def _elements(self, position: int, end: int) -> Iterator[tuple[int, int, int]]:
        while position < end:
            head = os.pread(self._descriptor, 12, position)
            identifier, used = _vint(head, 0, keep=True)
            length, used = _vint(head, used, keep=False)
            start = position + used
            if length in _UNKNOWN and identifier != _SEGMENT:
                # Where it ends, others say by what follows (RFC 9559, 4): pictures would be hidden from this reader.
                raise NotUnderstood("an element in it doesn't say how long it is")
            behind = end if length in _UNKNOWN else start + length
            if not start <= behind <= end:
                raise NotUnderstood("an element in it is longer than what holds it")
            yield identifier, start, behind
            position = behind

    def _known(self, start: int, end: int, known: frozenset[int]) -> Iterator[tuple[int, int, int]]:
        for identifier, begin, behind in self._elements(start, end):
            if identifier not in known:
                raise NotUnderstood(f"it holds an element {identifier:X} where none of that kind belongs")
            yield identifier, begin, behind

    def _segment(self, start: int, end: int) -> None:
        for identifier, begin, behind in self._known(start, end, _IN_SEGMENT):
            if identifier == _TRACKS:
                if behind - begin > _MOST_TRACKS:
                    raise NotUnderstood("its tracks are described at more length than any honest ones")
                for inner, first, last in self._elements(begin, behind):
                    if inner == _ENTRY:
                        self._entry(first, last)
            elif identifier == _CLUSTER:
                self._cluster(begin, behind)
            else:
                self._inside(identifier, begin, behind)

    def _inside(self, identifier: int, start: int, end: int, depth: int = 0) -> None:
        """What an element holds is of no use here, but must lie in it."""
        if identifier not in _MASTERS:
            return
        if depth > _DEEPEST:
            raise NotUnderstood("its elements lie too deep in one another")
        for inner, begin, behind in self._elements(start, end):
            self._inside(inner, begin, behind, depth + 1)

    def _entry(self, start: int, end: int) -> None:
        fields = {}
        for identifier, begin, behind in self._elements(start, end):
            self._inside(identifier, begin, behind)
            fields[identifier] = os.pread(self._descriptor, behind - begin, begin)
        if int.from_bytes(fields.get(_TYPE, b"")) != 1:
            return
        codec = fields.get(_CODEC, b"").rstrip(b"\0")
        self._hevc = codec == b"V_MPEGH/ISO/HEVC"
        if self._number >= 0 or _ENCODINGS in fields or not (self._hevc or codec == b"V_MPEG4/ISO/AVC"):
            raise NotUnderstood(f"its pictures are of the kind {codec[:40]!r}, or there are two tracks of them")
        self._number = int.from_bytes(fields.get(_NUMBER, b""))
        if not self._number:
            raise NotUnderstood("its track of pictures has no number")
        self._lengths = _codec_lengths(self._hevc, fields.get(_PRIVATE, b""))

    def _cluster(self, start: int, end: int) -> None:
        for identifier, begin, behind in self._known(start, end, _IN_CLUSTER):
            if identifier == _SIMPLE:
                self._block(begin, behind)
            elif identifier == _GROUP:
                for inner, first, last in self._known(begin, behind, _IN_GROUP):
                    if inner == _BLOCK:
                        self._block(first, last)
                    else:
                        self._inside(inner, first, last)
            else:
                self._inside(identifier, begin, behind)

    def _block(self, start: int, end: int) -> None:
        head = os.pread(self._descriptor, 12, start)
        number, used = _vint(head, 0, keep=False)
        if number != self._number:
            return
        if head[used + 2] & 0x06:
            raise NotUnderstood("its pictures are laced")
        start += used + 3
        if end - start > MOST_SAMPLE or end < start:
            raise NotUnderstood("it has a larger picture than any honest file")
        self._samples.append(start, end - start)


def _vint(content: bytes, position: int, *, keep: bool) -> tuple[int, int]:
    """A variable-size integer (RFC 8794 section 4), and where it ends; ``keep`` leaves its marker, as in an id."""
    first = content[position]
    size = 9 - first.bit_length()
    if size > (4 if keep else 8) or position + size > len(content):
        raise NotUnderstood("a number in it is cut short")
    value = int.from_bytes(content[position : position + size])
    return (value if keep else value & ((1 << 7 * size) - 1)), position + size
