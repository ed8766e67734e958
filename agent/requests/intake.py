"""Verify who asks, and refuse what may not be asked, before any owner hears of it.

Not for: whether footage exists (``plan.py``), or what the owner wants (``decision.py``).
"""

import hashlib

from agent.requests.parts import Move, Parts
from agent.requests.states import State
from agent.store import RequestRow, Transaction
from exchange.clock import to_rfc3339
from exchange.credentials import CredentialFault, CredentialInvalid, open_by_officer
from exchange.custody import CustodyKind
from exchange.errors import DocumentInvalid, RequestRefused, SignatureInvalid
from exchange.messages import Credential, Refusal, RefusalReason, Request, Signed
from exchange.signing import PublicKey, document_sha256, read_unverified, sign_document

CLOCK_SKEW = 5 * 60 * 1_000_000
"""A request may be dated this far ahead of our clock (microseconds): clocks differ."""
MOST_OPEN = 500
"""Requests in the store that are not closed; a portal that sends more is not listened to until some are."""

_FAULTS = {
    CredentialFault.UNPINNED_FORCE: RefusalReason.UNPINNED_FORCE,
    CredentialFault.EXPIRED: RefusalReason.CREDENTIAL_EXPIRED,
    CredentialFault.NOT_YET_VALID: RefusalReason.CREDENTIAL_NOT_YET_VALID,
}


async def receive(tx: Transaction, parts: Parts, signed: Signed) -> str | None:
    """Keep a request's bytes as they came; the row's id, or None when it is already known or there are too many.

    A second document under an id that was seen gets a row of its own, whose verification will refuse it.
    """
    sha256 = document_sha256(signed)
    if await tx.one("SELECT 1 FROM requests WHERE sha256 = ?", [sha256]) is not None:
        return None
    open_ones = await tx.one("SELECT count(*) AS n FROM requests WHERE state != ?", [State.CLOSED])
    if open_ones is not None and open_ones["n"] >= MOST_OPEN:
        return None
    row_id, expires = _stray_id(sha256), 0
    try:
        claimed = read_unverified(signed, Request)
        if await tx.request(claimed.request_id) is None:
            row_id, expires = claimed.request_id, claimed.expires
    except DocumentInvalid:
        pass
    now = parts.clock.now()
    await tx.insert(
        "requests",
        request_id=row_id,
        sha256=sha256,
        document=signed.document,
        signature=signed.signature,
        state=State.RECEIVED,
        state_at=now,
        received_at=now,
        expires_at=expires,
    )
    await parts.custody.record(tx, CustodyKind.REQUEST_RECEIVED, "portal", row_id, details={"sha256": sha256})
    return row_id


def _stray_id(sha256: str) -> str:
    return f"stray-{sha256[:32]}"


async def verify(parts: Parts, row: RequestRow) -> Move:
    """RECEIVED -> VERIFIED or REFUSED."""
    signed = Signed(document=row.document, signature=row.signature)
    async with parts.store.transaction() as tx:
        force = await tx.force()
        cameras = {camera.camera_id for camera in await tx.cameras() if camera.registered}
    if force is None:
        return _refused(parts, row, None, RequestRefused("No force is pinned.", reason=RefusalReason.UNPINNED_FORCE))
    request: Request | None = None
    try:
        request, credential = _open(signed, PublicKey.parse(force.public_key), parts.clock.now())
        if row.request_id != request.request_id:
            raise RequestRefused(
                f"The id {request.request_id} was used before for another request.", reason=RefusalReason.REPLAYED
            )
        longest = parts.settings.requests.longest_window
        check(request, parts.keys.device.public.fingerprint, cameras, longest, parts.clock.now())
    except RequestRefused as refusal:
        return _refused(parts, row, request or _claimed(signed), refusal)
    return _verified(parts, row, credential)


def verified_request(row: RequestRow) -> Request:
    """A request that was verified here once; its row's bytes have not changed since."""
    return read_unverified(Signed(document=row.document, signature=row.signature), Request)


def _open(signed: Signed, force_key: PublicKey, now: int) -> tuple[Request, Credential]:
    try:
        return open_by_officer(signed, Request, force_key, now)
    except CredentialInvalid as error:
        raise RequestRefused(error.what, reason=_FAULTS[error.reason]) from error
    except SignatureInvalid as error:
        raise RequestRefused(error.what, reason=RefusalReason.BAD_SIGNATURE) from error
    except DocumentInvalid as error:
        raise RequestRefused(error.what, reason=RefusalReason.INVALID) from error


def check(request: Request, device: str, cameras: set[str], longest: int, now: int) -> None:
    """What a well-signed request may still not ask. ``longest`` is in microseconds. RequestRefused with the reason."""
    if request.device != device:
        raise RequestRefused("The request is for another owner's agent.", reason=RefusalReason.WRONG_DEVICE)
    if request.expires <= now:
        raise RequestRefused(f"It expired at {to_rfc3339(request.expires)}.", reason=RefusalReason.EXPIRED)
    if request.issued > now + CLOCK_SKEW:
        raise RequestRefused(
            f"It is dated {to_rfc3339(request.issued)}, which is still to come.", reason=RefusalReason.NOT_YET_ISSUED
        )
    for asked in request.asked:
        if asked.camera_id not in cameras:
            raise RequestRefused(
                f"The camera {asked.camera_id} is not registered.", reason=RefusalReason.UNKNOWN_CAMERA
            )
        if asked.window.end > now:
            raise RequestRefused("It asks for a time that is still to come.", reason=RefusalReason.IN_THE_FUTURE)
        if asked.window.window.duration > longest:
            raise RequestRefused(
                f"It asks for {asked.window.window.duration // 60_000_000} minutes in one piece; "
                f"this owner allows {longest // 60_000_000}.",
                reason=RefusalReason.TOO_LONG,
            )


def _claimed(signed: Signed) -> Request | None:
    """What the document says of itself, only to tell its sender which request is refused."""
    try:
        return read_unverified(signed, Request)
    except DocumentInvalid:
        return None


def _verified(parts: Parts, row: RequestRow, credential: Credential) -> Move:
    async def write(tx: Transaction) -> None:
        await tx.update("requests", {"request_id": row.request_id}, officer=credential.model_dump_json())
        await parts.custody.record(
            tx,
            CustodyKind.REQUEST_VERIFIED,
            "agent",
            row.request_id,
            details={"officer_key": hashlib.sha256(credential.public_key.encode()).hexdigest()},
        )

    return Move(State.VERIFIED, write)


def _refused(parts: Parts, row: RequestRow, claimed: Request | None, refusal: RequestRefused) -> Move:
    signed = None
    if claimed is not None:
        document = Refusal(
            request_id=claimed.request_id,
            request_sha256=row.sha256,
            reason=RefusalReason(refusal.reason),
            explanation=refusal.what,
            issued=parts.clock.now(),
        )
        signed = sign_document(document, parts.keys.device)

    async def write(tx: Transaction) -> None:
        await tx.update(
            "requests",
            {"request_id": row.request_id},
            refusal=None if signed is None else signed.model_dump_json(),
            trouble=refusal.what,
        )
        await parts.custody.record(tx, CustodyKind.REQUEST_REFUSED, "agent", row.request_id, reason=refusal.what)

    return Move(State.REFUSED, write)
