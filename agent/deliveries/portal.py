"""The portal as a way to hand over: an upload that goes on after every break, then the signed announcement.

Not for: the upload protocol (``agent/portal/tus.py``).
"""

import logging
import uuid

from agent.deliveries.contract import Consignment, NotNow
from agent.deliveries.progress import Remaining
from agent.places.pace import Pace, unhindered
from agent.portal.client import PortalClient, origin
from agent.portal.growing import GrowingFile
from agent.portal.tus import TusUpload, UploadGone, same_origin
from agent.portal.tus_pieces import Pieces
from agent.services import Services
from agent.store.database import PackageRow
from exchange.custody.log import CustodyKind
from exchange.documents import api
from exchange.documents.api import MAX_BODY
from exchange.documents.messages import Delivery, Signed
from exchange.errors import (
    ClipFailed,
    HandoverError,
    NotEnrolled,
    PortalAnswerInvalid,
    PortalRefused,
    PortalUnreachable,
)
from exchange.signing.documents import parse_strictly, sign_document

log = logging.getLogger(__name__)


class PortalDelivery:
    """Each package by itself. ``upload`` may begin while the package is still being sealed; only ``announce``, which
    needs the sealed file's hash in the store, hands it over.
    """

    def __init__(self, services: Services, pace: Pace = unhindered) -> None:
        self._services = services
        self._pace = pace

    async def deliver(self, consignment: Consignment) -> None:
        """See ``agent.deliveries.contract``. Every piece of progress is in the store before the next begins."""
        async with self._services.store.transaction() as tx:
            packages = {package.evidence_id: package for package in await tx.packages(consignment.request_id)}
        for sealed in consignment.packages:
            package = packages[sealed.evidence_id]
            if package.delivered_at is None:
                await self.upload(package, sealed.size)
                await self.announce(await self._reload(package))

    async def upload(self, package: PackageRow, size: int, growing: GrowingFile | None = None) -> None:
        """Bring ``size`` bytes there, unless they are there. ``growing``: of a file that is still being made."""
        if package.uploaded_at is not None:
            return
        uploads = await self._uploads()
        await self._pace(0)
        delivery_id = package.delivery_id or await self._name(package)
        upload = await self._upload_of(await self._services.portal(), package, uploads, size, growing)
        await self._send(upload, package, delivery_id, uploads)

    async def forget_upload(self, package: PackageRow) -> PackageRow:
        """What was uploaded is no part of the package any more; its row as it is then. The portal is told if it can be:
        it tidies away by itself what nobody goes on with."""
        if package.upload_url is None:
            return package
        await self._set(package, upload_url=None, uploaded_at=None)
        try:
            uploads, portal = await self._uploads(), await self._services.portal()
            if same_origin(package.upload_url, uploads):
                await (await self._upload_of(portal, package, uploads, package.size or 0, None)).end(package.upload_url)
        except HandoverError as error:
            log.info("an upload that is not gone on with was not ended there: %s", error.what)
        return await self._reload(package)

    async def announce(self, package: PackageRow) -> None:
        """Tell the portal what was uploaded, signed. From here on it counts as handed over."""
        if package.size is None or package.delivery_id is None:
            raise ClipFailed("The package was not sealed.", meaning="It is not announced.")
        uploads = await self._uploads()
        portal = await self._services.portal()
        first = package.delivery is None
        signed = await self._announcement(package, package.delivery_id)
        url = package.upload_url or ""
        try:
            await portal.deliver(package.request_id, package.delivery_id, api.SignedDelivery(signed=signed, upload=url))
        except PortalRefused:
            upload = await self._upload_of(portal, package, uploads, package.size, None)
            if same_origin(url, uploads) and not await upload.is_known(url):
                # It was tidied away there before it was announced: once more.
                await self._set(package, uploaded_at=None, upload_url=None)
            if first:  # nothing was said before whose answer could be lost: the portal has it not
                await self._set(package, delivery=None)
            raise
        await self._set(package, delivered_at=self._services.clock.now())

    async def _uploads(self) -> str:
        """Where the portal takes uploads. NotEnrolled when there is none."""
        async with self._services.store.transaction() as tx:
            force = await tx.force()
        if force is None:
            raise NotEnrolled
        return force.uploads

    async def _name(self, package: PackageRow) -> str:
        delivery_id = str(uuid.uuid4())
        await self._set(package, delivery_id=delivery_id)
        return delivery_id

    async def _set(self, package: PackageRow, **columns: object) -> None:
        async with self._services.store.transaction() as tx:
            await tx.update("packages", {"evidence_id": package.evidence_id}, **columns)

    async def _reload(self, package: PackageRow) -> PackageRow:
        async with self._services.store.transaction() as tx:
            rows = await tx.packages(package.request_id)
        return next(row for row in rows if row.evidence_id == package.evidence_id)

    async def _upload_of(
        self, portal: PortalClient, package: PackageRow, uploads: str, size: int, growing: GrowingFile | None
    ) -> TusUpload:
        """The sealed file is found by its evidence id: no row can name another one."""
        services = self._services
        audience = portal.audience if uploads.startswith(f"{portal.url}/") else origin(uploads)

        remaining = Remaining(services, package.request_id, size, "uploading")

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
            growing or services.settings.package(package.evidence_id, package.edition),
            size,
            pieces=Pieces(size, largest, package.bytes_sent, package.bytes_counted),
            on_progress=remaining.show,
            on_break=resumed,
            on_learnt=keep,
            pace=None if self._pace is unhindered else self._pace,
        )

    async def _send(self, upload: TusUpload, package: PackageRow, delivery_id: str, uploads: str) -> None:
        services, url = self._services, package.upload_url
        if url is not None and not same_origin(url, uploads):
            url = None  # begun at a place that the portal no longer names
        for _ in range(3):
            if url is None:
                url = await upload.create(uploads, {"delivery": delivery_id})
                await self._note_upload(package, upload.size, url)
            try:
                await upload.send(url)
            except UploadGone:
                url = None
                continue
            except (PortalUnreachable, NotNow) as error:
                reason = error.why if isinstance(error, NotNow) else error.what
                async with services.store.transaction() as tx:
                    await services.custody.record(
                        tx, CustodyKind.UPLOAD_INTERRUPTED, "agent", package.request_id, reason=reason
                    )
                raise
            await self._note_uploaded(await self._reload(package), upload.size)
            return
        raise PortalAnswerInvalid("The upload server forgets every upload at once.", do="Tell the force.")

    async def _note_upload(self, package: PackageRow, size: int, url: str) -> None:
        async with self._services.store.transaction() as tx:
            await tx.update("packages", {"evidence_id": package.evidence_id}, upload_url=url)
            await self._services.custody.record(
                tx, CustodyKind.UPLOAD_STARTED, "agent", package.request_id, details={"size": size}
            )

    async def _note_uploaded(self, package: PackageRow, size: int) -> None:
        services = self._services
        async with services.store.transaction() as tx:
            await tx.update("packages", {"evidence_id": package.evidence_id}, uploaded_at=services.clock.now())
            details: dict[str, str | int | bool] = {"size": size, "sha256": package.ciphertext_sha256 or ""}
            await services.custody.record(tx, CustodyKind.UPLOAD_FINISHED, "agent", package.request_id, details=details)

    async def _announcement(self, package: PackageRow, delivery_id: str) -> Signed:
        """The signed Delivery, made once: a crash and a new try announce the same bytes."""
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
            issued=self._services.clock.now(),
        )
        signed = sign_document(document, self._services.keys.device)
        await self._set(package, delivery=signed.model_dump_json())
        return signed
