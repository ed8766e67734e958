"""One-time links: 256 random bits behind the ``#`` of an address, of which only the hash is kept.

A browser sends nothing of what stands behind the ``#``: the page's script, or the person, puts it into a form. Not for:
what is done once somebody came in by one. Each function is part of one transaction.
"""

import hashlib
import re
import secrets
from enum import StrEnum

from sqlalchemy.orm import Session

from portal.problems import ProblemError
from portal.storage.models import Officer
from portal.storage.people_tables import Person, PersonLink, StoredPersonRequest

LINK_PATH = "/link"
_CODE = re.compile(r"[A-Za-z0-9_-]{43}")


class LinkFor(StrEnum):
    CONFIRM = "confirm"
    CHANGE = "change"
    ANSWER = "answer"
    OPENED = "opened"
    """None: what was sent was opened."""
    OUTCOME = "outcome"
    """None: what became of it."""


def new_code() -> str:
    return secrets.token_urlsafe(32)


def address(origin: str, code: str) -> str:
    return f"{origin}{LINK_PATH}#{code}"


def add(session: Session, code: str, link_for: LinkFor, person: str, request: str | None, expires: int) -> None:
    """``expires``: microseconds UTC."""
    session.add(
        PersonLink(code_sha256=digest(code), link_for=link_for, person_id=person, request_id=request, expires=expires)
    )


def find(session: Session, code: str, now: int) -> PersonLink:
    """The link with this code. ProblemError 403 in one wording for what never was, was used, or has ended."""
    link = session.get(PersonLink, digest(code)) if _CODE.fullmatch(code) else None
    if link is None or link.expires <= now:
        raise _ended()
    return link


def find_person(session: Session, code: str, now: int, *wanted: LinkFor) -> tuple[PersonLink, Person]:
    """The link, if it is for one of these, and whose it is."""
    link = find(session, code, now)
    person = session.get(Person, link.person_id)
    if person is None or link.link_for not in wanted:
        raise _ended()
    return link, person


def find_request(session: Session, code: str, now: int) -> StoredPersonRequest:
    """The request that the link answers, while it can be answered and its officer is served."""
    link = find(session, code, now)
    request = session.get(StoredPersonRequest, link.request_id) if link.request_id is not None else None
    if link.link_for != LinkFor.ANSWER or request is None or request.answer is not None or request.expires <= now:
        raise _ended()
    officer = session.get(Officer, request.officer)
    if officer is None or officer.revoked is not None:
        raise _ended()
    return request


def uploader(session: Session, code: str, now: int) -> str:
    """By what name uploads through this link are kept. ProblemError 403."""
    return uploads_of(find_request(session, code, now).request_id)


def uploads_of(request_id: str) -> str:
    """No device's fingerprint begins so."""
    return f"link:{request_id}"


def digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def _ended() -> ProblemError:
    return ProblemError(
        403,
        "This link does not work.",
        "It was used already, its time is over, or it is not whole: copy all of it. You can ask for a new one.",
    )
