"""The per-day ``index.jsonl`` beside the segments: facts that names can't hold. Only added to; nothing depends on it.

Not for: what exists (the names say that). A torn last line is passed over, and a lost journal is made anew from names.
"""

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.footage import layout

VERSION = 1
MAX_BYTES = 64 * 1024 * 1024
"""A day has some 1,440 lines of about 700 bytes; what is longer than this is not read."""


def append(folder: Path, entry: dict[str, Any]) -> None:
    """Add a line and put it on the disk. A line that an earlier power cut left torn is closed first. OSError."""
    line = json.dumps({"v": VERSION, **entry}, separators=(",", ":")).encode() + b"\n"
    descriptor = os.open(folder / layout.JOURNAL, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o660)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line
        if os.write(descriptor, line) != len(line):  # torn; the next line will be put behind a line break
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def read(folder: Path) -> Iterator[dict[str, Any]]:
    """The entries in the order they were written; lines that are torn, or of another version, are left out."""
    try:
        with (folder / layout.JOURNAL).open("rb") as file:
            content = file.read(MAX_BYTES)
    except FileNotFoundError:
        return
    for line in content.splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict) and entry.get("v") == VERSION:
            yield entry


def rebuild(folder: Path) -> int:
    """Add an entry for each finished segment that the journal doesn't know; how many there were."""
    known = {entry.get("name") for entry in read(folder) if entry.get("event") == "segment"}
    added = 0
    for name in sorted(os.listdir(folder)):
        segment = layout.parse(name)
        if segment is None or segment.duration is None or name in known:
            continue
        append(
            folder,
            {"event": "segment", "name": name, "start": segment.start, "end": segment.end, "clock": "name"},
        )
        added += 1
    return added
