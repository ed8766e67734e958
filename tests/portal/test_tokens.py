"""Who may call: tokens by a known key, for this portal, fresh, once."""

import secrets

import aiohttp
import jwt
import pytest

from exchange.clock import DAY, SECOND
from exchange.documents import api
from exchange.signing.documents import SigningKey
from exchange.signing.tokens import mint
from portal.problems import unauthenticated
from tests.counterparts.portals.portal import Place, in_process
from tests.portal.conftest import NOON, Town
from tests.portal.wire import Agent, SetClock

NOW = NOON // SECOND
BEAT = api.Heartbeat(version="1.0", cameras_recording=1, cameras_registered=1)


def claims_of(agent: Agent) -> dict[str, object]:
    return jwt.decode(token(agent.key, agent.origin), options={"verify_signature": False})


def token(key: SigningKey, audience: str, **changed: object) -> str:
    claims = {
        "iss": key.public.fingerprint,
        "aud": audience,
        "iat": NOW,
        "exp": NOW + 60,
        "jti": secrets.token_hex(16),
    }
    return jwt.encode({**claims, **changed}, key.private, algorithm="EdDSA")


@pytest.fixture
async def agent(town: Town) -> Agent:
    return await town.agent().join(town.place)


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "https://another.example"},
        {"iss": SigningKey.generate().public.fingerprint},
        {"iss": "root"},
        {"iat": NOW - 200, "exp": NOW - 140},
        {"iat": NOW + 100, "exp": NOW + 160},
        {"exp": NOW + 3600},
        {"exp": NOW},
        {"iat": True},
        {"jti": "short"},
        {"admin": True},
    ],
    ids=lambda changed: "-".join(changed),
)
async def test_a_token_that_claims_something_else_is_refused(agent: Agent, changed: dict[str, object]) -> None:
    bad = token(agent.key, agent.origin, **changed)
    answer = await agent.call("GET", api.INBOX, token=bad)
    assert answer.status == 401
    assert (await agent.call("GET", api.INBOX, token=token(agent.key, agent.origin))).status == 200


async def test_every_refused_token_gets_the_same_words(agent: Agent) -> None:
    used = token(agent.key, agent.origin)
    await agent.call("GET", api.INBOX, token=used)
    stranger = SigningKey.generate()
    forged = jwt.encode(claims_of(agent), stranger.private, algorithm="EdDSA")
    unsigned = jwt.encode({"iss": agent.name}, "", algorithm="none")
    critical = jwt.encode(claims_of(agent), agent.key.private, algorithm="EdDSA", headers={"crit": ["exp"]})
    tokens = (None, "nonsense", used, forged, unsigned, critical, token(stranger, agent.origin), "a." * 3000)
    answers = [await agent.call("GET", api.INBOX, token=bad) for bad in tokens]
    assert {answer.content for answer in answers} == {answers[0].content}
    assert {answer.status for answer in answers} == {401}
    assert answers[0].title == unauthenticated().title


async def test_a_token_is_taken_once_also_after_a_restart(place: Place, clock: SetClock) -> None:
    async with aiohttp.ClientSession() as session:
        async with in_process(place, clock) as running:
            agent = await Agent(session, running.portal.origin, clock).join(place)
            used = mint(agent.key, agent.origin, clock)
            assert (await agent.call("GET", api.INBOX, token=used)).status == 200
            written = mint(agent.key, agent.origin, clock)
            assert (await agent.call("POST", api.HEARTBEAT, BEAT, token=written)).status == 204
            port = int(agent.origin.rpartition(":")[2])
        clock.forward(SECOND)
        async with in_process(place, clock, port):
            for path, token in ((api.INBOX, used), (api.INBOX, written)):
                assert (await agent.call("GET", path, token=token)).status == 401
            for token in (used, written):
                assert (await agent.call("POST", api.HEARTBEAT, BEAT, token=token)).status == 401
            assert (await agent.call("GET", api.INBOX)).status == 200


async def test_an_agent_cannot_call_as_an_officer_nor_an_officer_as_an_agent(town: Town, agent: Agent) -> None:
    assert (await agent.call("GET", api.OFFICER_REQUESTS)).status == 401
    assert (await town.officer.call("GET", api.INBOX)).status == 401


async def test_an_officer_is_shut_out_when_the_credential_ends(town: Town) -> None:
    assert (await town.officer.call("GET", api.OFFICER_REQUESTS)).status == 200
    town.clock.forward(366 * DAY)
    assert (await town.officer.call("GET", api.OFFICER_REQUESTS)).status == 401


async def test_a_clock_a_few_seconds_off_is_forgiven(town: Town, agent: Agent) -> None:
    town.clock.forward(100 * SECOND)  # the portal was started then, and takes nothing from before
    ahead = token(agent.key, agent.origin, iat=NOW + 108, exp=NOW + 168)
    behind = token(agent.key, agent.origin, iat=NOW + 35, exp=NOW + 95)
    assert [(await agent.call("GET", api.INBOX, token=one)).status for one in (ahead, behind)] == [200, 200]
