"""Bring each sealed package to the portal: an upload that goes on after every break, then the signed announcement.

Not for: what may be delivered (the ``Approval`` says), or the upload protocol (``agent/portal/tus.py``).
"""

import uuid

from agent.portal.client import PortalClient, origin
from agent.portal.tus import TusUpload, UploadGone, same_origin
from agent.portal.tus_pieces import Pieces
from agent.requests import answer
from agent.requests.decision import Approval, load_approval
from agent.requests.states import State
from agent.requests.step import Move
from agent.services import Services
from agent.store.database import PackageRow, RequestRow, Transaction
from exchange.custody.log import CustodyKind
from exchange.documents import api
from exchange.documents.api import MAX_BODY
from exchange.documents.messages import Delivery, Signed
from exchange.errors import ClipFailed, NotEnrolled, PortalAnswerInvalid, PortalRefused, PortalUnreachable
from exchange.signing.documents import parse_strictly, sign_document


async def deliver(services: Services, row: RequestRow) -> Move:
    """SEALED -> DELIVERED. Every piece of progress is in the store before the next begins."""
    approval = await load_approval(services, row.request_id)
    await answer.tell(services, row)
    async with services.store.transaction() as tx:
        packages = await tx.packages(row.request_id)
        force = await tx.force()
    if force is None:
        raise NotEnrolled
    if {package.evidence_id for package in packages} != {cut.evidence_id for cut in approval.cuts}:
        raise ClipFailed("What was sealed is not what was approved.", meaning="Nothing is sent.")
    for package in packages:
        if package.delivered_at is None:
            await _deliver_one(services, approval, package, force.uploads)

    async def write(tx: Transaction) -> None:
        await services.custody.record(tx, CustodyKind.DELIVERED, "agent", row.request_id)
        await services.custody.checkpoint(tx)

    return Move(State.DELIVERED, write)


async def _deliver_one(services: Services, approval: Approval, package: PackageRow, uploads: str) -> None:
    portal = await services.portal()
    delivery_id = package.delivery_id or await _name(services, package)
    upload = await _upload_of(services, portal, package, uploads)
    if package.uploaded_at is None:
        await _upload(services, upload, package, delivery_id, uploads)
    fresh = await _reload(services, package)
    signed = await _announcement(services, fresh, delivery_id, approval)
    url = fresh.upload_url or ""
    try:
        await portal.deliver(package.request_id, delivery_id, api.SignedDelivery(signed=signed, upload=url))
    except PortalRefused:
        if same_origin(url, uploads) and not await upload.is_known(url):
            await _forget_upload(services, package)  # it was tidied away there before it was announced: once more
        raise
    async with services.store.transaction() as tx:
        await tx.update("packages", {"evidence_id": package.evidence_id}, delivered_at=services.clock.now())


async def _name(services: Services, package: PackageRow) -> str:
    delivery_id = str(uuid.uuid4())
    async with services.store.transaction() as tx:
        await tx.update("packages", {"evidence_id": package.evidence_id}, delivery_id=delivery_id)
    return delivery_id


async def _forget_upload(services: Services, package: PackageRow) -> None:
    async with services.store.transaction() as tx:
        await tx.update("packages", {"evidence_id": package.evidence_id}, uploaded_at=None, upload_url=None)


async def _upload_of(services: Services, portal: PortalClient, package: PackageRow, uploads: str) -> TusUpload:
    """The sealed file is found by its evidence id: no row can name another one."""
    if package.size is None or package.sealed_at is None:
        raise ClipFailed("The package was not sealed.", meaning="It is not sent.")
    size, audience = package.size, origin(uploads)

    def show(offset: int) -> None:
        services.progress.doing[package.request_id] = f"uploading, {offset * 100 // size} %"

    async def resumed(offset: int) -> None:
        async with services.store.transaction() as tx:
            await services.custody.record(
                tx, CustodyKind.UPLOAD_RESUMED, "agent", package.request_id, details={"offset": offset}
            )

    async def keep(pieces: Pieces) -> None:
        async with services.store.transaction() as tx:
            await tx.execute("UPDATE force SET largest_piece = ? WHERE uploads = ?", [pieces.largest, uploads])
            key = {"evidence_id": package.evidence_id}
            await tx.update("packages", key, bytes_sent=pieces.sent, bytes_counted=pieces.counted)

    async with services.store.transaction() as tx:
        force = await tx.force()
    largest = None if force is None or force.uploads != uploads else force.largest_piece
    return TusUpload(
        portal.session,
        lambda: portal.headers(audience),
        services.settings.package(package.evidence_id),
        size,
        pieces=Pieces(size, largest, package.bytes_sent, package.bytes_counted),
        on_progress=show,
        on_break=resumed,
        on_learnt=keep,
    )


async def _upload(services: Services, upload: TusUpload, package: PackageRow, delivery_id: str, uploads: str) -> None:
    url = package.upload_url
    if url is not None and not same_origin(url, uploads):
        url = None  # begun at a place that the portal no longer names
    for _ in range(3):
        if url is None:
            url = await upload.create(uploads, {"delivery": delivery_id})
            await _note_upload(services, package, url)
        try:
            await upload.send(url)
        except UploadGone:
            url = None
            continue
        except PortalUnreachable as error:
            async with services.store.transaction() as tx:
                await services.custody.record(
                    tx, CustodyKind.UPLOAD_INTERRUPTED, "agent", package.request_id, reason=error.what
                )
            raise
        async with services.store.transaction() as tx:
            await tx.update("packages", {"evidence_id": package.evidence_id}, uploaded_at=services.clock.now())
            details: dict[str, str | int | bool] = {"size": upload.size, "sha256": package.ciphertext_sha256 or ""}
            await services.custody.record(tx, CustodyKind.UPLOAD_FINISHED, "agent", package.request_id, details=details)
        return
    raise PortalAnswerInvalid("The upload server forgets every upload at once.", do="Tell the force.")


async def _note_upload(services: Services, package: PackageRow, url: str) -> None:
    async with services.store.transaction() as tx:
        await tx.update("packages", {"evidence_id": package.evidence_id}, upload_url=url)
        await services.custody.record(
            tx, CustodyKind.UPLOAD_STARTED, "agent", package.request_id, details={"size": package.size or 0}
        )


async def _reload(services: Services, package: PackageRow) -> PackageRow:
    async with services.store.transaction() as tx:
        return next(row for row in await tx.packages(package.request_id) if row.evidence_id == package.evidence_id)


async def _announcement(services: Services, package: PackageRow, delivery_id: str, approval: Approval) -> Signed:
    """The signed Delivery, made once: a crash and a new try announce the same bytes."""
    approval.cut(package.evidence_id)
    if package.delivery is not None:
        return parse_strictly(package.delivery.encode(), Signed, MAX_BODY)
    if package.ciphertext_sha256 is None or package.size is None:
        raise ClipFailed("The package was not sealed.", meaning="It is not announced.")
    document = Delivery(
        delivery_id=delivery_id,
        request_id=package.request_id,
        evidence_id=package.evidence_id,
        ciphertext_sha256=package.ciphertext_sha256,
        size=package.size,
        issued=services.clock.now(),
    )
    signed = sign_document(document, services.keys.device)
    async with services.store.transaction() as tx:
        await tx.update("packages", {"evidence_id": package.evidence_id}, delivery=signed.model_dump_json())
    return signed
