"""A recordings' disk that is away is no disk without recordings: nobody is told so, and nothing is purged or asked."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from agent.background import housekeeping
from agent.host import mount
from agent.owner.operations.context import Nothing
from agent.owner.terminal import prompt
from agent.recordings import disk as recordings_disk
from agent.recordings.disk import recordings_mount
from tests.journey.home import ACTOR, besieged, owner_does


async def test_a_request_waits_for_the_disk_and_goes_on_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = True
    monkeypatch.setattr(mount, "mount_of", lambda _folder: "/mnt/recordings")
    monkeypatch.setattr(recordings_disk, "mount_of", lambda _folder: "/mnt/recordings")
    monkeypatch.setattr(recordings_disk, "is_mounted", lambda _mount: mounted)
    async with besieged(tmp_path) as at:
        assert await recordings_mount(at.agent.services.settings, at.agent.services.store) == "/mnt/recordings"
        mounted = False
        request_id = await at.take(at.request())
        assert await at.state(request_id) == "preserved"  # as far as it can be, until the disk is back
        assert not (at.settings.recordings.directory / ".holds").exists()
        assert "disk is not there" in (await at.listed(request_id))["trouble"]
        told = await owner_does(at.agent, "status", Nothing(), ACTOR)
        out = io.StringIO()
        prompt.show_status(Console(file=out, width=80, color_system=None), told)
        assert "The recordings' disk is not there. Nothing is mounted at /mnt/recordings" in " ".join(
            out.getvalue().split()
        )
        assert await housekeeping.keep_recordings_within_bounds(at.agent.services, at.agent.recordings) == 0
        mounted = True
        at.clock.forward(10 * 60 * 1_000_000)
        await at.fetch_and_walk()
        assert await at.state(request_id) == "asked"


async def test_the_system_s_own_disk_is_always_there(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        told = await owner_does(at.agent, "status", Nothing(), ACTOR)
        assert told["disk_trouble"] is None


def test_the_mount_point_is_found_from_any_folder_below() -> None:
    assert mount.mount_of(Path("/proc/self/net")) == "/proc"
    assert mount.mount_of(Path("/")) == ""
    assert mount.is_mounted("")
    assert mount.is_mounted("/proc")
    assert not mount.is_mounted("/usr/bin")
