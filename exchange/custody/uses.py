"""The log of use: what officers did at a portal, a line each, chained and in a Merkle tree as the custody log is;
and how it is told and read over the wire.

Not for: keeping it (``portal.audit``), or what happened to footage (``exchange.custody.log``).
"""

import json
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from exchange.clock import Instant
from exchange.custody.log import NO_LINE_BEFORE, line_leaf, line_sha256
from exchange.custody.merkle import MerkleFrontier
from exchange.documents.messages import Fingerprint, Id, Line, Part, Sha256, Signed
from exchange.errors import CustodyBroken, DocumentInvalid
from exchange.signing.documents import parse_strictly

MAX_USE = 4096
"""Bytes of a line."""


class Deed(StrEnum):
    """What an officer did."""

    SEARCHED = "searched"
    ASKED = "asked"
    FETCHED = "fetched"
    """Began to bring a sealed package, or went on with it."""
    OPENED = "opened"
    """As their own program says."""
    PRINTED = "printed"
    """As their own program says."""
    RESTORED = "restored"
    """Signed, as an auditor, that the log was put back to an earlier state (``exchange.custody.restored``)."""


class Use(Part):
    """One line. No place, no camera and no owner stands in it."""

    seq: Annotated[int, Field(ge=0)]
    at: Instant
    deed: Deed
    officer: Fingerprint
    name: Line
    collar_number: Line
    crime_reference: Line
    """Of ``restored`` the reason."""
    request_id: Id | None = None
    statement: Sha256 | None = None
    """Of ``restored``: the SHA-256 of the statement."""
    previous: Sha256
    """SHA-256 of the line before, zeros in the first."""


def use_line(use: Use) -> str:
    """As it is kept, without a newline."""
    return json.dumps(use.model_dump(mode="json", exclude_none=True), ensure_ascii=False, separators=(",", ":"))


def previous_of(line: str | None) -> str:
    """What the line after this one names it by; None: there is none before."""
    return NO_LINE_BEFORE if line is None else line_sha256(line)


class Checked(Part):
    """How far a log was read and checked: its lines until then, the SHA-256 of the last one, and its tree."""

    size: Annotated[int, Field(ge=0, lt=1 << 53)] = 0
    last: Sha256 = NO_LINE_BEFORE
    peaks: tuple[Sha256, ...] = ()


class UsesReader:
    """A log, read piece by piece, each line held against the one before; what is kept does not grow with it.

    It goes on from what was ``checked`` before; or from an earlier line, ``first``, whose followers must then lead to
    that. ``roots`` are those of the ``wanted`` sizes, as they are passed; ``until`` is how long the log was, and its
    root, before its first line of ``at`` or later.
    """

    def __init__(
        self,
        checked: Checked | None = None,
        first: int | None = None,
        wanted: Iterable[int] = (),
        at: int | None = None,
    ) -> None:
        self._checked = checked = checked or Checked()
        self._tree = MerkleFrontier(checked.size, [bytes.fromhex(peak) for peak in checked.peaks])
        self.position = checked.size if first is None else min(first, checked.size)
        """How many lines lie before the next one."""
        self._last = checked.last if self.position == checked.size else None
        if self.position == 0:
            self._last = NO_LINE_BEFORE
        self.roots = {size: self._tree.root() for size in wanted if size == self._tree.size}
        self.until: tuple[int, bytes] | None = None
        self._wanted, self._at = frozenset(wanted), at

    @property
    def checked(self) -> Checked:
        """As far as it is now."""
        if self._last is None or self.position < self._tree.size:
            return self._checked
        return Checked(size=self.position, last=self._last, peaks=tuple(peak.hex() for peak in self._tree.peaks))

    def take(self, lines: Iterable[str]) -> list[Use]:
        """CustodyBroken."""
        return [self._take(line) for line in lines]

    def root(self) -> bytes:
        return self._tree.root()

    def _take(self, line: str) -> Use:
        try:
            use = parse_strictly(line.encode(), Use, MAX_USE, nulls=False)
        except (DocumentInvalid, UnicodeEncodeError):
            raise log_broken(f"Line {self.position} is none of such a log.") from None
        if use.seq != self.position or use.previous != (self._last or use.previous):
            raise log_broken(f"Line {self.position} does not follow the line before it.")
        if self._at is not None and self.until is None and use.at >= self._at:
            self.until = self.position, self.root()
        self._last = line_sha256(line)
        self.position += 1
        if self.position > self._tree.size:
            self._tree.append(line_leaf(line))
            if self.position in self._wanted:
                self.roots[self.position] = self.root()
        elif self.position == self._tree.size and self._last != self._checked.last:
            raise log_broken(f"Line {use.seq} is not the one that was checked here before.")
        return use


def log_broken(what: str) -> CustodyBroken:
    return CustodyBroken(
        what,
        meaning="The portal's record of what officers did was cut back, altered, or is damaged.",
        do="Tell the force's auditor, and keep this folder as it is: it holds what the portal showed before.",
    )


# -- over the wire -----------------------------------------------------------------------------------------------

Step = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Proof = Annotated[tuple[Step, ...], Field(max_length=64)]
Size = Annotated[int, Field(ge=0, lt=1 << 53)]


class UseReport(Part):
    """An officer's program says what was done with what came for a request."""

    request_id: Id
    deed: Literal["opened", "printed"]


class UsesQuery(Part):
    after: Annotated[int, Field(ge=0, lt=1 << 53)] = 0
    """How many lines the reader has."""


class Uses(Part):
    """Lines of the log, in their order."""

    lines: tuple[str, ...] = ()
    more: bool = False


class AboutQuery(Part):
    """``after``: the ``seq`` that lines must be behind, for those that follow; -1 at first."""

    crime_reference: Line
    after: Annotated[int, Field(ge=-1, lt=1 << 53)] = -1


class ProvenLine(Part):
    seq: Size
    line: str
    proof: Proof = ()
    """That it is in the log with this ``size`` and ``root``."""


class UsesAbout(Part):
    """What the log holds about one crime, each line with the proof that it is in it."""

    size: Size
    root: Sha256
    lines: tuple[ProvenLine, ...] = ()
    more: bool = False


class HeadQuery(Part):
    since: Size = 0
    """How long the log was that the reader knows; 0: none."""


class SignedHead(Part):
    """An auditor's word on how long the log was, and what was in it."""

    note: Annotated[str, Field(max_length=8192)]
    """A C2SP tlog-checkpoint under the auditor's key."""
    credential: Signed
    """The auditor's."""


class LogHead(Part):
    """How long the log is, with the proof that it begins with what its reader knows."""

    size: Size
    root: Sha256
    proof: Proof = ()
    """From ``since``; empty also where the log is shorter than that."""
    signed: SignedHead | None = None
    """The newest that an auditor signed."""
    signed_proof: Proof = ()
    """From its size to this one's."""
