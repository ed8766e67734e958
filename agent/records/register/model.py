"""An entry of the register: one request, who asked, what was decided, what was left out, what was handed over.

Not for: reading the store (``gather``), or saying it in words (``wording``).
"""

from dataclasses import dataclass
from enum import StrEnum

from exchange.clock import Window


class Verified(StrEnum):
    """How whoever asked was made sure of."""

    SIGNED = "signed"
    NOTED = "noted"
    UNVERIFIED = "unverified"


class Result(StrEnum):
    """How a request ended, or that it has not."""

    OPEN = "open"
    APPROVED = "approved"
    PARTLY_APPROVED = "partly-approved"
    DECLINED = "declined"
    UNAVAILABLE = "unavailable"
    WITHDRAWN = "withdrawn"
    UNANSWERED = "unanswered"
    REFUSED = "refused"


@dataclass(frozen=True)
class Asker:
    """Who asked, as far as that is known. ``key`` and ``credential_id`` of one whose signature held."""

    verified: Verified
    name: str | None = None
    rank: str | None = None
    number: str | None = None
    unit: str | None = None
    force: str | None = None
    contact: str | None = None
    key: str | None = None
    credential_id: str | None = None
    identified: str | None = None
    identified_note: str | None = None


@dataclass(frozen=True)
class Supervisor:
    """Who of the force signed, beside the officer, that it may be asked."""

    name: str
    """With rank and unit."""
    reason: str


@dataclass(frozen=True)
class AskedCamera:
    """One asked camera and window, and what became of it. ``outcome`` is None where the whole request has one."""

    camera: str
    requested: Window
    sound_asked: bool
    outcome: str | None = None
    narrowed: Window | None = None
    approved: Window | None = None
    sound: bool = False


@dataclass(frozen=True)
class DecidedBy:
    name: str
    at: int
    method: str


@dataclass(frozen=True)
class Recorded:
    """A recording in a package: a master, or a working copy."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class ReceiptTaken:
    """``verified`` is None where nobody signed: the owner wrote it down, with ``how``."""

    name: str
    at: int
    verified: bool | None
    remarks: str | None = None
    how: str | None = None


@dataclass(frozen=True)
class Sent:
    """One package: of which camera and window, with which hashes, and what became of it. Sizes are bytes."""

    evidence_id: str
    exhibit: str
    camera: str
    camera_id: str
    window: Window
    sound: bool
    files: tuple[Recorded, ...]
    manifest_sha256: str | None
    sealed_sha256: str | None
    size: int | None
    delivered_at: int | None
    means: str | None
    """By which way (``agent.deliveries.way.Means``); None where it was not handed over, or by an earlier version."""
    receipt: ReceiptTaken | None
    kept: bool
    """Whether the owner's sealed copy is still there."""
    kept_until: int | None
    """When it goes; None as long as nothing was delivered, and where it has gone."""


@dataclass(frozen=True)
class Chosen:
    """The lawful basis that the owner chose for one request."""

    key: str
    by: str
    at: int
    why: str | None = None


@dataclass(frozen=True)
class Entry:
    """Instants are microseconds UTC. What a request that was not verified claims is not believed, and not here."""

    request_id: str
    received: int
    noted: bool
    """The owner wrote it down; it came by no portal."""
    result: Result
    asker: Asker
    case: str | None = None
    incident: str | None = None
    place: str | None = None
    happened: Window | None = None
    purpose: str | None = None
    necessity: str | None = None
    their_basis: str | None = None
    supervisor: Supervisor | None = None
    basis: Chosen | None = None
    asked: tuple[AskedCamera, ...] = ()
    decided: tuple[DecidedBy, ...] = ()
    """Whoever said yes or no; two where two had to agree."""
    refusal: str | None = None
    observations: str | None = None
    sealed_for: str = "key"
    """Who can open it: as ``agent.deliveries.way.SealedFor``."""
    held: str | None = None
    """Why nothing of it is deleted, where somebody wants that."""
    sent: tuple[Sent, ...] = ()
    closed: int | None = None
    kept_until: int | None = None
    """When this entry goes; None while the request is open."""

    @property
    def handed_over(self) -> bool:
        return any(sent.delivered_at is not None for sent in self.sent)
