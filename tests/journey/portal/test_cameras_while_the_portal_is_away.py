"""Cameras are added and removed here whether the portal answers or not; it is told later, and that is said."""

import io
from pathlib import Path

from rich.console import Console

from agent.background import housekeeping
from agent.cameras.stored import NewCamera
from agent.membership import registration
from agent.owner.operations.context import CameraNamed, Nothing
from agent.owner.terminal import prompt
from exchange.documents import api
from tests.counterparts.portals.hostile_portal import status
from tests.journey.home import ACTOR, CAMERA, Siege, besieged, owner_does


def yard(folder: Path) -> NewCamera:
    folder.mkdir()
    return NewCamera(
        camera_id="yard", address=str(folder), source="folder", options={}, label="Yard", latitude=1, longitude=2
    )


async def register_again(at: Siege) -> None:
    await registration.register(at.agent.services, await at.agent.services.portal())


async def test_what_was_said_is_done_and_the_portal_is_told_as_soon_as_it_answers(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        await register_again(at)
        at.portal.fault("PUT", api.REGISTRATION, status(503), times=2)
        added = await owner_does(at.agent, "add-camera", yard(tmp_path / "yard"), ACTOR)
        assert (added["registered"], "can't answer now" in added["portal_trouble"]) == (False, True)
        removed = await owner_does(at.agent, "remove-camera", CameraNamed(camera_id=CAMERA), ACTOR)
        assert "can't answer now" in removed["portal_trouble"]
        assert [each["camera_id"] for each in (await owner_does(at.agent, "cameras", Nothing(), ACTOR))["cameras"]] == [
            "yard"
        ]
        told = await owner_does(at.agent, "status", Nothing(), ACTOR)
        assert told["still_found"] == [CAMERA]
        out = io.StringIO()
        prompt.show_status(Console(file=out, width=80, color_system=None), told)
        assert f"officers can still find {CAMERA}" in " ".join(out.getvalue().split())
        await housekeeping._registered(at.agent.services)
        assert (await owner_does(at.agent, "status", Nothing(), ACTOR))["still_found"] == []
        (last,) = [call for call in at.portal.calls if str(call) == f"PUT {api.REGISTRATION}"][-1:]
        assert b"yard" in last.body
        assert CAMERA.encode() not in last.body
