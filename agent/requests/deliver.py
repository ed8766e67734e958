"""Hand over what the owner approved: the approval is loaded, and a delivery of ``agent.deliveries`` does it.

Not for: how it is done (a module a way there), or what may be delivered (the ``Approval`` says).
"""

import contextlib

from agent.deliveries.contract import Consignment, NotNow, Sealed
from agent.deliveries.way import Means, Way
from agent.deliveries.ways import delivery_of
from agent.requests import answer
from agent.requests.decision import Approval, load_approval
from agent.requests.on_the_way.choosing import handed_over, way_of
from agent.requests.restored import learning
from agent.requests.states import State
from agent.requests.step import Later, Move
from agent.services import Services
from agent.store.database import PackageRow, RequestRow, Transaction
from exchange.custody.log import CustodyKind
from exchange.documents.messages import Request
from exchange.errors import ClipFailed, NotEnrolled, PortalAnswerInvalid, PortalRefused, PortalUnreachable

_MOST_NAMED = 30
"""Files that are named in the log with their hashes; how many there are stands there anyway."""


async def deliver(services: Services, row: RequestRow) -> Move:
    """SEALED -> DELIVERED. Whatever the way, exactly what was approved is handed over."""
    approval = await load_approval(services, row.request_id)
    async with services.store.transaction() as tx:
        packages = await tx.packages(row.request_id)
        way = await way_of(tx, row)
    consignment = consignment_of(services, approval, packages)
    await _tell_portal(services, row, way)
    try:
        with services.limit.evidence() if way.goes_over_the_line else contextlib.nullcontext():
            await delivery_of(services, way).deliver(consignment)
    except NotNow as later:
        raise Later(later.at, later.why) from later
    except PortalRefused:
        # It may have it already, from before the records of this agent went back by more than anybody noticed.
        with contextlib.suppress(PortalUnreachable, PortalRefused, PortalAnswerInvalid):
            await learning.learn_one(services, row.request_id, only_news=True)
        raise
    files = await handed_over(services, row.request_id)

    async def write(tx: Transaction) -> None:
        details: dict[str, str | int | bool] = {"means": way.means.value}
        if way.means is not Means.PORTAL:
            details |= {"sealed_for": way.sealed_for.value, "files": len(files)}
            for number, (name, sha256) in enumerate(files[:_MOST_NAMED], 1):
                details[f"file_{number}"] = f"{sha256} {name}"
        await services.custody.record(tx, CustodyKind.DELIVERED, "agent", row.request_id, details=details)
        await services.custody.checkpoint(tx)

    return Move(State.DELIVERED, write)


async def _tell_portal(services: Services, row: RequestRow, way: Way) -> None:
    """The portal learns the owner's answer, as ever; where it can't be used, that doesn't keep the package here."""
    if way.means is Means.PORTAL:
        return await answer.tell(services, row)
    if row.origin != "noted":
        with contextlib.suppress(PortalUnreachable, PortalRefused, PortalAnswerInvalid, NotEnrolled):
            await answer.tell(services, row)
    return None


def consignment_of(services: Services, approval: Approval, packages: list[PackageRow]) -> Consignment:
    """What a delivery is given. ClipFailed unless exactly what was approved was sealed."""
    if {package.evidence_id for package in packages} != {cut.evidence_id for cut in approval.cuts}:
        raise ClipFailed("What was sealed is not what was approved.", meaning="Nothing is sent.")
    request, decision = approval.request, approval.decision
    return Consignment(
        request_id=request.request_id,
        crime_reference=request.crime_reference,
        owner=services.settings.owner.name,
        contact=services.settings.owner.contact,
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
    assert cut.camera.actual is not None  # what has no footage is approved by nobody
    return Sealed(
        evidence_id=package.evidence_id,
        camera_label=cut.camera.label,
        start=cut.camera.actual.start,
        end=cut.camera.actual.end,
        path=path,
        size=package.size,
        sha256=package.ciphertext_sha256,
        sending=package.sending,
    )


def _asked_by(approval: Approval) -> str:
    request = approval.request
    if isinstance(request, Request):
        return request.force
    officer = request.officer
    number = f"({officer.collar_number})" if officer.collar_number else None
    return " ".join(part for part in (officer.rank, officer.name, number) if part)
