"""Files in pieces: none is taken twice, none half, and nothing that is no recording."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.cameras.brought import Brought, brought_of
from agent.cameras.stored import NewCamera
from exchange.errors import DiskFull, InputInvalid, NotFound
from tests.journey.home import ACTOR, Siege, besieged, owner_does

ID = "0123456789abcdef"


async def content(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def doorbell(at: Siege) -> Brought:
    new = NewCamera(camera_id="bell", address="ring", label="Bell", latitude=53, longitude=-2, source="by_hand")
    await owner_does(at.agent, "add-camera", new, ACTOR)
    return await brought_of(at.agent.services, "bell")


async def test_pieces_follow_each_other_and_the_last_makes_it_whole(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        bell = await doorbell(at)
        assert bell.have("clip.mp4", ID) == 0
        assert await bell.take("clip.mp4", ID, 0, 6, content(b"ab", b"c"), 100) == 3
        assert bell.have("clip.mp4", ID) == 3
        with pytest.raises(InputInvalid, match="not the next one"):
            await bell.take("clip.mp4", ID, 0, 6, content(b"abc"), 100)
        with pytest.raises(InputInvalid, match="longer than it said"):
            await bell.take("clip.mp4", ID, 3, 6, content(b"defg"), 100)
        assert bell.have("clip.mp4", ID) == 3
        assert await bell.take("clip.mp4", ID, 3, 6, content(b"def"), 100) == 6
        (whole,) = [path for path in bell.folder.iterdir() if not path.name.startswith(".")]
        assert (whole.name, whole.read_bytes()) == ("clip-01234567.mp4", b"abcdef")
        assert bell.have("clip.mp4", ID) == 6


@pytest.mark.parametrize("name", ["clip.exe", "../../etc/passwd", "clip", ".mp4/x", "clip.mp4.html"])
async def test_what_is_no_recording_is_not_taken(tmp_path: Path, name: str) -> None:
    async with besieged(tmp_path) as at:
        bell = await doorbell(at)
        with pytest.raises(InputInvalid, match="no recording"):
            await bell.take(name, ID, 0, 3, content(b"abc"), 100)
        assert list(bell.folder.iterdir()) == []


async def test_names_from_outside_stay_inside(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        bell = await doorbell(at)
        for name in ("../../x.mp4", "C:\\videos\\x.mp4", "\u202egpj.mp4", "a" * 500 + ".mp4"):
            assert "/" not in bell.name_of(name, ID)
            assert bell.name_of(name, ID).isascii()
            assert len(bell.name_of(name, ID)) < 150
        with pytest.raises(InputInvalid):
            bell.name_of("x.mp4", "../../../../etc/")


async def test_a_full_disk_takes_nothing(tmp_path: Path) -> None:
    async with besieged(tmp_path, extra="") as at:
        bell = await doorbell(at)
        bell._free = 1 << 60
        with pytest.raises(DiskFull):
            await bell.take("clip.mp4", ID, 0, 3, content(b"abc"), 100)


async def test_a_camera_that_is_fetched_takes_no_files(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        with pytest.raises(InputInvalid, match="fetched by itself"):
            await brought_of(at.agent.services, "front-door")
        with pytest.raises(NotFound):
            await brought_of(at.agent.services, "nothing")
