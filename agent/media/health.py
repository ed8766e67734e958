"""What a camera's picture is like: how bright, how sharp, how much of it is one tone, whether it moves, where it looks.

Not for: judging it, which takes hours of such looks (``agent.cameras.health``). For a worker process: see ``job``.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

JsonObject = dict[str, Any]
Grey = NDArray[np.uint8]

WIDTH, HEIGHT = 96, 54
_FULL = (640, 360)


def measure(files: Sequence[Path], reference: Grey | None) -> JsonObject | None:
    """Of the first key frame of each file, the newest last; None when none can be decoded.

    ``light``: mean grey level, 0 to 255. ``contrast``: its standard deviation. ``sharp``: variance of the Laplacian.
    ``still``: mean difference of grey levels between the pictures, None for one. ``alike``: how alike its edges
    are to the reference's, -1 to 1, None without one. ``look``: the newest picture, 96 by 54 grey levels.
    """
    pictures = [found for path in files if (found := _first_picture(path)) is not None]
    if not pictures:
        return None
    newest = pictures[-1]
    looks = [_small(each) for each in pictures]
    moved = [float(np.mean(cv2.absdiff(one, other))) for one, other in itertools.pairwise(looks)]
    return {
        "light": round(float(np.mean(newest)), 2),
        "contrast": round(float(np.std(newest)), 2),
        "sharp": round(float(cv2.Laplacian(newest, cv2.CV_64F).var()), 2),
        "still": round(max(moved), 3) if moved else None,
        "alike": None if reference is None else round(alike(looks[-1], reference), 3),
        "look": base64.b64encode(looks[-1].tobytes()).decode(),
    }


def alike(look: Grey, reference: Grey) -> float:
    """The correlation of two pictures' edges, which light changes less than the pictures themselves."""
    edges = [_edges(each) for each in (look, reference)]
    first, second = (each - each.mean() for each in edges)
    scale = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / scale if scale > 1e-6 else 0.0


def _edges(look: Grey) -> NDArray[np.float64]:
    plain = cv2.GaussianBlur(look, (3, 3), 0)
    across, down = cv2.Sobel(plain, cv2.CV_64F, 1, 0), cv2.Sobel(plain, cv2.CV_64F, 0, 1)
    return np.asarray(cv2.magnitude(across, down), np.float64)


def _small(picture: Grey) -> Grey:
    return np.asarray(cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def _first_picture(path: Path) -> Grey | None:
    try:
        with av.open(str(path), "r", metadata_errors="replace") as opened:
            video = opened.streams.video[0]
            video.codec_context.thread_count = 1
            video.codec_context.skip_frame = "NONKEY"
            frame = next(opened.decode(video), None)
            if frame is None or not 0 < frame.width <= 8192 or not 0 < frame.height <= 8192:
                return None
            grey: Any = frame.to_ndarray(format="gray")
            return np.asarray(cv2.resize(grey, _FULL, interpolation=cv2.INTER_AREA), np.uint8)
    except (FFmpegError, IndexError, ValueError, OSError):
        return None


def _grey(text: str) -> Grey:
    found: Grey = np.frombuffer(base64.b64decode(text), np.uint8).reshape(HEIGHT, WIDTH)
    return found


def job(job: JsonObject, report: Callable[[JsonObject], None]) -> JsonObject:
    """``{"files", "reference": a look or None}`` to ``{"measured": see measure, "reference": the next one}``."""
    cv2.setNumThreads(1)
    reference = None if job["reference"] is None else _grey(job["reference"])
    measured = measure([Path(file) for file in job["files"]], reference)
    if measured is None:
        return {"measured": None, "reference": job["reference"]}
    return {"measured": measured, "reference": _blended(reference, _grey(measured["look"]), measured)}


def _blended(reference: Grey | None, look: Grey, measured: JsonObject) -> str | None:
    """The reference goes with the seasons, and with nothing that is sudden."""
    if measured["light"] < 40 or measured["contrast"] < 12:
        return None if reference is None else base64.b64encode(reference.tobytes()).decode()
    if reference is None:
        return base64.b64encode(look.tobytes()).decode()
    if measured["alike"] is None or measured["alike"] < 0.5:
        return base64.b64encode(reference.tobytes()).decode()
    blended = np.asarray(np.round(0.95 * reference + 0.05 * look), np.uint8)
    return base64.b64encode(blended.tobytes()).decode()
