"""Runs ``handover record``'s entry point as a process of its own, as its unit does, and watches what it writes.

Not for: the recorder's parts, which tests call directly.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from agent.recorder.config import RecorderConfig, save
from agent.recordings import journal, layout
from agent.recordings.layout import SegmentName

PATIENCE = 60.0
_START = "import logging,sys; logging.basicConfig(level=20); from agent.recorder.process import main; main(sys.argv[1])"


class RecorderProcess:
    """``prefix`` is put before the command, e.g. to run it in namespaces; ``root`` is as seen from outside."""

    def __init__(
        self,
        folder: Path,
        config: RecorderConfig,
        *,
        prefix: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
    ) -> None:
        self.file, self.log, self.root = folder / "recorder.json", folder / "recorder.log", config.root
        save(self.file, config)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*prefix, sys.executable, "-c", _START, str(self.file)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
            )

    def state(self, camera_id: str = "cam") -> dict[str, Any]:
        """What the state file says of a camera; empty while there is none."""
        with contextlib.suppress(FileNotFoundError):
            state = json.loads((self.root / layout.STATE / "recorder.json").read_text())
            camera: dict[str, Any] = state["cameras"].get(camera_id, {})
            return camera
        return {}

    def segments(self, camera_id: str = "cam") -> list[tuple[SegmentName, Path]]:
        """All segments by start, open ones too."""
        found = [(layout.parse(path.name), path) for path in (self.root / camera_id).glob("*/2*")]
        return sorted(((name, path) for name, path in found if name is not None), key=lambda each: each[0].start)

    def finished(self, camera_id: str = "cam") -> list[Path]:
        return [path for name, path in self.segments(camera_id) if name.duration is not None]

    def journal(self, camera_id: str = "cam") -> list[dict[str, Any]]:
        return [entry for day in sorted((self.root / camera_id).glob("*")) for entry in journal.read(day)]

    def until(self, what: str, true: Callable[[], Any]) -> Any:
        """Wait until something that the recorder writes is so; what ``true`` returned."""
        give_up = time.monotonic() + PATIENCE
        while not (value := true()):
            assert self.process.poll() is None, f"the recorder ended: {self.log.read_text()}"
            assert time.monotonic() < give_up, f"not within {PATIENCE} s: {what}\n{self.log.read_text()}"
            time.sleep(0.05)
        return value

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """As a power cut, but for what the kernel still holds."""
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def recorder(folder: Path, config: RecorderConfig, **how: Any) -> Iterator[RecorderProcess]:
    """A recorder that is ended with the block."""
    running = RecorderProcess(folder, config, **how)
    try:
        yield running
    finally:
        running.kill()
