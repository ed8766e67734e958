"""Reads the tables of a Matroska segment (RFC 9559) without touching a payload, up to the last whole block.

Not for: laced or encoded blocks, or other time scales; such files go to libavformat (``demuxed``).
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

from agent.media.containers import ebml, sample_entry
from agent.media.containers.tables import MAX_PACKETS, NotFootage, Run, Segment, Track, fill_durations

_MAX_HEADER = 4 * 1024 * 1024
_MAX_ELEMENTS = 4 * MAX_PACKETS
_HEAD = 32
_LACING = 0x06
_CODECS = {
    "V_MPEG4/ISO/AVC": "h264",
    "V_MPEGH/ISO/HEVC": "hevc",
    "V_MJPEG": "mjpeg",
    "A_AAC": "aac",
    "A_OPUS": "opus",
}
_WAVE = {0x06: "pcm_alaw", 0x07: "pcm_mulaw", 0x45: "adpcm_g726", 0x01: "pcm_s16le"}
"""WAVEFORMATEX's format tags, for A_MS/ACM."""


class Odd(Exception):
    """Matroska that only libavformat reads."""


@dataclass(slots=True)
class _Open:
    track: Track
    number: int
    usual: int


def read(path: Path, descriptor: int, limit: int) -> Segment:
    """The segment's tables. Raises NotFootage, or Odd."""
    try:
        reader = _Reader(descriptor, limit)
        reader.run()
    except ebml.Torn:
        raise NotFootage("its header is not whole") from None
    video, audio = reader.track("video"), reader.track("audio")
    if video is None:
        raise NotFootage("it holds no video")
    for opened in (video, audio):
        if opened is not None:
            fill_durations(opened.track, opened.usual)
    sound = audio.track if audio is not None and audio.track.pts else None
    whole = reader.whole_to == limit
    return Segment(path, "matroska", reader.whole_to, whole, video.track, sound, tuple(reader.runs))


class _Reader:
    def __init__(self, descriptor: int, limit: int) -> None:
        self.descriptor, self.limit = descriptor, limit
        self.opened: dict[int, _Open] = {}
        self.runs: list[Run] = []
        self.whole_to = 0
        self.cluster_time = 0

    def track(self, kind: str) -> _Open | None:
        return next((opened for opened in self.opened.values() if opened.track.kind == kind), None)

    def run(self) -> None:
        kind, _, end = self._element(0)
        if kind != ebml.HEADER or end == ebml.UNKNOWN:
            raise ebml.Torn
        kind, position, _ = self._element(end)
        if kind != ebml.SEGMENT:
            raise ebml.Torn
        try:
            for _ in range(_MAX_ELEMENTS):
                position = self._next(position)
        except ebml.Torn:
            if not self.opened:
                raise

    def _element(self, position: int) -> tuple[int, int, int]:
        return ebml.element(os.pread(self.descriptor, 12, position), position)

    def _next(self, position: int) -> int:
        """Take one element in; where the next one starts. Clusters are entered, not skipped: their blocks follow."""
        if position >= self.limit:
            raise ebml.Torn
        head = os.pread(self.descriptor, _HEAD, position)
        kind, body, end = ebml.element(head, position)
        if kind == ebml.CLUSTER and body <= self.limit:
            self.whole_to = body
            return body
        if end == ebml.UNKNOWN or end > self.limit:
            raise ebml.Torn
        if kind == ebml.SIMPLE_BLOCK:
            self._block(head[body - position :], body, end, keyed=None)
        elif kind == ebml.BLOCK_GROUP:
            self._group(body, end)
        elif kind == ebml.TIMESTAMP:
            self.cluster_time = ebml.number(ebml.read(self.descriptor, body, end, 8))
        elif kind == ebml.TRACKS and not self.opened:
            self._tracks(ebml.read(self.descriptor, body, end, _MAX_HEADER))
        elif kind == ebml.INFO:
            self._info(ebml.read(self.descriptor, body, end, _MAX_HEADER))
        self.whole_to = end
        return end

    def _info(self, content: bytes) -> None:
        for kind, value in ebml.children(content):
            if kind == ebml.TIMESTAMP_SCALE and ebml.number(value) != 1_000_000:
                raise Odd

    def _tracks(self, content: bytes) -> None:
        for kind, entry in ebml.children(content):
            if kind != ebml.TRACK_ENTRY:
                continue
            opened = _track(entry)
            if opened is not None and self.track(opened.track.kind) is None:
                self.opened[opened.number] = opened

    def _group(self, body: int, end: int) -> None:
        position, block, keyed = body, None, True
        while position < end:
            head = os.pread(self.descriptor, _HEAD, position)
            kind, start, behind = ebml.element(head, position)
            if behind == ebml.UNKNOWN or behind > end:
                raise ebml.Torn
            if kind == ebml.BLOCK:
                block = (head[start - position :], start, behind)
            elif kind == ebml.REFERENCE:
                keyed = False
            position = behind
        if block is not None:
            self._block(*block, keyed=keyed)

    def _block(self, head: bytes, body: int, end: int, *, keyed: bool | None) -> None:
        number, at = ebml.vint(head, 0, marker=False)
        opened = self.opened.get(number)
        if opened is None or at + 3 > len(head):
            return
        flags, start = head[at + 2], body + at + 3
        if flags & _LACING:
            raise Odd
        track = opened.track
        index = len(track.pts)
        if index >= MAX_PACKETS or end < start:
            raise ebml.Torn
        if end == start:
            return
        if track.kind == "video" and (bool(flags & 0x80) if keyed is None else keyed):
            track.keys.append(index)
        track.pts.append(self.cluster_time + int.from_bytes(head[at : at + 2], "big", signed=True))
        track.durations.append(0)
        track.sizes.append(end - start)
        self.runs.append(Run(track.kind == "audio", index, 1, start))


def _track(entry: bytes) -> _Open | None:
    fields = dict(ebml.children(entry))
    kind = {1: "video", 2: "audio"}.get(ebml.number(fields.get(ebml.TRACK_TYPE, b"")))
    if kind is None:
        return None
    if ebml.ENCODINGS in fields:
        raise Odd
    name = fields.get(ebml.CODEC_ID, b"").rstrip(b"\0").decode("latin-1")
    config = fields.get(ebml.CODEC_PRIVATE, b"")
    number = ebml.number(fields.get(ebml.TRACK_NUMBER, b""))
    usual = ebml.number(fields.get(ebml.DEFAULT_DURATION, b"")) // 1_000_000
    codec = _codec(name, config)
    if kind == "video":
        inside = dict(ebml.children(fields.get(ebml.VIDEO, b"")))
        width, height = ebml.number(inside.get(ebml.WIDTH, b"")), ebml.number(inside.get(ebml.HEIGHT, b""))
        made = sample_entry.video(codec, width, height, config)
        return _Open(Track(kind, codec, 1000, config, made, width=width, height=height, raw=entry), number, usual)
    inside = dict(ebml.children(fields.get(ebml.AUDIO, b"")))
    rate, channels = round(_real(inside.get(ebml.SAMPLING, b""))), ebml.number(inside.get(ebml.CHANNELS, b"\1"))
    made = sample_entry.sound(codec, rate, channels, config)
    return _Open(Track(kind, codec, 1000, config, made, rate=rate, channels=channels, raw=entry), number, usual)


def _codec(name: str, config: bytes) -> str:
    """FFmpeg's name of it; Matroska's own when not known here."""
    if name == "A_MS/ACM" and len(config) >= 2:
        tag = int.from_bytes(config[:2], "little")
        return _WAVE.get(tag, f"wave_{tag:#06x}")
    return _CODECS.get(name, name.lower().replace("/", "_"))


def _real(content: bytes) -> float:
    if len(content) not in (4, 8):
        return 8000.0
    value: float = struct.unpack(">f" if len(content) == 4 else ">d", content)[0]
    return value if 0 < value < 1e9 else 8000.0
