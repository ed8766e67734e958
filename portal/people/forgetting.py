"""What goes by itself: entries that nobody confirmed, links that ended, messages long sent.

Not for: leaving at one's own word (``portal.people.registered``).
"""

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from exchange.clock import DAY
from exchange.documents.people.appeals import Mark
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
    """What nobody sent in time goes whole; of what is unwanted, or past its time, that it came and its mark stay."""
    row, file = StoredContribution, ContributionFile
    late = session.execute(
        select(row.contribution_id).where(row.sent.is_(None), row.begun <= now - contributing.TIME_TO_SEND)
    ).scalars()
    holders = [contributing.holder_of(each) for each in late]
    unfinished = select(StoredUpload.upload_id).where(StoredUpload.device.in_(holders), ~StoredUpload.gone)
    gone = list(session.scalars(unfinished))
    session.execute(delete(row).where(row.sent.is_(None), row.begun <= now - contributing.TIME_TO_SEND))
    unwanted = row.mark.in_([Mark.NOT_RELEVANT, Mark.DUPLICATE]) & (row.marked <= now - limits.not_relevant_days * DAY)
    held = select(StoredAppeal.appeal_id).where(StoredAppeal.crime_reference.in_(held_crimes()))
    over = unwanted | (row.sent <= now - limits.person_file_days * DAY)
    old = select(row.contribution_id).where(over, row.appeal_id.not_in(held))
    uploads = select(file.upload).where(file.upload.is_not(None), file.contribution_id.in_(old))
    gone += [upload for upload in session.scalars(uploads) if upload is not None]
    ended = {"upload": None, "sealed_name": ""}
    session.execute(update(file).where(file.contribution_id.in_(old), file.upload.is_not(None)).values(ended))
    session.execute(
        update(row)
        .where(row.contribution_id.in_(old), row.sealed_note.is_not(None))
        .values(sealed_note=None)
        .execution_options(synchronize_session=False)
    )
    return gone
