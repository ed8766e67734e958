"""A limit on all that lies at a portal, in a folder or a bucket: kept to by all, told before, heeded by agents."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner

from agent.portal.client import PortalBusy
from agent.portal.tus import TusUpload
from exchange.documents import api
from exchange.signing.tokens import mint
from portal.cli import main
from portal.server import Listen, running
from portal.settings import Limits
from portal.uploads.room import Room
from tests.counterparts.portals.portal import Place, in_process
from tests.portal.conftest import BOTH, STORES, Town
from tests.portal.stores.test_bucket import TUS
from tests.portal.wire import Agent, Answer, SetClock

SMALL = pytest.mark.parametrize("limits", [Limits(storage_bytes=100)])
anywhere = Listen("127.0.0.1", 0)


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """A test of files looks into them itself."""


@pytest.fixture
async def town(place: Place, clock: SetClock) -> AsyncIterator[Town]:
    """Without a line of its own to the bucket."""
    async with in_process(place, clock) as running, aiohttp.ClientSession() as session:
        yield Town(place, clock, running, session)


async def ask(agent: Agent, size: int) -> Answer:
    return await agent.call("POST", api.UPLOADS, headers={**TUS, "Upload-Length": str(size)})


def bearer(agent: Agent) -> dict[str, str]:
    return {"Authorization": f"Bearer {mint(agent.key, agent.origin, agent.clock)}", **TUS}


@SMALL
@pytest.mark.parametrize("store", STORES, indirect=True)
async def test_what_would_not_fit_waits_until_there_is_room_and_nothing_else_does(town: Town, tmp_path: Path) -> None:
    agent, other = [await town.agent().join(town.place) for _ in range(2)]
    first = await ask(agent, 60)
    full = await ask(other, 41)
    assert (first.status, full.status, full.headers["Retry-After"]) == (201, 507, "600")
    assert (await agent.patch(first.headers["Location"], 0, b"x" * 60)).status == 204
    (tmp_path / "film").write_bytes(b"y" * 50)
    upload = TusUpload(town.session, lambda: bearer(other), tmp_path / "film", 50)
    with pytest.raises(PortalBusy) as told:
        await upload.create(town.origin + api.UPLOADS, {})
    assert told.value.after == 600
    assert (await ask(other, 40)).status == 201
    path = first.headers["Location"].removeprefix(town.origin)
    assert (await agent.call("DELETE", path, headers=TUS)).status == 204
    assert (await upload.create(town.origin + api.UPLOADS, {})).startswith(town.origin)


@SMALL
@pytest.mark.parametrize("engine", BOTH, indirect=True)
async def test_many_that_begin_at_once_take_no_more_than_there_is(town: Town) -> None:
    agents = [await town.agent().join(town.place) for _ in range(6)]
    answers = await asyncio.gather(*(ask(agent, 30) for agent in agents))
    assert sorted(answer.status for answer in answers) == [201] * 3 + [507] * 3


def test_the_log_tells_at_each_step_once(caplog: pytest.LogCaptureFixture) -> None:
    room = Room(Limits(storage_bytes=1000))
    told = []
    for taken in (799, 800, 850, 960, 1000, 810, 960):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "handover.portal"):
            room.note(taken)
        told.append([record.getMessage().partition(" %")[0] for record in caplog.records])
    assert told == [[], ["uploads take 80"], [], ["uploads take 96"], ["uploads take 100"], [], ["uploads take 96"]]
    room = Room(Limits())
    room.note(10**15)
    assert (room.percent, caplog.records[1:]) == (None, [])


@SMALL
async def test_figures_and_a_command_say_how_much_is_taken(place: Place, clock: SetClock) -> None:
    served = running(place.folder, place.settings, anywhere, clock=clock, metrics=anywhere)
    async with served as now, aiohttp.ClientSession() as session:
        agent = await Town(place, clock, now, session).agent().join(place)
        await agent.upload(b"x" * 30)
        assert (await ask(agent, 50)).status == 201
        portal = now.portal
        portal.room.note(await portal.db.read(lambda session: 80))
        assert now.metrics is not None
        async with session.get(now.metrics) as answer:
            text = await answer.text()
        assert "handover_uploads_bytes 80.0" in text
        assert "handover_uploads_most_bytes 100.0" in text
        place.folder.settings_file.unlink()
        place.folder.save(place.settings)
        told = await asyncio.to_thread(CliRunner().invoke, main, ["room", str(place.folder.path), "--json"])
    assert json.loads(told.stdout) == {
        "whole": 1, "whole_bytes": 30, "on_their_way": 1, "on_their_way_bytes": 50, "verified_bytes": 0,
        "most_bytes": 100,
    }  # fmt: skip
    plain = await asyncio.to_thread(CliRunner().invoke, main, ["room", str(place.folder.path)])
    assert "80 %" in plain.output
