"""What goes by itself: entries that nobody confirmed, links that ended, messages long sent, files past their time.

Not for: leaving at one's own word (``portal.people.registered``).
"""

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from exchange.clock import DAY
from portal.people.sending import LINK_DAYS
from portal.settings import Limits
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
    session.execute(update(StoredUpload).where(StoredUpload.upload_id.in_(gone)).values(gone=True, expires=now))
    return gone
