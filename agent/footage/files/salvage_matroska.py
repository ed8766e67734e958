"""Walks a Matroska file's clusters (RFC 9559) to the last whole one, as libavformat writes them live or finished.

Not for: reading packets; only the frames' times and track numbers are looked at.
"""

import os

from agent.footage.files.readable import ReadablePart
from agent.media.containers import ebml
from agent.media.containers.ebml import UNKNOWN, Torn

_VIDEO = 1
_MILLISECOND = 1000
_USUAL_FRAME = 40_000
_MAX_ELEMENTS = 500_000
_MAX_TRACKS = 1 << 20


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

    def run(self) -> ReadablePart:
        try:
            kind, _, end = self._element(0)
            if kind != ebml.HEADER or end == UNKNOWN:
                raise Torn
            # The file may be shorter than a finished segment's header says: only the header has to be there.
            kind, body, _ = ebml.element(os.pread(self.descriptor, 12, end), end)
            if kind != ebml.SEGMENT:
                raise Torn
            self._level_one(body)
        except Torn:
            pass
        if self.first is None:
            return ReadablePart(0, 0)
        return ReadablePart(self.size, (self.last - self.first) * _MILLISECOND + self.frame)

    def _element(self, at: int) -> tuple[int, int, int]:
        kind, body, end = ebml.element(os.pread(self.descriptor, 12, at), at)
        if body > self.limit or end > self.limit:
            raise Torn
        return kind, body, end

    def _count(self) -> None:
        self.seen += 1
        if self.seen > _MAX_ELEMENTS:
            raise Torn

    def _level_one(self, at: int) -> None:
        while at < self.limit:
            self._count()
            kind, body, end = self._element(at)
            if kind == ebml.CLUSTER:
                end = self._cluster(body, end)
                self.size = end
            elif end == UNKNOWN:
                raise Torn
            elif kind == ebml.TRACKS:
                self._tracks(os.pread(self.descriptor, min(end - body, _MAX_TRACKS), body))
            elif self.size:
                self.size = end  # cues and tags behind the clusters
            at = end

    def _tracks(self, content: bytes) -> None:
        for kind, entry in ebml.children(content):
            if kind != ebml.TRACK_ENTRY:
                continue
            fields = dict(ebml.children(entry))
            if ebml.number(fields.get(ebml.TRACK_TYPE, b"")) == _VIDEO and not self.video:
                self.video = ebml.number(fields.get(ebml.TRACK_NUMBER, b""))
                nanoseconds = ebml.number(fields.get(ebml.DEFAULT_DURATION, b""))
                self.frame = nanoseconds // 1000 or _USUAL_FRAME

    def _cluster(self, at: int, end: int) -> int:
        """Take in a cluster's video times; where it ends. A torn one counts as nothing."""
        base, times = 0, []
        while (at < end) if end != UNKNOWN else (at < self.limit):
            self._count()
            kind, body, inner_end = self._element(at)
            if inner_end == UNKNOWN or (kind == ebml.CLUSTER and end == UNKNOWN):
                break
            if kind == ebml.TIMESTAMP:
                base = ebml.number(os.pread(self.descriptor, min(inner_end - body, 8), body))
            elif kind in (ebml.SIMPLE_BLOCK, ebml.BLOCK_GROUP):
                content = os.pread(self.descriptor, min(inner_end - body, 32), body)
                if kind == ebml.BLOCK_GROUP:
                    inner, place = ebml.vint(content, 0, marker=True)
                    _, place = ebml.vint(content, place, marker=False)
                    if inner != ebml.BLOCK:
                        raise Torn
                    content = content[place:]
                track, place = ebml.vint(content, 0, marker=False)
                if track == self.video:
                    times.append(base + int.from_bytes(content[place : place + 2], "big", signed=True))
            at = inner_end
        if times:
            self.first = min(times) if self.first is None else min(self.first, *times)
            self.last = max(self.last, *times)
        return at


def scan_matroska(descriptor: int, limit: int) -> ReadablePart:
    """How much of the first ``limit`` bytes is whole clusters, and how long their video is."""
    return _Scan(descriptor, limit).run()
