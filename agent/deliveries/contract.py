"""What every way of handing a package over is given, and promises: one contract, whatever the way.

Not for: whether anything may be handed over (an ``Approval`` of ``agent.requests.decision`` says so, and only the step
``agent.requests.deliver`` calls a delivery).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from exchange.clock import Instant


@dataclass(frozen=True)
class Sealed:
    """One package that the owner approved, sealed and whole on our disk."""

    evidence_id: str
    camera_label: str
    path: Path
    size: int
    sha256: str
    """Of the sealed file; lower-case hex."""


@dataclass(frozen=True)
class Consignment:
    """All that the owner approved of one request, and for whom: what a delivery needs to know, and nothing else."""

    request_id: str
    crime_reference: str
    force: str
    asked_by: str
    """The officer in one line, as the request has it."""
    recipient: str | None
    """The age recipient that the packages are sealed for beside the owner's own; None: for nobody else."""
    decided_by: str
    decided: Instant
    packages: tuple[Sealed, ...]


class Delivery(Protocol):
    """A way to hand over. Crash-safe and idempotent: called again, it goes on where it stood, and sends nothing twice.

    Nothing half-made ever has its final name or is announced. Start, interruption, resumption and end of each file are
    lines of the custody log. What hinders it is raised as a HandoverError; NotNow when it is only to wait.
    """

    async def deliver(self, consignment: Consignment) -> None:
        """When it returns, every package was handed over, whole, and the store says so (``delivered_at``)."""
        ...


class NotNow(Exception):
    """Nothing is wrong: it is to be gone on with at ``at`` (microseconds UTC)."""

    def __init__(self, at: int, why: str) -> None:
        super().__init__(why)
        self.at = at
        self.why = why
