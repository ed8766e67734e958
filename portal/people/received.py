"""Files that came whole by a link: taken for what they answer, shown to officers.

Not for: how they come (``portal.uploads``).
"""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from exchange.documents.people import PersonFile
from portal.problems import ProblemError, conflict, invalid, unknown
from portal.storage.appeal_tables import ContributionFile
from portal.storage.models import StoredUpload
from portal.storage.people_tables import StoredPersonFile


def take_uploads(session: Session, names: Sequence[str], holder: str) -> list[tuple[str, int, str]]:
    """Name, size and SHA-256 of each, which now belong to an answer. ``holder``: under what name they were sent.

    ProblemError 404 for another's, 409 for what is not whole, 422 where one stands there twice.
    """
    if len(set(names)) != len(names):
        raise invalid("The same upload stands there twice.", "Name each once.")
    found = []
    for name in names:
        upload = session.get(StoredUpload, name)
        if upload is None or upload.gone or upload.device != holder:
            raise unknown("upload")
        if upload.sha256 is None or not upload.size:
            raise conflict("An upload is not whole.", "Send the rest of it first.")
        upload.delivered = True
        found.append((name, upload.size, upload.sha256))
    return found


def upload_of(file: StoredPersonFile | ContributionFile | None) -> tuple[str, int]:
    """The upload that holds a file, and its bytes. ProblemError 404, or 410 when it is gone."""
    if file is None:
        raise unknown("file")
    if file.upload is None:
        raise ProblemError(410, "The file is gone from the portal.", "Its time here is over.")
    return file.upload, file.size


def file_shown(file: StoredPersonFile | ContributionFile) -> PersonFile:
    """As officers see it."""
    return PersonFile(
        file_id=file.file_id,
        size=file.size,
        ciphertext_sha256=file.sha256,
        sealed_name=file.sealed_name,
        available=file.upload is not None,
    )
