"""Feedback opened: which kind it is, and that the officer of the pinned force, or the owner's device, signed it.

Not for: whether it is about something that was handed over; the reader's own records tell that.
"""

from pydantic import ConfigDict

from exchange.documents.feedback import (
    FROM_OFFICER,
    FROM_OWNER,
    MAX_FEEDBACK,
    CannotPlay,
    CaseOutcome,
    KeepAsked,
    OwnersAnswer,
    PackageOpened,
    Question,
    Rating,
)
from exchange.documents.messages import Credential, Part, Signed
from exchange.errors import DocumentInvalid
from exchange.signing.credentials import open_by_officer
from exchange.signing.documents import PublicKey, open_document, parse_strictly, read_unverified

AnyOfficers = PackageOpened | CannotPlay | Question | CaseOutcome | KeepAsked
AnyOwners = OwnersAnswer | Rating


class _Named(Part):
    """Which kind a document calls itself; whether that is so, its signature's namespace says."""

    model_config = ConfigDict(extra="ignore")

    kind: str


def kind_of(signed: Signed) -> str:
    """What a document calls itself, such as ``question.v1``. DocumentInvalid when it is none, or too large."""
    try:
        return parse_strictly(signed.document.encode(), _Named, MAX_FEEDBACK).kind
    except UnicodeEncodeError:
        raise DocumentInvalid("The document can't be read: it is not text.") from None


def open_officers(signed: Signed, force_key: PublicKey, at: int) -> tuple[AnyOfficers, Credential]:
    """What an officer says, and who they are, ``at`` that instant.

    CredentialInvalid, SignatureInvalid or DocumentInvalid, whichever comes first; the last for an unknown kind too.
    """
    kind = kind_of(signed)
    for model in FROM_OFFICER:
        if kind == model.model_fields["kind"].default:
            found, credential = open_by_officer(signed, model, force_key, at)
            assert isinstance(found, AnyOfficers)
            return found, credential
    raise _unknown()


def read_officers(signed: Signed) -> AnyOfficers:
    """What it claims, WITHOUT checking its signature: to find what it is about, before ``open_officers``."""
    kind = kind_of(signed)
    for model in FROM_OFFICER:
        if kind == model.model_fields["kind"].default:
            found = read_unverified(signed, model)
            assert isinstance(found, AnyOfficers)
            return found
    raise _unknown()


def open_owners(signed: Signed, device_key: PublicKey) -> AnyOwners:
    """What an owner says by their device. SignatureInvalid, or DocumentInvalid for an unknown kind too."""
    kind = kind_of(signed)
    for model in FROM_OWNER:
        if kind == model.model_fields["kind"].default:
            found = open_document(signed, model, device_key)
            assert isinstance(found, AnyOwners)
            return found
    raise _unknown()


def _unknown() -> DocumentInvalid:
    return DocumentInvalid(
        "The feedback is of a kind that isn't known here.",
        meaning="It is of a newer version of the protocol, or no feedback at all.",
        do="Update Handover.",
    )
