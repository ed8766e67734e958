"""An AVI of each master, for the players of old evidence units: MPEG-4 part 2 or Motion JPEG, and PCM sound.

AVI has one constant rate: each picture is shown at the nearest moment of it, some twice, some not at all; how often,
and how far off, is counted and told. Not for: anything that can play MP4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from statistics import median

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.codec.context import Flags
from av.video.reformatter import VideoReformatter

from agent.media.working import reading
from agent.media.working.caption import Caption
from agent.media.working.encoding import captioned, even
from agent.media.working.order import Made, MasterFile, Order, Outcome, Progress, Value, finished, no_room, not_made
from exchange.counted import counted
from exchange.documents.copies import AviPictures

_LARGEST = 1_900_000_000
"""Bytes of one file: old players take no more than 2 GiB."""
_QUALITY = 3
"""The quantiser, 2 (best) to 31."""
_LAMBDA = 118
_WIDEST = {AviPictures.MPEG4: 1920, AviPictures.MJPEG: 1920}
_FASTEST = 60
_LOOK = 64


def avi(order: Order, progress: Progress) -> Outcome:
    """One AVI for each master, or more where one would be too large. ClipFailed, DiskFull."""
    outcome = Outcome()
    for master in order.masters:
        outcome.files += _avi(order, master, progress)
    return outcome


def rate_of(times: list[int]) -> Fraction:
    """The constant rate that fits best: of the usual time between two pictures."""
    usual = median(after - before for before, after in pairwise(times)) if len(times) > 1 else 1_000_000
    found = 1_000_000 / max(usual, 1_000_000 / _FASTEST)
    whole = round(found)
    if whole and abs(found - whole) / found < 0.02:
        return Fraction(whole)
    return Fraction(found).limit_denominator(100)


@dataclass(slots=True)
class _Counts:
    """How the pictures were fitted to the rate."""

    repeated: int = 0
    left_out: int = 0
    furthest_us: int = 0
    slots: int = 0

    def parameters(self) -> dict[str, Value]:
        return {
            "pictures_repeated": self.repeated,
            "pictures_left_out": self.left_out,
            "largest_time_error_us": self.furthest_us,
        }


def _avi(order: Order, master: MasterFile, progress: Progress) -> list[Made]:
    found = reading.times(master)
    if not found:
        raise not_made(f"no picture of {master.file} can be shown")
    rate = rate_of(found)
    slots = _slots(master, rate, progress)
    made: list[Made] = []
    slot: _Slot | None = next(slots, None)
    if slot is None:
        raise not_made(f"no picture of {master.file} can be shown")
    while slot is not None:
        made_part, slot = _part(order, master, rate, slot, slots)
        made.append(made_part)
    for number, each in enumerate(made, 1):
        each.parameters |= {"part": number, "parts": len(made)}
    return made


@dataclass(slots=True)
class _Slot:
    """What is shown from ``at_us`` on; ``taken_us``: the picture's own time."""

    at_us: int
    taken_us: int
    frame: av.VideoFrame
    passed: int = 0
    """Pictures that were left out before it."""
    again: bool = False


def _slots(master: MasterFile, rate: Fraction, progress: Progress) -> Iterator[_Slot]:
    """Every moment of the constant rate, with the picture that is nearest to it, or was last."""
    interval = 1_000_000 / rate
    coming = reading.pictures(master)
    following = next(coming, None)
    shown: tuple[int, av.VideoFrame] | None = None
    number = 0
    while True:
        at = master.first_us + round(number * interval)
        if at >= master.end_us:
            return
        passed, again = -1, True
        while following is not None and following[0] <= at + interval / 2:
            shown, following = following, next(coming, None)
            passed, again = passed + 1, False
            progress()
        if shown is None:
            if following is None:
                return
            shown, again = following, False
        yield _Slot(at, shown[0], shown[1], max(passed, 0), again and number > 0)
        number += 1


class _File:
    """One AVI in the making."""

    def __init__(self, path: Path, order: Order, master: MasterFile, rate: Fraction, start_us: int) -> None:
        self.path, self.order, self.master, self.rate, self.start_us = path, order, master, rate, start_us
        self.counts = _Counts()
        coded = self.order.copy.pictures or AviPictures.MPEG4
        self.width, self.height = even(self.master.width, self.master.height, _WIDEST[coded])
        self.caption = None if self.order.copy.caption is False else Caption(self.width)
        self.file = av.open(str(self.path), "w", format="avi", options={"fflags": "+bitexact"})
        stream = self.file.add_stream(coded.value, rate=self.rate)
        assert isinstance(stream, av.VideoStream)
        context = stream.codec_context
        context.width, context.height = self.width, self.whole_height
        self.format = "yuvj420p" if coded is AviPictures.MJPEG else "yuv420p"
        context.pix_fmt, context.thread_count, context.time_base = self.format, 1, 1 / self.rate
        context.flags |= Flags.bitexact | Flags.qscale
        context.options = {"global_quality": str(_QUALITY * _LAMBDA)}
        if coded is AviPictures.MPEG4:
            context.codec_tag = "XVID"
            context.gop_size = max(1, round(self.rate * 2))
        self.video = stream
        self.sound = self._sound_of() if self.master.sound else None
        self.reformatter = VideoReformatter()

    @property
    def whole_height(self) -> int:
        return self.height + (self.caption.rows if self.caption else 0)

    def _sound_of(self) -> Iterator[AudioFrame]:
        self.heard = self.file.add_stream("pcm_s16le", rate=reading.RATE, layout="mono")
        self.whole = AudioResampler(format="s16", layout="mono", rate=reading.RATE)
        self.samples = 0
        return reading.sound(self.master, self.start_us, self.master.end_us)

    def show(self, slot: _Slot) -> None:
        small = self.reformatter.reformat(
            slot.frame, self.width, self.height, "yuv420p", interpolation="AREA", dst_color_range="MPEG"
        )
        if self.caption is not None:
            planes = np.asarray(small.to_ndarray(), np.uint8)
            small = captioned(planes, self.width, self.height, self.caption.band(slot.taken_us))
        if self.format != "yuv420p":
            small = self.reformatter.reformat(small, format=self.format, dst_color_range="JPEG")
        small.pts, small.time_base, small.pict_type = self.counts.slots, 1 / self.rate, av.video.frame.PictureType.NONE
        self.file.mux(self.video.encode(small))
        counts = self.counts
        counts.slots += 1
        counts.repeated += slot.again
        counts.left_out += slot.passed
        if not slot.again:
            counts.furthest_us = max(counts.furthest_us, abs(slot.at_us - slot.taken_us))
        self.write_sound(slot.at_us + round(1_000_000 / self.rate))

    def write_sound(self, until_us: int) -> None:
        if self.sound is None:
            return
        limit = (min(until_us, self.master.end_us) - self.start_us) * reading.RATE // 1_000_000
        while self.samples < limit:
            frame = next(self.sound, None)
            if frame is None:
                return
            frame.pts = None
            for ready in self.whole.resample(frame):
                ready.pts, ready.time_base = self.samples, Fraction(1, reading.RATE)
                self.samples += ready.samples
                self.file.mux(self.heard.encode(ready))

    def end(self) -> None:
        self.file.mux(self.video.encode(None))
        self.file.close()


def _part(
    order: Order, master: MasterFile, rate: Fraction, first: _Slot, slots: Iterator[_Slot]
) -> tuple[Made, _Slot | None]:
    """One file, and the slot that the next one begins with."""
    target = order.target(first.at_us, ".avi")
    slot: _Slot | None = first
    with finished(target) as unfinished:
        file = _File(unfinished, order, master, rate, first.at_us)
        try:
            while slot is not None:
                file.show(slot)
                slot = next(slots, None)
                if file.counts.slots % _LOOK == 0:
                    size = unfinished.stat().st_size
                    if size > order.room:
                        raise no_room()
                    if size > _LARGEST:
                        break
            file.end()
        finally:
            file.file.close()
    end_us = master.end_us if slot is None else slot.at_us
    return _made(file, target, first.at_us, end_us), slot


def _made(file: _File, target: Path, first_us: int, end_us: int) -> Made:
    coded = file.order.copy.pictures or AviPictures.MPEG4
    counts = file.counts
    parameters: dict[str, Value] = {
        "container": "avi",
        "encoder": coded.value,
        "quantiser": _QUALITY,
        "rate": f"{file.rate.numerator}/{file.rate.denominator}",
        "width": file.width,
        "height": file.height,
        "caption": file.caption is not None,
        **counts.parameters(),
    }
    if coded is AviPictures.MPEG4:
        parameters["tag"] = "XVID"
    if file.master.sound:
        parameters |= {"sound_encoder": "pcm_s16le", "sound_rate": reading.RATE}
    what = (
        f"AVI with {'Motion JPEG' if coded is AviPictures.MJPEG else 'MPEG-4 part 2'} for old players. AVI has one "
        f"constant rate ({float(file.rate):.4g} pictures a second), so times are not exactly those of the recording: "
        f"{counted(counts.repeated, 'picture is', 'pictures are')} repeated, {counts.left_out} left out, "
        "and a picture is up to "
        f"{counts.furthest_us / 1000:.0f} ms early or late. Not the evidence."
    )
    return Made(
        target, what, parameters, made_from=file.master.file, first_us=first_us, end_us=end_us, frames=counts.slots,
        container="avi", codec="mjpeg" if coded is AviPictures.MJPEG else "mpeg4", width=file.width,
        height=file.whole_height, sound=file.master.sound, real_times=False, caption=file.caption is not None,
    )  # fmt: skip
