"""What of this host can hinder an agent: its disk, its card, the modes of its files, what systemd lets it see.

Not for: the agent's own subjects (``agent.owner.operations.doctor``). Each finding says what to do.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from exchange.counted import counted
from exchange.durable import takes_writes
from exchange.refused import name_of

_UNIT = "handover.service"


class State(StrEnum):
    GOOD = "good"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. ``do`` is empty for what is good."""

    about: str
    state: State
    text: str
    do: str = ""


def disks(data: Path, recordings: Path, keep_free: int) -> Iterator[Finding]:
    """Room, and whether the disks take writes. Blocks on them."""
    for what, folder in (("the agent's state", data), ("the recordings", recordings)):
        if not folder.is_dir():
            yield Finding("disk", State.BAD, f"The folder of {what}, {folder}, is not there.", "Is its disk mounted?")
            continue
        if not takes_writes(folder):
            text = f"The disk with {what} can only be read."
            yield Finding("disk", State.BAD, text, "Back it up, check it with fsck, and replace it if it has faults.")
            continue
        free = shutil.disk_usage(folder).free
        room = f"{free / 1000**3:.1f} GB are free for {what}"
        if free < keep_free // 2:
            yield Finding("disk", State.BAD, f"Only {room}.", "Free some space, or lower recordings.bytes.")
        else:
            yield Finding("disk", State.GOOD, f"{room}.")
    yield from _card(recordings)
    yield from _faults(recordings)


def _device(folder: Path) -> str:
    """The block device that a folder lies on, such as mmcblk0p2; empty when there is none to tell."""
    try:
        number = os.stat(folder).st_dev
        return Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve().name
    except OSError:
        return ""


def _card(recordings: Path) -> Iterator[Finding]:
    if _device(recordings).startswith("mmcblk"):
        text = "Recordings are written onto an SD card, which wears out by it within months."
        yield Finding("card", State.NOTE, text, "Put a disk on USB, and set recordings.directory to a folder on it.")


def _faults(recordings: Path) -> Iterator[Finding]:
    """What ext4 counted of errors (Documentation/admin-guide/ext4.rst of Linux)."""
    try:
        count = int(Path(f"/sys/fs/ext4/{_device(recordings)}/errors_count").read_text())
    except (OSError, ValueError):
        return
    if count:
        text = f"The file system with the recordings has counted {counted(count, 'error')}."
        yield Finding("disk", State.BAD, text, "Back it up, check it with fsck, and replace the disk if they go on.")


def modes(secrets: list[Path], data: Path) -> Iterator[Finding]:
    """Whose the files are, and that nobody else reads what is secret."""
    owner = data.stat().st_uid if data.exists() else os.geteuid()
    wrong = [path for path in secrets if path.exists() and path.stat().st_mode & 0o077]
    for path in wrong:
        yield Finding("permissions", State.BAD, f"Others may read {path}.", f"sudo chmod go= {path}")
    strange = [path for path in secrets if path.exists() and path.stat().st_uid != owner]
    for path in strange:
        text = f"{path} belongs to {name_of(path.stat().st_uid)}, and not to {name_of(owner)}."
        yield Finding("permissions", State.BAD, text, f"sudo chown -R {name_of(owner)} {path}")
    if not wrong and not strange:
        yield Finding("permissions", State.GOOD, "Keys and passwords can be read by the daemon alone.")


def unit(folders: list[Path]) -> Iterator[Finding]:
    """Whether systemd hides a folder from the daemon (ProtectHome, systemd.exec(5)). Silent without systemd."""
    homes = [path for path in folders if path.is_relative_to("/home") or path.is_relative_to("/root")]
    if not homes:
        return
    try:
        shown = subprocess.run(
            ["systemctl", "show", _UNIT, "-p", "ProtectHome"],  # noqa: S607 a system's own program
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return
    if shown.strip() not in ("ProtectHome=no", ""):
        text = f"{homes[0]} lies in a home, which systemd hides from the daemon ({shown.strip()})."
        yield Finding("ProtectHome", State.BAD, text, "Move it to /srv or /mnt, and set its new path.")
