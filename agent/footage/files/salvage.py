"""Finds how much of a segment is whole: after a power cut, a full disk, or while it is still being written.

Not for: what its packets hold. Only the tables of MP4 fragments and the frames of Matroska clusters are walked, within
bounds, and nothing here needs a media library.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from agent.footage.files.readable import ReadablePart
from agent.footage.files.salvage_matroska import scan_matroska
from agent.media.containers.boxes import BadBox, child, children, header, number, top_level

__all__ = ["ReadablePart", "scan", "shorten"]

_MICROSECOND = 1_000_000


def scan(path: Path, limit: int | None = None) -> ReadablePart:
    """How much of the first ``limit`` bytes of a segment (all, unless given) is whole. OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        limit = size if limit is None else min(size, limit)
        if path.suffix == ".mkv":
            return scan_matroska(descriptor, limit)
        try:
            return _scan_mp4(descriptor, limit)
        except BadBox:
            return ReadablePart(0, 0)
    finally:
        os.close(descriptor)


def shorten(path: Path) -> tuple[ReadablePart, int]:
    """Cut off what follows the last whole fragment, durably; what is left, and how many bytes went. OSError."""
    whole = scan(path)
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        lost = os.fstat(descriptor).st_size - whole.size
        if lost and whole.duration:
            os.ftruncate(descriptor, whole.size)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return whole, lost


@dataclass(slots=True)
class _Video:
    track: int
    timescale: int
    duration: int
    first: int | None = None
    end: int = 0


def _scan_mp4(descriptor: int, limit: int) -> ReadablePart:
    video: _Video | None = None
    moof: memoryview | None = None
    size = 0
    for kind, _, body, end in top_level(descriptor, limit):
        if kind == b"moov" and video is None:
            video = _video_track(header(descriptor, body, end))
        elif kind == b"moof" and video is not None:
            moof = header(descriptor, body, end)
        elif kind == b"mdat" and video is not None and moof is not None:
            _add_fragment(video, moof)
            moof, size = None, end
    if video is None or video.first is None:
        return ReadablePart(0, 0)
    return ReadablePart(size, (video.end - video.first) * _MICROSECOND // video.timescale)


def _video_track(moov: memoryview) -> _Video:
    """The first video track's id and time scale, and the default duration of its frames."""
    for kind, trak in children(moov):
        if kind != b"trak":
            continue
        mdia = child(trak, b"mdia")
        if bytes(child(mdia, b"hdlr")[8:12]) != b"vide":
            continue
        tkhd, mdhd = child(trak, b"tkhd"), child(mdia, b"mdhd")
        track = number(tkhd, 20 if tkhd[0] == 1 else 12, 4)
        timescale = number(mdhd, 20 if mdhd[0] == 1 else 12, 4)
        for extends, trex in children(child(moov, b"mvex")):
            if extends == b"trex" and number(trex, 4, 4) == track:
                return _Video(track, max(timescale, 1), number(trex, 12, 4))
    raise BadBox("it has no fragmented video track")


def _add_fragment(video: _Video, moof: memoryview) -> None:
    """Add a fragment's frames to the track's decode time (ISO/IEC 14496-12, 8.8.7, 8.8.8 and 8.8.12)."""
    for kind, traf in children(moof):
        if kind != b"traf":
            continue
        tfhd = child(traf, b"tfhd")
        if number(tfhd, 4, 4) != video.track:
            continue
        flags, at = number(tfhd, 1, 3), 8
        at += (8 if flags & 0x1 else 0) + (4 if flags & 0x2 else 0)
        usual = number(tfhd, at, 4) if flags & 0x8 else video.duration
        tfdt = child(traf, b"tfdt")
        time = number(tfdt, 4, 8 if tfdt[0] == 1 else 4)
        if video.first is None:
            video.first = time
        for table, trun in children(traf):
            if table == b"trun":
                time += _run_duration(trun, usual)
        video.end = max(video.end, time)


def _run_duration(trun: memoryview, usual: int) -> int:
    flags, count = number(trun, 1, 3), number(trun, 4, 4)
    if not flags & 0x100:
        return usual * count
    at = 8 + (4 if flags & 0x1 else 0) + (4 if flags & 0x4 else 0)
    stride = 4 * sum(1 for flag in (0x100, 0x200, 0x400, 0x800) if flags & flag)
    if at + stride * count > len(trun):
        raise BadBox("a table of its frames is cut short")
    return sum(int.from_bytes(trun[place : place + 4], "big") for place in range(at, at + stride * count, stride))
