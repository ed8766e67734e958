"""What goes by itself: used tokens, expired inbox items, uploads that nobody continues; and what its
class of retention keeps no longer, unless it is held.

Not for: erasing at the owner's word (``portal.registry.devices``).
"""

import functools

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from exchange.clock import DAY
from portal import tokens
from portal.audit import counts, quotas, uses
from portal.keeping import appeals, classes, records
from portal.keeping.holds import held_crimes
from portal.logins import sessions
from portal.people import forgetting
from portal.registry import hours, offers
from portal.requests import authorisations, feedback, inbox
from portal.settings import PortalSettings
from portal.storage import locks
from portal.storage.database import Database
from portal.storage.models import Search, StoredUpload
from portal.storage.personal import erasures
from portal.uploads import room
from portal.uploads.store import Store

TOMBSTONE = 30 * DAY
"""How long the portal still answers 410 for an upload that expired; later it is 404."""

STRAY_SECONDS = 3600
"""How old a file must be before it is taken for one that nobody wants."""


async def sweep(db: Database, uploads: Store, settings: PortalSettings, now: int) -> None:
    """Rows first, then files: what remains after a crash between the two, ``remove_strays`` takes."""
    while await db.write(uses.append):  # deeds whose replica ended before they had their places in the log
        pass
    for work in (_forget, _keep):
        gone = await db.write(functools.partial(work, settings=settings, now=now))
        if gone:
            await uploads.remove(gone)
    await db.write(room.fold, durable=False)
    await erasures.destroy_erased(db)


async def remove_strays(db: Database, uploads: Store, older_seconds: float = STRAY_SECONDS) -> None:
    """What lies in the store, and no row speaks of: left by a crash, or by a replica that was late to learn that an
    upload had ended. Its row may be about to be written: only what is older goes."""
    found = await uploads.names(older_seconds)
    kept = await db.read(
        lambda session: set(session.scalars(select(StoredUpload.upload_id).where(~StoredUpload.gone)).all())
    )
    strays = found - kept
    if strays:
        await uploads.remove(strays)


def _forget(session: Session, settings: PortalSettings, now: int) -> list[str]:
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
    session.execute(delete(StoredUpload).where(StoredUpload.gone, StoredUpload.expires < now - TOMBSTONE))
    stale = select(StoredUpload.upload_id).where(
        ~StoredUpload.gone, ~StoredUpload.delivered, StoredUpload.expires <= now
    )
    gone = session.scalars(stale).all()
    session.execute(update(StoredUpload).where(StoredUpload.upload_id.in_(gone)).values(gone=True, expires=now))
    return [*gone, *forgetting.forget_old(session, settings.limits, now)]


def _keep(session: Session, settings: PortalSettings, now: int) -> list[str]:
    """By itself, so that a hold that comes meanwhile is waited for by this alone."""
    if not locks.try_hold(session, "keeping"):
        return []
    limits, retention = settings.limits, settings.retention
    classes.assign(session, retention)
    appeals.assign_appeals(session, retention)
    session.flush()
    searched = Search.crime_reference.not_in(held_crimes())
    session.execute(delete(Search).where(Search.made < now - limits.searches_days * DAY, searched))
    feedback.remove_old(session, limits.feedback_days, now)
    return [
        *classes.drop_packages(session, retention, limits, now),
        *classes.drop_files(session, retention, limits, now),
        *appeals.drop_contributed(session, retention, limits, now),
        *records.drop_requests(session, retention, now),
        *records.drop_person_requests(session, retention, now),
        *appeals.drop_appeals(session, retention, now),
    ]
