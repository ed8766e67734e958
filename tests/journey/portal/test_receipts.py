"""Only the force's own word, on the very bytes that were sent, tells the owner that something arrived."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.requests import receipt
from exchange.clock import DAY, HOUR
from exchange.documents.api import InboxKind
from exchange.documents.messages import Signed
from exchange.signing.documents import SigningKey
from tests.counterparts.portals.hostile_portal import status
from tests.journey.home import Siege, besieged, people


async def delivered(at: Siege) -> tuple[str, Any]:
    """A request whose package lies at the portal: its id, and the row of the package."""
    request_id = await at.asked()
    await at.say(request_id, yes=True)
    await at.walk()
    assert await at.state(request_id) == "delivered"
    (package,) = await at.packages(request_id)
    return request_id, package


async def bring(at: Siege, said: Signed) -> None:
    at.portal.put(said, InboxKind.RECEIPT)
    await at.fetch_and_walk()


def forged(at: Siege, request_id: str, package: Any) -> Signed:
    at.place = replace(at.place, officer=SigningKey.generate())
    return at.receipt_for(request_id, package)


def of_another_force(at: Siege, request_id: str, package: Any) -> Signed:
    at.place = people(at.clock.now())
    return at.receipt_for(request_id, package)


WRONG: dict[str, Callable[[Siege, str, Any], Signed]] = {
    "a forged one": forged,
    "one of another force": of_another_force,
    "one of other bytes": lambda at, of, package: at.receipt_for(of, package, ciphertext_sha256="0" * 64),
    "one of another size": lambda at, of, package: at.receipt_for(of, package, size=1),
    "one of another delivery": lambda at, of, package: at.receipt_for(of, package, delivery_id="other"),
    "one of another request": lambda at, of, package: at.receipt_for("other", package),
    "garbage": lambda at, of, package: Signed(document="\x00", signature=""),
    "one of tomorrow's credential": lambda at, of, package: at.receipt_for(of, package, issued=0),
}


@pytest.mark.parametrize("what", WRONG)
async def test_a_receipt_that_does_not_hold_is_thrown_away(tmp_path: Path, what: str) -> None:
    async with besieged(tmp_path) as at:
        people_before = at.place
        request_id, package = await delivered(at)
        await bring(at, WRONG[what](at, request_id, package))
        await at.walk(later=2 * HOUR)
        assert await at.state(request_id) == "delivered"
        assert list(at.settings.receipts_dir.iterdir()) == []
        assert "receipt" not in await at.events()
        at.place = people_before
        await bring(at, at.receipt_for(request_id, package))
        assert await at.state(request_id) == "closed"


async def test_a_receipt_closes_the_request_and_is_kept_as_two_plain_files(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, package = await delivered(at)
        said = at.receipt_for(request_id, package)
        await bring(at, said)
        assert await at.state(request_id) == "closed"
        folder = at.settings.receipts_dir
        assert (folder / f"{package.evidence_id}.json").read_text() == said.document
        assert (folder / f"{package.evidence_id}.json.sig").read_text() == said.signature
        assert at.settings.package(package.evidence_id).stat().st_size == package.size
        assert await at.agent.services.footage.held_bytes() == 0
        assert list(at.settings.work_dir.iterdir()) == []


async def test_clips_do_not_lie_about_while_the_receipt_is_awaited(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        await delivered(at)
        assert list(at.settings.work_dir.iterdir()) == []
        assert await at.agent.services.footage.held_bytes() > 0


async def test_the_same_receipt_and_a_second_one_change_nothing(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, package = await delivered(at)
        said = at.receipt_for(request_id, package)
        await bring(at, said)
        events = await at.events()
        await bring(at, said)
        await bring(at, at.receipt_for(request_id, package, verified=False, remarks="On second thoughts."))
        assert await at.events() == events
        assert (at.settings.receipts_dir / f"{package.evidence_id}.json").read_text() == said.document
        assert (await at.row(request_id)).trouble is None


async def test_a_receipt_that_comes_before_we_know_that_we_delivered_counts(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        await at.say(request_id, yes=True)
        at.portal.fault("PUT", f"/v1/requests/{request_id}/deliveries", status(504))  # it took it; the answer was lost
        await at.walk()
        assert await at.state(request_id) == "sealed"
        (package,) = await at.packages(request_id)
        await bring(at, at.receipt_for(request_id, package))
        assert await at.state(request_id) == "closed"
        assert (await at.events()).count("receipt") == 1


async def test_a_force_that_could_not_verify_it_is_told_to_the_owner(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, package = await delivered(at)
        await bring(at, at.receipt_for(request_id, package, verified=False, remarks="The disk was full."))
        listed = await at.listed(request_id)
        assert listed["state"] == "closed"
        assert listed["trouble"] == "The force has the package but could not verify it: “The disk was full.”"


async def test_a_receipt_waits_for_an_agent_that_was_off_longer_than_the_credential_lived(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, package = await delivered(at)
        said = at.receipt_for(request_id, package)
        at.clock.forward(200 * DAY)
        await bring(at, said)
        assert await at.state(request_id) == "closed"


async def test_a_receipt_that_comes_while_the_request_falls_asleep_wakes_it(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, package = await delivered(at)
        await at.execute("UPDATE requests SET retry_at = 0 WHERE request_id = ?", request_id)
        row = await at.row(request_id)  # what the step saw that found no receipt
        assert await receipt.accept(at.agent.services, at.receipt_for(request_id, package))
        await at.agent.journey._put_off(row, HOUR, None)
        await at.walk()
        assert await at.state(request_id) == "closed"


async def test_footage_is_not_held_for_ever_for_a_receipt_that_never_comes(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id, package = await delivered(at)
        await at.walk(later=80 * DAY)
        assert await at.agent.services.footage.held_bytes() > 0
        await at.walk(later=11 * DAY)
        assert await at.state(request_id) == "closed"
        assert await at.agent.services.footage.held_bytes() == 0
        assert "No receipt of the force came in 90 days" in (await at.listed(request_id))["trouble"]
        issued = at.clock.now() - 90 * DAY  # signed in time, and long on its way
        await bring(at, at.receipt_for(request_id, package, issued=issued))
        assert len(list(at.settings.receipts_dir.iterdir())) == 2
