"""The owner offers footage unasked: it is held from being overwritten, and the force is told that there is some.

Nothing of the footage leaves by it: an officer who wants it sends a request, which is reviewed as any other. Not for:
that review.
"""

import uuid
from typing import Annotated

from pydantic import Field

from agent.cameras.stored import registration_of
from agent.services import Services
from agent.store.database import Transaction
from exchange.clock import DAY, Window, to_rfc3339
from exchange.custody.log import CustodyKind
from exchange.documents.human_time import time_text
from exchange.documents.messages import Asked, Line, Owner, Part, Request, Signed, Text
from exchange.documents.noted import NotedRequest
from exchange.documents.offer import Offer, OfferedCamera
from exchange.errors import InputInvalid, NoFootage, NotEnrolled, NotFound, PortalRefused
from exchange.signing.documents import parse_strictly, sign_document

OPEN = 30 * DAY
MOST_OPEN = 20


class NewOffer(Part):
    """What an owner offers, and what they saw."""

    incident: Line
    place: Line
    seen: Text
    offered: Annotated[tuple[Asked, ...], Field(min_length=1, max_length=64)]
    send: bool = True
    """Send the notice to the portal; False where the owner sends the text themselves."""


def hold_id(offer_id: str) -> str:
    return f"offer-{offer_id}"


async def make_offer(services: Services, new: NewOffer, by: str) -> str:
    """Hold the footage and write the notice; its id. NoFootage when there is none of that time, InputInvalid."""
    now, offer_id = services.clock.now(), str(uuid.uuid4())
    async with services.store.transaction() as tx:
        rows = {row.camera_id: registration_of(row) for row in await tx.cameras()}
        count = await tx.one("SELECT count(*) AS n FROM offers WHERE ended_at IS NULL")
    if count is not None and count["n"] >= MOST_OPEN:
        raise InputInvalid(f"There are {MOST_OPEN} open offers already.", do="Take one back with: handover offer end")
    if unknown := sorted({each.camera_id for each in new.offered} - rows.keys()):
        raise InputInvalid(f"There is no camera {unknown[0]}.", do="List them with: handover cameras list")
    if any(each.window.end > now for each in new.offered):
        raise InputInvalid("That time is still to come.", do="Wait until it has been recorded.")
    for each in new.offered:
        coverage = await services.footage.coverage(each.camera_id, each.window.window)
        if not coverage.spans:
            raise NoFootage(
                f"There is no recording of {rows[each.camera_id].label} of that time.",
                meaning="Nothing was offered.",
                do="Choose another time; handover sources test tells how far back a camera reaches.",
            )
    settings = services.settings.owner
    document = Offer(
        offer_id=offer_id,
        device=services.keys.device.public.fingerprint,
        owner=Owner(kind=settings.kind, name=settings.name, contact=settings.contact),
        incident=new.incident,
        place=new.place,
        seen=new.seen,
        offered=tuple(OfferedCamera(camera=rows[each.camera_id], window=each.window) for each in new.offered),
        issued=now,
        expires=now + OPEN,
    )
    signed = sign_document(document, services.keys.device)
    held = 0
    for each in new.offered:
        if await services.footage.held_bytes() < services.settings.requests.preserve_limit:
            held += await services.footage.hold(hold_id(offer_id), each.camera_id, each.window.window)
    async with services.store.transaction() as tx:
        await tx.insert(
            "offers",
            offer_id=offer_id,
            document=signed.document,
            signature=signed.signature,
            made_at=now,
            ends_at=document.expires,
            wanted=int(new.send),
        )
        details: dict[str, str | int | bool] = {"offer_id": offer_id, "held_bytes": held}
        await services.custody.record(tx, CustodyKind.OFFERED, by, details=details)
    return offer_id


async def send_offers(services: Services) -> int:
    """Bring the portal what waits to be sent, and what was taken back; how many."""
    async with services.store.transaction() as tx:
        if await tx.force() is None:
            return 0
        rows = await tx.all("SELECT * FROM offers WHERE wanted = 1 AND sent_at IS NULL AND ended_at IS NULL")
        ended = await tx.all(
            "SELECT offer_id FROM offers WHERE ended_at IS NOT NULL AND sent_at IS NOT NULL AND wanted = 1"
        )
    done = 0
    for row in rows:
        signed = Signed(document=row["document"], signature=row["signature"])
        try:
            await (await services.portal()).offer(signed)
        except (PortalRefused, NotEnrolled) as error:
            await _note(services, row["offer_id"], wanted=0, failure=error.what)
            continue
        await _note(services, row["offer_id"], sent_at=services.clock.now(), failure=None)
        done += 1
    for row in ended:
        await (await services.portal()).take_offer_back(row["offer_id"])
        await _note(services, row["offer_id"], wanted=0)
        done += 1
    return done


async def _note(services: Services, offer_id: str, **columns: object) -> None:
    async with services.store.transaction() as tx:
        await tx.update("offers", {"offer_id": offer_id}, **columns)


async def end_offer(services: Services, offer_id: str) -> None:
    """Take an offer back: its footage may be overwritten again. NotFound."""
    async with services.store.transaction() as tx:
        row = await tx.one("SELECT ended_at FROM offers WHERE offer_id = ?", [offer_id])
        if row is None:
            raise _no_offer(offer_id)
        if row["ended_at"] is None:
            await tx.update("offers", {"offer_id": offer_id}, ended_at=services.clock.now())
    await services.footage.release(hold_id(offer_id))


async def cameras_of_offer(tx: Transaction, offer_id: str) -> frozenset[str]:
    """The cameras whose recordings an offer tells of. NotFound."""
    row = await tx.one("SELECT document FROM offers WHERE offer_id = ?", [offer_id])
    if row is None:
        raise _no_offer(offer_id)
    document = parse_strictly(row["document"].encode(), Offer)
    return frozenset(each.camera.camera_id for each in document.offered)


def _no_offer(offer_id: str) -> NotFound:
    return NotFound(f"There is no offer {offer_id}.", do="List them with: handover offer list")


async def end_old_offers(services: Services) -> int:
    """End those whose time is over; how many."""
    async with services.store.transaction() as tx:
        rows = await tx.all(
            "SELECT offer_id FROM offers WHERE ended_at IS NULL AND ends_at <= ?", [services.clock.now()]
        )
    for row in rows:
        await end_offer(services, row["offer_id"])
    return len(rows)


async def offers(tx: Transaction) -> list[dict[str, object]]:
    """All of them, the newest first: ``offer`` (the document), ``sent``, ``ended``, ``failure``, ``wanted``."""
    rows = await tx.all("SELECT * FROM offers ORDER BY made_at DESC LIMIT 200")
    return [
        {
            "offer": parse_strictly(row["document"].encode(), Offer).model_dump(mode="json"),
            "sent": None if row["sent_at"] is None else to_rfc3339(row["sent_at"]),
            "ended": None if row["ended_at"] is None else to_rfc3339(row["ended_at"]),
            "failure": row["failure"],
            "wanted": bool(row["wanted"]),
        }
        for row in rows
    ]


async def answered_offer(tx: Transaction, request: Request | NotedRequest) -> str | None:
    """The open offer that a request answers: the one that it names, or else one of the same camera and time."""
    rows = await tx.all("SELECT document FROM offers WHERE ended_at IS NULL ORDER BY made_at DESC")
    found = [parse_strictly(row["document"].encode(), Offer) for row in rows]
    named = getattr(request, "answers_offer", None)
    for offer in found:
        if named is not None and offer.offer_id == named:
            return offer.offer_id
    for offer in found:
        if any(_same(each.camera.camera_id, each.window.window, request.asked) for each in offer.offered):
            return offer.offer_id
    return None


def _same(camera_id: str, window: Window, asked: tuple[Asked, ...]) -> bool:
    return any(each.camera_id == camera_id and each.window.window.intersect(window) is not None for each in asked)


def letter(offer: Offer) -> str:
    """The notice as a text to be sent by mail, where there is no portal."""
    lines = [
        f"I have recordings that may help you: {offer.incident}, {offer.place}.",
        "",
        f"What I saw: {offer.seen}",
        "",
        "What there is:",
        *(
            f"- {each.camera.label}, from {time_text(each.window.start)} to {time_text(each.window.end)}"
            for each in offer.offered
        ),
        "",
        f"I keep them from being overwritten until {time_text(offer.expires)}. To get them, answer with your name,",
        "rank, force and the number of the case. I look at them first, and send what I agree to.",
        "",
        f"{offer.owner.name}, {offer.owner.contact}",
        f"Offer {offer.offer_id}",
    ]
    return "\n".join(lines) + "\n"
