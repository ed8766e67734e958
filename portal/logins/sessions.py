"""Officers' sessions: given for a login, bound to the officer's key, gone on with, ended. Each function is part of one
transaction.

A session without the officer's key does nothing, as every call carries a token by that key; and where the force demands
it, neither does the key without a session. Not for: what the provider says (``portal.logins.issuer``).
"""

import hashlib
import secrets

from sqlalchemy import delete
from sqlalchemy.orm import Session

from exchange.clock import HOUR, MINUTE
from exchange.documents.messages import Credential
from exchange.signing.logins import WANTED_HEADER, LoginProof, LoginSession, login_nonce
from portal.logins.issuer import Identity
from portal.problems import ProblemError
from portal.settings import LoginSettings
from portal.storage.login_tables import OfficerSession
from portal.storage.models import Officer, UsedToken

ISSUER = "login"
"""Under which used ID tokens stand among used tokens; no key's fingerprint is called so."""


def begin(
    session: Session, officer: str, proof: LoginProof, identity: Identity, settings: LoginSettings, now: int
) -> LoginSession:
    """A new session. ProblemError 401 for a login that was used, or made for another key; 403 for another person's.

    An ID token without a nonce is one of a login by code, of a provider that binds it to nothing: where the force
    wants that, it is of use with the key of the same person, and once.
    """
    if proof.secret is None:
        raise _wanted("The login was not made for this key.")
    nonce = login_nonce(officer, proof.secret)
    if identity.nonce is None and not settings.codes:
        raise _wanted("The login is bound to no key; your force takes it with a browser only.")
    if identity.nonce not in (None, nonce):
        raise _wanted("The login was not made for this key.")
    _take_once(session, proof.id_token, identity)
    _is_theirs(session, officer, identity, settings)
    return _give(session, officer, identity, nonce, now + settings.longest_hours * HOUR, settings, now)


def go_on(
    session: Session,
    officer: str,
    before: str,
    proof: LoginProof,
    identity: Identity,
    settings: LoginSettings,
    now: int,
) -> LoginSession:
    """Another session in place of one, which may be over; by an ID token that the provider gave for a refresh."""
    row = session.get(OfficerSession, _digest(before))
    if row is None or row.officer != officer or row.ends <= now or row.subject != identity.subject:
        raise _wanted("The session can't be gone on with.")
    if identity.nonce not in (None, row.nonce):
        raise _wanted("The login was not made for this session.")
    _take_once(session, proof.id_token, identity)
    _is_theirs(session, officer, identity, settings)
    session.delete(row)
    session.flush()
    return _give(session, officer, identity, row.nonce, row.ends, settings, now)


def end(session: Session, officer: str, text: str | None) -> None:
    """Whatever became of it before."""
    session.execute(
        delete(OfficerSession).where(
            OfficerSession.session_sha256 == _digest(text or ""), OfficerSession.officer == officer
        )
    )


def check(session: Session, officer: str, text: str | None, now: int) -> None:
    """That the officer is logged in. ProblemError 401."""
    row = session.get(OfficerSession, _digest(text)) if text else None
    if row is None or row.officer != officer or row.expires <= now:
        raise _wanted("Your force wants you to log in.")


def forget_ended(session: Session, now: int) -> None:
    session.execute(delete(OfficerSession).where(OfficerSession.ends <= now))


def _give(
    session: Session, officer: str, identity: Identity, nonce: str, ends: int, settings: LoginSettings, now: int
) -> LoginSession:
    text = secrets.token_urlsafe(32)
    expires = min(now + settings.minutes * MINUTE, ends)
    session.add(
        OfficerSession(
            session_sha256=_digest(text),
            officer=officer,
            subject=identity.subject,
            nonce=nonce,
            expires=expires,
            ends=ends,
        )
    )
    return LoginSession(session=text, expires=expires, ends=ends)


def _take_once(session: Session, token: str, identity: Identity) -> None:
    used = UsedToken(issuer=ISSUER, jti=_digest(token), expires=identity.expires + 2 * MINUTE)
    if session.get(UsedToken, (used.issuer, used.jti)) is not None:
        raise _wanted("The login was used before.")
    session.add(used)
    session.flush()


def _is_theirs(session: Session, officer: str, identity: Identity, settings: LoginSettings) -> None:
    known = session.get(Officer, officer)
    assert known is not None, "a caller whose token was taken is known"
    credential = Credential.model_validate_json(known.document)
    wanted = str(getattr(credential, settings.credential))
    if identity.value.casefold() != wanted.casefold():
        raise ProblemError(
            403,
            "The account is another person's than the key.",
            f"Log in as whom the force vouched for: {settings.credential.replace('_', ' ')} {wanted}.",
        )


def _wanted(title: str) -> ProblemError:
    """401 that tells a program to log in."""
    return ProblemError(
        401, title, "Log in: handover-officer login", {"WWW-Authenticate": "Bearer", WANTED_HEADER: "wanted"}
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
