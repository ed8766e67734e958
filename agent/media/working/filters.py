"""How a picture is made to show more: noise averaged away where nothing moves, brightness by a curve, local contrast.

It works on brightness alone: colours stay as they are, but for a little blur where there is noise. Values are measured
where the owner set none. Not for: evidence. Nothing is added, removed or recognised.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from agent.media.working.order import Value
from exchange.documents.copies import Enhancement

Plane = NDArray[np.uint8]

TILES = 8
SAMPLES = 12
"""Pictures that are looked at, to measure."""
_DARK, _BRIGHT = 90.0, 175.0
_NOISE_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_NOISE_SCALE = math.sqrt(math.pi / 2) / 6
"""J. Immerkaer, Fast Noise Variance Estimation, 1996."""
_BLOCK = 16
_LEAST_NOISE = 1.5
_NEW = 0.2
"""How much of a new picture counts where nothing moves."""
_LONGEST_PAUSE_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Measured:
    """The middle of some pictures: mean brightness, its spread from dark to bright, and noise, in grey levels."""

    light: float
    spread: float
    noise: float


@dataclass(frozen=True, slots=True)
class Values:
    """What is done: see ``exchange.documents.copies.Enhancement``."""

    contrast: float
    denoise: float
    gamma: float

    def words(self) -> str:
        """For a line beneath a picture."""
        return f"contrast {self.contrast:g}, denoise {self.denoise:g}, gamma {self.gamma:g}"


def measure(pictures: Sequence[Plane]) -> Measured:
    """Of planes of brightness (video range, 16 to 235). ValueError when there is none."""
    if not pictures:
        raise ValueError("there is no picture")
    found = [_measure(each) for each in pictures]
    light, spread, noise = (float(np.median([each[place] for each in found])) for place in range(3))
    return Measured(round(light, 1), round(spread, 1), round(noise, 2))


def _measure(plane: Plane) -> tuple[float, float, float]:
    full = np.clip((plane.astype(np.float32) - 16) * (255 / 219), 0, 255)
    low, high = np.percentile(full, (5, 95))
    edges = np.abs(cv2.filter2D(full, -1, _NOISE_KERNEL))
    size = (max(1, plane.shape[1] // _BLOCK), max(1, plane.shape[0] // _BLOCK))
    blocks = cv2.resize(edges, size, interpolation=cv2.INTER_AREA)
    # Noise is everywhere, detail is not: the smoother blocks tell of noise.
    return float(full.mean()), float(high - low), float(np.percentile(blocks, 25)) * _NOISE_SCALE


def values(wanted: Enhancement | None, measured: Measured) -> Values:
    """What the owner set; what they left out, by measurement."""
    wanted = wanted or Enhancement()
    gamma = 1.0
    if measured.light < _DARK:
        gamma = max(0.45, _curve(max(measured.light, 4), 110))
    elif measured.light > _BRIGHT:
        gamma = min(1.8, _curve(min(measured.light, 250), 140))
    contrast = 3.0 if measured.spread < 80 else 2.0 if measured.spread < 150 else 1.2
    denoise = 0.0 if measured.noise < _LEAST_NOISE else min(24.0, 4 * measured.noise)
    return Values(
        contrast=round(contrast if wanted.contrast is None else wanted.contrast, 2),
        denoise=round(denoise if wanted.denoise is None else wanted.denoise, 1),
        gamma=round(gamma if wanted.gamma is None else wanted.gamma, 2),
    )


def _curve(light: float, towards: float) -> float:
    """The exponent that takes a brightness to another."""
    return math.log(towards / 255) / math.log(light / 255)


def parameters(wanted: Enhancement | None, measured: Measured, chosen: Values) -> dict[str, Value]:
    """As the manifest has them: what was done, what was measured for it, and which values the owner set."""
    wanted = wanted or Enhancement()
    set_by_owner = [name for name in ("contrast", "denoise", "gamma") if getattr(wanted, name) is not None]
    return {
        "contrast_clahe_clip_limit": chosen.contrast,
        "contrast_clahe_tiles": f"{TILES}x{TILES}",
        "denoise_grey_levels": chosen.denoise,
        "denoise_new_picture_share": _NEW,
        "denoise_colour_blur": "3x3" if chosen.denoise else "none",
        "brightness_gamma": chosen.gamma,
        "order": "denoise, gamma, contrast",
        "measured_light": measured.light,
        "measured_spread": measured.spread,
        "measured_noise": measured.noise,
        "set_by_owner": ", ".join(set_by_owner) or "none",
    }


class Filter:
    """Changes one picture after the other; it remembers what came before, to tell noise from movement."""

    def __init__(self, chosen: Values, width: int, height: int) -> None:
        self._chosen, self._width, self._height = chosen, width, height
        self._curve = self._lookup()
        self._contrast = cv2.createCLAHE(chosen.contrast, (TILES, TILES)) if chosen.contrast else None
        self._seen: NDArray[np.float32] | None = None
        self._before_us = 0
        self._reformatter = VideoReformatter()

    def _lookup(self) -> Plane:
        grey = np.clip((np.arange(256, dtype=np.float64) - 16) / 219, 0, 1)
        return np.asarray(np.round(16 + 219 * grey**self._chosen.gamma), np.uint8)

    def plain(self, frame: av.VideoFrame) -> Plane:
        """The picture as it is, in this filter's size: planes as PyAV lays yuv420p out."""
        small = self._reformatter.reformat(
            frame, self._width, self._height, "yuv420p", interpolation="AREA", dst_color_range="MPEG"
        )
        return np.asarray(small.to_ndarray(), np.uint8)

    def changed(self, at_us: int, planes: Plane) -> Plane:
        """The picture changed; ``planes`` stay as they are."""
        made = planes.copy()
        made[: self._height] = self._brightness(at_us, planes[: self._height])
        if self._chosen.denoise:
            self._blur_colours(made)
        return made

    def _brightness(self, at_us: int, plane: Plane) -> Plane:
        if self._chosen.denoise:
            plane = self._averaged(at_us, plane)
        if self._chosen.gamma != 1:
            plane = np.asarray(cv2.LUT(plane, self._curve), np.uint8)
        if self._contrast is not None:
            plane = np.asarray(self._contrast.apply(plane), np.uint8)
        return plane

    def _averaged(self, at_us: int, plane: Plane) -> Plane:
        new = plane.astype(np.float32)
        if self._seen is None or not 0 <= at_us - self._before_us <= _LONGEST_PAUSE_US:
            self._seen = new
        else:
            difference = cv2.subtract(new, self._seen)
            much = cv2.blur(cv2.absdiff(new, self._seen), (3, 3))
            share = np.minimum(much * np.float32((1 - _NEW) / self._chosen.denoise) + np.float32(_NEW), np.float32(1))
            self._seen = np.asarray(cv2.add(self._seen, cv2.multiply(difference, share)), np.float32)
        self._before_us = at_us
        return np.asarray(np.round(self._seen), np.uint8)

    def _blur_colours(self, planes: Plane) -> None:
        flat = planes.reshape(-1)
        luma, chroma = self._width * self._height, self._width * self._height // 4
        for start in (luma, luma + chroma):
            plane = flat[start : start + chroma].reshape(self._height // 2, self._width // 2)
            flat[start : start + chroma] = np.asarray(cv2.blur(plane, (3, 3)), np.uint8).reshape(-1)


def bgr(planes: Plane) -> Plane:
    """Planes of yuv420p as a picture that OpenCV writes."""
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420), np.uint8)


def side_by_side(rows: Sequence[tuple[Plane, Plane]], labels: Sequence[tuple[str, str]], width: int) -> Plane:
    """Pictures (BGR) before and after, beside each other, each ``width`` wide with its label beneath."""
    made = []
    for (before, after), (left, right) in zip(rows, labels, strict=True):
        made.append(np.hstack([_labelled(before, left, width), _labelled(after, right, width)]))
    return np.vstack(made)


def _labelled(picture: Plane, label: str, width: int) -> Plane:
    height = max(2, round(picture.shape[0] * width / picture.shape[1]))
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    (wide, _), _ = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 1)
    scale = min(0.7, (width - 12) / max(wide, 1))
    band = np.zeros((34, width, 3), np.uint8)
    cv2.putText(band, label, (6, 23), cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), 1, cv2.LINE_AA)
    return np.vstack([np.asarray(small, np.uint8), band])
