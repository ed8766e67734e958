"""Requests that no officer signed: the owner writes down who asked, how they were identified, and what was wanted.

A device signs these as its owner's word. Not for: a signed request (``exchange.documents.messages``).
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from exchange.clock import Instant
from exchange.documents.copies import WantedCopies
from exchange.documents.exhibits import ExhibitPrefix
from exchange.documents.messages import (
    Asked,
    DecidedBy,
    Document,
    Fingerprint,
    Id,
    Incident,
    Line,
    Part,
    RecipientText,
    Sha256,
    Text,
    check_asked,
)


class Identified(StrEnum):
    """How the owner made sure that it was an officer who asked."""

    CARD_SEEN = "card-seen"
    CALLED_BACK = "called-back"
    OFFICIAL_MAIL = "official-mail"
    FORCE_LINK = "force-link"
    KNOWN = "known"
    NOT_IDENTIFIED = "not-identified"


IDENTIFIED_WORDS = {
    Identified.CARD_SEEN: "their warrant card was seen",
    Identified.CALLED_BACK: "they were called back at the force's own number",
    Identified.OFFICIAL_MAIL: "they wrote from the force's own mail address",
    Identified.FORCE_LINK: "the force's own evidence page asked",
    Identified.KNOWN: "they are known in person",
    Identified.NOT_IDENTIFIED: "they were not identified",
}


class NotedOfficer(Part):
    """Who asked, as the owner wrote it down: nothing here was proven."""

    name: Line
    force: Line
    rank: Line | None = None
    collar_number: Line | None = None
    unit: Line | None = None
    contact: Line | None = None
    identified: Identified
    identified_note: Line | None = None
    """Such as which number was called."""


class Offered(StrEnum):
    """What the force takes: the whole package in a file, or the recordings one by one."""

    PACKAGE = "package"
    RECORDINGS = "recordings"


class OfferedWay(Part):
    """How the force takes footage that comes by no portal."""

    form: Offered = Offered.PACKAGE
    most_bytes: Annotated[int, Field(ge=1_000_000, le=10**13)] | None = None
    """The largest file that it takes; recordings are made in parts, each beginning at a key frame."""


class NotedRequest(Document):
    """A request that came at the door, on the telephone, or by a force's evidence link. Device key."""

    kind: Literal["noted-request.v1"] = "noted-request.v1"
    request_id: Id
    device: Fingerprint
    noted_by: DecidedBy
    officer: NotedOfficer
    crime_reference: Line
    incident: Incident
    purpose: Text
    legal_basis: Text
    necessity: Text
    asked: Annotated[tuple[Asked, ...], Field(min_length=1, max_length=64)]
    recipient: RecipientText | None = None
    """An age recipient, where the force gave one; the package isn't sealed for anybody otherwise."""
    way: OfferedWay = OfferedWay()
    preserve: bool = True
    copies: WantedCopies | None = None
    """Working copies that the officer said would help."""
    exhibit_prefix: ExhibitPrefix | None = None
    """What the officer wants the exhibits' references to begin with; None when they did not say."""
    issued: Instant
    expires: Instant

    @property
    def force(self) -> str:
        return self.officer.force

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        check_asked(self.asked, self.issued, self.expires)
        return self


class HandedFile(Part):
    """A file that the force was given."""

    name: Line
    sha256: Sha256


class NotedReceipt(Document):
    """That somebody took a package, as the owner wrote it down. Device key."""

    kind: Literal["noted-receipt.v1"] = "noted-receipt.v1"
    request_id: Id
    evidence_id: Id
    sha256: Sha256
    """Of the owner's own sealed package, which what was handed over is, or was made of."""
    files: Annotated[tuple[HandedFile, ...], Field(max_length=1000)] = ()
    """What was handed over of it."""
    taken_by: Line
    how: Line
    """How they confirmed it, such as 'signed the form' or 'by mail of 3 May'."""
    issued: Instant
