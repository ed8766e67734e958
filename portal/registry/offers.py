"""Owners' notices that they have footage: kept for officers to read until they end.

Not for: the footage, which stays with its owner. Each function is the work of one transaction.
"""

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from exchange.clock import DAY, MINUTE
from exchange.documents.messages import Signed
from exchange.documents.offer import Offer, Offers, StoredOffer
from exchange.signing.documents import open_document
from portal.problems import ProblemError, conflict, invalid
from portal.registry import devices
from portal.storage.models import Device, KeptOffer
from portal.storage.personal.sealing import Personal, key_of
from portal.tokens import Caller

MOST_OPEN = 20
"""Of one device at once."""
LONGEST = 90 * DAY
_SHOWN = 200
_SKEW = 5 * MINUTE


def keep(session: Session, caller: Caller, signed: Signed, now: int) -> None:
    """Take a device's offer; the same bytes again change nothing."""
    offer = open_document(signed, Offer, caller.key)
    if offer.device != caller.fingerprint:
        raise invalid("The offer names another device.", "Sign it with this device's key.")
    device = devices.still_here(session, caller)
    before = session.get(KeptOffer, offer.offer_id)
    if before is not None:
        if before.device == caller.fingerprint and before.document == signed.document:
            return
        raise conflict("There is another offer with this id.", "Give the offer a new id.")
    if not now < offer.expires <= now + LONGEST + _SKEW or offer.issued > now + _SKEW:
        raise invalid("The offer's times can't be.", f"It may be open for {LONGEST // DAY} days at most.")
    count = select(func.count()).select_from(KeptOffer)
    if (session.scalar(count.where(KeptOffer.device == caller.fingerprint)) or 0) >= MOST_OPEN:
        raise ProblemError(429, "This device has too many open offers.", "Take one back first.")
    session.add(
        KeptOffer(
            offer_id=offer.offer_id,
            device=caller.fingerprint,
            received=now,
            expires=offer.expires,
            document=Personal(signed.document, key_of(session, device)),
            signature=signed.signature,
        )
    )


def take_back(session: Session, caller: Caller, offer_id: str) -> None:
    """Its owner takes an offer back; one that isn't here is taken back already."""
    session.execute(delete(KeptOffer).where(KeptOffer.offer_id == offer_id, KeptOffer.device == caller.fingerprint))


def read(session: Session, now: int) -> Offers:
    rows = session.execute(
        select(KeptOffer, Device.public_key)
        .join(Device, Device.fingerprint == KeptOffer.device)
        .where(KeptOffer.expires > now)
        .order_by(KeptOffer.received.desc())
        .limit(_SHOWN)
    )
    return Offers(
        offers=tuple(
            StoredOffer(device_key=key, signed=Signed(document=row.document, signature=row.signature))
            for row, key in rows
        )
    )


def remove_expired(session: Session, now: int) -> None:
    session.execute(delete(KeptOffer).where(KeptOffer.expires <= now))
