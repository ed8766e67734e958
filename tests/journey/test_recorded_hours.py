"""What a home tells of its recordings by the hour: only as its owner wants, and nothing that hangs on a request."""

import asyncio
from dataclasses import replace
from pathlib import Path

from agent.cameras.stored import change_registration
from agent.membership.hours import tell_hours, telling_hour
from agent.recordings.retention import Policy
from exchange.clock import DAY, HOUR
from exchange.documents import api
from exchange.documents.hours import RecordedHours
from exchange.documents.messages import Signed
from tests.counterparts.files.footage import put
from tests.journey.home import CAMERA, Siege, besieged


async def told(at: Siege, *, wanted: bool) -> list[RecordedHours]:
    services, before = at.agent.services, len(at.portal.calls)
    portal = services.settings.portal.model_copy(update={"tell_hours": wanted})
    parts = replace(services, settings=services.settings.model_copy(update={"portal": portal}))
    count = await tell_hours(parts, await services.portal())
    calls = [call for call in at.portal.calls[before:] if call.path == api.RECORDED_HOURS]
    assert len(calls) == count
    return [RecordedHours.model_validate_json(Signed.model_validate_json(call.body).document) for call in calls]


async def test_nothing_is_told_unless_the_owner_says_so(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        at.clock.forward(DAY)
        assert await told(at, wanted=False) == []


async def test_a_day_is_told_once_it_is_over_whatever_is_asked_of_it(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        day = at.window.start // DAY * DAY
        at.clock.forward(day + DAY - at.clock.now() - 1)
        assert [each.day for each in await told(at, wanted=True)] == [], "it is not over yet"
        at.clock.forward(HOUR)
        first = await told(at, wanted=True)
        assert [each.day for each in first] == [day]
        (camera,) = first[0].cameras
        recorded = {(at.window.start - day) // HOUR, (at.window.end - 1 - day) // HOUR}
        assert {hour for hour, said in enumerate(camera.hours) if said == "1"} == recorded
        await at.asked()
        again = await told(at, wanted=True)
        assert [each.model_copy(update={"issued": 0}) for each in again] == [
            each.model_copy(update={"issued": 0}) for each in first
        ]


async def test_what_is_held_beyond_its_age_is_not_told(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        day = at.window.start // DAY * DAY
        at.clock.forward(day + 2 * DAY - at.clock.now())
        assert day in [each.day for each in await told(at, wanted=True)]
        async with at.agent.services.store.transaction() as tx:
            row = await tx.camera(CAMERA)
            assert row is not None
            await change_registration(tx, row, {"retention_days": 1})
        assert day not in [each.day for each in await told(at, wanted=True)]


async def test_what_is_held_where_its_neighbours_went_for_room_is_not_told(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        day, store = at.window.start // DAY * DAY, at.agent.recordings
        put(store.root, CAMERA, day + HOUR)
        put(store.root, CAMERA, day + DAY + 2 * HOUR)
        at.clock.forward(day + 2 * DAY - at.clock.now())
        await at.asked()
        assert [each.day for each in await told(at, wanted=True)] == [day, day + DAY]
        await asyncio.to_thread(store.purge, at.clock.now(), Policy(max_bytes=0))
        assert await asyncio.to_thread(store.held_bytes) > 0
        assert await told(at, wanted=True) == []
        assert await at.agent.services.footage.recordings_since(CAMERA) is None


def test_each_agent_tells_at_an_hour_of_its_own() -> None:
    hours = {telling_hour(f"SHA256:{number}") for number in range(300)}
    assert hours == set(range(24))
