"""A job that does nothing but load what work on recordings needs: whether that can be had.

Not for: any work.
"""

from collections.abc import Callable
from typing import Any


def job(job: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """``{}`` to the libraries' versions."""
    import av
    import cv2

    return {"av": av.__version__, "cv2": cv2.__version__}
