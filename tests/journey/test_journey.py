"""A request's journey from the officer to the receipt, with everything real but the camera."""

from pathlib import Path

from exchange.documents.messages import Delivery, Status
from exchange.signing.documents import open_document
from exchange.verify.checking import verify_package
from tests.journey.home import Town, home


async def test_an_approved_window_reaches_the_officer_and_its_receipt_closes_it(tmp_path: Path) -> None:
    async with home(tmp_path, workers=True) as at:
        request_id = await at.send(at.request())
        await at.fetch_and_walk()
        assert await at.state(request_id) == "asked"
        await at.say(request_id, yes=True)
        await at.agent.journey.settle()
        assert await at.state(request_id) == "delivered", await trouble(at, request_id)
        case = await at.officer.case(request_id)
        assert case.status is Status.APPROVED
        (delivered,) = case.deliveries
        delivery = open_document(delivered.signed, Delivery, at.agent.services.keys.device.public)
        target = tmp_path / "package.zip.age"
        await at.officer.fetch(delivery.delivery_id, delivery.size, delivery.ciphertext_sha256, target)
        force = at.place.force.key.public
        report = verify_package(target, identities=[at.case], force_key=force, into=tmp_path / "opened", deep=True)
        assert report.ok, [finding for finding in report.findings if finding.error]
        await at.officer.receipt(delivery.delivery_id, at.receipt_for(request_id, delivery))
        await at.fetch_and_walk()
        assert await at.state(request_id) == "closed"


async def trouble(at: Town, request_id: str) -> str | None:
    async with at.agent.services.store.transaction() as tx:
        row = await tx.request(request_id)
    return row.trouble if row else None
