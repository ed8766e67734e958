"""Finds files that are several recordings one behind the other, and takes them apart.

Not for: a clock that begins anew inside one recording (``broken_times``). A recorder that lost its stream may begin
again in the same file, and exports are joined by copying one behind the other: players show the first alone.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from agent.media.containers import ebml
from agent.media.containers.boxes import BadBox, top_level
from exchange.durable import raising_disk_full

_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = 0x18538067
_MOST = 1000
_TS = 188
_PIECE = _TS * 8192
_VIDEO = frozenset({0x01, 0x02, 0x10, 0x1B, 0x24, 0x33, 0x42, 0xD1, 0xEA})
"""Kinds of streams that are pictures (H.222.0, table 2-34)."""


def joints(path: Path, container: str) -> list[int]:
    """Where in the file other recordings begin, in rising order; empty when it is one. OSError."""
    size = path.stat().st_size
    with path.open("rb") as file:
        match container:
            case "mp4":
                found = _mp4(file.fileno(), size)
            case "matroska":
                found = _matroska(file.fileno(), size)
            case "mpegts":
                found = _transport(file.fileno(), size)
            case _:
                return []
    return found[:_MOST]


def take_apart(path: Path, at: list[int]) -> list[Path]:
    """The recordings as files of their own beside it, by what came first; the file itself goes. DiskFull, OSError."""
    parts: list[Path] = []
    with path.open("rb") as reading:
        for number, (first, end) in enumerate(pairwise((0, *at, path.stat().st_size)), 1):
            part = path.with_name(f"{path.stem}.{number}{path.suffix}")
            with raising_disk_full(part), part.open("wb") as writing:
                reading.seek(first)
                left = end - first
                while left and (piece := reading.read(min(left, _PIECE))):
                    writing.write(piece)
                    left -= len(piece)
                writing.flush()
                os.fsync(writing.fileno())
            shutil.copystat(path, part)
            parts.append(part)
    path.unlink()
    return parts


def _mp4(descriptor: int, size: int) -> list[int]:
    """Where a header comes behind another and its pictures. What has no pictures behind it is no recording."""
    found: list[int] = []
    header = media = False
    begins = None
    try:
        for kind, start, _, _ in top_level(descriptor, size):
            if kind == b"ftyp" and header and media:
                begins, header, media = start, False, False
            elif kind == b"moov":
                if header and media and begins is None:
                    begins, media = start, False
                header = True
            elif kind == b"mdat":
                media = True
            if header and media and begins is not None:
                found.append(begins)
                begins = None
    except BadBox:
        return []
    return found


def _matroska(descriptor: int, size: int) -> list[int]:
    found: list[int] = []
    at = 0
    while at < size:
        head = os.pread(descriptor, 64, at)
        try:
            if head[:4] != _EBML:
                break
            _, _, end = ebml.element(head, at)
            kind, _, end = ebml.element(os.pread(descriptor, 64, end), end)
        except ebml.Torn:
            break
        if at:
            found.append(at)
        if kind != _SEGMENT or end == ebml.UNKNOWN:
            break
        at = end
    return found


def _transport(descriptor: int, size: int) -> list[int]:
    """Where a program's map names other pictures than before: another number, or another way to encode them."""
    found: list[int] = []
    known: tuple[int, int] | None = None
    program, table_at = -1, 0
    for at, packet in _tables(descriptor, size):
        number = (packet[1] & 0x1F) << 8 | packet[2]
        section = _section(packet)
        if number == 0 and section[:1] == b"\0":
            programs = [section[place : place + 4] for place in range(8, len(section) - 4, 4)]
            first = next((each for each in programs if each[:2] != b"\0\0" and len(each) == 4), None)
            program, table_at = (first[2] & 0x1F) << 8 | first[3] if first else program, at
        elif number == program and section[:1] == b"\2":
            pictures = _pictures(section)
            if known is not None and pictures is not None and pictures != known:
                found.append(table_at)
            known = pictures or known
    return found


def _tables(descriptor: int, size: int) -> Iterator[tuple[int, bytes]]:
    """The packets that begin a table, with their places; none where packets aren't 188 bytes from the beginning on."""
    if os.pread(descriptor, 1, 0) + os.pread(descriptor, 1, _TS) != b"GG":
        return
    maps: set[bytes] = set()
    for begin in range(0, size, _PIECE):
        piece = os.pread(descriptor, _PIECE, begin)
        for at in sorted(_begin_tables(piece, maps)):
            yield begin + at, piece[at : at + _TS]


def _begin_tables(piece: bytes, maps: set[bytes]) -> set[int]:
    """Places of packets with a table of programs, and of those with the maps that it names, which ``maps`` collects."""
    lists = _aligned(piece, b"G\x40\0")
    for at in lists:
        section = _section(piece[at : at + _TS])
        maps |= {
            bytes((0x47, 0x40 | section[place + 2] & 0x1F, section[place + 3]))
            for place in range(8, len(section) - 7, 4)
            if section[place : place + 2] != b"\0\0"
        }
    return lists.union(*(_aligned(piece, each) for each in maps))


def _aligned(piece: bytes, header: bytes) -> set[int]:
    found: set[int] = set()
    at = piece.find(header)
    while at >= 0:
        if at % _TS == 0:
            found.add(at)
        at = piece.find(header, at + 1)
    return found


def _section(packet: bytes) -> bytes:
    """The table's section that begins in a packet; empty where it isn't all in it."""
    if len(packet) < _TS or not packet[3] & 0x10:
        return b""
    at = 5 + packet[4] if packet[3] & 0x20 else 4
    if at >= _TS:
        return b""
    at += 1 + packet[at]
    length = 3 + int.from_bytes(packet[at + 1 : at + 3], "big") % 0x1000
    return packet[at : at + length] if at + length <= _TS else b""


def _pictures(section: bytes) -> tuple[int, int] | None:
    """The number and the kind of the first stream of pictures in a program's map."""
    at = 12 + (int.from_bytes(section[10:12], "big") & 0xFFF)
    while at + 5 <= len(section) - 4:
        if section[at] in _VIDEO:
            return int.from_bytes(section[at + 1 : at + 3], "big") & 0x1FFF, section[at]
        at += 5 + (int.from_bytes(section[at + 3 : at + 5], "big") & 0xFFF)
    return None
