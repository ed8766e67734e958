"""Agents tell of which hours they have recordings, and officers' searches take it into account."""

import pytest

from exchange.clock import DAY, HOUR, Window, to_rfc3339
from exchange.documents import api
from exchange.documents.api import FootageChance
from exchange.documents.hours import CameraHours, RecordedHours
from exchange.signing.documents import SigningKey, sign_document
from portal.registry.hours import KEPT_DAYS
from portal.storage.models import DayHours
from portal.sweep import sweep
from tests.portal.conftest import BOTH, NOON, Town
from tests.portal.wire import Agent, camera

ENGINES = BOTH

HERE = (53.7632, -2.7031)
TODAY = NOON // DAY * DAY


async def tell(agent: Agent, day: int, hours: str = "1" * 24, camera_id: str = "front", **how: SigningKey) -> int:
    told = RecordedHours(
        device=agent.key.public.fingerprint, day=day, cameras=(CameraHours(camera_id=camera_id, hours=hours),),
        issued=max(agent.clock.now(), day + DAY),
    )  # fmt: skip
    signed = sign_document(told, how.get("key", agent.key))
    return (await agent.call("PUT", api.RECORDED_HOURS, signed)).status


async def chance(town: Town, window: Window) -> FootageChance:
    times = {"from": to_rfc3339(window.start), "to": to_rfc3339(window.end)}
    found = await town.officer.search(lat=HERE[0], lon=HERE[1], radius_m=50, **times)
    (only,) = found.cameras
    return only.footage


@pytest.fixture
async def agent(town: Town) -> Agent:
    return await town.agent().join(town.place, camera("front", at=HERE, recordings_since=None))


async def test_hours_turn_unsure_into_likely_or_no(town: Town, agent: Agent) -> None:
    yesterday = TODAY - DAY
    early, late = Window(yesterday + HOUR, yesterday + 2 * HOUR), Window(yesterday + 20 * HOUR, yesterday + 21 * HOUR)
    assert [await chance(town, early), await chance(town, late)] == [FootageChance.UNSURE] * 2
    assert await tell(agent, yesterday, "1" * 12 + "0" * 12) == 204
    assert [await chance(town, early), await chance(town, late)] == [FootageChance.LIKELY, FootageChance.NO]
    assert await chance(town, Window(early.start, late.end)) is FootageChance.UNSURE
    assert await tell(agent, yesterday, "0" * 24) == 204, "said again, it takes the earlier one's place"
    assert await chance(town, early) is FootageChance.NO


async def test_an_agent_that_fell_silent_makes_nothing_likely(town: Town, agent: Agent) -> None:
    yesterday = TODAY - DAY
    await tell(agent, yesterday)
    town.clock.forward(3 * DAY)
    assert await chance(town, Window(yesterday, yesterday + HOUR)) is FootageChance.UNSURE


async def test_days_to_come_or_long_past_and_other_devices_are_refused(town: Town, agent: Agent) -> None:
    assert await tell(agent, TODAY) == 422
    assert await tell(agent, TODAY - (KEPT_DAYS + 1) * DAY) == 422
    assert await tell(agent, TODAY - DAY, key=SigningKey.generate()) == 422


async def test_only_registered_cameras_are_kept_and_a_withdrawal_erases_all(town: Town, agent: Agent) -> None:
    await tell(agent, TODAY - DAY, camera_id="unknown")
    await tell(agent, TODAY - 2 * DAY)
    assert await kept(town) == [("front", TODAY - 2 * DAY)]
    assert (await agent.call("DELETE", api.REGISTRATION, agent.withdrawal())).status == 204
    assert await kept(town) == []


async def test_hours_go_with_their_camera_and_with_time(town: Town, agent: Agent) -> None:
    await tell(agent, TODAY - DAY)
    portal = town.running.portal
    await sweep(portal.db, portal.uploads, portal.settings, NOON + (KEPT_DAYS - 2) * DAY)
    assert await kept(town) == [("front", TODAY - DAY)]
    await sweep(portal.db, portal.uploads, portal.settings, NOON + KEPT_DAYS * DAY)
    assert await kept(town) == []
    await tell(agent, TODAY - DAY)
    assert (
        await agent.call("PUT", api.REGISTRATION, agent.registration(camera("back", at=HERE), revision=2))
    ).status == 204
    assert await kept(town) == []


async def kept(town: Town) -> list[tuple[str, int]]:
    rows = await town.running.portal.db.read(lambda session: [(r.camera_id, r.day) for r in session.query(DayHours)])
    return sorted(rows)
