"""A clock burned into pictures that a program can read back: milliseconds of UTC as black and white blocks.

Not for: real cameras. It lets the demo and the tests say which moment a frame shows, after any number of copies.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]

_BITS = 48
_CHECK = 8
# One white and one black block first: the reader takes its threshold from them, whatever the encoder made of them.
_BLOCKS = 2 + _BITS + _CHECK
_LEAST_CONTRAST = 60
_LEAST_MARGIN = 0.2
SMALLEST_WIDTH = _BLOCKS * 4


def strip_height(height: int) -> int:
    """Rows that the blocks take at the top edge of a picture of ``height`` rows."""
    return max(8, height // 20)


def draw_clock(frame: Frame, milliseconds: int) -> None:
    """Draw the blocks for ``milliseconds`` since the epoch (below 2**48) along the top edge, in place.

    ``frame`` is rows x columns x 3 or rows x columns, at least SMALLEST_WIDTH columns wide.
    """
    width, rows = frame.shape[1], strip_height(frame.shape[0])
    for index, bit in enumerate(_code(milliseconds)):
        left, right = index * width // _BLOCKS, (index + 1) * width // _BLOCKS
        frame[:rows, left:right] = 235 if bit else 16


def read_clock(frame: Frame) -> int | None:
    """Milliseconds since the epoch that the blocks show; None when they are not there or their check fails.

    ``frame`` is rows x columns x 3 (BGR or RGB) or rows x columns (grey), as decoded.
    """
    width, rows = frame.shape[1], strip_height(frame.shape[0])
    if width < SMALLEST_WIDTH:
        return None
    strip = frame[rows // 4 : rows - rows // 4].astype(np.float32)
    if strip.ndim == 3:
        strip = strip.mean(axis=2)
    columns = strip.mean(axis=0)
    levels = []
    for index in range(_BLOCKS):
        left, right = index * width // _BLOCKS, (index + 1) * width // _BLOCKS
        quarter = (right - left) // 4
        levels.append(float(columns[left + quarter : right - quarter].mean()))
    white, black = levels[:2]
    if white - black < _LEAST_CONTRAST:
        return None
    shares = [(level - black) / (white - black) for level in levels[2:]]
    if any(abs(share - 0.5) < _LEAST_MARGIN for share in shares):
        return None
    bits = [share > 0.5 for share in shares]
    value = _number(bits[:_BITS])
    return value if _check(value) == _number(bits[_BITS:]) else None


def draw_text(frame: Frame, text: str, *, centre: tuple[float, float], width: float) -> None:
    """Write ``text`` in white on black, scaled to ``width`` and centred at ``centre`` (both as shares of the frame)."""
    rows, columns = frame.shape[:2]
    font = cv2.FONT_HERSHEY_SIMPLEX
    (unit, _), _ = cv2.getTextSize(text, font, 1.0, 2)
    scale = width * columns / max(unit, 1)
    thickness = max(1, round(scale * 2))
    (wide, high), low = cv2.getTextSize(text, font, scale, thickness)
    left, base = round(centre[0] * columns - wide / 2), round(centre[1] * rows + high / 2)
    cv2.rectangle(frame, (left - 6, base - high - 6), (left + wide + 6, base + low + 2), (0, 0, 0), cv2.FILLED)
    cv2.putText(frame, text, (left, base), font, scale, (255, 255, 255), thickness, cv2.LINE_AA)


def _code(milliseconds: int) -> list[bool]:
    if not 0 <= milliseconds < 1 << _BITS:
        raise ValueError(f"{milliseconds} does not fit {_BITS} bits")
    return [True, False, *_bits(milliseconds, _BITS), *_bits(_check(milliseconds), _CHECK)]


def _check(value: int) -> int:
    """CRC-8 (polynomial 0x07) of the six bytes, so that an all-black or misread strip is not taken for a time."""
    crc = 0xFF
    for byte in value.to_bytes(6, "big"):
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1) ^ 0x07 if crc & 0x80 else crc << 1
            crc &= 0xFF
    return crc


def _bits(value: int, count: int) -> list[bool]:
    return [bool(value >> place & 1) for place in range(count - 1, -1, -1)]


def _number(bits: list[bool]) -> int:
    return sum(1 << place for place, bit in enumerate(reversed(bits)) if bit)
