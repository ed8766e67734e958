"""The officer learns what the owner said and nothing else: not whether there is footage, nor whether anybody looked."""

import json
from pathlib import Path

import pytest

from agent.background import housekeeping
from agent.owner.operations.context import RequestNamed
from agent.requests.decision import Choice, Verdict, decide
from agent.requests.plan import look_again
from exchange.clock import DAY, HOUR, MINUTE, SECOND, Window
from exchange.custody.checkpoint import open_checkpoint
from exchange.custody.log import CustodyKind, open_lines
from exchange.documents import api
from exchange.documents.messages import Asked, Decision, Outcome, Signed, Status, Stretch
from exchange.errors import DecisionRefused
from exchange.signing.documents import open_document
from tests.journey.home import ACTOR, CAMERA, OWNER, Siege, add_camera, besieged, home, owner_does


def told(at: Siege, request_id: str) -> Decision:
    (call,) = [call for call in at.portal.calls if call.path == api.DECISION.format(request_id=request_id)]
    return open_document(Signed.model_validate_json(call.body), Decision, at.agent.services.keys.device.public)


def empty(at: Siege) -> Window:
    return Window(at.window.start - HOUR, at.window.start - HOUR + MINUTE)


async def answer(at: Siege, request_id: str, *choices: Choice) -> Decision:
    verdict = Verdict(plan_sha256=await at.plan_sha256(request_id), choices=choices)
    decided = await decide(at.agent.services, request_id, verdict, OWNER)
    await at.walk()
    return decided


async def checkpoint_size(at: Siege) -> int:
    """What the portal holds when everything was sent that there is to send."""
    await housekeeping.send_checkpoints(at.agent.services)
    calls = [call for call in at.portal.calls if call.path == api.CHECKPOINTS]
    note = api.Checkpoint.model_validate_json(calls[-1].body).note
    return open_checkpoint(note, at.agent.services.keys.device.public).size


async def test_where_there_is_nothing_the_owner_is_asked_and_nobody_is_told(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.take(at.request(empty(at)))
        assert await at.state(request_id) == "asked"
        await at.walk(later=DAY)
        await housekeeping.send_checkpoints(at.agent.services)
        assert at.portal.about(request_id) == []


@pytest.mark.parametrize("there_is", [True, False], ids=["footage", "no footage"])
async def test_silence_ends_the_same_way_whether_or_not_there_is_footage(tmp_path: Path, there_is: bool) -> None:
    async with besieged(tmp_path) as at:
        before = at.portal.said()
        request_id = await at.take(at.request(at.window if there_is else empty(at)))
        await at.walk(later=40 * DAY)
        await at.agent.journey.expire()
        await at.walk()
        assert await at.state(request_id) == "closed"
        assert at.portal.said() == before


async def test_only_the_owners_word_says_that_there_is_none_and_it_is_signed_with_their_name(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        window = Window(at.window.start - HOUR, at.window.start - HOUR + MINUTE)
        request_id = await at.send(at.request(window))
        await at.fetch_and_walk()
        assert (await at.officer.case(request_id)).status is None
        verdict = Verdict(
            plan_sha256=await at.plan_sha256(request_id),
            choices=(Choice(position=0, share=False, none_recorded=True),),
        )
        decision = await decide(at.agent.services, request_id, verdict, OWNER)
        await at.walk()
        assert (decision.status, decision.decided_by, decision.cameras) == (Status.UNAVAILABLE, OWNER, ())
        assert (await at.officer.case(request_id)).status is Status.UNAVAILABLE
        assert await at.state(request_id) == "closed"


async def test_a_no_reads_the_same_with_and_without_footage(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        said = []
        for window in (at.window, empty(at)):
            request_id = await at.take(at.request(window))
            await answer(at, request_id)
            decision = json.loads(told(at, request_id).model_dump_json())
            said.append(
                {
                    name: value
                    for name, value in decision.items()
                    if name not in ("request_id", "request_sha256", "decided")
                }
            )
        assert said[0] == said[1]


async def with_two_cameras(at: Siege) -> str:
    """A request for a camera that has footage, and for one that has none."""
    await add_camera(at.agent, "yard")
    window = Stretch.of(Window(at.window.start + SECOND, at.window.start + 3 * SECOND))
    return await at.take(at.request(asked=tuple(Asked(camera_id=each, window=window) for each in (CAMERA, "yard"))))


@pytest.mark.parametrize(
    ("none_recorded", "outcome"), [(False, Outcome.DECLINED), (True, Outcome.UNAVAILABLE)], ids=["silent", "said"]
)
async def test_of_several_cameras_one_without_footage_reads_as_declined_unless_the_owner_says_so(
    tmp_path: Path, none_recorded: bool, outcome: Outcome
) -> None:
    async with besieged(tmp_path) as at:
        request_id = await with_two_cameras(at)
        share = Choice(position=0, share=True)
        await answer(at, request_id, share, Choice(position=1, share=False, none_recorded=none_recorded))
        decision = told(at, request_id)
        assert decision.status is Status.PARTLY_APPROVED
        assert [camera.outcome for camera in decision.cameras] == [Outcome.APPROVED, outcome]
        assert decision.cameras[1].gaps == ()


async def test_that_there_is_none_is_not_said_of_a_camera_that_has_footage(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        with pytest.raises(DecisionRefused, match="has footage"):
            await answer(at, request_id, Choice(position=0, share=False, none_recorded=True))
        assert await at.state(request_id) == "asked"


async def test_footage_that_turned_up_is_found_when_the_owner_has_it_looked_for_again(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        away = at.segments[0].parent.rename(at.segments[0].parent.with_name("away"))
        request_id = await at.take(at.request())
        assert (await at.shown(request_id))["plan"]["cameras"][0].get("actual") is None
        away.rename(at.segments[0].parent)
        await look_again(at.agent.services, request_id)
        await at.walk()
        assert await at.state(request_id) == "asked"
        assert (await at.shown(request_id))["plan"]["cameras"][0]["actual"]
        assert at.portal.about(request_id) == []


async def test_looking_is_in_no_line_no_count_and_no_checkpoint(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        before = await at.events()
        for _ in range(3):
            await at.shown(request_id)
            await look_again(at.agent.services, request_id)
            await at.walk()
            await owner_does(at.agent, "keep", RequestNamed(request_id=request_id), ACTOR)
        assert await at.events() == before


async def test_the_logs_length_tells_the_portal_no_more_than_the_answers_it_got(tmp_path: Path) -> None:
    grown = []
    for name, there_is, looks in (("a", True, 3), ("b", False, 0), ("c", False, 2)):
        async with besieged(tmp_path / name) as at:
            await answer(at, await at.asked())
            size = await checkpoint_size(at)
            request_id = await at.take(at.request(at.window if there_is else empty(at)))
            for _ in range(looks):
                await at.shown(request_id)
                await look_again(at.agent.services, request_id)
                await at.walk()
            await answer(at, request_id)
            grown.append(await checkpoint_size(at) - size)
    assert len(set(grown)) == 1


async def test_the_packages_lines_tell_of_the_plan_that_was_approved_and_not_when_it_was_looked_at(
    tmp_path: Path,
) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        async with at.agent.services.store.transaction() as tx:  # as an earlier version wrote it
            await at.agent.services.custody.record(tx, CustodyKind.REVIEWED, "robin", request_id)
        plan = await at.plan_sha256(request_id)
        await at.say(request_id, yes=True)
        await at.walk()
        async with at.agent.services.store.transaction() as tx:
            proven = await at.agent.services.custody.prove(tx, request_id)
        events, _ = open_lines(proven, at.agent.services.keys.device.public)
        (approved,) = [event for event in events if event.event is CustodyKind.APPROVED]
        assert approved.details["plan_sha256"] == plan
        assert {event.event for event in events}.isdisjoint(
            {CustodyKind.REVIEWED, CustodyKind.ASKED, CustodyKind.PLANNED}
        )


async def test_a_decision_that_was_not_told_yet_is_not_told_by_the_logs_length_either(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        await housekeeping.send_checkpoints(at.agent.services)
        count = len(at.portal.calls)
        await at.say(request_id, yes=True)
        await housekeeping.send_checkpoints(at.agent.services)
        assert at.portal.said(since=count) == []
