"""What officers say of a package is taken only from the officer who asked, about what was handed over, and once."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.membership import leaving
from exchange.clock import DAY, HOUR, Window
from exchange.documents import api
from exchange.documents.api import InboxItem, InboxKind
from exchange.documents.feedback import MAX_FEEDBACK, CannotPlay, CaseOutcome, PackageOpened, Question
from exchange.documents.messages import Signed
from exchange.signing.documents import SigningKey
from tests.counterparts.portals.hostile_portal import status
from tests.journey.home import NOON, Siege, besieged, people


async def delivered(at: Siege) -> tuple[str, Any]:
    """A request whose package lies at the portal: its id, and the row of the package."""
    request_id = await at.asked()
    await at.say(request_id, yes=True)
    await at.walk()
    assert await at.state(request_id) == "delivered"
    (package,) = await at.packages(request_id)
    return request_id, package


async def closed(at: Siege) -> tuple[str, Any]:
    request_id, package = await delivered(at)
    at.portal.put(at.receipt_for(request_id, package), InboxKind.RECEIPT)
    await at.fetch_and_walk()
    assert await at.state(request_id) == "closed"
    return request_id, package


async def bring(at: Siege, *spoken: Signed) -> None:
    for each in spoken:
        at.portal.put(each, InboxKind.FEEDBACK)
    await at.fetch_and_walk()


async def kinds(at: Siege, request_id: str) -> list[str]:
    """What is kept of a request, in the order in which it came."""
    async with at.agent.services.store.transaction() as tx:
        rows = await tx.all("SELECT kind FROM feedback WHERE request_id = ? ORDER BY arrived_at", [request_id])
    return [str(row["kind"]) for row in rows]


def forged(at: Siege, of: str, package: Any) -> Signed:
    at.place = replace(at.place, officer=SigningKey.generate())
    return at.feedback_for(of, package, Question)


def of_another_force(at: Siege, of: str, package: Any) -> Signed:
    at.place = people(at.clock.now())
    return at.feedback_for(of, package, Question)


def of_a_colleague(at: Siege, of: str, package: Any) -> Signed:
    """An officer of the same force, who did not ask for this."""
    other = SigningKey.generate()
    credential = at.place.force.credential(other, Window(NOON - DAY, NOON + 90 * DAY), collar_number="4712")
    at.place = replace(at.place, officer=other, credential=credential)
    return at.feedback_for(of, package, Question)


def with_a_new_key(at: Siege, of: str, package: Any) -> Signed:
    """The officer who asked, after their machine was lost."""
    other = SigningKey.generate()
    credential = at.place.force.credential(other, Window(NOON - DAY, NOON + 90 * DAY))
    at.place = replace(at.place, officer=other, credential=credential)
    return at.feedback_for(of, package, CaseOutcome)


def oversize(at: Siege, of: str, package: Any) -> Signed:
    good = at.feedback_for(of, package, Question)
    return Signed(document=good.document + " " * MAX_FEEDBACK, signature=good.signature)


DEVICE = "SHA256:" + "A" * 43
WRONG: dict[str, Callable[[Siege, str, Any], Signed]] = {
    "a forged one": forged,
    "one of another force": of_another_force,
    "one of a colleague": of_a_colleague,
    "one of other bytes": lambda at, of, row: at.feedback_for(of, row, CannotPlay, ciphertext_sha256="0" * 64),
    "one of another package": lambda at, of, row: at.feedback_for(of, row, CannotPlay, evidence_id="other"),
    "one of another device": lambda at, of, row: at.feedback_for(of, row, CannotPlay, device=DEVICE),
    "one of another request": lambda at, of, row: at.feedback_for("other", row, CannotPlay),
    "one of tomorrow": lambda at, of, row: at.feedback_for(of, row, Question, issued=at.clock.now() + DAY),
    "one of before the credential": lambda at, of, row: at.feedback_for(of, row, Question, issued=0),
    "one of a kind to come": lambda at, of, row: Signed(document='{"kind": "praise.v1"}', signature=""),
    "a receipt": lambda at, of, row: at.receipt_for(of, row),
    "an oversize one": oversize,
    "garbage": lambda at, of, row: Signed(document="\x00", signature=""),
}


async def test_feedback_that_does_not_hold_is_thrown_away(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, package = await delivered(at)
        before, asked_by = await at.events(), at.place
        for what, make in WRONG.items():
            await bring(at, make(at, request_id, package))
            at.place = asked_by
            assert (await at.state(request_id), await kinds(at, request_id)) == ("delivered", []), what
        assert await at.events() == before
        assert list(at.settings.feedback_dir.iterdir()) == []
        await bring(at, at.feedback_for(request_id, package, Question))
        assert await kinds(at, request_id) == ["question"]
        await bring(at, with_a_new_key(at, request_id, package))
        assert await kinds(at, request_id) == ["question", "outcome"]


async def test_what_an_officer_says_is_kept_as_it_was_signed_and_told_in_the_log(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, package = await closed(at)
        spoken = [at.feedback_for(request_id, package, model) for model in (PackageOpened, Question, CaseOutcome)]
        await bring(at, *spoken)
        assert sorted(await kinds(at, request_id)) == ["opened", "outcome", "question"]
        assert (await at.events())[-3:] == ["package-opened", "question", "case-outcome"]
        files = sorted(path.read_text() for path in at.settings.feedback_dir.glob("*.json"))
        assert files == sorted(each.document for each in spoken)
        assert await at.state(request_id) == "closed"
        log = "".join(row for row in await lines(at))
        assert "dark" not in log
        calls = len(at.portal.calls)
        await at.fetch_and_walk()
        assert at.portal.said(since=calls) == []


async def lines(at: Siege) -> list[str]:
    async with at.agent.services.store.transaction() as tx:
        return [str(row["line"]) for row in await tx.all("SELECT line FROM custody")]


async def test_the_same_again_and_another_under_its_id_change_nothing(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, package = await closed(at)
        first = at.feedback_for(request_id, package, Question, feedback_id="f-1")
        await bring(at, first)
        events = await at.events()
        await bring(at, first, at.feedback_for(request_id, package, Question, feedback_id="f-1", text="Another?"))
        assert await kinds(at, request_id) == ["question"]
        assert await at.events() == events
        assert (at.settings.feedback_dir / "f-1.json").read_text() == first.document


async def test_an_officer_can_fill_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.requests.feedback.arriving.MAX_OF_A_REQUEST", 3)
    async with besieged(tmp_path) as at:
        request_id, package = await closed(at)
        await bring(at, *(at.feedback_for(request_id, package, Question) for _ in range(5)))
        assert len(await kinds(at, request_id)) == 3


async def test_feedback_waits_for_an_agent_that_was_off_longer_than_the_credential_lived(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, package = await closed(at)
        spoken = at.feedback_for(request_id, package, CaseOutcome)
        at.clock.forward(200 * DAY)
        await bring(at, spoken)
        assert await kinds(at, request_id) == ["outcome"]


async def test_what_comes_before_we_know_that_we_delivered_counts(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        await at.say(request_id, yes=True)
        at.portal.fault("PUT", f"/v1/requests/{request_id}/deliveries", status(504))
        await at.walk()
        assert await at.state(request_id) == "sealed"
        (package,) = await at.packages(request_id)
        await bring(at, at.feedback_for(request_id, package, CannotPlay))
        await at.walk(later=HOUR)
        assert await at.state(request_id) == "reopened"


async def test_an_inbox_item_of_a_kind_to_come_is_passed_over_and_the_rest_is_taken(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, package = await closed(at)
        good = at.feedback_for(request_id, package, Question)
        at.portal.items.append(InboxItem(cursor=len(at.portal.items) + 1, kind="praise", signed=good))
        await bring(at, good)
        assert await kinds(at, request_id) == ["question"]
        async with at.agent.services.store.transaction() as tx:
            assert await tx.note("inbox-cursor") == str(len(at.portal.items))


async def test_an_agent_that_comes_to_know_feedback_asks_for_what_it_was_not_given_before(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, package = await closed(at)
        at.portal.put(at.feedback_for(request_id, package, Question), InboxKind.FEEDBACK)
        await at.execute("UPDATE notes SET value = '9' WHERE name = 'inbox-cursor'")  # it went past it unseen
        await at.execute("DELETE FROM notes WHERE name = 'inbox-kinds'")
        await at.fetch_and_walk()
        assert await kinds(at, request_id) == ["question"]
        assert await at.state(request_id) == "closed"
        polls = [call for call in at.portal.calls if call.path == api.INBOX]
        assert polls[-1].query["after"] == "0"
        assert polls[-1].headers[api.KINDS_HEADER] == "request receipt feedback"


async def test_nothing_is_taken_from_a_force_that_the_owner_left(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, package = await closed(at)
        await leaving.withdraw(at.agent.services, await at.agent.services.portal(), "robin")
        spoken = at.feedback_for(request_id, package, CannotPlay)
        from agent.requests.feedback import arriving

        assert not await arriving.accept(at.agent.services, spoken)
        assert await kinds(at, request_id) == []
        assert await at.state(request_id) == "closed"
