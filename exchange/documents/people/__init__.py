"""People without an agent: what an officer asks them, what they answer by a link, and the calls for both.

Nothing here names them: officers know a person by an id that means nothing elsewhere. Not for: the portal's pages
(``portal.public``), or what is known of a person (``portal.people``).
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from exchange.clock import Instant
from exchange.documents.feedback import CaseResult
from exchange.documents.messages import (
    Asked,
    Document,
    Id,
    Incident,
    Line,
    Part,
    Place,
    RecipientText,
    Sha256,
    Signed,
    Text,
    check_asked,
)

MAX_FILES = 8
"""Of one answer."""
MAX_SEALED_NAME = 8192
"""Letters of base64."""
LINK_HEADER = "Handover-Link"
"""Carries a link's code in calls that its page makes; a code stands in no address that is sent."""


class PersonKind(StrEnum):
    PERSON = "person"
    HOUSEHOLD = "household"
    BUSINESS = "business"


class PersonRequest(Document):
    """An officer asks somebody who has no agent for footage. Signed by the officer's key.

    The portal shows it to them behind a link in a message; no device checks it, so their trust in it is the portal's.
    """

    kind: Literal["person-request.v1"] = "person-request.v1"
    request_id: Id
    person: Id
    force: Line
    credential: Signed
    crime_reference: Line
    incident: Incident
    purpose: Text
    legal_basis: Text
    necessity: Text
    asked: Annotated[tuple[Asked, ...], Field(min_length=1, max_length=16)]
    recipient: RecipientText
    """The case's age recipient, which the browser seals for."""
    team: Signed | None = None
    """Who can open what is sent (``exchange.documents.teams``); None where it is the officer alone."""
    issued: Instant
    expires: Instant

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        check_asked(self.asked, self.issued, self.expires)
        return self


class PersonAnswer(StrEnum):
    """What somebody without an agent answered. Silence is none, and tells nothing."""

    FILES = "files"
    DECLINED = "declined"
    NOTHING_THERE = "nothing-there"


class MessageState(StrEnum):
    """How the message with the link is: not whether it was read."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


# -- the portal's calls ----------------------------------------------------------------------------------------------


class PersonCamera(Part):
    """A camera that somebody without an agent registered by hand. Whose it is, no officer is told."""

    person: Id
    person_kind: PersonKind
    camera_id: Id
    label: Line
    doorbell: bool = False
    place: Place
    direction: float | None = None
    """Degrees from true north, to an eighth of the compass."""
    retention_days: int
    distance_m: Annotated[float, Field(ge=0)]


class PeopleNearby(Part):
    """Nearest first. ``truncated``: there are more."""

    cameras: Annotated[tuple[PersonCamera, ...], Field(max_length=400)]
    truncated: bool = False


class PersonFile(Part):
    """A file as the browser sealed it. ``sealed_name``: an age file in base64, of a ``FileName`` as JSON."""

    file_id: Id
    size: Annotated[int, Field(gt=0)]
    ciphertext_sha256: Sha256
    sealed_name: Annotated[str, Field(max_length=MAX_SEALED_NAME)]
    available: bool = True
    """Whether the portal still has it."""


class PersonCase(Part):
    """A request to somebody without an agent, as its officer sees it."""

    request_id: Id
    crime_reference: Line
    person: Id
    issued: Instant
    expires: Instant
    message: MessageState
    message_trouble: Line | None = None
    """Why the message has not gone, in words."""
    answer: PersonAnswer | None = None
    answered: Instant | None = None
    files: Annotated[tuple[PersonFile, ...], Field(max_length=MAX_FILES)] = ()


class PersonCases(Part):
    """Newest first."""

    cases: Annotated[tuple[PersonCase, ...], Field(max_length=100)]
    more: bool = False


class PersonWord(Part):
    """What a person is told of what they sent, in the portal's words."""

    result: CaseResult | None = None
    """What became of it; None: that it was opened."""


class FileName(Part):
    """What a file was called where it came from, as the sender's browser says; sealed with it."""

    name: Annotated[str, Field(max_length=1000)]
    size: Annotated[int, Field(ge=0)]
    modified: Annotated[str, Field(max_length=40)] | None = None


class SentFile(Part):
    upload: Annotated[str, Field(max_length=2048)]
    """URL of the finished tus upload."""
    sealed_name: Annotated[str, Field(max_length=MAX_SEALED_NAME, pattern=r"^[A-Za-z0-9+/]+={0,2}$")]


class LinkAnswer(Part):
    """What the link's page sends once all files are there."""

    files: Annotated[tuple[SentFile, ...], Field(min_length=1, max_length=MAX_FILES)]
    sealed_note: Annotated[str, Field(max_length=24_000, pattern=r"^[A-Za-z0-9+/]+={0,2}$")] | None = None
    """To an appeal: what the person wrote, as an age file in base64."""


class ReceivedText(Part):
    """What somebody texted back, as GOV.UK Notify passes it on; what else it says is not read."""

    model_config = ConfigDict(extra="ignore")

    source_number: Annotated[str, Field(max_length=40)]
    message: Annotated[str, Field(max_length=4000)]


class LinkReceipt(Part):
    """What the sender may keep: what the portal has, by the hashes of what it can't read."""

    request_id: Id
    crime_reference: Line
    received: Instant
    ciphertext_sha256: Annotated[tuple[Sha256, ...], Field(max_length=MAX_FILES)]
