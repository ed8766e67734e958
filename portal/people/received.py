"""Files that came whole by a link, taken for what they answer. Not for: how they come (``portal.uploads``)."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from portal.problems import conflict, invalid, unknown
from portal.storage.models import StoredUpload


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
