"""Who a case belongs to: its officers, and the unit whose recovery key opens it when none of them can.

Each version of a case's team is a document signed by somebody of the version before, so that all of them together are
the record of who could open the case, and who said so. Not for: checking who signs (``exchange.signing.teams``), or the
keys themselves, which no document holds.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from exchange.clock import Instant
from exchange.documents.messages import Document, Id, Line, Part, Sha256, Signed

MOST_MEMBERS = 64
MAX_WRAPPED = 192 * 1024
"""Bytes of a case's keys as they are sealed for its team: 65 recipients of 1.7 KiB each, and some keys."""

CaseRecipient = Annotated[str, Field(pattern=r"^age1pq1[02-9ac-hj-np-z]{1900,2000}$")]
"""An age recipient of the hybrid kind. One kind only: a file for several kinds is as weak as the weakest."""


class Unit(Document):
    """A unit of the force, and the key that opens its cases when no officer can. Signed by the force key.

    The key itself lies offline with the unit, and is used only then.
    """

    kind: Literal["unit.v1"] = "unit.v1"
    force: Line
    unit_id: Id
    name: Line
    """As credentials of its officers name it."""
    recipient: CaseRecipient
    valid_from: Instant
    valid_to: Instant


class CaseTeam(Document):
    """Who can open what is sealed for a case's key, from this version on. Signed by ``credential``'s key."""

    kind: Literal["case-team.v1"] = "case-team.v1"
    case_id: Id
    force: Line
    crime_reference: Line
    credential: Signed
    """Of who signs this version."""
    recipient: CaseRecipient
    """The case's key, for requests made under this version."""
    members: Annotated[tuple[Signed, ...], Field(min_length=1, max_length=MOST_MEMBERS)]
    """Their credentials."""
    recovery: Signed
    """The ``Unit``."""
    wrapped_sha256: Sha256
    """Of the case's keys as they are sealed for exactly the members and the unit."""
    version: Annotated[int, Field(ge=1, le=100_000)]
    previous_sha256: Sha256 | None = None
    """Of the version before; None for the first."""
    issued: Instant

    @model_validator(mode="after")
    def _follows_something(self) -> Self:
        if (self.version == 1) != (self.previous_sha256 is None):
            raise ValueError("the first version follows none, and each other one follows another")
        return self


# -- the portal's calls ----------------------------------------------------------------------------------------------


class TeamVersion(Part):
    """A version of a team, and the case's keys sealed for it: an age file in base64."""

    signed: Signed
    wrapped: Annotated[str, Field(max_length=MAX_WRAPPED * 4 // 3 + 4, pattern=r"^[A-Za-z0-9+/]+={0,2}$")]


class TeamBrief(Part):
    case_id: Id
    crime_reference: Line
    version: Annotated[int, Field(ge=1)]
    sha256: Sha256
    """Of the version's document."""
    issued: Instant


class Teams(Part):
    """Cases, by their ids. ``more``: ask on with ``after`` the last one's ``case_id``."""

    teams: Annotated[tuple[TeamBrief, ...], Field(max_length=100)]
    more: bool = False
