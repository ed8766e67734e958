"""Reads segments that only libavformat can (plain MP4, unusual Matroska): tables first, payloads in a second pass.

Not for: what a recorder writes, which needs no demuxer (``fragments``, ``matroska_in``).
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream

from agent.media.containers import recovery, sample_entry, true_keys
from agent.media.containers.boxes import BadBox, child
from agent.media.containers.tables import LONGEST, MAX_PACKETS, NotFootage, Run, Segment, Track, fill_durations

_BUFFER = 256 * 1024
_OPTIONS = {
    # Times are shifted as an edit list says, but no packet is left out because of it.
    "mp4": {"advanced_editlist": "0"},
    "matroska": {},
}
HEADER_ONLY = {"movflags": "empty_moov+default_base_moof", "fflags": "+bitexact"}
_BOUNDS = {"probesize": "4000000", "analyzeduration": "4000000", "fflags": "nofillin+noparse"}


class Bounded(io.RawIOBase):
    """The first ``size`` bytes of a file, so that what grows meanwhile stays what it was."""

    def __init__(self, path: Path, size: int) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._size, self._position = size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, count: int = -1) -> bytes:
        left = max(0, self._size - self._position)
        content = os.pread(self._descriptor, left if count < 0 else min(count, left), self._position)
        self._position += len(content)
        return content

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()


class Demuxer:
    """A segment opened by libavformat as one given container, never guessed, with no way to other files.

    ``video`` and ``audio`` are the first of their kind. Raises NotFootage when it cannot be opened.
    """

    def __init__(self, path: Path, container: str, size: int) -> None:
        self._file = Bounded(path, size)
        try:
            self.container: InputContainer = av.open(
                self._file,
                "r",
                format=container,
                options=_OPTIONS[container],
                container_options=_BOUNDS,
                buffer_size=_BUFFER,
                metadata_errors="replace",
            )
        except (FFmpegError, ValueError) as error:
            self._file.close()
            raise NotFootage(f"it cannot be opened as {container} ({_reason(error)})") from None
        self.video = next(iter(self.container.streams.video), None)
        self.audio = next(iter(self.container.streams.audio), None)

    def packets(self) -> Iterator[tuple[bool, Packet[Stream]]]:
        """(is sound, packet) of the two tracks in the file's order, up to the first thing that is torn."""
        wanted = [stream for stream in (self.video, self.audio) if stream is not None]
        sound = self.audio.index if self.audio is not None else -1
        try:
            for packet in self.container.demux(*wanted):
                if packet.size == 0 or packet.is_corrupt:
                    continue
                yield packet.stream_index == sound, packet
        except (FFmpegError, EOFError):
            return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.container.close()
        self._file.close()


def read(path: Path, limit: int) -> Segment:
    """The tables of a Matroska or plain MP4 segment. Raises NotFootage."""
    with open(path, "rb") as stream:
        container = "matroska" if stream.read(4) == b"\x1a\x45\xdf\xa3" else "mp4"
    with Demuxer(path, container, limit) as demuxer:
        if demuxer.video is None:
            raise NotFootage("it holds no video")
        video = _track("video", demuxer.video)
        audio = _track("audio", demuxer.audio) if demuxer.audio is not None else None
        runs = _tables(demuxer, video, audio)
        for track in (video, audio):
            if track is not None and not all(track.durations):
                fill_durations(track)
    whole = path.stat().st_size == limit
    return Segment(path, container, limit, whole, video, audio if audio and audio.pts else None, tuple(runs))


def _tables(demuxer: Demuxer, video: Track, audio: Track | None) -> list[Run]:
    runs: list[Run] = []
    keys: list[int] = []
    was_sound, first, count = False, 0, 0
    for sound, packet in demuxer.packets():
        track = audio if sound and audio is not None else video
        time = packet.pts if packet.pts is not None else packet.dts
        if time is None:
            raise NotFootage("its packets have no times")
        if len(track.pts) >= MAX_PACKETS or not -(1 << 60) < time < 1 << 60:
            raise NotFootage("it claims too many packets, or times out of bounds")
        if sound != was_sound and count:
            runs.append(Run(was_sound, first, count, -1))
            first, count = len(track.pts), 0
        elif not count:
            first = len(track.pts)
        was_sound, count = sound, count + 1
        if packet.is_keyframe and not sound:
            track.keys.append(len(track.pts))
            head = bytes(memoryview(packet)[: recovery.HEAD])
            if recovery.tells_recovery(track) and (lead := recovery.lead(track, head)):
                track.leads[len(track.pts)] = lead
            if true_keys.is_key(track, head):
                keys.append(len(track.pts))
        track.pts.append(time)
        track.durations.append(min(max(packet.duration or 0, 0), LONGEST))
        track.sizes.append(packet.size)
    if count:
        runs.append(Run(was_sound, first, count, -1))
    if not true_keys.believed(video):
        true_keys.keep(video, keys)
    return runs


def _track(kind: str, stream: Any) -> Track:
    base = stream.time_base
    if base is None or base.numerator != 1:
        raise NotFootage("its time base is unusual")
    context = stream.codec_context
    if context is None:
        raise NotFootage(f"its {kind} is of a kind that is not known")
    codec, config = stream.codec.canonical_name, bytes(context.extradata or b"")
    fits = codec in (sample_entry.MP4_VIDEO if kind == "video" else sample_entry.MP4_AUDIO)
    entry = _entry(stream) if fits and config else b""
    if kind == "video":
        return Track(kind, codec, base.denominator, config, entry, width=context.width, height=context.height)
    return Track(kind, codec, base.denominator, config, entry, rate=context.rate or 0, channels=context.channels or 0)


def _entry(stream: Stream) -> bytes:
    """The MP4 sample entry that libavformat writes for this stream; empty when it cannot."""
    made = io.BytesIO()
    try:
        with av.open(made, "w", format="mp4", options=HEADER_ONLY) as writer:
            writer.add_stream_from_template(stream)
            writer.start_encoding()
        return entry_in(made)
    except (FFmpegError, ValueError, BadBox):
        return b""


def entry_in(made: io.BytesIO) -> bytes:
    """The first track's sample entry in a header that libavformat wrote."""
    trak = child(child(memoryview(made.getvalue()), b"moov"), b"trak")
    stsd = child(child(child(child(trak, b"mdia"), b"minf"), b"stbl"), b"stsd")
    return sample_entry.tagged(bytes(stsd[8 : 8 + int.from_bytes(stsd[8:12], "big")]))


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
