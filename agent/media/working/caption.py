"""The line beneath each picture of a working copy: that it is one, and the picture's UTC. It covers nothing.

Not for: the camera's own clock in the picture, which stays as it is.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]

WORDS = "WORKING COPY - not the evidence"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FONT, _TIMES_AS_HIGH = cv2.FONT_HERSHEY_SIMPLEX, 22.0
"""A letter of this font is 22 pixels high at scale 1."""
_LEAST_LETTER = 9
"""Pixels; smaller letters can't be read."""


def moment_text(at_us: int) -> str:
    """``2026-11-21 10:00:00.040 UTC``."""
    moment = _EPOCH + timedelta(microseconds=at_us)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d} UTC"


class Caption:
    """Bands for pictures of one width: an even number of rows, in one line, or in two where one would be too small."""

    def __init__(self, width: int) -> None:
        self._width = width
        longest = f"{WORDS}  {moment_text(0)}"
        self._lines = 1
        self._scale = _scale(longest, width)
        if self._scale * _TIMES_AS_HIGH < _LEAST_LETTER:
            self._lines = 2
            self._scale = max(_scale(max(WORDS, moment_text(0), key=len), width), _LEAST_LETTER / _TIMES_AS_HIGH)
        self._row = round(_TIMES_AS_HIGH * self._scale * 1.8) // 2 * 2 + 2
        self._plain = self._drawn([WORDS], 0)
        self.rows = self._plain.shape[0]

    def band(self, at_us: int) -> Plane:
        """The band of one picture: rows by width, of brightness."""
        made = self._plain.copy()
        text = moment_text(at_us)
        if self._lines == 2:
            self._put(made, text, 4, 1)
        else:
            (wide, _), _ = cv2.getTextSize(text, _FONT, self._scale, 1)
            self._put(made, text, self._width - wide - 4, 0)
        return made

    def _drawn(self, words: list[str], line: int) -> Plane:
        made = np.full((self._row * self._lines, self._width), 16, np.uint8)
        for word in words:
            self._put(made, word, 4, line)
        return made

    def _put(self, made: Plane, text: str, left: int, line: int) -> None:
        baseline = self._row * line + round(self._row * 0.72)
        cv2.putText(made, text, (left, baseline), _FONT, self._scale, 235, 1, cv2.LINE_AA)


def _scale(text: str, width: int) -> float:
    """How large the font may be: the text fits, and letters are no higher than a fiftieth of the width."""
    (wide, _), _ = cv2.getTextSize(text, _FONT, 1.0, 1)
    return min((width - 12) / max(wide, 1), width / 50 / _TIMES_AS_HIGH)
