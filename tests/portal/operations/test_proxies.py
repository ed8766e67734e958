"""Behind a proxy: a caller's address is the one that a trusted proxy saw, and nobody can choose their own."""

from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web
from pydantic import ValidationError

from exchange.documents import api
from exchange.documents.messages import Enrolment
from portal.callers.proxies import MOST_HOPS, Proxies
from portal.settings import Limits, PortalSettings
from tests.counterparts.portals.portal import Place, in_process
from tests.portal.wire import Agent, SetClock

OURS = ("127.0.0.1/32", "10.0.0.0/8", "2001:db8:1::/48")


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("127.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("::ffff:127.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("127.0.0.1", ["203.0.113.1, 192.0.2.7, 10.1.2.3"], "192.0.2.7"),
        ("127.0.0.1", ["203.0.113.1", "192.0.2.7"], "192.0.2.7"),
        ("127.0.0.1", ["203.0.113.1, unknown, 10.1.2.3"], "10.1.2.3"),
        ("127.0.0.1", ["192.0.2.7:4711"], "192.0.2.7"),
        ("2001:db8:1::1", ["[2001:db8:2::7]:443"], "2001:db8:2::7"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("127.0.0.1", [", ".join(["10.0.0.1"] * MOST_HOPS * 9)], "10.0.0.1"),
        ("198.51.100.1", ["192.0.2.7"], "198.51.100.1"),
        (None, ["192.0.2.7"], None),
    ],
)
def test_the_last_address_that_no_trusted_proxy_has_is_the_callers(
    peer: str | None, forwarded: list[str], caller: str | None
) -> None:
    assert Proxies(OURS).caller(peer, forwarded) == caller
    assert Proxies().caller(peer, forwarded) == peer


def test_what_is_no_network_is_no_setting(place: Place) -> None:
    with pytest.raises(ValidationError):
        PortalSettings.model_validate({**place.settings.model_dump(), "trusted_proxies": ["everyone"]})


@pytest.fixture
async def proxy() -> AsyncIterator[tuple[str, list[str]]]:
    """A proxy as nginx is set up: it adds whom it saw (who that is, a test says), and hands on; its address, and where
    to."""
    to: list[str] = []

    async def hand_on(request: web.Request) -> web.Response:
        seen = request.headers["Seen"]
        before = request.headers.get("X-Forwarded-For")
        headers = {"X-Forwarded-For": f"{before}, {seen}" if before else seen, "Content-Type": request.content_type}
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, to[0] + request.path, data=await request.read(), headers=headers) as answer,
        ):
            return web.Response(status=answer.status, body=await answer.read())

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hand_on)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield site.name.replace("localhost", "127.0.0.1"), to
    await runner.cleanup()


@pytest.mark.parametrize("limits", [Limits(enrolments_per_minute=1)])
@pytest.mark.parametrize("trusted", [(), ("127.0.0.1/32",)])
async def test_behind_a_trusted_proxy_each_address_has_its_own_limit(
    place: Place, clock: SetClock, proxy: tuple[str, list[str]], trusted: tuple[str, ...]
) -> None:
    settings = place.settings.model_copy(update={"trusted_proxies": trusted})
    behind = replace(place, settings=settings)
    address, to = proxy
    async with in_process(behind, clock) as running, aiohttp.ClientSession() as session:
        to.append(running.address)
        statuses = []
        for seen, said in (("192.0.2.1", None), ("192.0.2.2", None), ("192.0.2.1", "198.51.100.9")):
            agent = Agent(session, running.portal.origin, clock)
            enrolment = agent.sign(
                Enrolment(
                    device_key=agent.key.public.line,
                    portal=agent.origin,
                    force_key=place.force.key.public.fingerprint,
                    issued=clock.now(),
                )
            ).model_dump_json()
            headers = {"Seen": seen, "Content-Type": "application/json", **({"X-Forwarded-For": said} if said else {})}
            async with session.post(address + api.DEVICES, data=enrolment, headers=headers) as answer:
                statuses.append(answer.status)
        assert statuses == ([201, 201, 429] if trusted else [201, 429, 429])
