"""A legal hold: what came for a crime is deleted by nobody until an officer lifts it; placed and lifted with a reason.

Also how long a force keeps what of a crime, as it tells its officers. Not for: keeping to it (``portal.keeping``).
"""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from exchange.clock import Instant
from exchange.documents.messages import Document, Id, Line, Part, Role, Sha256, Signed, Text

MAY_HOLD = (Role.DISCLOSURE, Role.SUPERVISOR)
"""Who places and lifts holds."""


class HoldWord(Document):
    """What an officer says of a hold. ``hold_id`` is new for each that is placed."""

    hold_id: Id
    crime_reference: Line
    reason: Text
    issued: Instant
    credential: Signed


class HoldPlaced(HoldWord):
    """Nothing that came for the crime is deleted from now on."""

    kind: Literal["hold-placed.v1"] = "hold-placed.v1"


class HoldLifted(HoldWord):
    """This hold ended; others on the same crime stand."""

    kind: Literal["hold-lifted.v1"] = "hold-lifted.v1"
    placed_sha256: Sha256
    """Of the document that placed it."""


# -- over the wire -----------------------------------------------------------------------------------------------


class HoldStands(Part):
    """What lies at the portal under a hold when it was placed: sealed packages, and files that came by a link."""

    packages: Annotated[int, Field(ge=0)]
    files: Annotated[int, Field(ge=0)]


class Hold(Part):
    number: Annotated[int, Field(ge=1)]
    placed: Signed
    lifted: Signed | None = None


class Holds(Part):
    """In the order in which they were placed."""

    holds: tuple[Hold, ...] = ()
    more: bool = False


class HoldsQuery(Part):
    after: Annotated[int, Field(ge=0, lt=1 << 63)] = 0
    """The ``number`` of the last one before."""
    crime_reference: Line | None = None


class RetentionClass(Part):
    """How long a force keeps what was asked and given about some kinds of crime, when no hold stands."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
    kinds: tuple[Line, ...] = ()
    """Words; a crime is of this class when one of them stands in what the officer called it."""
    record_days: Annotated[int, Field(ge=30, le=36_525)]
    """Of the request, its answer, what was said of it, and whatever sealed file is still here; counted from the last
    thing that happened."""
    package_days: Annotated[int, Field(ge=1, le=36_525)] | None = None
    """Of a sealed package after it was receipted as verified; None: ``limits.content_days_after_receipt``."""


class Retention(Part):
    """``otherwise`` names the class of what no class has a word for."""

    classes: Annotated[tuple[RetentionClass, ...], Field(min_length=1, max_length=40)]
    otherwise: Line

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        names = [each.name for each in self.classes]
        if len(set(names)) != len(names) or self.otherwise not in names:
            raise ValueError("each class has a name of its own, and 'otherwise' is one of them")
        return self

    def of_kind(self, kind: str) -> RetentionClass:
        """Of all classes that have a word for it, the one that keeps the longest: in doubt nothing goes too early."""
        found = [each for each in self.classes if any(_stands_in(word, kind) for word in each.kinds)]
        return max(found, key=lambda each: each.record_days) if found else self.named(self.otherwise)

    def named(self, name: str) -> RetentionClass:
        """For a name that the force has dropped since: the class that keeps the longest."""
        found = (each for each in self.classes if each.name == name)
        return next(found, max(self.classes, key=lambda each: each.record_days))


def _stands_in(word: str, kind: str) -> bool:
    return re.search(rf"\b{re.escape(word.casefold())}\b", kind.casefold()) is not None
