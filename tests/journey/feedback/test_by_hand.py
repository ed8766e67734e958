"""Where no portal carries it: told and sent again by hand, kept where the portal is older; and reading tells nobody."""

from pathlib import Path

import pytest

from agent.owner.operations.afterwards.feedback import Rate, SendAgain
from agent.owner.operations.context import RequestNamed
from agent.owner.operations.handing_over.delivering import ReceiptNoted
from agent.requests.feedback.answering import send_words
from agent.requests.feedback.noting import NewFeedback
from agent.requests.on_the_way.stop import stop
from exchange.clock import HOUR
from exchange.documents import api
from exchange.documents.copies import CopyKind
from exchange.documents.feedback import CannotPlay, CannotPlayReason, CaseResult, FeedbackKind, Question
from exchange.errors import DecisionRefused, InputInvalid
from portal.officer.client import OfficerClient
from portal.officer.feedback import fetch_replies
from portal.officer.state import OfficerState
from tests.counterparts.portals.hostile_portal import HostilePortal, status
from tests.journey.feedback.test_arriving import bring, closed, kinds
from tests.journey.home import ACTOR, Siege, besieged, owner_does, people
from tests.journey.review.test_noted import handed, noted

TOLD = {"officer": "Sam Marsh", "how": "by telephone"}


async def note(at: Siege, request_id: str, what: FeedbackKind, **more: object) -> int:
    new = NewFeedback.model_validate({"request_id": request_id, "what": what} | TOLD | more)
    return int((await owner_does(at.agent, "note-feedback", new, ACTOR))["packages"])


async def test_a_noted_request_is_told_of_sent_again_and_rated_by_hand(tmp_path: Path) -> None:
    async with besieged(tmp_path, pictures=True) as at:
        calls = len(at.portal.calls)
        request_id = await noted(at)
        with pytest.raises(DecisionRefused, match="Nothing of this request was handed over"):
            await note(at, request_id, FeedbackKind.OPENED, verified=True)
        first = await handed(at, request_id)
        receipt = ReceiptNoted(request_id=request_id, taken_by="Sam Marsh", how="signed the form")
        await owner_does(at.agent, "note-receipt", receipt, ACTOR)
        await at.agent.journey.settle()
        assert await at.state(request_id) == "closed"
        with pytest.raises(InputInvalid, match="not all that is needed"):
            await note(at, request_id, FeedbackKind.CANNOT_PLAY)
        form = {"reason": CannotPlayReason.LOST, "text": "The stick broke.", "key": "note-form-1"}
        assert await note(at, request_id, FeedbackKind.CANNOT_PLAY, **form) == 1
        assert await note(at, request_id, FeedbackKind.CANNOT_PLAY, **form) == 1  # the button was pressed twice
        with pytest.raises(DecisionRefused, match="Something else was written down"):
            await note(at, request_id, FeedbackKind.CANNOT_PLAY, **form | {"text": "It burnt."})
        assert await kinds(at, request_id) == ["cannot-play"]
        assert await at.state(request_id) == "reopened"
        await owner_does(at.agent, "send-again", SendAgain(request_id=request_id), ACTOR)
        await at.agent.journey.settle()
        assert await at.state(request_id) == "delivered", (await at.row(request_id)).trouble
        again = (await owner_does(at.agent, "files", RequestNamed(request_id=request_id), ACTOR))["files"]
        assert {Path(each["path"]).suffix for each in again} == {path.suffix for path in first}
        assert all(Path(each["path"]).is_file() for each in again)
        await owner_does(at.agent, "note-receipt", receipt, ACTOR)
        await at.agent.journey.settle()
        assert await at.state(request_id) == "closed"
        await note(at, request_id, FeedbackKind.OUTCOME, result=CaseResult.USED_IN_COURT)
        rated = await owner_does(at.agent, "rate", Rate(request_id=request_id, stars=5), ACTOR)
        assert (rated["sent"], rated["waits"]) == (False, False)
        assert len(at.portal.calls) == calls
        assert {"cannot-play", "sent-again", "case-outcome", "rated"} <= set(await at.events())


async def test_an_older_portal_takes_no_rating_and_it_is_kept(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, _ = await closed(at)
        at.portal.fault("PUT", f"/v1/requests/{request_id}/feedback", status(404))
        rated = await owner_does(at.agent, "rate", Rate(request_id=request_id, stars=2), ACTOR)
        assert (rated["sent"], rated["waits"]) == (False, False)
        assert "takes no answers yet" in rated["trouble"]
        calls = len(at.portal.calls)
        assert await send_words(at.agent.services) == 0
        assert at.portal.said(since=calls) == []


async def test_a_rating_waits_for_a_portal_that_is_away_and_goes_once(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, _ = await closed(at)
        at.portal.fault("PUT", f"/v1/requests/{request_id}/feedback", status(503))
        rated = await owner_does(at.agent, "rate", Rate(request_id=request_id, stars=4), ACTOR)
        assert (rated["sent"], rated["waits"]) == (False, True)
        assert await send_words(at.agent.services) == 1
        assert await send_words(at.agent.services) == 0
        put = [call for call in at.portal.calls if "/feedback/" in call.path]
        assert len({call.path for call in put}) == 1


async def test_an_officer_at_an_older_portal_sees_no_answers_and_no_error(tmp_path: Path) -> None:
    force = people()
    portal = HostilePortal(force.force.name, force.force.key.public)
    async with portal.running(), OfficerClient(portal.origin, force.officer) as client:
        portal.fault("GET", api.OFFICER_FEEDBACK, status(404))
        assert await fetch_replies(OfficerState(tmp_path), client) == []


async def test_reading_tells_nobody_anything(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, package = await closed(at)
        await bring(at, at.feedback_for(request_id, package, Question))
        calls, events = len(at.portal.calls), await at.events()
        for _ in range(3):
            await owner_does(at.agent, "feedback", RequestNamed(request_id=request_id), ACTOR)
            await at.shown(request_id)
        await at.walk(later=HOUR)
        assert at.portal.said(since=calls) == []
        assert await at.events() == events


async def test_a_copy_that_cannot_be_made_sends_nothing_and_the_same_package_can_go(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:  # whose worker makes no working copies
        request_id, package = await closed(at)
        await bring(at, at.feedback_for(request_id, package, CannotPlay))
        await owner_does(at.agent, "send-again", SendAgain(request_id=request_id, copies=(CopyKind.AVI,)), ACTOR)
        await at.walk()
        assert await at.state(request_id) == "again"
        assert "AVI copy was not made" in ((await at.row(request_id)).trouble or "")
        assert len(at.portal.uploads) == 1
        await stop(at.agent.services, request_id, "robin")
        assert await at.packages(request_id) == [(await closed_row(at, request_id))]
        await owner_does(at.agent, "send-again", SendAgain(request_id=request_id), ACTOR)
        await at.walk(later=HOUR)
        assert await at.state(request_id) == "delivered"
        assert (
            bytes(list(at.portal.uploads.values())[-1].content) == at.settings.package(package.evidence_id).read_bytes()
        )


async def closed_row(at: Siege, request_id: str) -> object:
    (row,) = await at.packages(request_id)
    assert (row.sending, row.edition, row.receipt is not None) == (1, 1, True)
    return row


async def test_a_copy_of_the_owners_that_was_changed_is_not_sent_with_a_new_manifest(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, package = await closed(at)
        sealed = at.settings.package(package.evidence_id)
        content = bytearray(sealed.read_bytes())
        content[len(content) // 2] ^= 1
        sealed.write_bytes(bytes(content))
        await bring(at, at.feedback_for(request_id, package, CannotPlay))
        await owner_does(at.agent, "send-again", SendAgain(request_id=request_id, copies=(CopyKind.AVI,)), ACTOR)
        await at.walk()
        assert await at.state(request_id) == "again"
        assert (await at.row(request_id)).trouble
        assert len(at.portal.uploads) == 1
        assert not at.settings.package(package.evidence_id, 2).exists()
