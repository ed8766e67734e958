"""The officers that a portal serves: those whose credential the force's key signed.

Not for: making credentials (``portal.force.keys``). Each function is the work of one transaction.
"""

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from exchange.documents.messages import Credential, Signed
from exchange.errors import NotFound, SettingsInvalid
from exchange.signing.credentials import open_credential
from exchange.signing.documents import PublicKey
from portal.requests import requests
from portal.settings import PortalSettings
from portal.storage.models import Officer


def add(session: Session, signed: Signed, settings: PortalSettings, now: int) -> Credential:
    """Let an officer in; again, with a newer credential for the same key, renews. CredentialInvalid otherwise."""
    credential = open_credential(signed, settings.key, now)
    if credential.force != settings.force:
        raise SettingsInvalid(
            f"The credential is of '{credential.force}', and this portal of '{settings.force}'.",
            do="Have the force sign it under the name that the portal has.",
        )
    key = PublicKey.parse(credential.public_key)
    officer = session.get(Officer, key.fingerprint)
    if officer is not None and officer.revoked is not None:
        raise SettingsInvalid(
            f"The key of {officer.name} ({officer.collar_number}) was revoked here.",
            meaning="A revoked key may be in other hands, and is never let in again.",
            do="Have the officer make a new key: handover-officer setup, with another --state.",
        )
    if officer is None:
        officer = Officer(fingerprint=key.fingerprint, public_key=key.line, added=now)
        session.add(officer)
    officer.credential_id = credential.credential_id
    officer.name, officer.rank, officer.unit = credential.name, credential.rank, credential.unit
    officer.collar_number = credential.collar_number
    officer.valid_from, officer.valid_to = credential.valid_from, credential.valid_to
    officer.document, officer.signature = signed.document, signed.signature
    return credential


def list_officers(session: Session) -> list[dict[str, object]]:
    """What ``officer list`` prints, a mapping an officer."""
    return [
        {
            "fingerprint": officer.fingerprint,
            "name": officer.name,
            "rank": officer.rank,
            "collar_number": officer.collar_number,
            "unit": officer.unit,
            "valid_from": officer.valid_from,
            "valid_to": officer.valid_to,
            "revoked": officer.revoked,
        }
        for officer in session.scalars(select(Officer).order_by(Officer.name, Officer.fingerprint))
    ]


def revoke(session: Session, who: str, now: int) -> tuple[str, int]:
    """By fingerprint or collar number: the officer's name, and how many unanswered requests left the inboxes."""
    found = session.scalars(
        select(Officer).where(or_(Officer.fingerprint == who, Officer.collar_number == who), Officer.revoked.is_(None))
    ).all()
    if len(found) != 1:
        raise NotFound(
            f"{len(found) or 'No'} officers that aren't revoked have the fingerprint or collar number {who}.",
            do="handover-portal officer list names them; give the fingerprint.",
        )
    return found[0].name, requests.revoke(session, found[0], now)
