"""Pictures and sound of a finished master, each at its own time: all that a working copy is ever made of.

The worker opens no other file, so nothing from outside what was approved can be in a copy. Not for: segments.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.error import FFmpegError
from av.stream import Discard, Stream

from agent.media.working.order import MasterFile, not_made

RATE = 48_000
MAX_SIDE = 8192
_HOLE = RATE // 10
"""Missing sound longer than a tenth of a second is filled with silence, so that the rest stays in step."""
_THREADS = 4


def pictures(
    master: MasterFile, start_us: int | None = None, end_us: int | None = None, *, only_keys: bool = False
) -> Iterator[tuple[int, av.VideoFrame]]:
    """(UTC microseconds, picture) of a master in the order in which they are shown, those within [start, end).

    What doesn't decode is left out. ClipFailed when nothing of it can be read.
    """
    try:
        with av.open(str(master.path), "r", format=master.container) as opened:
            video = opened.streams.video[0]
            read_only(opened, video)
            context = video.codec_context
            context.thread_count, context.thread_type = min(_THREADS, os.cpu_count() or 1), "AUTO"
            if only_keys:
                context.skip_frame = "NONKEY"
            for packet in opened.demux(video):
                try:
                    decoded = context.decode(packet if packet.size else None)
                except FFmpegError:
                    continue
                for frame in decoded:
                    if frame.pts is None or not (0 < frame.width <= MAX_SIDE and 0 < frame.height <= MAX_SIDE):
                        continue
                    at = master.first_us + round(frame.pts * (video.time_base or Fraction(1, 1000)) * 1_000_000)
                    if end_us is not None and at >= end_us:
                        continue
                    if start_us is None or at >= start_us:
                        yield at, frame
    except (FFmpegError, IndexError, ValueError) as error:
        raise not_made(f"its master can't be read ({type(error).__name__})") from None


def read_only(opened: av.container.InputContainer, wanted: Stream) -> None:
    """Have the demuxer pass over the other streams: who reads pictures here and sound there unpacks neither twice."""
    for stream in opened.streams:
        if stream is not wanted:
            stream.discard = Discard.all


def times(master: MasterFile) -> list[int]:
    """The time of every picture, UTC microseconds, in the order in which they are shown. ClipFailed."""
    try:
        with av.open(str(master.path), "r", format=master.container) as opened:
            video = opened.streams.video[0]
            read_only(opened, video)
            base = video.time_base or Fraction(1, 1000)
            found = [packet.pts * base for packet in opened.demux(video) if packet.size and packet.pts is not None]
    except (FFmpegError, IndexError, ValueError) as error:
        raise not_made(f"its master can't be read ({type(error).__name__})") from None
    return sorted(master.first_us + round(each * 1_000_000) for each in found)


def spaced(master: MasterFile, count: int) -> Iterator[tuple[int, av.VideoFrame]]:
    """(UTC microseconds, picture) of at most ``count`` key frames, evenly spaced, each once; what decodes of them."""
    seen: set[int] = set()
    try:
        with av.open(str(master.path), "r", format=master.container) as opened:
            video = opened.streams.video[0]
            video.codec_context.thread_count = 1
            video.codec_context.skip_frame = "NONKEY"
            for number in range(count):
                opened.seek(master.length_us * number // count)
                frame = next(opened.decode(video), None)
                if frame is None or frame.pts is None or frame.pts in seen:
                    continue
                seen.add(frame.pts)
                at = master.first_us + round(frame.pts * (video.time_base or Fraction(1, 1000)) * 1_000_000)
                if 0 < frame.width <= MAX_SIDE and 0 < frame.height <= MAX_SIDE:
                    yield at, frame
    except (FFmpegError, IndexError, ValueError):
        return


def sound(master: MasterFile, start_us: int, end_us: int, rate: int = RATE) -> Iterator[AudioFrame]:
    """The master's sound of [start, end) UTC as mono floats, in step with the pictures: silence where there is none.

    Its first sample is of ``start_us``; none is of before it, or of ``end_us`` or later.
    """
    first = (start_us - master.first_us) * rate // 1_000_000
    behind = (end_us - master.first_us) * rate // 1_000_000
    at = 0
    for frame in _in_step(master, rate):
        low, high = max(first - at, 0), min(behind - at, frame.samples)
        at += frame.samples
        if low < high:
            yield frame if (low, high) == (0, frame.samples) else _part(frame, low, high, rate)
        if at >= behind:
            return


def _part(frame: AudioFrame, low: int, high: int, rate: int) -> AudioFrame:
    made = AudioFrame(format="fltp", layout="mono", samples=high - low)
    made.sample_rate = rate
    made.planes[0].update(bytes(frame.planes[0])[low * 4 : high * 4].ljust(made.planes[0].buffer_size, b"\0"))
    return made


def _in_step(master: MasterFile, rate: int) -> Iterator[AudioFrame]:
    at = 0
    resampler = AudioResampler(format="fltp", layout="mono", rate=rate)
    hole = _HOLE * rate // RATE
    with av.open(str(master.path), "r", format=master.container) as opened:
        heard = opened.streams.audio[0]
        read_only(opened, heard)
        for packet in opened.demux(heard):
            try:
                decoded = packet.decode()
            except FFmpegError:
                continue
            for frame in decoded:
                due = int((frame.time or 0) * rate)
                while due - at > hole:
                    silence = _silence(min(due - at, rate), rate)
                    at += silence.samples
                    yield silence
                frame.pts = None
                for ready in resampler.resample(frame):
                    ready.pts = None
                    at += ready.samples
                    yield ready
        for ready in resampler.resample(None):
            ready.pts = None
            yield ready


def _silence(samples: int, rate: int) -> AudioFrame:
    frame = AudioFrame(format="fltp", layout="mono", samples=samples)
    frame.sample_rate = rate
    frame.planes[0].update(bytes(frame.planes[0].buffer_size))
    return frame
