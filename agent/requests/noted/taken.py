"""The owner writes down that the police have what went by no portal: a receipt in the owner's own word.

Not for: the portal's receipts, which officers sign (``agent.requests.receipt``).
"""

from agent.deliveries.laying_out import files_of
from agent.deliveries.way import Means
from agent.requests.on_the_way.choosing import way_of
from agent.requests.states import State
from agent.services import Services
from exchange.custody.log import CustodyKind
from exchange.documents.noted import HandedFile, NotedReceipt
from exchange.errors import DecisionRefused, NotFound
from exchange.signing.documents import sign_document


async def note_receipt(services: Services, request_id: str, taken_by: str, how: str, by: str) -> int:
    """The owner writes down that the force has it; how many packages. DecisionRefused unless it was handed over."""
    files = await files_of(services, request_id)
    async with services.store.transaction() as tx:
        row = await tx.request(request_id)
        if row is None:
            raise NotFound(f"There is no request {request_id}.", do="List them with: handover requests")
        way = await way_of(tx, row)
        if way.means is Means.PORTAL or row.state != State.DELIVERED:
            raise DecisionRefused(
                "Nothing of this request waits to be confirmed.",
                meaning="Nothing was written down.",
                do="A receipt of the portal comes by itself.",
            )
        count = 0
        for package in await tx.packages(request_id):
            if package.receipt is not None:
                continue
            handed = [file for file in files if file.evidence_id == package.evidence_id]
            document = NotedReceipt(
                request_id=request_id,
                evidence_id=package.evidence_id,
                sha256=package.ciphertext_sha256 or "",
                files=tuple(HandedFile(name=file.name, sha256=file.sha256) for file in handed),
                taken_by=taken_by,
                how=how,
                issued=services.clock.now(),
            )
            signed = sign_document(document, services.keys.device)
            key = {"evidence_id": package.evidence_id}
            await tx.update("packages", key, receipt=signed.model_dump_json(), receipt_at=services.clock.now())
            details: dict[str, str | int | bool] = {"taken_by": taken_by, "how": how}
            await services.custody.record(tx, CustodyKind.RECEIPT, by, request_id, details=details)
            count += 1
        await tx.execute("UPDATE requests SET retry_at = retry_at = 0 WHERE request_id = ?", [request_id])
    return count
