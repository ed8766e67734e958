"""What goes by itself: used tokens, expired inbox items, uploads that nobody continues, packages long receipted.

Not for: erasing at the owner's word (``portal.registry.devices``).
"""

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session, aliased

from exchange.clock import DAY
from portal import tokens
from portal.audit import counts, quotas, uses
from portal.logins import sessions
from portal.people import forgetting
from portal.registry import hours, offers
from portal.requests import authorisations, feedback, inbox
from portal.settings import Limits
from portal.storage import locks
from portal.storage.database import Database
from portal.storage.models import Search, StoredDelivery, StoredUpload
from portal.uploads.files import UploadFolder

TOMBSTONE = 30 * DAY
"""How long the portal still answers 410 for an upload that expired; later it is 404."""

STRAY_SECONDS = 3600
"""How old a file must be before it is taken for one that nobody wants."""


async def sweep(db: Database, uploads: UploadFolder, limits: Limits, now: int) -> None:
    """Rows first, then files: what remains after a crash between the two, ``remove_strays`` takes."""
    while await db.write(uses.append):  # deeds whose replica ended before they had their places in the log
        pass
    gone = await db.write(lambda session: _forget(session, limits, now))
    if gone:
        await uploads.remove(gone)


async def remove_strays(db: Database, uploads: UploadFolder) -> None:
    """When a portal starts: files that no row speaks of. Another replica may be about to write the row of a new one:
    where there may be others, only old ones."""
    found = await uploads.names(STRAY_SECONDS if db.shared else 0)
    kept = await db.read(
        lambda session: set(session.scalars(select(StoredUpload.upload_id).where(~StoredUpload.gone)).all())
    )
    strays = found - kept
    if strays:
        await uploads.remove(strays)


def _forget(session: Session, limits: Limits, now: int) -> list[str]:
    if not locks.try_hold(session, "sweep"):  # another replica is at it
        return []
    tokens.forget_expired(session, now)
    sessions.forget_ended(session, now)
    inbox.remove_expired(session, now)
    offers.remove_expired(session, now)
    hours.forget_old(session, now)
    counts.close_months(session, now)
    authorisations.remove_old(session, now)
    quotas.remove_old(session, now)
    feedback.remove_old(session, limits.feedback_days, now)
    session.execute(delete(Search).where(Search.made < now - limits.searches_days * DAY))
    session.execute(delete(StoredUpload).where(StoredUpload.gone, StoredUpload.expires < now - TOMBSTONE))
    stale = select(StoredUpload.upload_id).where(
        ~StoredUpload.gone, ~StoredUpload.delivered, StoredUpload.expires <= now
    )
    old = select(StoredDelivery.upload).where(
        StoredDelivery.upload.is_not(None),
        StoredDelivery.verified.is_(True),
        StoredDelivery.receipted <= now - limits.content_days_after_receipt * DAY,
    )
    newer = aliased(StoredDelivery)
    replaced = select(StoredDelivery.upload).where(
        StoredDelivery.upload.is_not(None),
        exists().where(
            newer.request_id == StoredDelivery.request_id,
            newer.evidence_id == StoredDelivery.evidence_id,
            newer.received > StoredDelivery.received,
            newer.verified.is_(True),
            newer.receipted <= now - limits.content_days_after_receipt * DAY,
        ),
    )
    found = (*session.scalars(stale), *session.scalars(old), *session.scalars(replaced))
    gone = [upload for upload in found if upload is not None]
    session.execute(update(StoredDelivery).where(StoredDelivery.upload.in_(gone)).values(upload=None))
    session.execute(update(StoredUpload).where(StoredUpload.upload_id.in_(gone)).values(gone=True, expires=now))
    return [*gone, *forgetting.forget_old(session, limits, now)]
