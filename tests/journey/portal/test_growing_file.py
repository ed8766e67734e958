"""A file that is read while it grows: who is cancelled in the middle of opening it leaves nothing open."""

import asyncio
import os
import threading
from io import FileIO
from pathlib import Path

import pytest

from agent.portal import growing


def is_open(path: Path) -> bool:
    return any(os.path.realpath(each) == str(path) for each in Path("/proc/self/fd").iterdir())


async def test_a_file_whose_opening_was_cancelled_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, begun, may_go_on = tmp_path / "sealed", threading.Event(), threading.Event()
    path.write_bytes(b"x")

    def slowly(path: Path) -> FileIO:
        begun.set()
        may_go_on.wait(30)
        return FileIO(path)

    monkeypatch.setattr(growing, "FileIO", slowly)
    opening = asyncio.create_task(growing.open_to_read(path))
    await asyncio.to_thread(begun.wait, 30)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    may_go_on.set()
    await asyncio.get_running_loop().shutdown_default_executor()
    await asyncio.sleep(0)
    assert not is_open(path)
