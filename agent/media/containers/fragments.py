"""Reads the tables of a fragmented MP4 (ISO/IEC 14496-12, 8.8) without touching a payload: whole fragments only.

Not for: plain MP4 or Matroska (``demuxed``), or payloads.
"""

from __future__ import annotations

import sys
from array import array
from dataclasses import dataclass
from itertools import accumulate
from operator import add
from pathlib import Path

from agent.media.containers import sample_entry
from agent.media.containers.boxes import UPRIGHT, BadBox, child, children, header, number, top_level
from agent.media.containers.tables import MAX_PACKETS, NotFootage, Run, Segment, Track

_BIG = sys.byteorder == "big"


def read(path: Path, descriptor: int, limit: int) -> Segment:
    """The segment's tables. A file with a moov but no fragments is handed to libavformat. Raises NotFootage."""
    try:
        return _Reader(path, descriptor, limit).segment()
    except BadBox as bad:
        raise NotFootage(str(bad)) from None


@dataclass(slots=True)
class _Open:
    """A track while its fragments are read: defaults from trex, the next decode time, the edit list's shift."""

    track: Track
    defaults: tuple[int, int, int]
    shift: int
    next_time: int = 0


class _Reader:
    def __init__(self, path: Path, descriptor: int, limit: int) -> None:
        self.path, self.descriptor, self.limit = path, descriptor, limit
        self.tracks: dict[int, _Open] = {}
        self.runs: list[Run] = []

    def segment(self) -> Segment:
        whole_to = 0
        pending: tuple[int, memoryview] | None = None
        moov_seen = False
        for kind, start, body, end in top_level(self.descriptor, self.limit):
            if kind == b"moov":
                if moov_seen:
                    raise BadBox("it has two headers")
                moov_seen = True
                if not self._moov(header(self.descriptor, body, end)):
                    return self._plain()
            elif kind == b"moof" and moov_seen:
                pending = (start, header(self.descriptor, body, end))
            elif kind == b"mdat" and pending is not None:
                self._moof(*pending, end)
                pending = None
            if pending is None:
                whole_to = end
        if not moov_seen:
            raise NotFootage("its header is not whole")
        return self._assemble(whole_to)

    def _plain(self) -> Segment:
        from agent.media.containers import demuxed

        segment = demuxed.read(self.path, self.limit)
        segment.video.matrix = next((each.track.matrix for each in self.tracks.values() if each.track.matrix), b"")
        return segment

    def _assemble(self, whole_to: int) -> Segment:
        tracks = [opened.track for opened in self.tracks.values()]
        video = next((track for track in tracks if track.kind == "video"), None)
        audio = next((track for track in tracks if track.kind == "audio"), None)
        if video is None:
            raise NotFootage("it holds no video")
        if audio is not None and not audio.pts:
            audio = None
        self.runs.sort(key=lambda run: run.offset)
        whole = whole_to == self.limit
        return Segment(self.path, "mp4", whole_to, whole, video, audio, tuple(self.runs))

    def _moov(self, moov: memoryview) -> bool:
        """Take the tracks in; False when the file is not a fragmented one."""
        defaults: dict[int, tuple[int, int, int]] = {}
        for kind, content in children(moov):
            if kind == b"mvex":
                for inner, trex in children(content):
                    if inner == b"trex":
                        values = [number(trex, at, 4) for at in (4, 12, 16, 20)]
                        defaults[values[0]] = (values[1], values[2], values[3])
        movie_scale = _timescale(child(moov, b"mvhd"))
        kinds: set[str] = set()
        for kind, content in children(moov):
            if kind == b"trak" and (found := _track(content, movie_scale, defaults)) is not None:
                number_, opened = found
                if opened.track.kind not in kinds:
                    kinds.add(opened.track.kind)
                    self.tracks[number_] = opened
        return bool(defaults)

    def _moof(self, start: int, moof: memoryview, mdat_end: int) -> None:
        after = start
        for kind, traf in children(moof):
            if kind == b"traf":
                after = self._traf(traf, start, after, mdat_end)

    def _traf(self, traf: memoryview, moof_start: int, after: int, mdat_end: int) -> int:
        """Take one track's part of a fragment in; returns where its data end."""
        tfhd = child(traf, b"tfhd")
        flags, opened = number(tfhd, 1, 3), self.tracks.get(number(tfhd, 4, 4))
        at, base = 8, after
        if flags & 0x1:
            base, at = number(tfhd, at, 8), at + 8
        elif flags & 0x20000:
            base = moof_start
        if flags & 0x2:
            if number(tfhd, at, 4) != 1 and opened is not None:
                raise BadBox("its parameters change inside the file")
            at += 4
        defaults = list(opened.defaults if opened else (0, 0, 0))
        for index, bit in enumerate((0x8, 0x10, 0x20)):
            if flags & bit:
                defaults[index], at = number(tfhd, at, 4), at + 4
        position = base
        for kind, content in children(traf):
            if kind == b"tfdt" and opened is not None:
                opened.next_time = number(content, 4, 8 if content[0] == 1 else 4)
            elif kind == b"trun":
                position = self._trun(content, opened, defaults, base, position, mdat_end)
        return position

    def _trun(
        self,
        trun: memoryview,
        opened: _Open | None,
        defaults: list[int],
        base: int,
        position: int,
        mdat_end: int,
    ) -> int:
        version, flags, count = trun[0], number(trun, 1, 3), number(trun, 4, 4)
        at = 8
        if flags & 0x1:
            offset = number(trun, at, 4)
            position, at = base + (offset - (1 << 32) if offset >> 31 else offset), at + 4
        first_flags = None
        if flags & 0x4:
            first_flags, at = number(trun, at, 4), at + 4
        columns = [bool(flags & bit) for bit in (0x100, 0x200, 0x400, 0x800)]
        if count > MAX_PACKETS or at + 4 * sum(columns) * count > len(trun):
            raise BadBox("a fragment claims more packets than it holds")
        durations, sizes, sample_flags, offsets = _columns(trun[at:], columns, count, defaults, version)
        end = position + sum(sizes)
        if position < 0 or end > mdat_end:
            raise BadBox("a fragment points outside itself")
        if opened is not None and count:
            if first_flags is not None:
                sample_flags[0] = first_flags
            self._take(opened, durations, sizes, sample_flags, offsets, position)
        return end

    def _take(
        self,
        opened: _Open,
        durations: array[int],
        sizes: array[int],
        flags: array[int],
        offsets: array[int] | None,
        position: int,
    ) -> None:
        track = opened.track
        first, count = len(track.pts), len(sizes)
        if first + count > MAX_PACKETS:
            raise BadBox("it claims too many packets")
        if opened.next_time > 1 << 60:
            raise BadBox("its times are out of bounds")
        times = list(accumulate(durations, initial=opened.next_time - opened.shift))
        opened.next_time = times.pop() + opened.shift
        track.pts.extend(map(add, times, offsets) if offsets is not None else times)
        track.durations.extend(durations)
        track.sizes.extend(sizes)
        if track.kind == "video":
            track.keys.extend(first + index for index, bits in enumerate(flags) if not bits & 0x10000)
        self.runs.append(Run(track.kind == "audio", first, count, position))


def _columns(
    table: memoryview, present: list[bool], count: int, defaults: list[int], version: int
) -> tuple[array[int], array[int], array[int], array[int] | None]:
    """trun's rows as columns: durations, sizes, flags, composition offsets (None: all zero)."""
    width = sum(present)
    rows = array("I")
    rows.frombytes(table[: 4 * width * count])
    if not _BIG:
        rows.byteswap()
    found: list[array[int] | None] = []
    place = 0
    for there in present:
        found.append(rows[place::width] if there else None)
        place += there
    durations, sizes, flags = (
        column if column is not None else array("I", [default]) * count
        for column, default in zip(found[:3], defaults, strict=True)
    )
    offsets = found[3]
    if offsets is not None and version:
        offsets = array("i", offsets.tobytes())
    return durations, sizes, flags, offsets


def _timescale(content: memoryview) -> int:
    """Of an mvhd or mdhd."""
    scale = number(content, 20 if content[0] == 1 else 12, 4)
    if not 1 <= scale <= 1_000_000_000:
        raise BadBox("its time scale is out of bounds")
    return scale


def _track(trak: memoryview, movie_scale: int, defaults: dict[int, tuple[int, int, int]]) -> tuple[int, _Open] | None:
    """A trak's number and what is known of it; None when it is neither video nor sound."""
    tkhd, mdia = child(trak, b"tkhd"), child(trak, b"mdia")
    handler = bytes(child(mdia, b"hdlr")[8:12])
    if handler not in (b"vide", b"soun"):
        return None
    identity = number(tkhd, 20 if tkhd[0] == 1 else 12, 4)
    scale = _timescale(child(mdia, b"mdhd"))
    stsd = child(child(child(mdia, b"minf"), b"stbl"), b"stsd")
    if number(stsd, 4, 4) != 1:
        raise BadBox("its parameters change inside the file")
    entry = bytes(stsd[8 : 8 + number(stsd, 8, 4)])
    track = sample_entry.track("video" if handler == b"vide" else "audio", scale, entry)
    matrix = bytes(tkhd[52:88] if tkhd[0] == 1 else tkhd[40:76])
    if handler == b"vide" and len(matrix) == len(UPRIGHT) and matrix != UPRIGHT:
        track.matrix = matrix
    return identity, _Open(track, defaults.get(identity, (0, 0, 0)), _edit_shift(trak, scale, movie_scale))


def _edit_shift(trak: memoryview, scale: int, movie_scale: int) -> int:
    """What a (single) edit list takes from every time, in the track's units; frames are never left out for it."""
    try:
        elst = child(child(trak, b"edts"), b"elst")
    except BadBox:
        return 0
    each = 8 if elst[0] == 1 else 4
    shift = 0
    for index in range(min(number(elst, 4, 4), 2)):
        at = 8 + index * (2 * each + 4)
        length, start = number(elst, at, each), number(elst, at + each, each)
        if start == (1 << 8 * each) - 1:
            shift -= length * scale // movie_scale
            continue
        return shift + start
    return shift
