"""Verify who asks, and refuse what may not be asked, before any owner hears of it.

Not for: whether footage exists (``plan.py``), or what the owner wants (``decision.py``).
"""

import hashlib

from agent.requests.states import UNDECIDED, State
from agent.requests.step import Move
from agent.requests.supervised import check_supervised
from agent.requests.team import check_asking_team
from agent.services import Services
from agent.store.database import RequestRow, Transaction
from exchange.age.files import parse_recipient
from exchange.clock import DAY, Window, to_rfc3339
from exchange.counted import counted
from exchange.custody.log import CustodyKind
from exchange.documents.messages import Credential, Refusal, RefusalReason, Request, Signed
from exchange.documents.noted import NotedRequest
from exchange.errors import DocumentInvalid, HandoverError, PortalAnswerInvalid, RequestRefused, SignatureInvalid
from exchange.signing.credentials import CredentialFault, CredentialInvalid, open_by_officer
from exchange.signing.documents import PublicKey, document_sha256, read_unverified, sign_document

CLOCK_SKEW = 5 * 60 * 1_000_000
"""A request may be dated this far ahead of our clock (microseconds): clocks differ."""
LONGEST_OPEN = 90 * DAY
"""How long an owner may be left to answer, as their footage is kept from being overwritten until then."""
MOST_UNDECIDED = 500
MOST_A_DAY = 1000
"""Requests that are kept: waiting for an answer at once, and come within a day. A portal that sends more is not
listened to until there are fewer: each may be of 256 KiB, and the disk is the recordings' too."""
_STRAY = "stray-"

_FAULTS = {
    CredentialFault.UNPINNED_FORCE: RefusalReason.UNPINNED_FORCE,
    CredentialFault.EXPIRED: RefusalReason.CREDENTIAL_EXPIRED,
    CredentialFault.NOT_YET_VALID: RefusalReason.CREDENTIAL_NOT_YET_VALID,
}


async def receive(tx: Transaction, services: Services, signed: Signed) -> str | None:
    """Keep a request's bytes as they came; the row's id, or None when it is already known.

    A document that no officer of the force signed gets a row under an id of its own, and so does a second one under an
    id that was seen: verification will refuse it, and it can't take the place of the true one. PortalAnswerInvalid
    when there are too many.
    """
    sha256 = document_sha256(signed)
    if await tx.one("SELECT 1 FROM requests WHERE sha256 = ?", [sha256]) is not None:
        return None
    now = services.clock.now()
    await _refuse_a_flood(tx, now)
    row_id, expires = f"{_STRAY}{sha256[:32]}", 0
    request = await _if_signed(tx, signed, now)
    if request is not None and await tx.request(request.request_id) is None:
        row_id, expires = request.request_id, request.expires
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
    await services.custody.record(tx, CustodyKind.REQUEST_RECEIVED, "portal", row_id, details={"sha256": sha256})
    return row_id


async def _refuse_a_flood(tx: Transaction, now: int) -> None:
    undecided = (State.RECEIVED, *UNDECIDED)
    marks = ", ".join("?" * len(undecided))
    waiting = await tx.one(f"SELECT count(*) AS n FROM requests WHERE state IN ({marks})", undecided)  # noqa: S608
    today = await tx.one("SELECT count(*) AS n FROM requests WHERE received_at BETWEEN ? AND ?", [now - DAY, now])
    if (waiting and waiting["n"] >= MOST_UNDECIDED) or (today and today["n"] >= MOST_A_DAY):
        raise PortalAnswerInvalid(
            "The portal sends more requests than this agent takes.",
            meaning=f"At most {MOST_UNDECIDED} may wait for an answer, and {MOST_A_DAY} come in a day.",
            do="Answer those that wait (handover requests), and ask the force why there are so many.",
        )


async def _if_signed(tx: Transaction, signed: Signed, now: int) -> Request | None:
    """The request if an officer of the pinned force signed it, and its id is none of ours."""
    force = await tx.force()
    if force is None:
        return None
    try:
        request, _ = open_by_officer(signed, Request, PublicKey.parse(force.public_key), now)
    except HandoverError:
        return None
    return None if request.request_id.startswith(_STRAY) else request


async def verify(services: Services, row: RequestRow) -> Move:
    """RECEIVED -> VERIFIED or REFUSED."""
    signed = Signed(document=row.document, signature=row.signature)
    async with services.store.transaction() as tx:
        force = await tx.force()
        cameras = {camera.camera_id for camera in await tx.cameras() if camera.registered}
    if force is None:
        return _refused(services, row, None, RequestRefused("No force is pinned.", reason=RefusalReason.UNPINNED_FORCE))
    request: Request | None = None
    try:
        request, credential = _open(signed, PublicKey.parse(force.public_key), services.clock.now())
        if request.request_id.startswith(_STRAY):
            raise RequestRefused(f"No request may be called {request.request_id}.", reason=RefusalReason.INVALID)
        if row.request_id != request.request_id:
            raise RequestRefused(
                f"The id {request.request_id} was used before for another request.", reason=RefusalReason.REPLAYED
            )
        longest = services.settings.requests.longest_window
        check(request, services.keys.device.public.fingerprint, cameras, longest, services.clock.now())
        await check_supervised(services, request, credential, PublicKey.parse(force.public_key))
        check_asking_team(request, credential, PublicKey.parse(force.public_key))
    except RequestRefused as refusal:
        return _refused(services, row, request or _claimed(signed), refusal)
    return _verified(services, row, credential)


def verified_request(row: RequestRow) -> Request | NotedRequest:
    """A request that was verified here once, or noted by the owner; its row's bytes have not changed since."""
    signed = Signed(document=row.document, signature=row.signature)
    if row.origin == "noted":
        return read_unverified(signed, NotedRequest)
    return read_unverified(signed, Request)


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
    if request.expires > now + LONGEST_OPEN + CLOCK_SKEW:
        raise RequestRefused(
            f"It would stay open until {to_rfc3339(request.expires)}; {LONGEST_OPEN // DAY} days are the most.",
            reason=RefusalReason.OPEN_TOO_LONG,
        )
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
    if (piece := _longest_piece(request)) > longest:
        raise RequestRefused(
            f"It asks for {counted(piece / 60_000_000, 'minute')} in one piece; this owner allows "
            f"{longest / 60_000_000:.4g}.",
            reason=RefusalReason.TOO_LONG,
        )
    try:
        parse_recipient(request.recipient)
    except (HandoverError, ValueError):
        raise RequestRefused(
            "The case's recipient is no age recipient, so nothing could be sealed for it.", reason=RefusalReason.INVALID
        ) from None


def _longest_piece(request: Request) -> int:
    """Microseconds of the longest stretch of one camera: windows that touch are one, however they were asked for."""
    longest = 0
    for camera_id in {asked.camera_id for asked in request.asked}:
        windows = sorted(asked.window.window for asked in request.asked if asked.camera_id == camera_id)
        piece = windows[0]
        for window in windows:
            piece = Window(piece.start, max(piece.end, window.end)) if window.start <= piece.end else window
            longest = max(longest, piece.duration)
    return longest


def _claimed(signed: Signed) -> Request | None:
    """What the document says of itself, only to tell its sender which request is refused."""
    try:
        return read_unverified(signed, Request)
    except DocumentInvalid:
        return None


def _verified(services: Services, row: RequestRow, credential: Credential) -> Move:
    async def write(tx: Transaction) -> None:
        await tx.update("requests", {"request_id": row.request_id}, officer=credential.model_dump_json())
        await services.custody.record(
            tx,
            CustodyKind.REQUEST_VERIFIED,
            "agent",
            row.request_id,
            details={"officer_key": hashlib.sha256(credential.public_key.encode()).hexdigest()},
        )

    return Move(State.VERIFIED, write)


def _refused(services: Services, row: RequestRow, claimed: Request | None, refusal: RequestRefused) -> Move:
    signed = None
    if claimed is not None:
        document = Refusal(
            request_id=claimed.request_id,
            request_sha256=row.sha256,
            reason=RefusalReason(refusal.reason),
            explanation=refusal.what,
            issued=services.clock.now(),
        )
        signed = sign_document(document, services.keys.device)

    async def write(tx: Transaction) -> None:
        await tx.update(
            "requests",
            {"request_id": row.request_id},
            refusal=None if signed is None else signed.model_dump_json(),
            trouble=refusal.what,
        )
        await services.custody.record(tx, CustodyKind.REQUEST_REFUSED, "agent", row.request_id, reason=refusal.what)

    return Move(State.REFUSED, write)
