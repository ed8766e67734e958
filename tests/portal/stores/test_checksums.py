"""Storage refuses what was changed between it and the portal, as each part's SHA-256 goes with it in a header.

By SeaweedFS, which checks such headers and nothing else of a body.
"""

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from portal.uploads.bucket import http, layout
from portal.uploads.bucket.http import SUM
from tests.counterparts.portals.portal import Place, in_process
from tests.counterparts.storage.bucket_line import BucketLine, line_to, saying
from tests.counterparts.storage.bucket_server import BucketServer
from tests.counterparts.storage.seaweed_server import seaweed_server
from tests.portal.conftest import Town
from tests.portal.stores.test_bucket import SMALLEST, STEP, begin, name_of, offset
from tests.portal.upload_places import bucket, bucket_of, kept
from tests.portal.wire import Agent, SetClock

KEPT_IN = ("bucket",)
CONTENT = os.urandom(2 * SMALLEST + 1000)


@pytest.fixture(scope="module")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BucketServer]:
    with seaweed_server(tmp_path_factory.mktemp("weed")) as server:
        yield server


@pytest.fixture
async def by_seaweed(
    place: Place, clock: SetClock, seaweed: BucketServer, room: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Town, BucketLine]]:
    monkeypatch.setattr(http, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(layout, "PART", SMALLEST)
    async with line_to(seaweed.endpoint) as line:
        settings = place.settings.model_copy(update={"bucket": bucket_of(seaweed, room, line.origin)})
        place = replace(place, settings=settings)
        async with in_process(place, clock) as running, aiohttp.ClientSession() as session:
            yield Town(place, clock, running, session), line


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 1 << 20):
        yield content[start : start + (1 << 20)]


async def test_a_byte_that_changed_on_the_way_is_refused_and_sent_again(
    by_seaweed: tuple[Town, BucketLine], seaweed: BucketServer
) -> None:
    """Time after time: nothing of it counts. Once: nobody notices. Whichever replica ends it."""
    town, line = by_seaweed
    agent = await town.agent().join(town.place)
    url, end = await begin(agent, len(CONTENT)), 2 * SMALLEST + 500
    assert (await agent.patch(url, 0, CONTENT[:1000])).status == 204
    for where, begun, reached in (("partNumber=2", 1000, SMALLEST), ("rest", SMALLEST, 2 * SMALLEST)):
        line.flips_in, line.flips = where, http.TRIES
        assert (await agent.patch(url, begun, pieces(CONTENT[begun:end]))).status == 503
        assert (await offset(agent, url), line.flips) == (reached, 0)
    line.flips_in, line.flips = "partNumber=3", 1
    town.running.portal.uploads._parts.forget(name_of(url))  # type: ignore[attr-defined]  # as another replica
    assert (await agent.patch(url, reached, CONTENT[reached:])).status == 204
    assert line.flips == 0
    assert kept(town.place, seaweed, url) == CONTENT


async def test_storage_that_takes_no_checksums_is_sent_none(
    town: Town, agent: Agent, storage: BucketServer, line: BucketLine
) -> None:
    sums: list[bool] = []

    async def knows_none(request: web.Request) -> web.Response | None:
        if request.method not in ("PUT", "POST"):
            return None
        sums.append(any(name.lower().startswith("x-amz-checksum") for name in request.headers))
        return await saying(501, "NotImplemented")(request) if sums[-1] else None

    line.fault = knows_none
    content = os.urandom(2 * STEP)
    for refused in (True, False):
        url = await begin(agent, len(content))
        assert (await agent.patch(url, 0, content)).status == 204
        assert kept(town.place, storage, url) == content
        assert any(sums) is refused
        sums.clear()


async def test_a_setting_leaves_checksums_out(
    by_line: Place, clock: SetClock, line: BucketLine, storage: BucketServer
) -> None:
    sent: list[str] = []

    async def look(request: web.Request) -> None:
        sent.extend(name for name in request.headers if name.lower() == SUM)

    line.fault = look
    for wanted in (True, False):
        settings = bucket(by_line).model_copy(update={"checksums": wanted})
        place = replace(by_line, settings=by_line.settings.model_copy(update={"bucket": settings}))
        async with in_process(place, clock) as running, aiohttp.ClientSession() as session:
            agent = await Town(place, clock, running, session).agent().join(place)
            url = await agent.upload(b"sealed")
        assert kept(place, storage, url) == b"sealed"
        assert bool(sent) is wanted
        sent.clear()
