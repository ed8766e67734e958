"""What every way of handing a package over is given, and promises: one contract, whatever the way.

Not for: whether anything may be handed over (an ``Approval`` of ``agent.requests.decision`` says so, and only the step
``agent.requests.deliver`` calls a delivery).
"""

import re
from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from exchange.clock import Instant


@dataclass(frozen=True)
class Sealed:
    """One package that the owner approved, sealed and whole on our disk."""

    evidence_id: str
    camera_label: str
    start: Instant
    """Of the first frame."""
    end: Instant
    path: Path
    size: int
    sha256: str
    """Of the sealed file; lower-case hex."""
    sending: int = 1
    """Which time it goes, where it is sent again as the police could not play it."""


@dataclass(frozen=True)
class Consignment:
    """All that the owner approved of one request, and for whom: what a delivery needs to know, and nothing else."""

    request_id: str
    crime_reference: str
    owner: str
    contact: str
    force: str
    asked_by: str
    """The officer in one line, as the request has it."""
    recipient: str | None
    """The age recipient that the packages are sealed for beside the owner's own; None: for nobody else."""
    decided_by: str
    decided: Instant
    packages: tuple[Sealed, ...]

    @property
    def case_name(self) -> str:
        """The case's reference as a part of a file's name."""
        return plain(self.crime_reference)

    def file_name(self, package: Sealed) -> str:
        """What a package's files are called, without an ending."""
        return f"{self.case_name}_{plain(package.camera_label)}_{package.evidence_id[:8]}{_again(package.sending)}"

    @property
    def page_name(self) -> str:
        """The part that the names of the pages beside them have in common."""
        sending = max((package.sending for package in self.packages), default=1)
        return f"{self.case_name}_{self.request_id[:8]}{_again(sending)}"

    def waiting(self, evidence_ids: Container[str]) -> "Consignment":
        """Only these packages of it: what is sent again, or was not handed over before a crash."""
        return replace(self, packages=tuple(each for each in self.packages if each.evidence_id in evidence_ids))


def _again(sending: int) -> str:
    return "" if sending == 1 else f"-{sending}"


def plain(text: str) -> str:
    """Letters and digits of what somebody wrote, for a file's name."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:40] or "x"


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
