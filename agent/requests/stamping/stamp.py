"""Have the time of a fixed manifest countersigned by every authority that the owner set; then fix its lines of the log.

Not for: what a stamp is, and whether it holds (``exchange/signing/timestamps.py``); stamps that were missing when a
package was sealed (``late_stamps.py``). Only a hash of the manifest leaves.
"""

import asyncio
import hashlib
import logging
from dataclasses import dataclass

from agent.portal.client import origin
from agent.portal.timestamp_authority import ask_authority
from agent.requests.decision import Approval
from agent.services import Services
from agent.settings.model import TimestampSettings
from agent.store.custody import NO_STAMP
from agent.store.database import PackageRow, RequestRow, Transaction
from exchange.clock import MINUTE, to_rfc3339
from exchange.custody.log import CustodyKind
from exchange.documents.api import MAX_BODY
from exchange.documents.evidence import Evidence
from exchange.documents.messages import Signed
from exchange.errors import HandoverError
from exchange.package.stamps import STAMPS, check_stamp_time
from exchange.signing.documents import open_document, parse_strictly
from exchange.signing.timestamps import Stamp, check_stamp, make_query, read_certificates

log = logging.getLogger(__name__)

_TRIES = 8
"""Some ten minutes without any answer; then the evidence goes without a stamp, and says why."""
FIRST_PAUSE = 5 * MINUTE
"""Until an authority that did not answer is asked again, after the package was sealed without its stamp."""


@dataclass(frozen=True)
class Stamped:
    """A stamp of one authority that held, in every way in which it will be checked."""

    authority: TimestampSettings
    response: bytes
    stamp: Stamp


@dataclass(frozen=True)
class Missed:
    """An authority that gave none, and why."""

    authority: TimestampSettings
    error: HandoverError


async def stamp(services: Services, row: RequestRow, approval: Approval, package: PackageRow) -> PackageRow:
    """Fix the last of what will be sealed: the stamps, or why there are none, and the proven lines that tell of them.

    One stamp is enough to go on: an authority that did not answer is named in the log, and asked again later.
    TimestampFailed and the like while none answered and it is worth another try. Stamps that were kept before a crash
    are not asked for again; those that were not are lost, and nobody is the worse for it.
    """
    cut = approval.cut(package.evidence_id)  # of nothing that was not approved does even a hash leave
    asked = await asyncio.gather(
        *(_asked(services, package, authority) for authority in services.settings.timestamp_authorities)
    )
    stamped = [answer for answer in asked if isinstance(answer, Stamped)]
    missed = [answer for answer in asked if isinstance(answer, Missed)]
    if missed and not stamped and row.failures + 1 < _TRIES:
        raise missed[0].error
    async with services.store.transaction() as tx:
        # Of a try that was broken off between here and the sealing, or of authorities that are set no more.
        await tx.execute("DELETE FROM stamps WHERE evidence_id = ?", [package.evidence_id])
        for position, one in enumerate(stamped):
            await _keep(services, tx, row.request_id, cut.camera.camera_id, package.evidence_id, position, one)
        for each in missed:
            await _wait(services, tx, row.request_id, cut.camera.camera_id, package.evidence_id, each)
        proven = await services.custody.prove(tx, row.request_id)
        key = {"evidence_id": package.evidence_id}
        await tx.update("packages", key, custody=proven.jsonl, checkpoint=proven.checkpoint)
        return next(one for one in await tx.packages(row.request_id) if one.evidence_id == package.evidence_id)


async def stamps_of(tx: Transaction, evidence_id: str) -> list[bytes]:
    """The stamps that lie in a package, in their order."""
    rows = await tx.all(
        "SELECT response FROM stamps WHERE evidence_id = ? AND position IS NOT NULL ORDER BY position", [evidence_id]
    )
    return [row["response"] for row in rows]


async def ask_for_stamp(services: Services, package: PackageRow, authority: TimestampSettings) -> Stamped:
    """One authority's stamp over a package's manifest. HandoverError when it gives none that holds."""
    assert package.evidence is not None
    signed = parse_strictly(package.evidence.encode(), Signed, MAX_BODY)
    document = signed.document.encode()
    evidence = open_document(signed, Evidence, services.keys.device.public)
    certificates = await asyncio.to_thread(read_certificates, authority.certificates)
    query = await asyncio.to_thread(make_query, hashlib.sha256(document).hexdigest())
    response = await ask_authority(authority.url, query, services.settings.portal.proxy)
    stamp = await asyncio.to_thread(check_stamp, response, document, certificates=certificates, query=query)
    check_stamp_time(stamp.at, evidence, services.clock.now())
    return Stamped(authority, response, stamp)


def custody_details(evidence_id: str, file: str, one: Stamped) -> dict[str, str | int | bool]:
    """What a line of the log says of a stamp."""
    return {
        "evidence_id": evidence_id,
        "authority": origin(one.authority.url),
        "file": file,
        "sha256": hashlib.sha256(one.response).hexdigest(),
        "stamped": to_rfc3339(one.stamp.at),
    }


async def _asked(services: Services, package: PackageRow, authority: TimestampSettings) -> Stamped | Missed:
    try:
        return await ask_for_stamp(services, package, authority)
    except HandoverError as error:
        return Missed(authority, error)


async def _keep(
    services: Services,
    tx: Transaction,
    request_id: str,
    camera_id: str,
    evidence_id: str,
    position: int,
    one: Stamped,
) -> None:
    details = custody_details(evidence_id, STAMPS[position], one)
    await services.custody.record(
        tx, CustodyKind.TIMESTAMPED, "agent", request_id, camera_id=camera_id, details=details
    )
    await tx.insert(
        "stamps",
        evidence_id=evidence_id,
        url=one.authority.url,
        response=one.response,
        position=position,
        file=STAMPS[position],
        stamped_at=one.stamp.at,
    )


async def _wait(
    services: Services, tx: Transaction, request_id: str, camera_id: str, evidence_id: str, each: Missed
) -> None:
    """Name in the log the authority that gave no stamp, and have it asked again later."""
    log.warning("request %s: its package goes without a time stamp: %s", request_id, each.error.what)
    await services.custody.record(
        tx,
        CustodyKind.FAILED,
        "agent",
        request_id,
        camera_id=camera_id,
        details={"evidence_id": evidence_id, "authority": origin(each.authority.url)},
        reason=f"{NO_STAMP}{each.error.what}",
    )
    await tx.insert(
        "stamps",
        evidence_id=evidence_id,
        url=each.authority.url,
        due_at=services.clock.now() + FIRST_PAUSE,
        trouble=each.error.what[:1000],
    )
