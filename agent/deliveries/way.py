"""Which way a request's packages go, as the owner chose: by which means, to where, sealed for whom, in what form.

Not for: whether they may go at all (``agent.requests.decision``), or doing it (a module a way, beside this one).
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from exchange.clock import Instant
from exchange.documents.messages import Id, Line, Part
from exchange.documents.noted import NotedRequest, Offered


class Means(StrEnum):
    """How it gets there."""

    PORTAL = "portal"
    MEDIUM = "medium"
    """A stick, card or disk that is carried there."""
    SFTP = "sftp"
    S3 = "s3"
    """A bucket: a named place of the owner's, or addresses that the force signed."""
    FOLDER = "folder"
    """A folder of this machine: for a force's upload page, a mail, a share."""


class SealedFor(StrEnum):
    """Who can open what is handed over, beside the owner."""

    KEY = "key"
    """Whoever holds the case's key, or the key that the force gave."""
    PASSPHRASE = "passphrase"  # noqa: S105 a word, no secret
    """Whoever is told the passphrase, which goes another way than the files."""
    NOBODY = "nobody"
    """It is not sealed: everybody who gets hold of it can look at it."""


_SEALS = tuple(SealedFor)
"""The tightest first."""
WARNING = (
    "It is not sealed. Whoever finds the medium, or looks into the mail or the page that it goes through, can watch "
    "it; and nobody can tell afterwards whether somebody did."
)
"""What an owner who wants it unsealed is told before."""
_SMALLEST = 1_000_000


class Way(Part):
    """``place`` names one that was set up (``agent.places.named``); ``folder`` is an absolute path."""

    means: Means
    place: Id | None = None
    folder: Annotated[str, Field(max_length=1000, pattern=r"^/[^\x00]*$")] | None = None
    mount: Annotated[str, Field(max_length=1000)] = ""
    """The mount point that ``folder`` was on when it was chosen: nothing is written while nothing is mounted there."""
    file_system: Annotated[str, Field(max_length=500)] = ""
    """Which file system was mounted there then: nothing is written to another one. "" where there is none."""
    signed_addresses: bool = False
    """The force gave addresses to upload to; they are secrets, and lie in a file under ``keys/``."""
    sealed_for: SealedFor = SealedFor.KEY
    form: Offered = Offered.PACKAGE
    most_bytes: Annotated[int, Field(ge=_SMALLEST, le=10**13)] | None = None
    """The largest file that goes there: what is larger is cut into numbered pieces."""
    at_once: bool = False
    """Without the limit and the hours that are set for the line."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.means is Means.MEDIUM and self.folder is None:
            raise ValueError("a medium needs its folder")
        if self.means is Means.SFTP and self.place is None:
            raise ValueError("SFTP needs a place that was set up")
        if self.means is Means.S3 and (self.place is None) == (not self.signed_addresses):
            raise ValueError("a bucket needs a place that was set up, or addresses of the force")
        if self.means is Means.PORTAL and (self.sealed_for is not SealedFor.KEY or self.form is not Offered.PACKAGE):
            raise ValueError("the portal takes sealed packages only")
        if self.form is Offered.RECORDINGS and self.sealed_for is not SealedFor.NOBODY:
            raise ValueError("recordings by themselves are not sealed")
        return self

    @property
    def path(self) -> Path | None:
        return None if self.folder is None else Path(self.folder)

    def looser_than(self, other: "Way") -> bool:
        """Whether more people can open what goes this way: a key is the force's, a passphrase the owner knows too."""
        return _SEALS.index(self.sealed_for) > _SEALS.index(other.sealed_for)

    @property
    def goes_over_the_line(self) -> bool:
        """Whether the owner's limit and hours hold for it."""
        return self.means in (Means.PORTAL, Means.SFTP, Means.S3)


class Chosen(Part):
    """A way, with who chose it and when."""

    way: Way
    by: Line
    at: Instant


def usual_way(noted: NotedRequest | None) -> Way:
    """What holds where the owner chose nothing: the portal that a request came by; files in a folder for one that came
    by none, sealed for the force's key if it gave one, and else with a passphrase.
    """
    if noted is None:
        return Way(means=Means.PORTAL)
    if noted.way.form is Offered.RECORDINGS:
        return Way(
            means=Means.FOLDER,
            sealed_for=SealedFor.NOBODY,
            form=Offered.RECORDINGS,
            most_bytes=noted.way.most_bytes,
        )
    sealed_for = SealedFor.PASSPHRASE if noted.recipient is None else SealedFor.KEY
    return Way(means=Means.FOLDER, sealed_for=sealed_for, most_bytes=noted.way.most_bytes)
