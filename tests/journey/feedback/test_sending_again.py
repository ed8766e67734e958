"""What can't be played goes again on the owner's word alone, under the decision that named it; nothing else goes."""

from pathlib import Path

import pytest

from agent.membership import leaving
from agent.owner.operations.afterwards.feedback import SendAgain
from agent.owner.operations.context import RequestNamed
from agent.requests.on_the_way import stop
from exchange.clock import DAY, HOUR
from exchange.documents.api import InboxKind
from exchange.documents.feedback import CannotPlay, CannotPlayReason
from exchange.errors import DecisionRefused, NotFound
from tests.counterparts.portals.hostile_portal import status
from tests.journey.feedback.test_arriving import bring, closed, delivered, kinds
from tests.journey.home import ACTOR, Siege, besieged, owner_does


async def unplayable(at: Siege) -> tuple[str, str]:
    """A request that was closed, and opened again: its id, and the evidence id."""
    request_id, package = await closed(at)
    await bring(at, at.feedback_for(request_id, package, CannotPlay))
    assert await at.state(request_id) == "reopened"
    return request_id, package.evidence_id


async def send_again(at: Siege, request_id: str) -> int:
    told = await owner_does(at.agent, "send-again", SendAgain(request_id=request_id), ACTOR)
    return int(told["packages"])


async def test_a_complaint_opens_the_request_again_and_sends_nothing(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, package = await closed(at)
        calls = len(at.portal.calls)
        await bring(at, at.feedback_for(request_id, package, CannotPlay))
        assert await at.state(request_id) == "reopened"
        await at.walk(later=10 * DAY)
        assert at.portal.said(since=calls) == []
        listed = await at.listed(request_id)
        assert listed["trouble"] == (
            "The force can't play what you sent: no player there takes this kind of file: “Our player shows nothing.”"
        )


@pytest.mark.parametrize("at_first", ["delivered", "closed"])
async def test_the_same_package_goes_once_more_and_its_receipt_closes_the_request(
    tmp_path: Path, at_first: str
) -> None:
    async with besieged(tmp_path) as at:
        request_id, package = await (delivered if at_first == "delivered" else closed)(at)
        await bring(at, at.feedback_for(request_id, package, CannotPlay, reason=CannotPlayReason.LOST))
        assert await send_again(at, request_id) == 1
        await at.walk()
        assert await at.state(request_id) == "delivered"
        first, second = at.portal.uploads.values()
        assert bytes(second.content) == bytes(first.content) == at.settings.package(package.evidence_id).read_bytes()
        (again,) = await at.packages(request_id)
        assert (again.sending, again.edition) == (2, 1)
        assert again.delivery_id != package.delivery_id
        at.portal.put(at.receipt_for(request_id, again), InboxKind.RECEIPT)
        await at.fetch_and_walk()
        assert await at.state(request_id) == "closed"
        receipts = sorted(path.name for path in at.settings.receipts_dir.glob("*.json"))
        wanted = {f"{package.evidence_id}-2.json"} | (
            {f"{package.evidence_id}.json"} if at_first == "closed" else set()
        )
        assert set(receipts) == wanted
        assert "sent-again" in await at.events()


async def test_a_receipt_of_the_first_sending_that_comes_late_is_kept_as_its_own(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, package = await delivered(at)
        await bring(at, at.feedback_for(request_id, package, CannotPlay))
        await send_again(at, request_id)
        await at.walk()
        at.portal.put(at.receipt_for(request_id, package, verified=False), InboxKind.RECEIPT)
        await at.fetch_and_walk()
        assert await at.state(request_id) == "delivered"
        assert (at.settings.receipts_dir / f"{package.evidence_id}.json").exists()
        (again,) = await at.packages(request_id)
        assert again.receipt is None


async def test_whoever_says_send_again_twice_sends_once(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, _ = await unplayable(at)
        await send_again(at, request_id)
        with pytest.raises(DecisionRefused, match="Nothing of this request waits"):
            await send_again(at, request_id)
        await at.walk()
        assert len(at.portal.uploads) == 2
        with pytest.raises(NotFound):
            await owner_does(at.agent, "send-again", SendAgain(request_id="nothing"), ACTOR)


async def test_an_old_complaint_again_opens_nothing_and_a_new_one_does(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, package = await closed(at)
        complaint = at.feedback_for(request_id, package, CannotPlay)
        await bring(at, complaint)
        await send_again(at, request_id)
        await at.walk()
        await bring(at, complaint)
        assert await at.state(request_id) == "delivered"
        await bring(at, at.feedback_for(request_id, package, CannotPlay))
        assert await at.state(request_id) == "reopened"
        assert await kinds(at, request_id) == ["cannot-play", "cannot-play"]


async def test_the_owner_may_leave_it_and_nobody_is_told(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, _ = await unplayable(at)
        calls = len(at.portal.calls)
        await owner_does(at.agent, "leave-it", RequestNamed(request_id=request_id), ACTOR)
        await at.walk(later=HOUR)
        assert await at.state(request_id) == "closed"
        assert at.portal.said(since=calls) == []
        with pytest.raises(DecisionRefused):
            await send_again(at, request_id)


async def test_what_nobody_does_anything_about_is_left_in_the_end(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, _ = await unplayable(at)
        await at.walk(later=89 * DAY)
        assert await at.state(request_id) == "reopened"
        await at.walk(later=2 * DAY)
        assert await at.state(request_id) == "closed"


async def test_it_can_be_taken_back_until_it_went_and_said_again(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, _ = await unplayable(at)
        (before,) = await at.packages(request_id)
        at.portal.fault("POST", "/v1/uploads", status(503), times=99)
        await send_again(at, request_id)
        await at.walk()
        assert await at.state(request_id) == "sealed"
        await stop.stop(at.agent.services, request_id, "robin")
        assert await at.state(request_id) == "reopened"
        assert await at.packages(request_id) == [before]
        assert (await at.events())[-1] == "again-stopped"
        at.portal.faults.clear()
        await at.walk(later=HOUR)
        assert len(at.portal.uploads) == 1
        await send_again(at, request_id)
        await at.walk(later=HOUR)
        assert await at.state(request_id) == "delivered"


async def test_a_decision_that_was_altered_sends_nothing_again(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, _ = await unplayable(at)
        await send_again(at, request_id)
        await at.execute("UPDATE decisions SET document = replace(document, 'approved', 'approved ')")
        await at.walk()
        assert await at.state(request_id) == "again"
        assert "decision was altered" in (await at.listed(request_id))["trouble"]
        assert len(at.portal.uploads) == 1


async def test_a_row_alone_sends_nothing_again(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, _ = await closed(at)
        await at.execute("UPDATE packages SET sealed_at = NULL, delivered_at = NULL, sending = 2, edition = 2")
        await at.execute("UPDATE requests SET state = 'again' WHERE request_id = ?", request_id)
        await at.walk()
        assert "Nobody said that this is sent again" in (await at.listed(request_id))["trouble"]
        assert len(at.portal.uploads) == 1


async def test_a_copy_whose_time_was_over_is_not_sent_and_the_owner_is_told_why(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, _ = await unplayable(at)
        await at.execute("UPDATE packages SET path = NULL")
        with pytest.raises(DecisionRefused, match="deleted when its time was over"):
            await send_again(at, request_id)
        assert await at.state(request_id) == "reopened"


@pytest.mark.parametrize("state", ["reopened", "again", "sealed"])
async def test_whoever_leaves_sends_nothing_again(tmp_path: Path, state: str) -> None:
    async with besieged(tmp_path) as at:
        request_id, evidence_id = await unplayable(at)
        if state != "reopened":
            at.portal.fault("POST", "/v1/uploads", status(503), times=99)
            await send_again(at, request_id)
            if state == "sealed":
                await at.walk()
        assert await at.state(request_id) == state
        await leaving.withdraw(at.agent.services, await at.agent.services.portal(), "robin")
        await at.walk(later=HOUR)
        assert await at.state(request_id) == "closed"
        assert len(at.portal.uploads) == 1
        assert at.settings.package(evidence_id).exists()
        (package,) = await at.packages(request_id)
        assert package.receipt is not None
