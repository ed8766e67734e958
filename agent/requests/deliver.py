"""Hand over what the owner approved: the approval is loaded, and a delivery of ``agent.deliveries`` does it.

Not for: how it is done (a module a way there), or what may be delivered (the ``Approval`` says).
"""

from agent.deliveries.contract import Consignment, Sealed
from agent.deliveries.portal import PortalDelivery
from agent.requests import answer
from agent.requests.decision import Approval, load_approval
from agent.requests.states import State
from agent.requests.step import Move
from agent.services import Services
from agent.store.database import PackageRow, RequestRow, Transaction
from exchange.custody.log import CustodyKind
from exchange.documents.messages import Request
from exchange.errors import ClipFailed, NotEnrolled


async def deliver(services: Services, row: RequestRow) -> Move:
    """SEALED -> DELIVERED. Whatever the way, it is handed over exactly what was approved."""
    approval = await load_approval(services, row.request_id)
    await answer.tell(services, row)
    async with services.store.transaction() as tx:
        packages = await tx.packages(row.request_id)
        if await tx.force() is None:
            raise NotEnrolled
    await PortalDelivery(services).deliver(consignment_of(services, approval, packages))

    async def write(tx: Transaction) -> None:
        await services.custody.record(tx, CustodyKind.DELIVERED, "agent", row.request_id)
        await services.custody.checkpoint(tx)

    return Move(State.DELIVERED, write)


def consignment_of(services: Services, approval: Approval, packages: list[PackageRow]) -> Consignment:
    """What a delivery is given. ClipFailed unless exactly what was approved was sealed."""
    if {package.evidence_id for package in packages} != {cut.evidence_id for cut in approval.cuts}:
        raise ClipFailed("What was sealed is not what was approved.", meaning="Nothing is sent.")
    request, decision = approval.request, approval.decision
    return Consignment(
        request_id=request.request_id,
        crime_reference=request.crime_reference,
        force=request.force,
        asked_by=_asked_by(approval),
        recipient=request.recipient,
        decided_by=decision.decided_by.name if decision.decided_by else "the owner",
        decided=decision.decided,
        packages=tuple(_sealed(services, approval, package) for package in packages),
    )


def _sealed(services: Services, approval: Approval, package: PackageRow) -> Sealed:
    """The sealed file is found by its evidence id: no row can name another one."""
    if package.size is None or package.sealed_at is None or package.ciphertext_sha256 is None:
        raise ClipFailed("The package was not sealed.", meaning="It is not sent.")
    cut = approval.cut(package.evidence_id)
    path = services.settings.package(package.evidence_id, package.edition)
    return Sealed(package.evidence_id, cut.camera.label, path, package.size, package.ciphertext_sha256)


def _asked_by(approval: Approval) -> str:
    request = approval.request
    if isinstance(request, Request):
        return request.force
    officer = request.officer
    number = f"({officer.collar_number})" if officer.collar_number else None
    return " ".join(part for part in (officer.rank, officer.name, number) if part)
