"""Writes a working copy as MP4 with H.264 and AAC, each picture at its own time: the same input gives the same bytes.

No picture is reordered and no edit list is needed, so that simple players show exactly what there is. Not for: where
pictures come from (``reading``), or how they are changed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.codec.context import Flags
from av.video.frame import PictureType
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from agent.media.working.caption import Caption
from agent.media.working.order import Value, no_room
from agent.media.working.reading import RATE

_TICKS = 90_000
"""A second; what MPEG's own clock has. A time is at most 6 microseconds off."""
_FRAME = 1024
SOUND_BIT_RATE = 64_000
_THREADS = 4
_KEYS = 50
_LOOK = 256
"""Pictures between two looks at how large the file has become."""

Planes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Coding:
    """How pictures are coded: by quality (``crf``), or by bits a second where ``bit_rate`` is given."""

    width: int
    height: int
    rate: float
    crf: int = 20
    bit_rate: int | None = None
    preset: str = "veryfast"
    caption: bool = False

    def parameters(self) -> dict[str, Value]:
        """As the manifest has them."""
        how: dict[str, Value] = {"crf": self.crf}
        if self.bit_rate is not None:
            how = {"bit_rate": self.bit_rate, "vbv_buffer_bits": self.bit_rate * 2}
        return {
            "encoder": "libx264",
            "profile": "high",
            "preset": self.preset,
            **how,
            "bframes": 0,
            "weightp": 0,
            "rc_lookahead": 10,
            "cpu_independent": True,
            "key_frame_every": _KEYS,
            "threads": _THREADS,
            "width": self.width,
            "height": self.height,
            "pixel_format": "yuv420p",
            "caption": self.caption,
        }


def even(width: int, height: int, widest: int) -> tuple[int, int]:
    """A picture's size in even numbers, at most ``widest`` wide, its shape kept."""
    wide = min(width, widest) // 2 * 2
    return max(16, wide), max(16, round(height * wide / max(width, 1)) // 2 * 2)


class Mp4:
    """One file in the making. ``sound`` is what goes beside the pictures, from the first picture's time on."""

    def __init__(
        self, path: Path, coding: Coding, *, sound: Iterable[AudioFrame] | None, comment: str, room: int
    ) -> None:
        self._path, self._coding, self._room = path, coding, room
        options = {"movflags": "+faststart", "fflags": "+bitexact"}
        self._file = av.open(str(path), "w", format="mp4", options=options)
        self._file.metadata["comment"] = comment
        self._caption = Caption(coding.width) if coding.caption else None
        self._video = self._video_stream()
        self._sound = None if sound is None else Sound(self._file, sound)
        self._reformatter = VideoReformatter()
        self._waiting: deque[tuple[int, int]] = deque()
        self._before: tuple[int, av.VideoFrame] | None = None
        self._start = 0
        self.frames = 0

    @property
    def height(self) -> int:
        return self._coding.height + (self._caption.rows if self._caption else 0)

    def _video_stream(self) -> av.VideoStream:
        coding = self._coding
        stream = self._file.add_stream("libx264", rate=Fraction(max(coding.rate, 0.1)).limit_denominator(1001))
        assert isinstance(stream, av.VideoStream)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = coding.width, self.height, "yuv420p"
        context.time_base = stream.time_base = Fraction(1, _TICKS)
        context.thread_count = _THREADS
        context.color_range = 1
        options = {"preset": coding.preset, "profile": "high"}
        # "cpu-independent": the same bytes on every processor of a kind. Where lookahead threads are counted, too,
        # x264 (core 164) makes other bytes each time.
        tuned = f"bframes=0:weightp=0:keyint={_KEYS}:rc-lookahead=10:cpu-independent=1:threads={_THREADS}"
        if coding.bit_rate is None:
            options["crf"] = str(coding.crf)
        else:
            context.bit_rate = coding.bit_rate
            kilobits = coding.bit_rate / 1000
            tuned += f":vbv-maxrate={kilobits:.0f}:vbv-bufsize={kilobits * 2:.0f}"
        context.options = options | {"x264-params": tuned}
        return stream

    def picture(self, at_us: int, frame: av.VideoFrame) -> None:
        """The next picture, shown from ``at_us``; each later than the one before."""
        if self._before is None:
            self._start = at_us
        else:
            self._write(self._before, at_us)
        self._before = (at_us, frame)

    def end(self, end_us: int) -> None:
        """The last picture is shown until ``end_us``. The file is whole then."""
        if self._before is not None:
            self._write(self._before, end_us)
            self._mux(self._video.encode(None))
        if self._sound is not None:
            self._sound.finish()
        self._file.close()
        if self._path.stat().st_size > self._room:
            raise no_room()

    def close(self) -> None:
        """Give up."""
        self._file.close()

    def _write(self, shown: tuple[int, av.VideoFrame], until_us: int) -> None:
        at_us, frame = shown
        ticks = _ticks(at_us - self._start)
        if self._waiting and ticks <= self._waiting[-1][0]:
            ticks = self._waiting[-1][0] + 1
        ready = self._ready(at_us, frame)
        ready.pts, ready.time_base, ready.pict_type = ticks, Fraction(1, _TICKS), PictureType.NONE
        self._waiting.append((ticks, max(_ticks(until_us - self._start) - ticks, 1)))
        if self._sound is not None:
            self._sound.write(at_us - self._start)
        self._mux(self._video.encode(ready))
        self.frames += 1
        if self.frames % _LOOK == 0 and self._path.stat().st_size > self._room:
            raise no_room()

    def _ready(self, at_us: int, frame: av.VideoFrame) -> av.VideoFrame:
        coding = self._coding
        small = self._reformatter.reformat(
            frame, coding.width, coding.height, "yuv420p", interpolation="AREA", dst_color_range="MPEG"
        )
        if self._caption is None:
            return small
        return captioned(
            np.asarray(small.to_ndarray(), np.uint8), coding.width, coding.height, self._caption.band(at_us)
        )

    def _mux(self, packets: Iterable[av.Packet[av.stream.Stream]]) -> None:
        for packet in packets:
            ticks, length = self._waiting.popleft() if len(self._waiting) > 1 else self._waiting[0]
            assert packet.pts == ticks
            packet.duration = length
            self._file.mux(packet)


def captioned(planes: Planes, width: int, height: int, band: Planes) -> av.VideoFrame:
    """A picture (yuv420p, as PyAV lays it out) with a band beneath it."""
    flat, rows = planes.reshape(-1), band.shape[0]
    luma, chroma = width * height, width * height // 4
    grey = np.full(width * rows // 4, 128, np.uint8)
    first, second = flat[luma : luma + chroma], flat[luma + chroma : luma + 2 * chroma]
    whole = np.concatenate([flat[:luma], band.reshape(-1), first, grey, second, grey])
    return av.VideoFrame.from_ndarray(whole.reshape((height + rows) * 3 // 2, width), format="yuv420p")


def _ticks(microseconds: int) -> int:
    return (microseconds * _TICKS + 500_000) // 1_000_000


class Sound:
    """AAC beside the pictures, written as far as the pictures are."""

    def __init__(self, file: av.container.OutputContainer, frames: Iterable[AudioFrame]) -> None:
        self._file = file
        stream = file.add_stream("aac", rate=RATE, layout="mono", bit_rate=SOUND_BIT_RATE)
        assert isinstance(stream, av.AudioStream)
        stream.codec_context.flags |= Flags.bitexact
        self._stream = stream
        self._frames = self._whole(frames)
        self._done = 0

    def _whole(self, frames: Iterable[AudioFrame]) -> Iterator[AudioFrame]:
        fifo, number = AudioFifo(), 0
        for frame in frames:
            frame.pts = None
            fifo.write(frame)
            while fifo.samples >= _FRAME:
                ready = fifo.read(_FRAME)
                assert ready is not None
                ready.pts, ready.time_base = number, Fraction(1, RATE)
                number += _FRAME
                yield ready
        rest = fifo.read(0, partial=True) if fifo.samples else None
        if rest is not None:
            rest.pts, rest.time_base = number, Fraction(1, RATE)
            yield rest

    def write(self, until_us: int) -> None:
        while self._done * 1_000_000 <= until_us * RATE:
            frame = next(self._frames, None)
            if frame is None:
                return
            self._done += frame.samples
            self._mux(self._stream.encode(frame))

    def finish(self) -> None:
        for frame in self._frames:
            self._mux(self._stream.encode(frame))
        self._mux(self._stream.encode(None))

    def _mux(self, packets: Iterable[av.Packet[av.stream.Stream]]) -> None:
        for packet in packets:
            # The encoder's run-in comes before zero: without it, sound and pictures start together.
            if packet.pts is not None and packet.pts >= 0:
                self._file.mux(packet)
