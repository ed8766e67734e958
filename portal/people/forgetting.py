"""What goes by itself: entries that nobody confirmed, links that ended, messages long sent, what nobody
wants of an appeal.

Not for: leaving at one's own word (``portal.people.registered``), or what a class ends (``portal.keeping.appeals``).
"""

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from exchange.clock import DAY
from exchange.documents.people.appeals import Mark
from portal.keeping.appeals import forget_contents
from portal.keeping.holds import held_crimes
from portal.people import contributing
from portal.people.sending import LINK_DAYS
from portal.settings import Limits
from portal.storage.appeal_tables import ContributionFile, StoredAppeal, StoredContribution
from portal.storage.models import StoredUpload
from portal.storage.people_tables import Person, PersonLink, QueuedMessage
from portal.storage.personal.keeping_tables import Erasure

MESSAGES_KEPT = 7 * DAY


def forget_old(session: Session, limits: Limits, now: int) -> list[str]:
    """Part of one transaction; the uploads whose files are to be removed."""
    session.execute(delete(PersonLink).where(PersonLink.expires <= now))
    session.execute(
        delete(QueuedMessage).where(QueuedMessage.next_try.is_(None), QueuedMessage.queued < now - MESSAGES_KEPT)
    )
    unconfirmed = (Person.confirmed.is_(None), Person.registered < now - LINK_DAYS * DAY)
    keys = session.scalars(select(Person.key_id).where(*unconfirmed, Person.key_id.is_not(None))).all()
    session.add_all(Erasure(key_id=key_id) for key_id in keys if key_id is not None)
    session.execute(delete(Person).where(*unconfirmed))
    gone = _forget_contributions(session, limits, now)
    session.execute(update(StoredUpload).where(StoredUpload.upload_id.in_(gone)).values(gone=True, expires=now))
    return gone


def _forget_contributions(session: Session, limits: Limits, now: int) -> list[str]:
    """What nobody sent in time goes whole; of what is unwanted, that it came and its mark stay."""
    row, file = StoredContribution, ContributionFile
    late = session.execute(
        select(row.contribution_id).where(row.sent.is_(None), row.begun <= now - contributing.TIME_TO_SEND)
    ).scalars()
    holders = [contributing.holder_of(each) for each in late]
    unfinished = select(StoredUpload.upload_id).where(StoredUpload.device.in_(holders), ~StoredUpload.gone)
    gone = list(session.scalars(unfinished))
    session.execute(delete(row).where(row.sent.is_(None), row.begun <= now - contributing.TIME_TO_SEND))
    held = select(StoredAppeal.appeal_id).where(StoredAppeal.crime_reference.in_(held_crimes()))
    unwanted = row.mark.in_([Mark.NOT_RELEVANT, Mark.DUPLICATE]) & (row.marked <= now - limits.not_relevant_days * DAY)
    old = select(row.contribution_id).where(unwanted, row.appeal_id.not_in(held))
    uploads = select(file.upload).where(file.upload.is_not(None), file.contribution_id.in_(old))
    gone += [upload for upload in session.scalars(uploads) if upload is not None]
    forget_contents(session, old)
    return gone
