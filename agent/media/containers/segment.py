"""Reads a recorded segment's tables of packets, whichever container it is in.

Not for: the tables themselves (``tables``), payloads (``payload``), or how segments lie in time (``timeline``).
"""

from __future__ import annotations

import os
from pathlib import Path

from agent.media.containers.tables import NotFootage as NotFootage
from agent.media.containers.tables import Segment as Segment

_MP4 = frozenset({b"ftyp", b"styp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
"""The boxes that a file may begin with; a QuickTime file may begin with its pictures."""


def read(path: Path, size: int | None = None) -> Segment:
    """Read the tables of a segment, of its first ``size`` bytes if given; what is torn at the end is left out.

    Raises NotFootage when the file holds no usable video, FileNotFoundError when it is gone.
    """
    from agent.media.containers import fragments, recovery, true_keys

    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        length = os.fstat(descriptor).st_size
        if size is not None and length < size:
            raise NotFootage(f"it is shorter ({length} bytes) than it was ({size})")
        limit = length if size is None else size
        magic = os.pread(descriptor, 12, 0)
        if magic[4:8] in _MP4:
            segment = fragments.read(path, descriptor, limit)
        elif magic[:4] == b"\x1a\x45\xdf\xa3":
            segment = _matroska(path, descriptor, limit)
        else:
            raise NotFootage("it is empty" if not magic else "it is neither MP4 nor Matroska")
        true_keys.check(segment, descriptor)
        segment.video.leads |= recovery.leads(segment, descriptor)
    except (IndexError, OverflowError, ValueError):
        raise NotFootage("its tables are malformed") from None
    finally:
        os.close(descriptor)
    if not segment.video.keys:
        raise NotFootage("it holds no key frame")
    return segment


def _matroska(path: Path, descriptor: int, limit: int) -> Segment:
    from agent.media.containers import matroska_in

    try:
        return matroska_in.read(path, descriptor, limit)
    except matroska_in.Odd:
        from agent.media.containers import demuxed

        return demuxed.read(path, limit)
