"""Officers learn how far back a camera's recordings reach now: by the day, once a day, and at once of a new camera."""

import shutil
from pathlib import Path

from agent.membership import registration
from exchange.clock import DAY, HOUR
from exchange.documents.messages import Registration
from exchange.signing.documents import read_unverified
from tests.journey.home import CAMERA, Siege, besieged


async def told(at: Siege) -> int | None:
    """What the portal was told last of the camera; registers anew if there is something to tell."""
    await registration.register(at.agent.services, await at.agent.services.portal())
    async with at.agent.services.store.transaction() as tx:
        row = await tx.one("SELECT * FROM registrations ORDER BY revision DESC LIMIT 1")
    assert row is not None
    signed = registration.Signed(document=row["document"], signature=row["signature"])
    (camera,) = [each for each in read_unverified(signed, Registration).cameras if each.camera_id == CAMERA]
    return camera.recordings_since


async def test_the_day_of_the_oldest_recording_is_told_and_again_only_the_next_day(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        today = at.window.start // DAY * DAY
        assert await told(at) == today
        camera = at.settings.recordings.directory / CAMERA
        older = (camera / f"{at.segments[0].parent.name}").rename(camera / "2026-01-02")
        for path in older.iterdir():
            if path.suffix == ".mp4":
                path.rename(path.with_name(f"20260102T{path.name[9:]}"))
        assert await told(at) == today
        at.clock.forward(21 * HOUR)
        assert await told(at) == 1_767_312_000_000_000  # 2026-01-02
        shutil.rmtree(camera)


async def test_a_camera_without_a_recording_has_no_such_day_and_gets_it_with_the_first(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        camera = at.settings.recordings.directory / CAMERA
        away = camera.rename(tmp_path / "away")
        assert await told(at) is None
        away.rename(camera)
        assert await told(at) == at.window.start // DAY * DAY
