"""Who an officer is: credentials that the force's key signs, and the documents signed under them.

Not for: how the owner comes to pin the force's key (the agent's enrolment), or what a refusal tells the officer.
"""

from enum import StrEnum
from typing import TypeVar

from exchange.clock import Window, to_rfc3339
from exchange.documents.feedback import OfficersFeedback
from exchange.documents.keeping.holds import HoldWord
from exchange.documents.messages import Credential, Receipt, Request, Role, Signed
from exchange.documents.people import PersonRequest
from exchange.documents.people.appeals import Appeal
from exchange.documents.supervision import AuthorisationAsked
from exchange.errors import SignatureInvalid
from exchange.signing.documents import PublicKey, SigningKey, open_document, read_unverified, sign_document

AnyOfOfficer = Request | Receipt | OfficersFeedback | PersonRequest | Appeal | AuthorisationAsked | HoldWord
O = TypeVar("O", bound=AnyOfOfficer)  # noqa: E741 - the officer's documents


class CredentialFault(StrEnum):
    """What is wrong with a credential."""

    UNPINNED_FORCE = "unpinned-force"
    """The key that signed it is not the force's key that was confirmed."""
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"


class CredentialInvalid(SignatureInvalid):
    """An officer's credential does not hold; ``reason`` says in what way."""

    def __init__(self, what: str, *, reason: CredentialFault, meaning: str = "", do: str = "") -> None:
        super().__init__(what, meaning=meaning, do=do)
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (self.what, self.reason, self.meaning, self.do))


def _rebuild(what: str, reason: CredentialFault, meaning: str, do: str) -> CredentialInvalid:
    return CredentialInvalid(what, reason=reason, meaning=meaning, do=do)


def issue_credential(
    force_key: SigningKey,
    *,
    force: str,
    credential_id: str,
    name: str,
    rank: str,
    collar_number: str,
    unit: str,
    contact: str,
    public_key: PublicKey,
    valid: Window,
    roles: tuple[Role, ...] | None = None,
    recipient: str | None = None,
) -> Signed:
    """The force's word that ``public_key`` is this officer's, for a stretch of time."""
    credential = Credential(
        force=force,
        credential_id=credential_id,
        name=name,
        rank=rank,
        collar_number=collar_number,
        unit=unit,
        contact=contact,
        public_key=public_key.line,
        valid_from=valid.start,
        valid_to=valid.end,
        roles=roles,
        recipient=recipient,
    )
    return sign_document(credential, force_key)


def open_credential(signed: Signed, force_key: PublicKey, at: int) -> Credential:
    """The credential, if the force's key signed it and it is valid at ``at`` (microseconds UTC).

    CredentialInvalid otherwise, with a ``reason``; DocumentInvalid when it is no credential at all.
    """
    try:
        credential = open_document(signed, Credential, force_key)
    except SignatureInvalid as error:
        raise CredentialInvalid(
            f"The officer's credential is not this force's. {error.what}",
            reason=CredentialFault.UNPINNED_FORCE,
            meaning=f"It was not signed by the force key {force_key.fingerprint}, or was altered since.",
            do="Don't act on it. If the force changed its key, learn the new fingerprint by another way first.",
        ) from None
    if at < credential.valid_from:
        raise CredentialInvalid(
            f"The officer's credential is valid only from {to_rfc3339(credential.valid_from)}.",
            reason=CredentialFault.NOT_YET_VALID,
            do="Check this machine's clock; else ask the force for the officer's present credential.",
        )
    if at >= credential.valid_to:
        raise CredentialInvalid(
            f"The officer's credential was valid only until {to_rfc3339(credential.valid_to)}.",
            reason=CredentialFault.EXPIRED,
            meaning="The force does not vouch for this officer's key at that time.",
            do="The officer needs a new credential from the force.",
        )
    return credential


def open_by_officer(signed: Signed, model: type[O], force_key: PublicKey, at: int) -> tuple[O, Credential]:
    """A request, receipt, feedback or word on a hold, and the officer who signed it.

    The document carries the officer's credential: that is checked under the force's key, then the document under the
    credential's key. CredentialInvalid, SignatureInvalid or DocumentInvalid, whichever comes first.
    """
    claimed = read_unverified(signed, model)
    credential = open_credential(claimed.credential, force_key, at)
    return open_document(signed, model, PublicKey.parse(credential.public_key)), credential
