"""Requests reach owners' inboxes, and owners' answers their officers: once, and nothing but what was signed."""

import asyncio
import io
import json
from typing import Any

import aiohttp
import pytest

from exchange.clock import DAY, HOUR, MINUTE, Window, to_rfc3339
from exchange.documents import api
from exchange.documents.api import InboxKind
from exchange.documents.messages import Asked, DecidedCamera, Outcome, Refusal, RefusalReason, Status, Stretch
from exchange.signing.documents import SigningKey, document_sha256
from portal.force import officers
from portal.settings import Limits
from tests.counterparts.portals.portal import Place, add_officer, in_process
from tests.portal.conftest import BOTH, NOON, Town
from tests.portal.wire import Agent, Officer, SetClock

ENGINES = BOTH


@pytest.fixture
async def agent(town: Town) -> Agent:
    return await town.agent().join(town.place)


def window(start: int, end: int, camera_id: str = "front") -> tuple[Asked, ...]:
    return (Asked(camera_id=camera_id, window=Stretch.of(Window(start, end))),)


# -- asking ------------------------------------------------------------------------------------------------------


async def test_a_request_arrives_with_the_very_bytes_that_were_signed(town: Town, agent: Agent) -> None:
    signed = await town.officer.ask(agent)
    found = await agent.inbox()
    assert [(item.kind, item.signed) for item in found.items] == [(InboxKind.REQUEST, signed)]


async def test_an_id_that_nothing_can_have_is_not_found(town: Town) -> None:
    assert (await town.officer.call("GET", api.OFFICER_REQUEST.format(request_id="r%00"))).status == 404


async def test_a_request_sent_twice_arrives_once(town: Town, agent: Agent) -> None:
    signed = await town.officer.ask(agent)
    assert (await town.officer.send(signed)).status == 200
    assert len((await agent.inbox()).items) == 1


async def test_an_id_with_other_bytes_is_a_conflict(town: Town, agent: Agent) -> None:
    await town.officer.ask(agent)
    other = town.officer.request(agent.name, purpose="Something else")
    assert (await town.officer.send(other)).status == 409


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"device": SigningKey.generate().public.fingerprint}, "isn't registered here"),
        ({"force": "Another Force"}, "another force"),
        ({"asked": window(NOON - HOUR, NOON - 1, "garden")}, "isn't registered"),
        ({"asked": window(NOON - HOUR, NOON + 1)}, "future"),
        ({"asked": window(NOON - 30 * HOUR, NOON - HOUR)}, "too long"),
        ({"issued": NOON + HOUR}, "issued"),
        ({"issued": NOON - 2 * DAY}, "issued"),
        ({"issued": NOON - HOUR, "expires": NOON}, "expired"),
        ({"expires": NOON + 400 * DAY}, "too late"),
        ({"recipient": "age1" + "q" * 58}, "recipient"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
async def test_a_request_that_may_not_be_asked_is_refused_with_the_reason(
    town: Town, agent: Agent, changed: dict[str, Any], word: str
) -> None:
    signed = town.officer.request(**{"device": agent.name, **changed})
    answer = await town.officer.send(signed)
    assert (answer.status, word in answer.title) == (422, True), answer.content
    assert (await agent.inbox()).items == ()


async def test_a_request_by_a_key_that_the_force_did_not_vouch_for_is_refused(town: Town, agent: Agent) -> None:
    officer, stranger = town.officer, SigningKey.generate()
    forger = Officer(town.session, town.origin, town.clock, stranger, officer.credential, officer.force)
    forged = forger.request(agent.name)
    assert (await officer.send(forged)).status == 422


async def test_an_officer_cannot_send_what_another_officer_signed(town: Town, agent: Agent) -> None:
    key = SigningKey.generate()
    credential = await asyncio.to_thread(
        add_officer, town.place.folder, town.place.settings, town.place.force, key, town.clock.now()
    )
    other = Officer(town.session, town.origin, town.clock, key, credential, town.place.force.name)
    assert (await town.officer.send(other.request(agent.name))).status == 422
    assert (await other.send(other.request(agent.name))).status == 201
    seen = await town.officer.call("GET", api.OFFICER_REQUEST.format(request_id="r-1"))
    assert seen.status == 404


@pytest.mark.parametrize("limits", [Limits(requests_per_officer_per_day=2)])
async def test_an_officer_sends_only_so_many_requests_a_day(town: Town, agent: Agent) -> None:
    for number in range(2):
        await town.officer.ask(agent, f"r-{number}")
    assert (await town.officer.send(town.officer.request(agent.name, "r-2"))).status == 429
    town.clock.forward(DAY)
    await town.officer.ask(agent, "r-2")


@pytest.mark.parametrize("limits", [Limits(open_requests_per_device=1)])
async def test_an_owner_has_only_so_many_requests_open(town: Town, agent: Agent) -> None:
    first = await town.officer.ask(agent)
    assert (await town.officer.send(town.officer.request(agent.name, "r-2"))).status == 429
    await agent.decide(first, agent.no(first))
    await town.officer.ask(agent, "r-2")


async def test_a_body_larger_than_the_limit_is_refused(town: Town) -> None:
    body = io.BytesIO(b'{"document": "' + b"x" * api.MAX_BODY + b'", "signature": ""}')
    told = {"Content-Type": "application/json"}
    answer = await town.officer.call("POST", api.OFFICER_REQUESTS, data=body, headers=told)
    assert answer.status == 413


@pytest.mark.parametrize(
    "body", [b"nonsense", b"[" * 50_000, b'{"document":"{}","document":"{}","signature":""}', b"\xff"]
)
async def test_nonsense_is_refused_and_nothing_breaks(town: Town, agent: Agent, body: bytes) -> None:
    assert (await town.officer.call("POST", api.OFFICER_REQUESTS, body)).status == 422
    assert (await agent.call("PUT", api.REGISTRATION, body)).status == 422


# -- the inbox ---------------------------------------------------------------------------------------------------


async def test_a_long_poll_ends_as_soon_as_something_comes(town: Town, agent: Agent) -> None:
    held = town.listening
    poll = asyncio.create_task(agent.inbox(wait=50))
    await held.wait()
    await town.officer.ask(agent)
    async with asyncio.timeout(60):
        assert len((await poll).items) == 1


async def test_a_portal_that_ends_answers_the_polls_that_it_holds(place: Place, clock: SetClock) -> None:
    async with aiohttp.ClientSession() as session:
        async with in_process(place, clock) as running:
            here = Town(place, clock, running, session)
            agent = await here.agent().join(place)
            held = here.listening
            poll = asyncio.create_task(agent.inbox(wait=50))
            await held.wait()
        async with asyncio.timeout(60):
            assert (await poll).items == ()


async def test_a_long_poll_for_another_device_is_not_woken(town: Town, agent: Agent) -> None:
    other = await town.agent().join(town.place)
    event = town.running.portal.bell.listen(other.name)
    await town.officer.ask(agent)
    assert not event.is_set()


async def test_the_inbox_goes_on_after_its_cursor_and_keeps_what_is_open(town: Town, agent: Agent) -> None:
    for number in range(3):
        await town.officer.ask(agent, f"r-{number}")
    whole = await agent.inbox()
    assert await agent.inbox() == whole
    rest = await agent.inbox(after=whole.items[0].cursor)
    assert rest.items == whole.items[1:]
    assert (await agent.inbox(after=rest.cursor)) == api.Inbox(cursor=rest.cursor, items=())


async def test_a_large_inbox_comes_in_several_answers_below_the_limit(town: Town, agent: Agent) -> None:
    for number in range(45):
        await town.officer.ask(agent, f"r-{number}", purpose="\n" * 3999 + "x")
    found, after = [], 0
    while (part := await agent.inbox(after)).items:
        found += [json.loads(item.signed.document)["request_id"] for item in part.items]
        after = part.cursor
    assert found == [f"r-{number}" for number in range(45)]


async def test_what_expired_leaves_the_inbox_and_the_officer_reads_expired(town: Town, agent: Agent) -> None:
    await town.officer.ask(agent, expires=NOON + HOUR)
    assert (await town.officer.case()).status is None
    town.clock.forward(HOUR)
    assert (await agent.inbox()).items == ()
    assert (await town.officer.case()).status is Status.EXPIRED


async def test_reading_the_inbox_changes_nothing_that_the_officer_sees(town: Town, agent: Agent) -> None:
    await town.officer.ask(agent)
    before = await town.officer.case()
    await agent.inbox()
    assert await town.officer.case() == before


async def test_a_revoked_officer_is_shut_out_and_their_requests_leave_the_inboxes(town: Town, agent: Agent) -> None:
    await town.officer.ask(agent)
    name, count = await town.running.portal.db.write(
        lambda session: officers.revoke(session, town.officer.key.public.fingerprint, town.clock.now())
    )
    assert (name, count) == ("Ada Okafor", 1)
    assert (await agent.inbox()).items == ()
    assert (await town.officer.call("GET", api.OFFICER_REQUESTS)).status == 401


# -- answering ---------------------------------------------------------------------------------------------------


async def test_a_decision_is_final_and_the_same_one_again_changes_nothing(town: Town, agent: Agent) -> None:
    request = await town.officer.ask(agent)
    decision = agent.decision(request)
    assert [(await agent.decide(request, decision)).status for _ in range(2)] == [204, 204]
    assert (await agent.decide(request, agent.no(request))).status == 409
    case = await town.officer.case()
    assert (case.status, case.decision, case.device_key) == (Status.APPROVED, decision, agent.key.public.line)
    assert (await agent.inbox()).items == ()


async def test_a_no_tells_the_officer_declined_and_no_more(town: Town, agent: Agent) -> None:
    request = await town.officer.ask(agent)
    assert (await agent.decide(request, agent.no(request))).status == 204
    case = await town.officer.case()
    assert case.status is Status.DECLINED
    assert case.decision is not None
    assert set(json.loads(case.decision.document)) <= {
        "kind", "request_id", "request_sha256", "status", "decided", "cameras"
    }  # fmt: skip


async def test_a_refusal_reaches_the_officer_with_its_reason(town: Town, agent: Agent) -> None:
    request = await town.officer.ask(agent)
    refusal = agent.sign(
        Refusal(
            request_id="r-1",
            request_sha256=document_sha256(request),
            reason=RefusalReason.TOO_LONG,
            explanation="The owner allows two hours.",
            issued=town.clock.now(),
        )
    )
    path = api.REFUSAL.format(request_id="r-1")
    assert [(await agent.call("PUT", path, refusal)).status for _ in range(2)] == [204, 204]
    assert (await agent.decide(request)).status == 409
    town.clock.forward(30 * DAY)
    case = await town.officer.case()
    assert (case.refusal, case.status) == (refusal, None)
    assert (await town.officer.call("GET", api.OFFICER_REQUESTS)).json["cases"][0]["refusal"]


@pytest.mark.parametrize(
    "changed",
    [
        {"request_sha256": "0" * 64},
        {"request_id": "r-2"},
        {"status": Status.EXPIRED, "cameras": (), "decided_by": None},
        {
            "cameras": (
                DecidedCamera(
                    camera_id="garden",
                    requested=Stretch.of(Window(1, 2)),
                    outcome=Outcome.APPROVED,
                    approved=Stretch.of(Window(1, 2)),
                    evidence_id="e",
                ),
            )
        },
    ],
    ids=["other-bytes", "other-id", "expired", "camera-not-asked-for"],
)
async def test_a_decision_on_something_else_is_refused(town: Town, agent: Agent, changed: dict[str, Any]) -> None:
    request = await town.officer.ask(agent)
    assert (await agent.decide(request, agent.decision(request, **changed))).status == 422
    assert (await town.officer.case()).status is None


async def test_an_approval_names_one_package_for_each_camera(town: Town, agent: Agent) -> None:
    request = await town.officer.ask(agent)
    whole = json.loads(agent.decision(request).document)["cameras"][0]
    nameless = DecidedCamera.model_validate({**whole, "evidence_id": None})
    assert (await agent.decide(request, agent.decision(request, cameras=(nameless,)))).status == 422


async def test_only_the_device_that_was_asked_may_answer(town: Town, agent: Agent) -> None:
    request, other = await town.officer.ask(agent), await town.agent().join(town.place)
    assert (await other.decide(request)).status == 404
    assert (await agent.decide(request, other.decision(request))).status == 422


async def test_a_decision_taken_in_time_may_arrive_late(town: Town, agent: Agent) -> None:
    request = await town.officer.ask(agent, expires=NOON + HOUR)
    taken = agent.decision(request, decided=NOON + HOUR - 1)
    town.clock.forward(2 * DAY)
    assert (await town.officer.case()).status is Status.EXPIRED
    assert (await agent.decide(request, taken)).status == 204
    assert (await town.officer.case()).status is Status.APPROVED


@pytest.mark.parametrize(
    ("decided", "arrives"), [(HOUR, 2 * HOUR), (MINUTE, 8 * DAY)], ids=["taken-late", "far-too-late"]
)
async def test_a_decision_after_the_expiry_is_refused_with_a_clear_word(
    town: Town, agent: Agent, decided: int, arrives: int
) -> None:
    request = await town.officer.ask(agent, expires=NOON + HOUR)
    taken = agent.decision(request, decided=NOON + decided)
    town.clock.forward(arrives)
    answer = await agent.decide(request, taken)
    assert (answer.status, answer.title) == (409, f"The request expired at {to_rfc3339(NOON + HOUR)}.")


@pytest.mark.parametrize("limits", [Limits(open_requests_per_device=200)])
async def test_an_officers_list_goes_back_in_time(town: Town, agent: Agent) -> None:
    for number in range(103):
        town.clock.forward(MINUTE)
        await town.officer.ask(agent, f"r-{number}")
    first = api.Cases.model_validate_json((await town.officer.call("GET", api.OFFICER_REQUESTS)).content)
    before = to_rfc3339(first.cases[-1].issued)
    rest = api.Cases.model_validate_json(
        (await town.officer.call("GET", api.OFFICER_REQUESTS, query={"before": before})).content
    )
    assert [case.request_id for case in (*first.cases, *rest.cases)] == [f"r-{n}" for n in range(102, -1, -1)]
