"""A small H.264 version of footage that a browser can't play, made a second at a time while somebody watches.

Each second has ten pictures of fixed size in bytes, filled up with filler (ITU-T H.264, 7.4.1, type 12): so the file's
tables are known before a single picture is made, and a browser can seek anywhere. Not for: evidence.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter

from agent.media.containers.boxes import box
from agent.media.containers.tables import NotFootage
from agent.media.cut import approved
from agent.media.cut.approved import Approved
from agent.media.facts import JsonObject, Stretch, stretch
from agent.media.pictures import frames, not_shown

PICTURES = 10
"""A second."""
TICKS = 1000
"""Units of time that a picture is shown."""
SLOTS = [48_000] + [10_000] * (PICTURES - 1)
"""Bytes that each picture of a second may take."""
WIDTH = 640
_PIECE_US = 1_000_000
_QUALITIES = (26, 34, 42, 51)
_LEAST_FILLER = 6
_AHEAD = 8
_IDLE = 20.0
"""Seconds without an order after which it ends."""


def size_of(width: int, height: int) -> tuple[int, int]:
    """The small picture's width and height: even, at most 640 wide, its shape kept."""
    wide = min(WIDTH, width)
    return max(16, wide // 2 * 2), max(16, round(height * wide / max(width, 1)) // 2 * 2)


def pieces_of(stretch: Stretch) -> int:
    """How many seconds it has, the last one perhaps not whole."""
    return max(1, -(-(stretch.end_us - stretch.first_us) // _PIECE_US))


def _encoder(width: int, height: int, quality: int) -> av.VideoCodecContext:
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.framerate, encoder.thread_count = Fraction(PICTURES), 1
    encoder.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "qp": str(quality),
        # "stitchable": the parameter sets are the same for every quality, as the file has them once.
        "x264-params": f"keyint={PICTURES}:min-keyint={PICTURES}:scenecut=0:stitchable=1",
    }
    encoder.flags |= av.codec.context.Flags.global_header
    encoder.open()
    return encoder


@cache
def _parameter_sets(width: int, height: int) -> tuple[bytes, bytes]:
    """SPS and PPS."""
    units = list(_units(_encoder(width, height, _QUALITIES[0]).extradata or b""))
    by_type = {unit[0] & 31: unit for unit in units if unit}  # ITU-T H.264, table 7-1
    return by_type[7], by_type[8]


def sample_entry(width: int, height: int) -> bytes:
    """The MP4 sample entry (ISO/IEC 14496-15, avc1)."""
    sps, pps = _parameter_sets(width, height)
    config = b"\1" + sps[1:4] + b"\xff\xe1" + len(sps).to_bytes(2, "big") + sps
    config += b"\1" + len(pps).to_bytes(2, "big") + pps
    fixed = bytes(6) + b"\0\1" + bytes(16) + width.to_bytes(2, "big") + height.to_bytes(2, "big")
    fixed += b"\0\x48\0\0" * 2 + bytes(4) + b"\0\1" + bytes(32) + b"\0\x18\xff\xff"
    return box(b"avc1", fixed, box(b"avcC", config))


def make(what: Approved, first: int, count: int) -> Iterator[tuple[int, bytes]]:
    """(number, bytes) of ``count`` pieces from the ``first``. Raises ClipFailed when nothing can be decoded."""
    width, height = size_of(what.stretch.width, what.stretch.height)
    reformatter, shown = VideoReformatter(), None
    wanted = [
        piece * _PIECE_US + number * _PIECE_US // PICTURES
        for piece in _span(first, count)
        for number in range(PICTURES)
    ]
    pictures: list[av.VideoFrame] = []
    decoded = _from(what, wanted[0])
    following = next(decoded, None)
    for moment in wanted:
        while following is not None and following[0] <= moment:
            shown, following = following[1], next(decoded, None)
        if shown is None:
            if following is None:
                raise not_shown()
            shown = following[1]
        pictures.append(reformatter.reformat(shown, width, height, "yuv420p"))
        if len(pictures) == PICTURES:
            yield moment // _PIECE_US, _piece(pictures, width, height)
            pictures = []


def _span(first: int, count: int) -> range:
    return range(first, first + count)


def _from(what: Approved, moment: int) -> Iterator[tuple[int, av.VideoFrame]]:
    """(microseconds since the start, picture) from the key frame at or before ``moment`` on, as far as it decodes."""
    keys = [key for key in what.chosen.keys if what.video_us[key] <= moment] or what.chosen.keys[:1]
    decoder = av.CodecContext.create(what.video.codec, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.extradata, decoder.thread_count = what.video.config, 2
    try:
        for frame in frames(decoder, what, keys[-1], len(what.video_us)):
            if frame.pts is not None:
                yield frame.pts, frame
    except (FFmpegError, NotFootage, ValueError):
        return


def _piece(pictures: Sequence[av.VideoFrame], width: int, height: int) -> bytes:
    """Ten pictures, each in its place, as good as they fit."""
    for quality in _QUALITIES:
        packets = _encoded(pictures, width, height, quality)
        if len(packets) == len(SLOTS) and all(
            len(packet) == slot or len(packet) <= slot - _LEAST_FILLER
            for packet, slot in zip(packets, SLOTS, strict=True)
        ):
            return b"".join(_filled(packet, slot) for packet, slot in zip(packets, SLOTS, strict=True))
    raise not_shown()


def _encoded(pictures: Sequence[av.VideoFrame], width: int, height: int, quality: int) -> list[bytes]:
    encoder = _encoder(width, height, quality)
    packets: list[bytes] = []
    for number, each in enumerate(pictures):
        each.pts, each.pict_type = (
            number,
            av.video.frame.PictureType.I if number == 0 else av.video.frame.PictureType.NONE,
        )
        packets += [_in_lengths(bytes(packet)) for packet in encoder.encode(each)]
    packets += [_in_lengths(bytes(packet)) for packet in encoder.encode(None)]
    return packets


def _in_lengths(packet: bytes) -> bytes:
    """NAL units behind their lengths, as MP4 has them; parameter sets and remarks left out."""
    kept = [unit for unit in _units(packet) if unit and unit[0] & 31 not in (6, 7, 8, 9)]
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in kept)


def _units(annex_b: bytes) -> Iterator[bytes]:
    """NAL units between start codes (ITU-T H.264, Annex B)."""
    for part in annex_b.split(b"\0\0\1")[1:]:
        yield part.rstrip(b"\0")


def _filled(packet: bytes, slot: int) -> bytes:
    left = slot - len(packet)
    if not left:
        return packet
    return packet + (left - 4).to_bytes(4, "big") + b"\x0c" + b"\xff" * (left - 6) + b"\x80"


def job(job: JsonObject, report: Callable[[JsonObject], None]) -> JsonObject:
    """``{"stretch", "number", "folder", "orders"}``: makes files ``small-NUMBER-PIECE`` as the FIFO ``orders`` wants.

    A line is an order: ``+7`` piece 7 is waited for; ``-7`` no longer; ``~7`` it is being watched, so the next are
    wanted soon. Each piece that is there is reported. It ends when nothing was ordered for a while.
    """
    what = approved.find(stretch(job["stretch"]), sound=False)
    return _Maker(what, Path(job["folder"]), job["number"], report).serve(job["orders"])


class _Maker:
    """Makes one piece after the other: first what is waited for, then what will be."""

    def __init__(self, what: Approved, folder: Path, number: int, report: Callable[[JsonObject], None]) -> None:
        self._what, self._folder, self._number, self._report = what, folder, number, report
        self._pieces = pieces_of(what.stretch)
        self._waited: dict[int, None] = {}
        self._following, self._until = 0, 0
        self._made: Iterator[tuple[int, bytes]] = iter(())
        self._made_next = -1

    def serve(self, orders: str) -> JsonObject:
        descriptor = os.open(orders, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            rest = b""
            while True:
                busy = bool(self._waited) or self._following < self._until
                ready, _, _ = select.select([descriptor], [], [], 0 if busy else _IDLE)
                if ready:
                    *lines, rest = (rest + os.read(descriptor, 4096)).split(b"\n")
                    for line in lines:
                        self._take(line.decode())
                elif not busy:
                    return {}
                self._make_one()
        finally:
            os.close(descriptor)

    def _take(self, order: str) -> None:
        piece = int(order[1:])
        if order[0] == "+":
            self._waited[piece] = None
        elif order[0] == "-":
            self._waited.pop(piece, None)
        else:
            if not piece < self._following <= piece + _AHEAD:
                self._following = piece + 1
            self._until = min(piece + 1 + _AHEAD, self._pieces)

    def _make_one(self) -> None:
        if self._waited:
            piece = next(iter(self._waited))
            del self._waited[piece]
            self._following, self._until = piece + 1, min(piece + 1 + _AHEAD, self._pieces)
        elif self._following < self._until:
            piece, self._following = self._following, self._following + 1
        else:
            return
        if not 0 <= piece < self._pieces:
            return
        target = self._folder / f"small-{self._number}-{piece}"
        if not target.exists():
            if piece != self._made_next:
                self._made, self._made_next = make(self._what, piece, self._pieces - piece), piece
            _, content = next(self._made)
            self._made_next += 1
            partial = target.with_name(f".{target.name}")
            partial.write_bytes(content)
            os.replace(partial, target)
        self._report({"piece": piece})
