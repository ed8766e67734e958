"""A public appeal for footage: what an officer makes known, and what comes in answer, in the order in which it came.

Not for: the portal's pages (``portal.public``), or the queue itself (``portal.people.appeals``).
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from exchange.clock import Instant
from exchange.documents.messages import Document, Id, Line, Part, RecipientText, Signed, Stretch, Text
from exchange.documents.people import MAX_FILES, PersonFile

MAX_SEALED_NOTE = 24_000
"""Letters of base64: what a person wrote, sealed."""
MAX_NOTE = 4000
AppealName = Annotated[str, Field(pattern=r"^[a-z2-9]{10}$")]
"""As it stands on posters: without letters that look alike, and no secret."""


class Appeal(Document):
    """An officer asks the public for what their cameras recorded. Signed by the officer's key."""

    kind: Literal["appeal.v1"] = "appeal.v1"
    appeal_id: AppealName
    force: Line
    credential: Signed
    crime_reference: Line
    title: Line
    area: Line
    """Where, in words."""
    description: Text
    happened: Stretch
    recipient: RecipientText
    """The case's age recipient, which browsers seal for."""
    team: Signed | None = None
    """Who can open what is sent (``exchange.documents.teams``); None where it is the officer alone."""
    issued: Instant
    expires: Instant

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.expires <= self.issued:
            raise ValueError("'expires' must be later than 'issued'")
        if self.happened.end > self.issued:
            raise ValueError("the time that is asked about must be over")
        return self


class Mark(StrEnum):
    """What an officer makes of a contribution. What is not relevant, or there twice, is deleted by rule."""

    RELEVANT = "relevant"
    NOT_RELEVANT = "not-relevant"
    DUPLICATE = "duplicate"


class PublicNote(Part):
    """What a person wrote beside their files. Their browser seals it for the case, as JSON."""

    text: Annotated[str, Field(max_length=MAX_NOTE)] = ""
    contact: Annotated[str, Field(max_length=300)] = ""


# -- the portal's calls ----------------------------------------------------------------------------------------------


class AppealCase(Part):
    """An appeal as its officer sees it. How many answered it, only the queue tells."""

    signed: Signed
    address: Annotated[str, Field(max_length=400)]
    """Of the page for everybody."""
    closed: Instant | None = None


class AppealCases(Part):
    """Newest first."""

    appeals: Annotated[tuple[AppealCase, ...], Field(max_length=50)]
    more: bool = False


class Contribution(Part):
    """What somebody sent. ``sealed_note``: an age file in base64, of a ``PublicNote`` as JSON."""

    contribution_id: Id
    sent: Instant
    files: Annotated[tuple[PersonFile, ...], Field(max_length=MAX_FILES)]
    sealed_note: Annotated[str, Field(max_length=MAX_SEALED_NOTE)] | None = None
    mark: Mark | None = None


class Contributions(Part):
    """Oldest first."""

    contributions: Annotated[tuple[Contribution, ...], Field(max_length=100)]
    more: bool = False


class MarkOf(Part):
    mark: Mark | None
    """None takes it back."""


class AppealCode(Part):
    """A code for one contribution: its page sends files with it as by a link."""

    code: Annotated[str, Field(max_length=100)]
