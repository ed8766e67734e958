"""Walks a Matroska file's clusters (RFC 9559) to the last whole one, as libavformat writes them live or finished.

Not for: reading packets; only the frames' times and track numbers are looked at.
"""

import os

from agent.footage.whole import Whole

_SEGMENT, _CLUSTER, _TIMESTAMP = 0x18538067, 0x1F43B675, 0xE7
_TRACKS, _ENTRY, _NUMBER, _TYPE, _DEFAULT_DURATION = 0x1654AE6B, 0xAE, 0xD7, 0x83, 0x23E383
_SIMPLE_BLOCK, _GROUP, _BLOCK = 0xA3, 0xA0, 0xA1
_HEADER = 0x1A45DFA3
_VIDEO = 1
_MILLISECOND = 1000
_USUAL_FRAME = 40_000
_MAX_ELEMENTS = 500_000
_UNKNOWN = -1


class _Torn(Exception):
    """The next element is not whole."""


def _vint(content: bytes, at: int, keep_marker: bool) -> tuple[int, int]:
    """A variable-size integer (RFC 8794, section 4) and where it ends; -1 for the reserved unknown size."""
    if at >= len(content) or content[at] == 0:
        raise _Torn
    length = 9 - content[at].bit_length()
    if at + length > len(content):
        raise _Torn
    value = int.from_bytes(content[at : at + length], "big")
    if keep_marker:
        return value, at + length
    value &= (1 << 7 * length) - 1
    return (_UNKNOWN if value == (1 << 7 * length) - 1 else value), at + length


def _element(descriptor: int, at: int, limit: int) -> tuple[int, int, int]:
    """(id, start of the body, end or -1) of the element at a place of the file."""
    head = os.pread(descriptor, 12, at)
    kind, place = _vint(head, 0, keep_marker=True)
    size, place = _vint(head, place, keep_marker=False)
    body = at + place
    end = _UNKNOWN if size == _UNKNOWN else body + size
    if body > limit or end > limit:
        raise _Torn
    return kind, body, end


class _Scan:
    def __init__(self, descriptor: int, limit: int) -> None:
        self.descriptor, self.limit = descriptor, limit
        self.video = 0
        self.frame = _USUAL_FRAME
        self.first: int | None = None
        self.last = 0
        self.previous = 0
        self.size = 0
        self.seen = 0

    def run(self) -> Whole:
        try:
            kind, _, end = _element(self.descriptor, 0, self.limit)
            if kind != _HEADER or end == _UNKNOWN:
                raise _Torn
            kind, body, _ = self._segment(end)
            self._level_one(body)
        except _Torn:
            pass
        if self.first is None:
            return Whole(0, 0)
        return Whole(self.size, (self.last - self.first) * _MILLISECOND + self.frame)

    def _segment(self, at: int) -> tuple[int, int, int]:
        # The file may be shorter than a finished segment's header says: only the header has to be there.
        head = os.pread(self.descriptor, 12, at)
        kind, place = _vint(head, 0, keep_marker=True)
        _, place = _vint(head, place, keep_marker=False)
        if kind != _SEGMENT:
            raise _Torn
        return kind, at + place, _UNKNOWN

    def _count(self) -> None:
        self.seen += 1
        if self.seen > _MAX_ELEMENTS:
            raise _Torn

    def _level_one(self, at: int) -> None:
        while at < self.limit:
            self._count()
            kind, body, end = _element(self.descriptor, at, self.limit)
            if kind == _CLUSTER:
                end = self._cluster(body, end)
                self.size = end
            elif end == _UNKNOWN:
                raise _Torn
            elif kind == _TRACKS:
                self._tracks(os.pread(self.descriptor, min(end - body, 1 << 20), body))
            elif self.size:
                self.size = end  # cues and tags behind the clusters
            at = end

    def _tracks(self, content: bytes) -> None:
        for kind, entry in _children(content):
            if kind != _ENTRY:
                continue
            fields = dict(_children(entry))
            if int.from_bytes(fields.get(_TYPE, b""), "big") == _VIDEO and not self.video:
                self.video = int.from_bytes(fields.get(_NUMBER, b""), "big")
                nanoseconds = int.from_bytes(fields.get(_DEFAULT_DURATION, b"")[:8], "big")
                self.frame = nanoseconds // 1000 or _USUAL_FRAME

    def _cluster(self, at: int, end: int) -> int:
        """Take in a cluster's video times; where it ends. A torn one counts as nothing."""
        base, times = 0, []
        while (at < end) if end != _UNKNOWN else (at < self.limit):
            self._count()
            kind, body, inner_end = _element(self.descriptor, at, self.limit)
            if inner_end == _UNKNOWN or (kind == _CLUSTER and end == _UNKNOWN):
                break
            if kind == _TIMESTAMP:
                base = int.from_bytes(os.pread(self.descriptor, min(inner_end - body, 8), body), "big")
            elif kind in (_SIMPLE_BLOCK, _GROUP):
                content = os.pread(self.descriptor, min(inner_end - body, 32), body)
                if kind == _GROUP:
                    inner, place = _vint(content, 0, keep_marker=True)
                    _, place = _vint(content, place, keep_marker=False)
                    if inner != _BLOCK:
                        raise _Torn
                    content = content[place:]
                track, place = _vint(content, 0, keep_marker=False)
                if track == self.video:
                    times.append(base + int.from_bytes(content[place : place + 2], "big", signed=True))
            at = inner_end
        if times:
            self.first = min(times) if self.first is None else min(self.first, *times)
            self.last = max(self.last, *times)
        return at


def _children(content: bytes) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(content) and len(found) < 1000:
        kind, at = _vint(content, at, keep_marker=True)
        size, at = _vint(content, at, keep_marker=False)
        if size == _UNKNOWN or at + size > len(content):
            raise _Torn
        found.append((kind, content[at : at + size]))
        at += size
    return found


def scan_matroska(descriptor: int, limit: int) -> Whole:
    """How much of the first ``limit`` bytes is whole clusters, and how long their video is."""
    return _Scan(descriptor, limit).run()
