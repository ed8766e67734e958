"""A camera's recorder within this process, and a clock that a test can set.

Not for: tests themselves, or the recorder as a process (``tests.counterparts.processes.recorder_process``).
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from agent.recorder.camera import CameraRecorder
from agent.recorder.config import CameraSource, RecorderConfig
from agent.recorder.finishing import Finisher
from exchange.clock import SECOND, SystemClock


class SteppedClock:
    """This host's clock, which a test can set."""

    def __init__(self) -> None:
        self.by = 0
        self._real = SystemClock()

    def now(self) -> int:
        return self._real.now() + self.by

    def monotonic(self) -> int:
        return self._real.monotonic()


def config(folder: Path, *cameras: CameraSource) -> RecorderConfig:
    root = folder / "recordings"
    root.mkdir(exist_ok=True)
    return RecorderConfig(root, cameras, segment=SECOND, stall=SECOND, reserve=0)


@contextlib.contextmanager
def camera_thread(source: CameraSource, wanted: RecorderConfig, clock: SteppedClock) -> Iterator[CameraRecorder]:
    finisher = Finisher(SECOND)
    finisher.start()
    camera = CameraRecorder(source, wanted, clock, finisher)
    camera.start()
    try:
        yield camera
    finally:
        camera.stop()
        camera.join(10)
        finisher.stop()
