"""Up to when each camera's recordings were removed: what of an earlier time is still there is there for a request only.

Not for: removing (``retention``). It is told to nobody; what is told of recordings begins behind it.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from agent.recordings import layout
from exchange.durable import durable_file

_FILE = ".purged.json"
_MAX_BYTES = 1 << 20


class Frontier:
    """An instant a camera, in microseconds UTC, in a file beside the recordings: a hold that is released, and a disk
    that has room again, don't bring it back."""

    def __init__(self, root: Path) -> None:
        self._path = root / _FILE

    def of(self, camera_id: str, now: int) -> int:
        """0 while nothing was removed. One that lies after ``now`` is none: the clock was wrong when it was noted."""
        reached = self._read().get(camera_id, 0)
        return reached if reached <= now else 0

    def note(self, going: Iterable[tuple[str, int]], now: int) -> None:
        """The cameras and ends of what is removed next. To be called before it is removed. OSError."""
        known = self._read()
        moved = {camera: end for camera, end in known.items() if end <= now}
        for camera, end in going:
            if end <= now:
                moved[camera] = max(end, moved.get(camera, 0))
        if moved != known:
            with durable_file(self._path, mode=0o660) as file:
                file.write(json.dumps({"v": 1, "cameras": moved}).encode())

    def _read(self) -> dict[str, int]:
        """Nothing of a file that can't be read: the next purge writes it anew."""
        try:
            with self._path.open("rb") as file:
                cameras = json.loads(file.read(_MAX_BYTES))["cameras"]
            return {name: end for name, end in cameras.items() if layout.is_id(name) and isinstance(end, int)}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}
