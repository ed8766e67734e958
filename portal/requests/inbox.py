"""What waits for a device.

There is no mark of what was fetched or read: an owner's silence tells nobody anything.
"""

import functools
from typing import Annotated

from pydantic import Field
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from exchange.documents.api import LONGEST_POLL, Inbox, InboxItem, InboxKind
from exchange.documents.messages import Part, Signed
from portal.storage.models import Device, InboxEntry

MOST_ITEMS = 40
"""In one answer. With the largest documents fewer fit; ``MOST_CHARACTERS`` sees to that."""
MOST_CHARACTERS = 400_000
"""Of documents in one answer: JSON's escapes may double them, and the answer must stay below ``api.MAX_BODY``."""


class InboxQuery(Part):
    after: Annotated[int, Field(ge=0, lt=1 << 63)] = 0
    """The cursor of the answer before; 0 at first."""
    wait: Annotated[int, Field(ge=0, le=LONGEST_POLL)] = 0
    """Seconds to hold the call while there is nothing."""


def put(
    session: Session, device: Device, kind: InboxKind, request_id: str, signed: Signed, times: tuple[int, int]
) -> None:
    """Leave a document for a device. ``times``: now, and when it is taken out again (microseconds).

    The cursor is the time in milliseconds, or one more than the last: it grows even when the portal was restored from
    a backup, or the device withdrew and came again; and it doesn't tell how many requests others get.
    """
    now, expires = times
    device.last_cursor = max(device.last_cursor + 1, now // 1000)
    session.add(
        InboxEntry(
            device=device.fingerprint,
            cursor=device.last_cursor,
            kind=kind,
            request_id=request_id,
            document=signed.document,
            signature=signed.signature,
            expires=expires,
        )
    )


def take_out(session: Session, request_id: str, kind: InboxKind) -> None:
    session.execute(delete(InboxEntry).where(InboxEntry.request_id == request_id, InboxEntry.kind == kind))


FIRST_KINDS = frozenset({InboxKind.REQUEST, InboxKind.RECEIPT})
"""What every agent takes; of others it says so (``api.KINDS_HEADER``)."""


@functools.lru_cache(maxsize=64)
def kinds_of(header: str | None) -> frozenset[InboxKind]:
    """The kinds that an agent says it takes; words that mean nothing here are passed over."""
    words = (header or "")[:500].split()
    return FIRST_KINDS | {kind for kind in InboxKind if kind.value in words}


def read(session: Session, device: str, after: int, now: int, kinds: frozenset[InboxKind] = FIRST_KINDS) -> Inbox:
    """What came since ``after`` and is still open, oldest first; what doesn't fit comes with the next call."""
    rows = session.scalars(
        select(InboxEntry)
        .where(
            InboxEntry.device == device,
            InboxEntry.cursor > after,
            InboxEntry.expires > now,
            InboxEntry.kind.in_(kinds),
        )
        .order_by(InboxEntry.cursor)
        .limit(MOST_ITEMS)
    )
    items: list[InboxItem] = []
    room = MOST_CHARACTERS
    for row in rows:
        room -= len(row.document.encode()) + len(row.signature)
        if items and room < 0:
            break
        signed = Signed(document=row.document, signature=row.signature)
        items.append(InboxItem(cursor=row.cursor, kind=InboxKind(row.kind), signed=signed))
    return Inbox(cursor=items[-1].cursor if items else after, items=tuple(items))


def have_any(session: Session, devices: list[str], now: int) -> dict[str, bool]:
    """Of many devices at once, whether anything is open for them; those that are not enrolled are left out."""
    enrolled = session.scalars(select(Device.fingerprint).where(Device.fingerprint.in_(devices)))
    waits = select(InboxEntry.device).where(InboxEntry.device.in_(devices), InboxEntry.expires > now).distinct()
    having = set(session.scalars(waits))
    return {device: device in having for device in enrolled}


def remove_expired(session: Session, now: int) -> None:
    session.execute(delete(InboxEntry).where(InboxEntry.expires <= now))
