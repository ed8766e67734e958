"""The owner's yes and no: said once, by them, on what they saw; a no tells nothing else; silence tells nothing."""

import asyncio
import json
from pathlib import Path

import pytest

from agent.requests.decision import Choice, Verdict, decide
from exchange.clock import DAY, HOUR, SECOND, Window
from exchange.documents import api
from exchange.documents.messages import Asked, Decision, Signed, Status, Stretch
from exchange.errors import DecisionRefused, PortalUnreachable
from exchange.signing.documents import open_document
from tests.counterparts.portals.hostile_portal import status
from tests.journey.home import CAMERA, OWNER, Siege, Town, besieged, home


def left(at: Siege, since: int) -> list[str]:
    return at.portal.said(since=since)


async def test_a_no_sends_one_word_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        assert await at.agent.services.footage.held_bytes() > 0
        since = len(at.portal.calls)
        await at.say(request_id, yes=False)
        await at.walk()
        assert left(at, since) == [f"PUT {api.DECISION.format(request_id=request_id)}"]
        signed = Signed.model_validate_json(at.portal.calls[-1].body)
        decision = open_document(signed, Decision, at.agent.services.keys.device.public)
        assert decision.status is Status.DECLINED
        assert set(json.loads(signed.document)) == {
            "kind", "request_id", "request_sha256", "status", "decided", "cameras",
        }  # fmt: skip
        assert json.loads(signed.document)["cameras"] == []
        assert (await at.events())[-1] == "hold-released"
        assert await at.state(request_id) == "closed"
        assert (await at.listed(request_id))["outcome"] == "declined"
        assert await at.agent.services.footage.held_bytes() == 0
        assert await at.packages(request_id) == []
        assert list(at.settings.work_dir.iterdir()) == list(at.settings.packages_dir.iterdir()) == []
        assert "plan" not in await at.shown(request_id)


async def test_silence_until_the_end_sends_nothing_at_all(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        at.clock.forward(25 * HOUR)
        assert await at.agent.journey.expire() == 1
        await at.walk()
        assert await at.state(request_id) == "closed"
        assert at.portal.about(request_id) == []
        assert await at.agent.services.footage.held_bytes() == 0
        assert "expired" in await at.events()
        assert (await at.listed(request_id))["outcome"] == "unanswered"


async def test_of_two_decisions_at_once_one_stands(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        answers = await asyncio.gather(
            at.say(request_id, yes=True), at.say(request_id, yes=False), return_exceptions=True
        )
        assert sorted(type(answer).__name__ for answer in answers) == ["Decision", "DecisionRefused"]
        with pytest.raises(DecisionRefused):
            await at.say(request_id, yes=True)
        assert (await at.events()).count("approved") + (await at.events()).count("declined") == 1


async def test_what_changed_since_it_was_shown_is_not_decided(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        shown = Verdict(plan_sha256="0" * 64, choices=(Choice(position=0, share=True),))
        with pytest.raises(DecisionRefused, match="changed since"):
            await decide(at.agent.services, request_id, shown, OWNER)
        assert await at.state(request_id) == "asked"


@pytest.mark.parametrize(
    "choices",
    [
        (Choice(position=3, share=True),),
        (Choice(position=0, share=True), Choice(position=0, share=False)),
        (Choice(position=0, share=True, sound=True),),
    ],
    ids=["a camera that is not in the plan", "one camera twice", "sound that nobody asked for"],
)
async def test_an_answer_that_fits_no_question_decides_nothing(tmp_path: Path, choices: tuple[Choice, ...]) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        verdict = Verdict(plan_sha256=await at.plan_sha256(request_id), choices=choices)
        with pytest.raises(DecisionRefused):
            await decide(at.agent.services, request_id, verdict, OWNER)
        assert await at.state(request_id) == "asked"


async def test_nothing_is_decided_after_the_end(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        at.clock.forward(24 * HOUR)
        with pytest.raises(DecisionRefused, match="expired"):
            await at.say(request_id, yes=True)
        await at.agent.journey.expire()
        assert at.portal.about(request_id) == []


async def test_a_decision_taken_while_the_portal_is_down_is_told_when_it_is_back(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        at.portal.fault("PUT", "/v1/requests", status(503), times=3)
        decision = await at.say(request_id, yes=False)
        for _ in range(3):
            await at.walk(later=HOUR)
            assert await at.state(request_id) == "declined"
            assert "can't answer now" in (await at.listed(request_id))["trouble"]
        await at.walk(later=HOUR)
        assert await at.state(request_id) == "closed"
        told = [Signed.model_validate_json(call.body) for call in at.portal.about(request_id) if call.body]
        assert [open_document(each, Decision, at.agent.services.keys.device.public) for each in told] == [decision]


async def test_an_answer_that_the_portal_took_before_a_crash_is_told_again_and_changes_nothing(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        request_id = await at.asked()
        await at.say(request_id, yes=False)
        await at.walk()
        await at.execute("UPDATE requests SET state = 'declined', answered_at = NULL WHERE request_id = ?", request_id)
        await at.walk()
        assert await at.state(request_id) == "closed"
        assert (await at.officer.case(request_id)).status is Status.DECLINED


async def case_status(at: Town, request_id: str) -> Status | None:
    return (await at.officer.case(request_id)).status


async def test_the_officer_sees_declined_and_no_more(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        request_id = await at.asked()
        assert await case_status(at, request_id) is None
        await at.say(request_id, yes=False)
        await at.walk()
        case = await at.officer.case(request_id)
        assert (case.status, case.deliveries) == (Status.DECLINED, ())


async def test_of_two_windows_one_may_be_declined(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        first = Window(at.window.start + SECOND, at.window.start + 3 * SECOND)
        second = Window(at.window.start + 5 * SECOND, at.window.start + 7 * SECOND)
        both = tuple(Asked(camera_id=CAMERA, window=Stretch.of(window)) for window in (first, second))
        request_id = await at.asked(at.request(asked=both))
        verdict = Verdict(
            plan_sha256=await at.plan_sha256(request_id),
            choices=(Choice(position=0, share=False), Choice(position=1, share=True)),
        )
        decision = await decide(at.agent.services, request_id, verdict, OWNER)
        assert [camera.outcome.value for camera in decision.cameras] == ["declined", "approved"]
        await at.walk()
        case = await at.officer.case(request_id)
        assert case.status is Status.PARTLY_APPROVED
        (package,) = await at.packages(request_id)
        assert [delivery.delivery_id for delivery in case.deliveries] == [package.delivery_id]
        assert package.position == 1


@pytest.mark.parametrize(
    ("asked", "granted", "kinds"),
    [(True, True, {"video", "audio"}), (True, False, {"video"}), (False, False, {"video"})],
    ids=["asked and granted", "asked and denied", "not asked"],
)
async def test_sound_is_in_the_master_only_if_asked_for_and_granted(
    tmp_path: Path, asked: bool, granted: bool, kinds: set[str]
) -> None:
    async with besieged(tmp_path) as at:
        window = Stretch(start=at.window.start + 2 * SECOND, end=at.window.start + 5 * SECOND)
        request_id = await at.asked(at.request(asked=(Asked(camera_id=CAMERA, window=window, sound=asked),)))
        await at.say(request_id, yes=True, sound=granted)
        await at.walk()
        assert await at.state(request_id) == "delivered"
        (package,) = await at.packages(request_id)
        evidence = json.loads(json.loads(package.evidence or "")["document"])
        assert {track["kind"] for track in evidence["masters"][0]["tracks"]} == kinds
        assert evidence["sound"] == {"requested": asked, "approved": granted, "delivered": granted}


@pytest.mark.parametrize("step", [-DAY, -400 * DAY])
async def test_a_clock_that_is_set_back_between_steps_holds_nothing_up(tmp_path: Path, step: int) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        at.portal.fault("PUT", "/v1/requests", status(503))
        await at.say(request_id, yes=False)
        await at.walk()
        assert await at.state(request_id) == "declined"
        at.clock.step(step)
        await at.walk(later=10 * SECOND)
        assert await at.state(request_id) == "closed"
        at.portal.put(at.request())
        await at.fetch_and_walk()
        assert "clock" not in (await at.rows())[-1].state


async def test_every_token_is_of_the_time_that_the_clock_tells_now(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        for step in (-HOUR, DAY, -DAY):
            at.clock.step(step)
            await at.poll.fetch(0)


async def test_a_portal_that_is_down_at_the_poll_is_an_error_that_says_so(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        at.portal.fault("GET", api.INBOX, status(502))
        with pytest.raises(PortalUnreachable, match="502"):
            await at.poll.fetch(0)
