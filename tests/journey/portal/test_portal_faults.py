"""A portal that is broken, gone, hostile, or another than it was: nothing leaks, nothing hangs, all goes on after."""

import asyncio
import dataclasses
import json
import resource
from pathlib import Path

import aiohttp
import pytest

from agent.background.inbox import InboxPoll
from agent.membership import enrolment
from agent.owner.operations.context import Nothing
from agent.portal import client as portal
from agent.services import Services
from exchange.clock import MINUTE, SECOND
from exchange.documents import api
from exchange.documents.messages import Refusal, RefusalReason, Signed
from exchange.errors import ForceKeyChanged, HandoverError, PortalAnswerInvalid, PortalUnreachable
from exchange.signing.documents import SigningKey, open_document
from tests.counterparts.portals.hostile_portal import HostilePortal, endless, hanging, status, text
from tests.journey.home import ACTOR, Siege, besieged, owner_does, people


async def poll(at: Siege) -> int:
    return await at.poll.fetch(0)


async def test_ten_gigabytes_of_json_are_given_up_after_one_megabyte(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        sent: list[int] = []
        at.portal.fault("GET", api.INBOX, endless(sent))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(PortalAnswerInvalid, match="more than 1048576 bytes"):
            await poll(at)
        assert sum(sent) < 32 * api.MAX_BODY  # what sockets and this process's own buffers took
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


NONSENSE = {
    "no JSON": "Welcome to the hotel's network",
    "half of it": '{"cursor": 1, "items": [',
    "another shape": "[1, 2, 3]",
    "a deep one": "[" * 500_000,
    "deep objects": '{"a":' * 100_000,
    "not UTF-8": b"\xff\xfe\x00",
    "a number too long": '{"cursor": ' + "9" * 10_000 + ', "items": []}',
    "a key twice": '{"cursor": 1, "cursor": 2, "items": []}',
    "nothing": "",
}


@pytest.mark.parametrize("what", NONSENSE)
async def test_nonsense_is_thrown_away(tmp_path: Path, what: str) -> None:
    async with besieged(tmp_path) as at:
        at.portal.fault("GET", api.INBOX, text(NONSENSE[what]))
        with pytest.raises(PortalAnswerInvalid, match="thrown away"):
            await poll(at)
        assert await at.rows() == []
        assert await poll(at) == 0


@pytest.mark.parametrize("body", ["[" * 100_000, '{"detail": "\\u001b[2J gone"}', "\x00"])
async def test_what_a_refusing_portal_says_is_shown_without_control_characters(tmp_path: Path, body: str) -> None:
    async with besieged(tmp_path) as at:
        at.portal.fault("GET", api.INBOX, text(body, 403))
        with pytest.raises(HandoverError) as caught:
            await poll(at)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("cursors", [(0,), (2, 1), (1, 1)], ids=["not after", "backward", "the same twice"])
async def test_an_inbox_that_goes_backward_is_not_taken(tmp_path: Path, cursors: tuple[int, ...]) -> None:
    async with besieged(tmp_path) as at:
        signed = at.request().model_dump()
        items = [{"cursor": cursor, "kind": "request", "signed": signed} for cursor in cursors]
        at.portal.fault("GET", api.INBOX, text(json.dumps({"cursor": 9, "items": items})))
        with pytest.raises(PortalAnswerInvalid):
            await poll(at)
        assert await at.rows() == []


async def test_a_redirect_is_not_followed_and_no_token_goes_elsewhere(tmp_path: Path) -> None:
    footage_sources = HostilePortal("Elsewhere", SigningKey.generate().public)
    async with footage_sources.running(), besieged(tmp_path) as at:
        for number in (301, 302, 303, 307, 308):
            at.portal.fault("GET", api.INBOX, status(number, Location=f"{footage_sources.origin}{api.INBOX}"))
            with pytest.raises(PortalUnreachable, match="redirect"):
                await poll(at)
        assert footage_sources.calls == []


async def test_a_portal_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portal, "_TIMEOUT", aiohttp.ClientTimeout(total=0.2))
    async with besieged(tmp_path) as at:
        at.portal.fault("GET", api.INBOX, hanging(asyncio.Event()))
        with pytest.raises(PortalUnreachable, match="no answer in time"):
            await poll(at)


def test_every_call_has_an_end() -> None:
    assert portal._TIMEOUT.total == 30


async def test_a_portal_that_is_gone_is_unreachable_and_its_address_is_told(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        origin = at.portal.origin
        gone = await at.agent.open_portal(origin.rpartition(":")[0] + ":9")
        with pytest.raises(PortalUnreachable, match=r"127\.0\.0\.1:9 does not answer"):
            await gone.force()


def asking_every_half_minute(at: Siege) -> Services:
    settings = at.agent.services.settings
    poll = settings.poll.model_copy(update={"every": 30 * SECOND})
    return dataclasses.replace(at.agent.services, settings=settings.model_copy(update={"poll": poll}))


async def pauses_of(at: Siege, count: int, parts: Services | None = None) -> list[float]:
    """How long the poll sleeps between its calls, ``count`` times; the clock goes on by as much."""
    pauses: list[float] = []
    done = asyncio.Event()

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        at.clock.forward(int(seconds * 1_000_000))
        if len(pauses) == count:
            done.set()
            await asyncio.Event().wait()

    polling = asyncio.create_task(InboxPoll(parts or at.agent.services, at.agent.journey, sleep).run())
    await asyncio.wait_for(done.wait(), 20)
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
    return pauses


async def test_while_the_portal_refuses_for_an_hour_the_pauses_grow_and_end(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        at.portal.fault("GET", api.INBOX, status(403), times=20)
        pauses = await pauses_of(at, 22)
        failing = pauses[:20]
        assert 2 * 0.5 <= failing[0] <= 2 * 1.5
        assert failing[5] > failing[0]
        assert all(300 <= pause <= 900 for pause in failing[9:])
        assert sum(failing) > 3600
        assert (await owner_does(at.agent, "status", Nothing(), ACTOR))["portal_trouble"] is None
        assert pauses[20] <= 1


async def test_a_portal_that_is_away_is_found_again_within_a_minute(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        at.portal.fault("GET", api.INBOX, status(503), times=200)
        pauses = await pauses_of(at, 40, asking_every_half_minute(at))
        assert 15 <= max(pauses) <= 45
        assert min(pauses[10:]) >= 15
        assert "status 503" in (await owner_does(at.agent, "status", Nothing(), ACTOR))["portal_trouble"]


async def test_a_step_that_fails_is_tried_less_and_less_often_but_again(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        at.portal.fault("PUT", "/v1/requests", status(500), times=12)
        await at.say(request_id, yes=False)
        waits = []
        for _ in range(12):
            await at.walk()
            row = await at.row(request_id)
            waits.append(row.retry_at - at.clock.now())
            tries = len(at.portal.about(request_id))
            await at.walk(later=waits[-1] - 1000)
            assert len(at.portal.about(request_id)) == tries
            await at.walk(later=1000)
        assert waits[0] < waits[4] < waits[7]
        assert max(waits) <= 15 * MINUTE * 1.25
        assert await at.state(request_id) == "closed"
        assert (await at.row(request_id)).trouble is None


async def test_under_a_changed_force_key_requests_are_refused_until_the_owner_confirms_it(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        old = await at.asked()
        others = people(at.clock.now())
        at.portal.key = others.force.key.public
        at.place = others
        signed = at.request()
        at.portal.put(signed)
        with pytest.raises(ForceKeyChanged, match="you confirmed"):
            await poll(at)
        await at.walk()
        new = (await at.rows())[-1]
        assert new.state == "closed"
        assert "not this force's" in (new.trouble or "")
        (told,) = [call for call in at.portal.calls if call.path.endswith("/refusal")]
        refusal = open_document(Signed.model_validate_json(told.body), Refusal, at.agent.services.keys.device.public)
        assert refusal.reason is RefusalReason.UNPINNED_FORCE
        client = await at.agent.open_portal(at.portal.origin)
        introduction = await enrolment.introduce(at.agent.services, client)
        assert introduction.pinned is not None
        await enrolment.enrol(at.agent.services, client, introduction.fingerprint, "robin")
        await at.walk()
        assert await at.state(old) == "closed"  # it ended with the key that vouched for who asked
        assert at.portal.about(old) == []
        assert await at.state(await at.take(at.request())) == "asked"


async def test_a_key_that_changes_between_question_and_confirmation_is_not_pinned(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        client = await at.agent.open_portal(at.portal.origin)
        introduction = await enrolment.introduce(at.agent.services, client)
        at.portal.key = SigningKey.generate().public
        with pytest.raises(ForceKeyChanged):
            await enrolment.enrol(at.agent.services, client, introduction.fingerprint, "robin")


async def test_a_portal_that_gives_itself_another_address_is_not_joined(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        client = await at.agent.open_portal(at.portal.origin)
        fingerprint = at.portal.key.fingerprint
        for other in ("https://elsewhere.example", f"{at.portal.origin}/forces/another"):
            at.portal.origin = other
            with pytest.raises(PortalAnswerInvalid, match="calls itself"):
                await enrolment.enrol(at.agent.services, client, fingerprint, "robin")
