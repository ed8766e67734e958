"""What goes by itself: entries that nobody confirmed, links that ended, messages long sent, files past their time.

Not for: leaving at one's own word (``portal.people.registered``).
"""

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from exchange.clock import DAY
from exchange.documents.people.appeals import Mark
from portal.people import contributing
from portal.people.sending import LINK_DAYS
from portal.settings import Limits
from portal.storage.appeal_tables import ContributionFile, StoredContribution
from portal.storage.models import StoredUpload
from portal.storage.people_tables import Person, PersonLink, QueuedMessage, StoredPersonFile, StoredPersonRequest

MESSAGES_KEPT = 7 * DAY


def forget_old(session: Session, limits: Limits, now: int) -> list[str]:
    """Part of one transaction; the uploads whose files are to be removed."""
    session.execute(delete(PersonLink).where(PersonLink.expires <= now))
    session.execute(
        delete(QueuedMessage).where(QueuedMessage.next_try.is_(None), QueuedMessage.queued < now - MESSAGES_KEPT)
    )
    unconfirmed = (Person.confirmed.is_(None), Person.registered < now - LINK_DAYS * DAY)
    session.execute(delete(Person).where(*unconfirmed))
    answered = select(StoredPersonRequest.request_id).where(
        StoredPersonRequest.answered <= now - limits.person_file_days * DAY
    )
    old = select(StoredPersonFile.upload).where(
        StoredPersonFile.upload.is_not(None), StoredPersonFile.request_id.in_(answered)
    )
    gone = [upload for upload in session.scalars(old) if upload is not None]
    session.execute(update(StoredPersonFile).where(StoredPersonFile.upload.in_(gone)).values(upload=None))
    gone += _forget_contributions(session, limits, now)
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
    old = select(row.contribution_id).where(unwanted | (row.sent <= now - limits.person_file_days * DAY))
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
