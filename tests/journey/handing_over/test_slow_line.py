"""Uploads keep to the owner's hours and limit, whichever way they go over the line; a request can be excepted."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.deliveries.way import Means, Way
from agent.owner.operations.handing_over.delivering import Deliver
from agent.owner.operations.requests import Pause
from exchange.clock import HOUR, MINUTE, SECOND
from exchange.documents import api
from tests.journey.handing_over.conftest import one_way
from tests.journey.home import ACTOR, NOON, Siege, besieged, owner_does


def hours(begin: int, end: int) -> str:
    """So many hours after the home's noon, by the clock on the wall here."""
    noon = datetime.fromtimestamp(NOON / SECOND, UTC).astimezone()
    return "-".join(f"{noon + timedelta(hours=each):%H:%M}" for each in (begin, end))


async def uploads(at: Siege) -> int:
    return sum(call.path.startswith(api.UPLOADS) for call in at.portal.calls)


async def test_an_upload_waits_for_its_hours_and_tells_when_it_goes_on(tmp_path: Path) -> None:
    async with besieged(tmp_path, extra=f"sending: {{hours: '{hours(8, 12)}'}}") as at:
        request_id = await at.asked()
        await at.say(request_id, yes=True)
        await at.walk()
        row = await at.row(request_id)
        assert row.state == "sealed"
        assert row.trouble is None  # nothing is wrong
        assert NOON + 8 * HOUR - MINUTE <= row.retry_at <= NOON + 8 * HOUR
        assert await uploads(at) == 0
        assert "upload-started" not in await at.events()
        await at.walk(7 * HOUR)
        assert await at.state(request_id) == "sealed"
        await at.walk(HOUR)
        assert await at.state(request_id) == "delivered"


async def test_an_urgent_request_is_excepted_and_a_paused_one_still_waits(tmp_path: Path) -> None:
    async with besieged(tmp_path, extra=f"sending: {{hours: '{hours(8, 12)}', limit: 1 MB}}") as at:
        request_id = await at.asked()
        await at.say(request_id, yes=True)
        await at.walk()
        await owner_does(at.agent, "pause", Pause(request_id=request_id), ACTOR)
        way = Way(means=Means.PORTAL, at_once=True)
        await owner_does(at.agent, "deliver", Deliver(request_id=request_id, way=way), ACTOR)
        await at.walk()
        assert await at.state(request_id) == "sealed"
        await owner_does(at.agent, "pause", Pause(request_id=request_id, paused=False), ACTOR)
        await at.walk()
        assert await at.state(request_id) == "delivered"


async def test_the_end_of_the_hours_breaks_an_upload_off_and_it_goes_on_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with besieged(tmp_path, extra=f"sending: {{hours: '{hours(-2, 1)}', limit: 100 MB}}") as at:
        request_id = await at.asked()
        await at.say(request_id, yes=True)
        given = 0

        async def passing(count: int) -> None:
            """An hour passes while the first half goes."""
            nonlocal given
            given += count
            if count and given > 100_000 and at.clock.now() < NOON + HOUR:
                at.clock.forward(HOUR)

        monkeypatch.setattr(type(at.agent.services.limit), "__call__", lambda _, count: passing(count))
        await at.walk()
        row = await at.row(request_id)
        assert row.state == "sealed", row
        assert row.trouble is None
        assert row.retry_at > NOON + 20 * HOUR
        (upload,) = at.portal.uploads.values()
        arrived = len(upload.content)
        assert 0 < arrived < upload.size
        events = await at.events()
        assert events.count("upload-interrupted") == 1
        await at.walk(row.retry_at - at.clock.now())
        assert await at.state(request_id) == "delivered"
        assert len(at.portal.uploads) == 1
        assert "upload-resumed" in await at.events()


async def test_files_for_a_bucket_keep_to_the_hours_too(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with one_way("s3", request, tmp_path) as goes:
        async with besieged(tmp_path, case="x25519", extra=f"sending: {{hours: '{hours(8, 12)}'}}") as at:
            await goes.set_up(at)
            request_id = await at.asked()
            await goes.choose(at, request_id)
            await at.say(request_id, yes=True)
            await at.walk()
            assert await at.state(request_id) == "sealed"
            assert goes.files() == {}
            await at.walk(8 * HOUR)
            assert await at.state(request_id) == "delivered"
            assert len(goes.packages) == 1
