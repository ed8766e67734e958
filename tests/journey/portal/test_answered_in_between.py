"""What stands between an agent and its portal answers in its place: that is no word of the portal's."""

import base64
import json
from email.utils import formatdate
from pathlib import Path

import pytest
from aiohttp import web

from exchange.clock import HOUR, MINUTE, SECOND
from exchange.documents import api
from exchange.errors import PortalUnreachable
from tests.counterparts.portals.hostile_portal import Call, Handler, page, status
from tests.journey.home import besieged
from tests.journey.portal.test_portal_faults import pauses_of

BETWEEN = {
    "a log-in in its place": page(),
    "a log-in elsewhere": status(302, Location="http://login.example/"),
    "a filter": page(403),
    "a proxy that wants a log-in": page(407),
    "a proxy that knows nobody here": page(404),
}


@pytest.mark.parametrize("what", BETWEEN)
async def test_a_no_of_the_owners_counts_as_told_once_the_portal_itself_took_it(tmp_path: Path, what: str) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        decision = api.DECISION.format(request_id=request_id)
        at.portal.fault("PUT", decision, BETWEEN[what], times=2)
        await at.say(request_id, yes=False)
        await at.walk()
        await at.walk(later=MINUTE)
        assert (await at.row(request_id)).answered_at is None
        assert await at.state(request_id) == "declined"
        assert "In the portal's place came" in (await at.listed(request_id))["trouble"]
        await at.walk(later=HOUR)
        assert (await at.row(request_id)).answered_at is not None
        assert [call.path for call in at.portal.calls if call.method == "PUT"].count(decision) == 3


@pytest.mark.parametrize("what", BETWEEN)
async def test_a_portal_that_something_stands_before_is_asked_as_often_as_ever(tmp_path: Path, what: str) -> None:
    async with besieged(tmp_path) as at:
        at.portal.fault("GET", api.INBOX, BETWEEN[what], times=12)
        slept = await pauses_of(at, 12)
        assert max(slept) <= 1.5 * max(20, at.settings.poll.every / SECOND)


async def test_a_call_that_not_every_portal_knows_may_be_answered_by_any_page(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        at.portal.fault("GET", api.CHECKPOINTS, page(404))
        at.portal.fault("GET", api.CHECKPOINTS, page(403))
        portal = await at.agent.services.portal()
        assert (await portal.witnessed()).decisions == ()
        with pytest.raises(PortalUnreachable):
            await portal.witnessed()


def taking_tokens_of(now: float, taken: list[str]) -> Handler:
    """A portal whose clock shows ``now`` (seconds), and that takes tokens of that time only."""

    async def handler(call: Call, request: web.Request) -> web.StreamResponse:
        claims = call.headers["Authorization"].split(".")[1]
        issued = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["iat"]
        taken.append(call.method)
        date = {"Date": formatdate(now, usegmt=True)}
        if abs(issued - now) > 10:
            return web.Response(status=401, headers=date)
        return web.json_response({"cursor": 0, "items": []}, headers=date)

    return handler


@pytest.mark.parametrize("off", [-90, 90, 40_000_000])
async def test_tokens_are_made_by_the_portals_clock_where_it_refuses_those_of_this_machines(
    tmp_path: Path, off: int
) -> None:
    async with besieged(tmp_path) as at:
        calls: list[str] = []
        now = at.clock.now() / SECOND + off
        at.portal.fault("GET", api.INBOX, taking_tokens_of(now, calls), times=9)
        for _ in range(2):
            assert (await (await at.agent.services.portal()).inbox(0, 0)).items == ()
        assert len(calls) == 3, "the second call knew"


async def test_a_token_that_is_refused_at_the_same_time_is_not_tried_again(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        before = len(at.portal.calls)
        date = formatdate(at.clock.now() / SECOND, usegmt=True)
        at.portal.fault("GET", api.INBOX, status(401, Date=date), times=2)
        with pytest.raises(Exception, match="status 401"):
            await (await at.agent.services.portal()).inbox(0, 0)
        assert len(at.portal.calls) == before + 1


async def test_where_a_token_of_the_portals_time_is_refused_too_the_next_is_of_this_machines_again(
    tmp_path: Path,
) -> None:
    async with besieged(tmp_path) as at:
        now = at.clock.now() / SECOND
        at.portal.fault("GET", api.INBOX, status(401, Date=formatdate(now + 86_400, usegmt=True)), times=2)
        with pytest.raises(Exception, match="status 401"):
            await (await at.agent.services.portal()).inbox(0, 0)
        calls: list[str] = []
        at.portal.fault("GET", api.INBOX, taking_tokens_of(now, calls), times=1)
        assert (await (await at.agent.services.portal()).inbox(0, 0)).items == ()
        assert len(calls) == 1
