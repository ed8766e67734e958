"""A worker that reads large files again, gently: at the lowest priority of processor and disk, past the page cache.

Not for: judging what was read, or any key.
"""

import ctypes
import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

_READ = 4 << 20
_TOLD = 64 << 20
_SYS_IOPRIO_SET = {"x86_64": 251, "aarch64": 30, "armv7l": 314, "armv6l": 314}
"""Linux, ioprio_set(2), by machine."""
_IDLE = 3 << 13
"""IOPRIO_CLASS_IDLE: the disk is ours only when nobody else wants it."""


def job(order: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """``{"files": […]}`` to ``{"sha256": […]}``: lower-case hex each, or "" for a file that is not there or can't be
    read. Reports ``{"bytes"}`` of all of them.
    """
    _be_gentle()
    done, found = 0, []
    for name in order["files"]:
        digest = ""
        with suppress(OSError):
            digest, done = _read(Path(name), done, report)
        found.append(digest)
    return {"sha256": found}


def _read(path: Path, done: int, report: Callable[[dict[str, Any]], None]) -> tuple[str, int]:
    digest, told = hashlib.sha256(), done
    with path.open("rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # what the disk has, not what memory has
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
        start = 0
        while block := file.read(_READ):
            digest.update(block)
            os.posix_fadvise(file.fileno(), start, len(block), os.POSIX_FADV_DONTNEED)
            start += len(block)
            done += len(block)
            if done - told >= _TOLD:
                told = done
                report({"bytes": done})
    return digest.hexdigest(), done


def _be_gentle() -> None:
    number = _SYS_IOPRIO_SET.get(os.uname().machine)
    if number is not None:
        ctypes.CDLL(None, use_errno=True).syscall(number, 1, 0, _IDLE)
