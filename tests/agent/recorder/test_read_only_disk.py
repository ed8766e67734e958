"""A card that turned read-only is told once, as what it is, by the log, by status and by every command."""

import asyncio
import logging
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from agent.background.schedule import Recurring, Schedule
from agent.host.mount import READ_ONLY
from agent.owner.operations.context import Nothing
from agent.recorder import camera
from agent.recorder.camera import CameraState
from agent.recorder.config import CameraSource, RecorderConfig
from agent.recordings import disk as recordings_disk
from agent.store import database as store
from agent.store.database import Store
from exchange.clock import SECOND
from exchange.durable import read_only
from exchange.errors import DiskFull
from tests.agent.recorder.one_camera import SteppedClock, camera_thread
from tests.journey.home import ACTOR, besieged, owner_does

_SCRIPT = """
import subprocess, sys
from pathlib import Path
from agent.recorder import process as recorder
from agent.recorder.config import RecorderConfig, save
from agent.host.privileges import require_writable
from exchange.durable import durable_file, takes_writes
from exchange.errors import DiskFull

disk = Path(sys.argv[1])
assert takes_writes(disk) and takes_writes(disk / "none yet")
require_writable(disk / "agent", "the state")
save(disk / "recorder.json", RecorderConfig(disk / "recordings", ()))
subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
assert not takes_writes(disk)

def write():
    with durable_file(disk / "package") as file:
        file.write(b"x")

def record():
    recorder.main(disk / "recorder.json")

for what in (lambda: require_writable(disk / "agent", "the state"), write, record):
    try:
        what()
    except DiskFull as error:
        print(error.what)
"""


def test_a_disk_that_can_only_be_read_is_told_as_that(tmp_path: Path) -> None:
    inside = 'mount -t tmpfs tmpfs "$1" && exec "$2" -c "$3" "$1"'
    apart = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", inside, "sh"]
    told = subprocess.run(
        [*apart, tmp_path, sys.executable, _SCRIPT], capture_output=True, text=True, timeout=60, check=False
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines() == [
        f"The disk that holds the state, {tmp_path}/agent, can only be read.",
        f"The disk that holds {tmp_path}/package can only be read.",
        f"The disk that holds {tmp_path}/recordings can only be read.",
    ]


async def test_the_database_on_such_a_disk_is_told_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = await Store.open(tmp_path / "agent.db")
    async with kept.transaction() as tx:
        await tx.execute("PRAGMA query_only = 1")
    with pytest.raises(sqlite3.OperationalError):
        async with kept.transaction() as tx:
            await tx.set_note("a", "b")
    monkeypatch.setattr(store, "takes_writes", lambda _folder: False)
    with pytest.raises(DiskFull, match="The disk with the agent's database can only be read"):
        async with kept.transaction() as tx:
            await tx.set_note("a", "b")
    await kept.close()


async def test_status_tells_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with besieged(tmp_path) as at:
        assert (await owner_does(at.agent, "status", Nothing(), ACTOR))["disk_trouble"] is None
        monkeypatch.setattr(recordings_disk, "takes_writes", lambda folder: folder != at.settings.recordings.directory)
        told = (await owner_does(at.agent, "status", Nothing(), ACTOR))["disk_trouble"]
        assert told == "The recordings' disk can only be read."


def test_the_recorder_says_so_once_and_asks_no_camera(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[object] = []
    tries: list[Path] = []

    def never(folder: Path) -> bool:
        tries.append(folder)
        return False

    monkeypatch.setattr(camera, "takes_writes", never)
    monkeypatch.setattr(camera, "connect", asked.append)
    monkeypatch.setattr(camera, "ROOM_WAIT", 0.01)
    source = CameraSource("cam", "rtsp://127.0.0.1:9/cam")
    wanted = RecorderConfig(tmp_path, (source,), segment=SECOND)
    caplog.set_level(logging.INFO)
    with camera_thread(source, wanted, SteppedClock()) as running:
        while len(tries) < 5:
            running.join(0.01)
        assert running.state is CameraState.NO_ROOM
        assert running.error == READ_ONLY
    assert asked == []
    assert [record.message for record in caplog.records] == [f"cam: {READ_ONLY}"]


async def test_a_job_s_lasting_trouble_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    runs, enough = 0, asyncio.Event()

    async def run() -> None:
        nonlocal runs
        runs += 1
        if runs == 8:
            enough.set()
        if runs != 4:
            raise read_only("the disk")

    task = asyncio.create_task(Schedule((Recurring("heartbeat", SECOND // 1000, run),)).run())
    async with asyncio.timeout(60):
        await enough.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    said = [record.message for record in caplog.records if record.name == "agent.background.schedule"]
    assert len(said) == 2, "once, and once more after it had been over"
