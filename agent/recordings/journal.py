"""The per-day ``index.jsonl`` beside the segments: facts that names can't hold. Only added to; nothing depends on it.

Not for: what exists (the names say that). A torn last line is passed over, and a lost journal is made anew from names.
"""

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.recordings import layout

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


def read(folder: Path, having: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
    """The entries in the order they were written; lines that are torn, or of another version, are left out.

    ``having``: only lines with one of these in them, which saves parsing the others.
    """
    return entries(content(folder), having)


def content(folder: Path, start: int = 0) -> bytes:
    """The journal from its byte ``start`` on, up to the last whole line; empty when there is none."""
    try:
        with (folder / layout.JOURNAL).open("rb") as file:
            file.seek(start)
            read = file.read(MAX_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return b""
    return read[: read.rfind(b"\n") + 1]


def entries(lines: bytes, having: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
    """See ``read``."""
    marks = [each.encode() for each in having]
    if marks and not any(mark in lines for mark in marks):
        return
    for line in lines.splitlines():
        if marks and not any(mark in line for mark in marks):
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict) and entry.get("v") == VERSION:
            yield entry


def segments(folder: Path, having: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """The entries of segments, each segment's last: one that was given another name has another line since."""
    last: dict[object, dict[str, Any]] = {}
    for number, entry in enumerate(read(folder, having)):
        if entry.get("event") == "segment":
            uptime = entry.get("uptime")
            last[(entry.get("boot"), uptime) if isinstance(uptime, int) else number] = entry
    return list(last.values())


def rebuild(folder: Path) -> int:
    """Add an entry for each finished segment that the journal doesn't know; how many there were."""
    known = {entry.get("name") for entry in segments(folder)}
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
