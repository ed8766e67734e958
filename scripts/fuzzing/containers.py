"""The doors for files of footage: a package's masters, and recordings that somebody else's recorder wrote.

Not for: what is in their pictures (``targets`` has the signing SEI).
"""

import contextlib
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av

from agent.footage.files.container_kind import container_of
from agent.footage.files.salvage import scan
from agent.footage.files.torn import is_torn
from agent.media.containers.segment import NotFootage, read
from exchange.errors import VerificationFailed
from exchange.media_signing.samples import NotUnderstood, VideoTrack, read_track
from exchange.package.stream_hashes import hash_streams
from scripts.fuzzing.promises import must, shared_memory

_FORMATS = {b"ftyp": "mov", b"\x1a\x45\xdf\xa3": "matroska"}


def master(data: bytes) -> None:
    """Its streams are hashed or not read; of a track that is understood every picture lies in the file, and a player
    finds no other one."""
    with _lying(data, ".mkv" if data[:1] == b"\x1a" else ".mp4") as path:
        with contextlib.suppress(VerificationFailed):
            hash_streams(path)
        try:
            track = read_track(path)
        except NotUnderstood as why:
            must(str(why).isprintable() and len(str(why)) < 200, "a fault is told in unfit words")
            return
        places = list(track.samples)
        must(all(0 <= begin <= begin + length <= len(data) for begin, length in places), "a picture is not in the file")
        _same_to_a_player(data, track, path)


def _same_to_a_player(data: bytes, track: VideoTrack, path: Path) -> None:
    """The signature is checked over what ``read_track`` finds: what a player shows besides would pass as signed."""
    ours = iter([data[begin : begin + length] for begin, length in track.samples])
    form = _FORMATS.get(data[:4]) or _FORMATS[data[4:8]]
    with contextlib.suppress(av.FFmpegError), av.open(str(path), format=form, metadata_errors="replace") as file:
        must(len(file.streams.video) <= 1, "a player finds another track of pictures")
        for packet in file.demux(video=0) if file.streams.video else ():
            if packet.size:
                must(any(bytes(packet) == each for each in ours), "a player finds a picture that was not checked")


def recording(data: bytes) -> None:
    """Whatever container it is, and whether it is torn, is told; its tables are read, or it is no footage."""
    with _lying(data, ".mkv" if data[:1] == b"\x1a" else ".mp4") as path:
        is_torn(path, container_of(path))
        must(0 <= scan(path).size <= len(data), "more of a file is whole than there is")
        with contextlib.suppress(NotFootage):
            found = read(path)
            must(len(found.video.pts) > 0, "footage without a picture")


@contextmanager
def _lying(data: bytes, suffix: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=shared_memory()) as place:
        path = Path(place) / f"x{suffix}"
        path.write_bytes(data)
        yield path


# -- what gets far in ------------------------------------------------------------------------------------------------

_RECORD = b"\x01\x42\xc0\x1e\xff\xe1\x00\x0a\x67\x42\xc0\x1e\xda\x02\x80\xbf\xe5\xc0\x01\x00\x04\x68\xce\x3c\x80"
"""An avcC with parameter sets of 640 by 480."""
_KEY, _NEXT = b"\0\0\0\5\x65\x88\x84\0\x10", b"\0\0\0\4\x41\x9a\x24\x6c"


def _box(kind: bytes, *inside: bytes) -> bytes:
    content = b"".join(inside)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _mp4(*, fragmented: bool) -> bytes:
    sample = (
        bytes(6)
        + b"\0\1"
        + bytes(16)
        + struct.pack(">HH", 640, 480)
        + bytes(12)
        + b"\0\1"
        + bytes(32)
        + b"\0\x18\xff\xff"
    )
    described = _box(b"stsd", struct.pack(">II", 0, 1), _box(b"avc1", sample, _box(b"avcC", _RECORD)))
    start = _box(b"ftyp", b"isom\0\0\2\0isom")
    mdat = _box(b"mdat", _KEY, _NEXT)
    counts = (0, 0) if fragmented else (2, 1)
    tables = _box(
        b"stbl",
        described,
        _box(b"stts", struct.pack(">II", 0, counts[1]), struct.pack(">II", 2, 512) * counts[1]),
        _box(b"stsc", struct.pack(">II", 0, counts[1]), struct.pack(">III", 1, 2, 1) * counts[1]),
        _box(b"stsz", struct.pack(">III", 0, 0, counts[0]), struct.pack(">II", len(_KEY), len(_NEXT)) * counts[1]),
        _box(b"stco", struct.pack(">II", 0, counts[1]), struct.pack(">I", len(start) + 8) * counts[1]),
    )
    media = _box(b"dinf", _box(b"dref", struct.pack(">II", 0, 1), _box(b"url ", b"\0\0\0\1")))
    track = _box(
        b"trak",
        _box(b"tkhd", struct.pack(">IIIIII", 7, 0, 0, 1, 0, 1024), bytes(60)),
        _box(
            b"mdia",
            _box(b"mdhd", struct.pack(">IIIIII", 0, 0, 0, 12800, 1024, 0)),
            _box(b"hdlr", bytes(8) + b"vide" + bytes(13)),
            _box(b"minf", _box(b"vmhd", b"\0\0\0\1" + bytes(8)), media, tables),
        ),
    )
    header = _box(b"mvhd", struct.pack(">IIIII", 0, 0, 0, 1000, 80), bytes(80))
    if not fragmented:
        return start + mdat + _box(b"moov", header, track)
    extends = _box(b"mvex", _box(b"trex", struct.pack(">IIIIII", 0, 1, 1, 512, 0, 0)))
    run = _box(b"trun", struct.pack(">IIi", 0x201, 2, 104), struct.pack(">II", len(_KEY), len(_NEXT)))
    fragment = _box(
        b"traf", _box(b"tfhd", struct.pack(">II", 0x20000, 1)), _box(b"tfdt", struct.pack(">II", 0, 0)), run
    )
    moof = _box(b"moof", _box(b"mfhd", struct.pack(">II", 0, 1)), fragment)
    return (
        start
        + _box(b"moov", header, track, extends)
        + moof.replace(struct.pack(">i", 104), struct.pack(">i", len(moof) + 8))
        + mdat
    )


def _element(identifier: int, *inside: bytes, unknown: bool = False) -> bytes:
    content = b"".join(inside)
    size = b"\x01\xff\xff\xff\xff\xff\xff\xff" if unknown else (1 << 28 | len(content)).to_bytes(4)
    return identifier.to_bytes((identifier.bit_length() + 7) // 8) + size + content


def _mkv(*, unknown: bool) -> bytes:
    head = _element(0x1A45DFA3, _element(0x4282, b"matroska"))
    video = _element(0xE0, _element(0xB0, b"\x02\x80"), _element(0xBA, b"\x01\xe0"))
    named = _element(0xD7, b"\1") + _element(0x73C5, b"\1") + _element(0x83, b"\1")
    track = _element(0xAE, named, _element(0x86, b"V_MPEG4/ISO/AVC"), _element(0x63A2, _RECORD), video)
    info = _element(0x1549A966, _element(0x2AD7B1, b"\x0f\x42\x40"))
    block = _element(0xA3, b"\x81\0\0\x80" + _KEY)
    group = _element(0xA0, _element(0xA1, b"\x81\0\x28\0" + _NEXT), _element(0xFB, b"\xd8"))
    clusters = [_element(0x1F43B675, _element(0xE7, at), block, group, unknown=unknown) for at in (b"\0", b"\x50")]
    return head + _element(0x18538067, info, _element(0x1654AE6B, track), *clusters, unknown=unknown)


def masters() -> list[bytes]:
    return [_mp4(fragmented=False), _mkv(unknown=False), _mkv(unknown=True)]


def recordings() -> list[bytes]:
    """And the beginnings of MPEG-TS, MPEG-PS, AVI, DAV and of a bare stream."""
    stream = [b"G\x40\0\x10" + bytes(184), b"G\x41\0\x31\x07\x10" + bytes(182)] * 2
    return [
        _mp4(fragmented=True),
        *masters(),
        b"".join(stream),
        b"\0\0\1\xba\x44" + bytes(8) + b"\xf8" + b"\0\0\1\xe0\0\x08" + bytes(8) + b"\0\0\1\xb9",
        b"RIFF" + struct.pack("<I", 40) + b"AVI LIST" + bytes(28),
        b"DHAV\xfd\0\0\0" + struct.pack("<IIIHH", 1, 40, 0x652F8C00, 5, 0) + bytes(8) + b"dhav" + struct.pack("<I", 40),
        b"\0\0\0\1\x67\x42\xc0\x1e\0\0\0\1\x68\xce\x3c\x80\0\0\1\x65\x88",
    ]
