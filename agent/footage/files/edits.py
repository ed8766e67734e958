"""What an MP4's edit list says of its pictures: that they begin late, or are shown otherwise than they were recorded.

Not for: where a file begins inside its first group of pictures (``placement``). ISO/IEC 14496-12, 8.6.6.
"""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

from agent.media.containers.boxes import BadBox, child, children, header, number, top_level
from agent.media.containers.tables import NotFootage
from exchange.clock import SECOND

_NEAR = SECOND // 2
_EMPTY = -1


def late(path: Path) -> int:
    """Microseconds in which nothing is shown before the first picture.

    Raises NotFootage where the list leaves some out in the middle, pauses there, shows them in another order or at
    another speed: when they were recorded is then not known.
    """
    try:
        rows = _rows(path)
    except (BadBox, IndexError):
        return 0
    begin = next((index for index, (_, media, _) in enumerate(rows) if media != _EMPTY), len(rows))
    shown = rows[begin:]
    while shown and shown[-1][1] == _EMPTY:
        shown.pop()
    for (lasts, media, _), (_, following, _) in pairwise(shown):
        if _EMPTY in (media, following) or abs(media + lasts - following) > _NEAR:
            raise NotFootage("its edit list shows its pictures in another order, or leaves out or pauses between some")
    if any(rate != 1 << 16 for _, _, rate in shown):
        raise NotFootage("its edit list shows its pictures at another speed")
    return sum(lasts for lasts, _, _ in rows[:begin]) if shown else 0


def _rows(path: Path) -> list[tuple[int, int, int]]:
    """(how long, from where, how fast) of the first track of pictures: microseconds, _EMPTY for nothing, 16.16 bits."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        moov = next((header(descriptor, body, end) for kind, _, body, end in top_level(descriptor, size) if kind == b"moov"), None)  # noqa: E501  # fmt: skip
    finally:
        os.close(descriptor)
    if moov is None:
        return []
    scale = _scale(child(moov, b"mvhd"))
    for kind, trak in children(moov):
        if kind == b"trak" and bytes(child(child(trak, b"mdia"), b"hdlr")[8:12]) == b"vide":
            edts = next((content for inner, content in children(trak) if inner == b"edts"), None)
            elst = None if edts is None else child(edts, b"elst")
            return [] if elst is None else _read(elst, scale, _scale(child(child(trak, b"mdia"), b"mdhd")))
    return []


def _scale(times: memoryview) -> int:
    return max(1, number(times, 20 if times[0] == 1 else 12, 4))


def _read(elst: memoryview, movie: int, track: int) -> list[tuple[int, int, int]]:
    wide = 8 if elst[0] == 1 else 4
    rows = []
    for at in range(8, min(len(elst), 8 + number(elst, 4, 4) * (2 * wide + 4)), 2 * wide + 4):
        lasts, media = number(elst, at, wide), int.from_bytes(elst[at + wide : at + 2 * wide], "big", signed=True)
        from_where = _EMPTY if media == _EMPTY else media * SECOND // track
        rows.append((lasts * SECOND // movie, from_where, number(elst, at + 2 * wide, 4)))
    return rows
