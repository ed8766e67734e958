"""An owner may leave at any time: what has not left stays, the portal forgets them, and they may come again."""

import asyncio
from pathlib import Path

import pytest

from agent.membership import leaving
from agent.owner.operations.context import Nothing
from exchange.clock import HOUR, MINUTE
from exchange.documents import api
from exchange.documents.messages import Status
from exchange.errors import HandoverError, NotEnrolled, PortalUnreachable
from tests.counterparts.portals.hostile_portal import hanging, status
from tests.journey.home import ACTOR, Home, Siege, besieged, home, join, owner_does


async def leave(at: Home) -> int:
    return int((await owner_does(at.agent, "withdraw", Nothing(), ACTOR))["stopped"])


async def stand(at: Siege, state: str) -> str:
    """A request that stands in this state; its id."""
    if state in ("received", "verified", "preserved"):
        at.portal.put(at.request())
        await at.poll.fetch(0)
        request_id = (await at.rows())[-1].request_id
        if state != "received":
            await at.walk()
            await at.execute("UPDATE requests SET state = ? WHERE request_id = ?", state, request_id)
            await at.execute("DELETE FROM plans")
        return request_id
    request_id = await at.asked()
    if state == "asked":
        return request_id
    if state == "declined":
        at.portal.fault("PUT", "/v1/requests", status(503), times=99)
        await at.say(request_id, yes=False)
        await at.walk()
        return request_id
    await at.say(request_id, yes=True)
    if state != "approved":
        at.portal.fault("PUT", "/v1/requests", status(503), times=99)
        await at.walk()
        if state == "clipped":
            await at.execute("UPDATE packages SET sealed_at = NULL")
        await at.execute("UPDATE requests SET state = ? WHERE request_id = ?", state, request_id)
    return request_id


@pytest.mark.parametrize(
    "state", ["received", "verified", "preserved", "asked", "declined", "approved", "clipped", "sealed"]
)
async def test_whoever_leaves_sends_nothing_more_wherever_a_request_stood(tmp_path: Path, state: str) -> None:
    async with besieged(tmp_path) as at:
        request_id = await stand(at, state)
        assert await at.state(request_id) == state
        calls = len(at.portal.calls)
        stopped = await leave(at)
        assert stopped == (state not in ("received", "declined"))
        await at.walk(later=HOUR)
        await at.walk(later=HOUR)
        assert at.portal.said(since=calls) == [f"DELETE {api.REGISTRATION}"]
        assert await at.state(request_id) == "closed"
        assert not at.portal.uploads
        assert list(at.settings.packages_dir.iterdir()) == list(at.settings.work_dir.iterdir()) == []
        assert await at.agent.services.footage.held_bytes() == 0
        with pytest.raises(NotEnrolled):
            await at.poll.fetch(0)


async def test_an_upload_under_way_is_broken_off(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        await at.say(request_id, yes=True)
        held = asyncio.Event()
        at.portal.fault("PATCH", api.UPLOADS, hanging(held))
        walking = asyncio.create_task(at.agent.journey.run())
        await asyncio.wait_for(held.wait(), 20)
        assert await leave(at) == 1
        walking.cancel()
        await asyncio.gather(walking, return_exceptions=True)
        await at.walk()
        assert await at.state(request_id) == "closed"
        assert [call.method for call in at.portal.calls if call.path.startswith(api.UPLOADS)].count("PATCH") == 1
        assert not at.portal.uploads["upload-1"].content


async def test_who_waits_for_a_receipt_and_leaves_waits_no_more(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        await at.say(request_id, yes=True)
        await at.walk()
        assert await at.state(request_id) == "delivered"
        assert await leave(at) == 0
        await at.walk()
        listed = await at.listed(request_id)
        assert listed["state"] == "closed"
        assert "before the force's receipt came" in listed["trouble"]
        assert await at.agent.services.footage.held_bytes() == 0
        (package,) = await at.packages(request_id)
        assert at.settings.package(package.evidence_id).exists()  # the owner's copy of what was sent


async def test_while_the_portal_is_away_nobody_has_left(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        at.portal.fault("DELETE", api.REGISTRATION, status(503))
        with pytest.raises(PortalUnreachable):
            await leave(at)
        assert await at.state(request_id) == "asked"
        assert await leave(at) == 1


async def test_a_withdrawal_whose_answer_was_lost_is_finished_by_the_next(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        request_id = await at.asked()
        portal = await at.agent.services.portal()
        document = leaving.Withdrawal(device=at.agent.services.keys.device.public.fingerprint, issued=at.clock.now())
        async with at.agent.services.store.transaction() as tx:
            await tx.set_note("leaving", "yes")
        await portal.withdraw(leaving.sign_document(document, at.agent.services.keys.device))  # and the power went
        assert await leave(at) == 1
        assert await at.state(request_id) in ("withdrawn", "closed")


async def test_a_portal_that_does_not_know_a_device_that_never_left_is_an_error(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        at.portal.fault("DELETE", api.REGISTRATION, status(401), times=2)
        with pytest.raises(HandoverError, match="401"):
            await leave(at)
        assert await at.state(request_id) == "asked"


async def test_the_portal_forgets_who_left_and_takes_them_again(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        first = await at.asked()
        await leave(at)
        await at.walk()
        assert await at.state(first) == "closed"
        assert (await at.officer.case(first)).status is Status.WITHDRAWN
        await at.execute("UPDATE cameras SET registered = 1")
        await join(at.agent, at.origin)
        async with at.agent.services.store.transaction() as tx:
            revisions = [row["revision"] for row in await tx.all("SELECT revision FROM registrations")]
        assert revisions == [1]
        at.clock.forward(MINUTE)
        second = await at.asked()
        await at.say(second, yes=True)
        await at.walk()
        assert await at.state(second) == "delivered"
        assert (await at.officer.case(second)).status is Status.APPROVED


async def test_what_was_approved_for_one_portal_is_not_sent_to_the_next(tmp_path: Path) -> None:
    async with besieged(tmp_path / "one") as at, besieged(tmp_path / "two") as other:
        request_id, declined = await at.asked(), await at.asked()
        await at.say(request_id, yes=True)
        await at.say(declined, yes=False)
        calls = len(at.portal.calls)
        await join(at.agent, other.portal.origin)
        await at.walk(later=HOUR)
        assert [await at.state(each) for each in (request_id, declined)] == ["closed", "closed"]
        assert other.portal.about(request_id) == other.portal.about(declined) == []
        assert len(at.portal.calls) == calls
        assert not other.portal.uploads
