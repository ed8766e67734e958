"""How the recorder fares, as the daemon reads it from ``<root>/.state/recorder.json``.

Not for: the recorder itself, which writes that file. An unreadable one means: nothing is known.
"""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.recordings import layout
from exchange.clock import SECOND

MAX_BYTES = 1 << 20
STALE = 15 * SECOND
"""Microseconds after which a state file speaks of a recorder that is gone."""

_WORDS = {
    "connecting": "connecting",
    "recording": "recording",
    "waiting": "not reachable, tries again",
    "refused": "the camera refuses the user name or password",
    "unusable": "cannot be recorded as it was added; remove it and add it again",
    "no_room": "no room on the disk",
    "stopped": "stopped",
}


class CameraRecording(BaseModel):
    """One camera. Instants are microseconds UTC."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    state: Annotated[str, Field(max_length=32)]
    since: int | None = None
    last_packet: int | None = None
    error: Annotated[str, Field(max_length=1000)] | None = None
    fps: float = 0
    reconnects: int = 0
    sound_left_out: Annotated[str, Field(max_length=100)] = ""

    def as_text(self) -> str:
        words = _WORDS.get(self.state, self.state)
        if self.sound_left_out and self.state == "recording":
            return f"{words}, without its sound ({self.sound_left_out}), which can't be recorded"
        return f"{words} ({self.error})" if self.error and self.state != "recording" else words


class RecorderState(BaseModel):
    """All of it; ``at`` is when it was written."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: int
    stopped: bool = False
    cameras: dict[str, CameraRecording] = {}

    def alive(self, now: int) -> bool:
        return not self.stopped and abs(now - self.at) < STALE

    def camera_text(self, camera_id: str, now: int) -> str:
        """For a person: what the recorder does with this camera."""
        if not self.alive(now):
            return "no recorder runs"
        camera = self.cameras.get(camera_id)
        return "not recorded yet" if camera is None else camera.as_text()

    def recording(self, now: int) -> int:
        """How many cameras are being recorded."""
        return sum(camera.state == "recording" for camera in self.cameras.values()) if self.alive(now) else 0


def read_state(root: Path) -> RecorderState:
    """The newest state; an empty, old one when there is none that can be read."""
    try:
        with (root / layout.STATE / "recorder.json").open("rb") as file:
            return RecorderState.model_validate_json(file.read(MAX_BYTES))
    except (OSError, ValidationError):
        return RecorderState(at=0, stopped=True)
