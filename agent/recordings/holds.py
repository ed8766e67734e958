"""Holds keep footage from being removed: hard links to finished segments, and each hold's windows in a file.

Not for: deciding what to hold. A hold is its folder ``.holds/<id>``: made by one rename, gone by one rename.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from agent.recordings import layout
from exchange.clock import Window
from exchange.durable import durable_file, raising_disk_full, sync_folder

_FILE = "hold.json"
_LEAVING = ".released-"
_MAX_BYTES = 1 << 20


class Holds:
    """``finished_in(camera id, window)`` names the finished segments in the camera's own folder.

    Two things protect footage: the link, from anybody's deletion; and the window in ``hold.json``, from our own purge,
    also for a segment that is open when the hold is made, until ``keep`` finds it finished and links it.
    """

    def __init__(self, root: Path, finished_in: Callable[[str, Window], list[Path]]) -> None:
        self.root = root
        self.folder = root / layout.HOLDS
        self._finished_in = finished_in

    def hold(self, hold_id: str, camera_id: str, window: Window) -> int:
        """Write the window down first, then link; bytes that are held of it. ValueError, DiskFull, OSError."""
        if not layout.is_id(hold_id) or not layout.is_id(camera_id):
            raise ValueError("this cannot name a folder of holds")
        folder = self.folder / hold_id
        with raising_disk_full(folder):
            folder.mkdir(mode=0o770, parents=True, exist_ok=True)
            windows = list(self._windows_of(hold_id))
            if (camera_id, window) not in windows:
                self._write(folder, [*windows, (camera_id, window)])
            self._link(hold_id, camera_id, window)
        return sum(
            path.stat().st_size
            for path in _files(folder / camera_id)
            if (name := layout.parse(path.name)) and name.start < window.end and name.end > window.start
        )

    def _write(self, folder: Path, windows: list[tuple[str, Window]]) -> None:
        plain = [{"camera": camera, "start": window.start, "end": window.end} for camera, window in windows]
        with durable_file(folder / _FILE, mode=0o660) as file:
            file.write(json.dumps({"v": 1, "windows": plain}).encode())
        sync_folder(self.folder)

    def _link(self, hold_id: str, camera_id: str, window: Window) -> int:
        made = 0
        kept = [path for folder in self.folders(camera_id) for path in _files(folder) if _within(path, window)]
        for path in (*self._finished_in(camera_id, window), *kept):  # another hold may be all that keeps it
            folder = self.folder / hold_id / camera_id / path.parent.name
            folder.mkdir(mode=0o770, parents=True, exist_ok=True)
            try:
                os.link(path, folder / path.name)
            except FileExistsError:
                continue
            except FileNotFoundError:  # removed by hand meanwhile
                continue
            made += 1
            sync_folder(folder)
        return made

    def keep(self) -> int:
        """Link what was finished since it was held, and end releases that were cut off; how many links were made."""
        for name in _names(self.folder):
            if name.startswith(_LEAVING):
                shutil.rmtree(self.folder / name, ignore_errors=True)
        return sum(
            self._link(hold_id, camera_id, window)
            for hold_id, windows in self.windows().items()
            for camera_id, window in windows
        )

    def release(self, hold_id: str) -> None:
        """The rename lets go at once; what a crash leaves of the rest, the next ``keep`` removes."""
        if not layout.is_id(hold_id):
            raise ValueError("this cannot name a hold")
        leaving = self.folder / f"{_LEAVING}{hold_id}"
        shutil.rmtree(leaving, ignore_errors=True)
        try:
            (self.folder / hold_id).rename(leaving)
        except FileNotFoundError:
            return
        sync_folder(self.folder)
        shutil.rmtree(leaving, ignore_errors=True)

    def windows(self) -> dict[str, tuple[tuple[str, Window], ...]]:
        return {name: self._windows_of(name) for name in _names(self.folder) if layout.is_id(name)}

    def _windows_of(self, hold_id: str) -> tuple[tuple[str, Window], ...]:
        try:
            with (self.folder / hold_id / _FILE).open("rb") as file:
                written: Any = json.loads(file.read(_MAX_BYTES))
        except FileNotFoundError:
            return ()
        return tuple((each["camera"], Window(each["start"], each["end"])) for each in written["windows"])

    def folders(self, camera_id: str) -> list[Path]:
        """The folders of all holds that may have this camera's links."""
        folders = (self.folder / name / camera_id for name in _names(self.folder) if layout.is_id(name))
        return [folder for folder in folders if folder.is_dir()]

    def renamed(self, camera_id: str, old: Path, new: Path) -> None:
        """A segment gets another name: so do its links in all holds. OSError."""
        for folder in self.folders(camera_id):
            link = folder / old.parent.name / old.name
            if link.exists():
                target = folder / new.parent.name / new.name
                target.parent.mkdir(mode=0o770, parents=True, exist_ok=True)
                link.rename(target)
                sync_folder(target.parent)

    def bytes(self) -> int:
        sizes: dict[tuple[int, int], int] = {}
        for name in _names(self.folder):
            if layout.is_id(name):
                for path in _files(self.folder / name):
                    facts = path.stat()
                    sizes[facts.st_dev, facts.st_ino] = facts.st_size
        return sum(sizes.values())


def _within(path: Path, window: Window) -> bool:
    name = layout.parse(path.name)
    return name is not None and name.duration is not None and name.start < window.end and name.end > window.start


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        for name in names:
            if layout.parse(name) is not None:
                yield Path(parent) / name
