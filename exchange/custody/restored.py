"""An auditor's word that a log of use was put back to an earlier state, and what was lost of it.

Not for: who believes it, and how far (``portal.officer.supervised.restored``).
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from exchange.clock import Instant
from exchange.custody.uses import Size
from exchange.documents.messages import Document, Fingerprint, Line, Part, Sha256, Signed

MOST_RESTORATIONS = 100
"""At one portal."""


class Head(Part):
    """How long the log was, and its root."""

    size: Size
    root: Sha256


class LogRestored(Document):
    """``kept`` is what the log goes on from; the lines from there to ``lost`` are gone. Auditor's key."""

    kind: Literal["log-restored.v1"] = "log-restored.v1"
    force: Line
    auditor: Fingerprint
    restored: Instant
    """When the portal answered again. No head that was seen later may go back for this statement."""
    kept: Head
    lost: Annotated[int, Field(ge=1, lt=1 << 53)]
    """How many lines it had, as far as anybody knows."""
    reason: Line
    issued: Instant

    @model_validator(mode="after")
    def _lost_something(self) -> Self:
        if self.lost <= self.kept.size:
            raise ValueError("nothing was lost")
        if self.restored > self.issued:
            raise ValueError("only of what has been put back")
        return self


class SignedRestored(Part):
    statement: Signed
    credential: Signed
    """The auditor's."""


class LogRestorations(Part):
    """All that auditors signed, in the order in which the portal got them."""

    restorations: Annotated[tuple[SignedRestored, ...], Field(max_length=MOST_RESTORATIONS)] = ()
