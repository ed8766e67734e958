"""Have the time of a fixed manifest countersigned, if the owner set an authority; then fix its lines of the log.

Not for: what a stamp is, and whether it holds (``exchange/signing/timestamps.py``). Only a hash of the manifest leaves.
"""

import asyncio
import hashlib
import logging

from agent.portal.client import origin
from agent.portal.timestamp_authority import ask_authority
from agent.requests.decision import Approval
from agent.services import Services
from agent.settings.model import TimestampSettings
from agent.store.database import PackageRow, RequestRow
from exchange.clock import to_rfc3339
from exchange.custody.log import CustodyKind
from exchange.documents.api import MAX_BODY
from exchange.documents.evidence import Evidence
from exchange.documents.messages import Signed
from exchange.errors import HandoverError
from exchange.package.consistency import check_stamp_time
from exchange.signing.documents import open_document, parse_strictly
from exchange.signing.timestamps import Stamp, check_stamp, make_query, read_certificates

log = logging.getLogger(__name__)

_TRIES = 8
"""Some ten minutes; then the evidence goes without a stamp, and says why."""


async def stamp(services: Services, row: RequestRow, approval: Approval, package: PackageRow) -> PackageRow:
    """Fix the last of what will be sealed: the stamp, or why there is none, and the proven lines that tell of it.

    TimestampFailed and the like while it is worth another try. A stamp that was kept before a crash is not asked for
    again; one that was not is lost, and nobody is the worse for it.
    """
    cut = approval.cut(package.evidence_id)  # of nothing that was not approved does even a hash leave
    details: dict[str, str | int | bool] = {"evidence_id": package.evidence_id}
    kind, response, reason = None, None, None
    if (authority := services.settings.timestamp_authority) is not None:
        details["authority"] = origin(authority.url)
        try:
            response, stamped = await _stamped(services, package, authority)
        except HandoverError as error:
            if row.failures + 1 < _TRIES:
                raise
            kind, reason = CustodyKind.FAILED, f"No time stamp: {error.what}"
            log.warning("request %s: its package goes without a time stamp: %s", row.request_id, error.what)
        else:
            kind = CustodyKind.TIMESTAMPED
            details |= {"sha256": hashlib.sha256(response).hexdigest(), "stamped": to_rfc3339(stamped.at)}
    async with services.store.transaction() as tx:
        if kind is not None:
            await services.custody.record(
                tx, kind, "agent", row.request_id, camera_id=cut.camera.camera_id, details=details, reason=reason
            )
        proven = await services.custody.prove(tx, row.request_id)
        key = {"evidence_id": package.evidence_id}
        await tx.update("packages", key, timestamp=response, custody=proven.jsonl, checkpoint=proven.checkpoint)
        return next(one for one in await tx.packages(row.request_id) if one.evidence_id == package.evidence_id)


async def _stamped(services: Services, package: PackageRow, authority: TimestampSettings) -> tuple[bytes, Stamp]:
    """A stamp that holds under the owner's own certificates, in every way in which it will be checked."""
    assert package.evidence is not None
    signed = parse_strictly(package.evidence.encode(), Signed, MAX_BODY)
    document = signed.document.encode()
    evidence = open_document(signed, Evidence, services.keys.device.public)
    certificates = await asyncio.to_thread(read_certificates, authority.certificates)
    query = await asyncio.to_thread(make_query, hashlib.sha256(document).hexdigest())
    response = await ask_authority(authority.url, query, services.settings.portal.proxy)
    stamped = await asyncio.to_thread(check_stamp, response, document, certificates=certificates, query=query)
    check_stamp_time(stamped.at, evidence)
    return response, stamped
