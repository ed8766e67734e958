"""Sticks, cards and disks that can be taken out: which are there, where they are mounted, how much fits on them.

From the kernel's own tables (``/proc/self/mountinfo``, ``/sys``); no desktop and no udisks is needed. Mounting and
ejecting is the system's. Not for: writing to them (``agent.places.folder``).
"""

import os
from dataclasses import dataclass
from pathlib import Path

from agent.places.disk import Mounted, gone, mounted_at, mounts

SYS = Path("/sys")
_NOT_OURS = frozenset({"/", "/boot", "/boot/firmware", "/boot/efi", "/home", "/var", "/usr", "/etc", "/tmp"})  # noqa: S108
"""The system's own, also where it runs from a stick or card."""


@dataclass(frozen=True)
class Medium:
    """``folder`` is where it is mounted; ``size`` and ``free`` are bytes; ``most`` the largest file that it keeps."""

    folder: Path
    name: str
    """Of the device, as it calls itself; or what the kernel calls it."""
    kind: str
    size: int
    free: int
    most: int | None
    read_only: bool


def media(*, sys: Path = SYS, table: str | None = None) -> list[Medium]:
    """The removable media that are mounted, the one with the most room first. Blocks."""
    found = []
    for mounted in mounts(table):
        device = _block_device(sys, mounted)
        if device is None or str(mounted.point) in _NOT_OURS or not _removable(device):
            continue
        try:
            disk = os.statvfs(mounted.point)
        except OSError:
            continue  # pulled out a moment ago
        found.append(
            Medium(
                mounted.point,
                _name(device) or mounted.device,
                mounted.kind,
                disk.f_blocks * disk.f_frsize,
                disk.f_bavail * disk.f_frsize,
                mounted.most,
                mounted.read_only or bool(disk.f_flag & os.ST_RDONLY),
            )
        )
    return sorted(found, key=lambda medium: -medium.free)


def medium_of(folder: Path, *, sys: Path = SYS, table: str | None = None) -> Path | None:
    """The mount point of the medium that a folder is on, so that nothing is written below it when the medium is away:
    a removable one, or whatever else is mounted at this very folder. None for the system's own, and for folders of
    other disks and shares. PlaceUnreachable when the folder isn't there. Blocks.
    """
    if not folder.is_dir():
        raise gone(f"the medium at {folder}")
    mounted = mounted_at(folder, table)
    if mounted is None or str(mounted.point) in _NOT_OURS or mounted.number == _root_number(table):
        return None
    device = _block_device(sys, mounted)
    removable = device is not None and _removable(device)
    return mounted.point if removable or mounted.point == folder.resolve() else None


def _root_number(table: str | None) -> str | None:
    """The system's own disk: a service sees folders of it as mounted, such as /mnt, where nothing is plugged in."""
    root = mounted_at(Path("/"), table)
    return None if root is None else root.number


def _block_device(sys: Path, mounted: Mounted) -> Path | None:
    """The whole device that a partition is of, in ``/sys``."""
    try:
        found = (sys / "dev" / "block" / mounted.number).resolve(strict=True)
    except OSError:
        return None
    return found.parent if (found / "partition").exists() else found


def _removable(device: Path) -> bool:
    """Whether it says so itself, or hangs on USB: disks in cases don't say that they can be taken away."""
    try:
        if (device / "removable").read_text().strip() == "1":
            return True
    except OSError:
        return False
    return any(part.startswith("usb") for part in device.parts) or any(part.startswith("mmc") for part in device.parts)


def _name(device: Path) -> str:
    words = []
    for part in ("vendor", "model"):
        try:
            words.append((device / "device" / part).read_text().strip())
        except OSError:
            continue
    return " ".join(word for word in words if word)[:80]
