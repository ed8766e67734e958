"""From the officer's command over the real portal to the owner's agent, and back."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.owner.operations.afterwards.feedback import Answer, Rate, SendAgain
from agent.owner.operations.context import RequestNamed
from agent.requests.decision import Choice, Verdict, decide
from agent.requests.feedback import sending_again
from agent.requests.feedback.editions import make_edition
from agent.requests.on_the_way.stop import stop
from exchange.clock import HOUR, MINUTE
from exchange.custody.log import CustodyKind, read_line
from exchange.documents.copies import CopyKind
from exchange.documents.evidence import Evidence
from exchange.errors import DecisionRefused, HandoverError
from tests.counterparts.processes import same_process
from tests.journey.feedback.desk import Desk
from tests.journey.home import ACTOR, OWNER, Town, home, owner_does


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """The officer's command runs in this process too, and may block."""


async def handed_over(at: Town, desk: Desk, *, receipt: bool = True) -> str:
    request_id = await desk.ask()
    await at.say(request_id, yes=True)
    await at.walk()
    how = ("--receipt", "--tell") if receipt else ("--tell",)
    opened = await desk.run("open", request_id, *how)
    assert [package["report"]["ok"] for package in opened["packages"]] == [True]
    await at.fetch_and_walk()
    return request_id


async def conversation(at: Town, request_id: str) -> list[tuple[str, str]]:
    told = await owner_does(at.agent, "feedback", RequestNamed(request_id=request_id), ACTOR)
    return [(entry["kind"], entry["text"] or "") for entry in told["feedback"]]


async def test_opened_a_question_its_answer_an_outcome_and_a_rating_cross(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with home(tmp_path) as at:
        desk = await Desk(at, tmp_path, monkeypatch).set_up()
        request_id = await handed_over(at, desk)
        assert await at.state(request_id) == "closed"
        assert [kind for kind, _ in await conversation(at, request_id)] == ["opened"]
        at.clock.forward(HOUR)
        await desk.run("ask", request_id, "--text", "Is the clock of this camera right?")
        await at.fetch_and_walk()
        told = await owner_does(at.agent, "feedback", RequestNamed(request_id=request_id), ACTOR)
        question = told["feedback"][-1]
        assert (question["text"], question["answered_by"]) == ("Is the clock of this camera right?", None)

        answer = Answer(request_id=request_id, question_id=question["feedback_id"], text="Two minutes ahead.")
        assert (await owner_does(at.agent, "answer", answer, ACTOR))["sent"]
        assert (await owner_does(at.agent, "answer", answer, ACTOR))["sent"]
        with pytest.raises(DecisionRefused, match="answered already"):
            await owner_does(at.agent, "answer", answer.model_copy(update={"text": "Three minutes."}), ACTOR)
        rate = Rate(request_id=request_id, stars=4, text="Quick and polite.")
        assert (await owner_does(at.agent, "rate", rate, ACTOR))["sent"]
        with pytest.raises(DecisionRefused):
            await owner_does(at.agent, "rate", rate.model_copy(update={"stars": 1}), ACTOR)

        found = await desk.run("inbox")
        assert [(each["kind"], each["text"]) for each in found["feedback"]] == [
            ("answer.v1", "Two minutes ahead."),
            ("rating.v1", "Quick and polite."),
        ]
        assert "robin" not in str(found["feedback"])
        shown = await desk.words("feedback", request_id)
        assert "The owner answers “Is the clock of this camera right?”: “Two minutes ahead.”" in shown
        assert "4 of 5" in await desk.words("inbox")

        await desk.run("outcome", request_id, "--result", "helped-identify", "--text", "Thank you.")
        await at.fetch_and_walk()
        assert (await conversation(at, request_id))[-1] == ("outcome", "Thank you.")
        events = await at.events()
        assert {"package-opened", "question", "answered", "rated", "case-outcome"} <= set(events)


async def test_what_cannot_be_played_comes_again_and_is_verified_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with home(tmp_path) as at:
        desk = await Desk(at, tmp_path, monkeypatch).set_up()
        request_id = await handed_over(at, desk)
        await desk.run("cant-play", request_id, "--reason", "lost")
        await at.fetch_and_walk()
        assert await at.state(request_id) == "reopened"
        await owner_does(at.agent, "send-again", SendAgain(request_id=request_id), ACTOR)
        await at.walk(later=MINUTE)
        assert await at.state(request_id) == "delivered"
        opened = await desk.run("open", request_id, "--receipt")
        (package,) = opened["packages"]
        assert package["report"]["ok"]
        assert package["receipted"]
        await at.fetch_and_walk()
        assert await at.state(request_id) == "closed"
        assert [kind for kind, _ in await conversation(at, request_id)] == ["opened", "cannot-play", "opened"]


async def test_a_copy_that_plays_comes_beside_the_same_masters_and_everything_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.app.run_job", same_process.run_job)
    async with home(tmp_path, kind="h265", workers=True) as at:
        desk = await Desk(at, tmp_path, monkeypatch).set_up()
        request_id = await desk.ask()
        verdict = Verdict(
            plan_sha256=await at.plan_sha256(request_id), choices=(Choice(position=0, share=True, copies=()),)
        )
        await decide(at.agent.services, request_id, verdict, OWNER)
        await at.walk()
        await desk.run("open", request_id, "--receipt", "--tell")
        await at.fetch_and_walk()
        await desk.run("cant-play", request_id, "--reason", "no-player", "--text", "Our player takes MP4 only.")
        await at.fetch_and_walk()
        told = await owner_does(at.agent, "feedback", RequestNamed(request_id=request_id), ACTOR)
        assert told["suggested"] == ["playable"]
        for segment in at.segments:  # the recorder has written over it: it isn't needed
            segment.unlink()
        again = SendAgain(request_id=request_id, copies=(CopyKind.PLAYABLE,))
        await owner_does(at.agent, "send-again", again, ACTOR)
        await stop(at.agent.services, request_id, "robin")
        await log_what_is_the_owners_own(at, request_id)
        await owner_does(at.agent, "send-again", again, ACTOR)
        with monkeypatch.context() as power:  # it goes as soon as the manifest is fixed
            power.setattr(sending_again, "make_edition", once_then_off)
            await at.walk(later=MINUTE)
        assert await at.state(request_id) == "again"
        await at.walk(later=MINUTE)
        assert (await at.row(request_id)).trouble is None
        assert await at.state(request_id) == "delivered"

        (first,) = evidence_of(desk, request_id)
        opened = await desk.run("open", request_id, "--receipt")
        (package,) = opened["packages"]
        assert package["report"]["ok"], package["report"]
        bag = Path(package["opened"])
        second = Evidence.model_validate_json((bag / "data/evidence.json").read_text())
        assert first.masters == second.masters
        assert first.evidence_id == second.evidence_id
        assert first.windows == second.windows
        assert second.edition is not None
        assert (second.edition.number, second.edition.decided_by.name) == (2, "robin")
        assert [copy.kind for copy in first.working_copies] == ["contact-sheet"]
        assert [copy.kind for copy in second.working_copies] == ["contact-sheet", "playable"]
        assert "sent again" in (bag / "data/READ-ME-FIRST.html").read_text()
        rows = (bag / "data/custody.jsonl").read_text().splitlines()
        told = [read_line(json.loads(row)["line"]) for row in rows]
        assert {line.event.value for line in told} == {
            *("request-received", "request-verified", "preserved", "approved", "hashed", "clipped", "signed"),
            *("sealed", "delivered", "sent-again"),
        }
        async with at.agent.services.store.transaction() as tx:
            lines = [row["line"] for row in await tx.all("SELECT line FROM custody WHERE line LIKE '%\"signed\"%'")]
        assert len(lines) == 2  # a manifest an edition, whatever happened between
        await at.fetch_and_walk()
        assert await at.state(request_id) == "closed"
        sealed = sorted(path.name for path in at.settings.packages_dir.iterdir())
        assert sealed == [f"{second.evidence_id}-2.zip.age", f"{second.evidence_id}.zip.age"]
        assert list(at.settings.work_dir.iterdir()) == []
        with pytest.raises(DecisionRefused):
            await owner_does(at.agent, "send-again", again, ACTOR)


async def log_what_is_the_owners_own(at: Town, request_id: str) -> None:
    """Lines that name where the owner's copies lie, and what sending broke off for."""
    async with at.agent.services.store.transaction() as tx:
        for kind in (CustodyKind.UPLOAD_INTERRUPTED, CustodyKind.DELETED, CustodyKind.RATED, CustodyKind.FAILED):
            reason = "sftp robin@attic.example did not answer: /media/robin/STICK"
            await at.agent.services.custody.record(tx, kind, "agent", request_id, reason=reason)


async def once_then_off(*given: Any) -> None:
    await make_edition(*given)
    raise HandoverError("The power went.")


def evidence_of(desk: Desk, request_id: str) -> list[Evidence]:
    """The manifests of all that the officer opened, in the order of their folders."""
    folder = desk.state.request_folder(request_id) / "packages"
    found = sorted(folder.glob("*/*/data/evidence.json"))
    return [Evidence.model_validate_json(path.read_text()) for path in found]


async def test_an_officer_is_asked_once_whether_owners_are_told_that_it_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with home(tmp_path) as at:
        desk = await Desk(at, tmp_path, monkeypatch).set_up()
        request_id = await desk.ask()
        await at.say(request_id, yes=True)
        await at.walk()
        await desk.run("open", request_id)
        await at.fetch_and_walk()
        assert await conversation(at, request_id) == []
        await desk.run("open", request_id, "--tell")
        await desk.run("open", request_id)
        await at.fetch_and_walk()
        assert [kind for kind, _ in await conversation(at, request_id)] == ["opened"]
        await desk.run("open", request_id, "--no-tell")
        assert desk.state.setup().tell_opened is True


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("cant-play", "R", "--reason", "other"), "Another reason must be said"),
        (("ask", "R", "--text", "And?", "--evidence", "another"), "There is no package another"),
    ],
)
async def test_an_officers_mistake_is_told_and_nothing_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], words: str
) -> None:
    async with home(tmp_path) as at:
        desk = await Desk(at, tmp_path, monkeypatch).set_up()
        request_id = await handed_over(at, desk, receipt=False)
        result = await desk.result(*(request_id if each == "R" else each for each in args))
        assert result.exit_code in (17, 44)
        assert words in result.stderr
        await at.fetch_and_walk()
        assert [kind for kind, _ in await conversation(at, request_id)] == ["opened"]
