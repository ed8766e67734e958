"""The custody log: a JSON line an event, each holding the hash of the line before, all under one Merkle tree.

Not for: keeping the log (the agent's store does), or the tree's arithmetic (``exchange.custody.merkle``).
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StrictBool, StrictInt, model_validator

from exchange.clock import Instant
from exchange.custody.checkpoint import TreeHead, open_checkpoint, sign_checkpoint
from exchange.custody.merkle import MerkleTree, included, leaf_hash
from exchange.documents.messages import Id, Line, Part, Sha256
from exchange.errors import CustodyBroken, DocumentInvalid
from exchange.signing.documents import PublicKey, SigningKey, parse_strictly

MAX_LINE = 16 * 1024
"""Bytes of a line."""
MAX_ROWS = 10_000
"""Lines of one request that a package carries at most."""
NO_LINE_BEFORE = "0" * 64


class CustodyKind(StrEnum):
    """What can happen to a request and its footage."""

    REQUEST_RECEIVED = "request-received"
    NOTED = "noted"
    """The owner wrote a request down that came by no portal."""
    REQUEST_VERIFIED = "request-verified"
    REQUEST_REFUSED = "request-refused"
    PRESERVED = "preserved"
    PLANNED = "planned"
    ASKED = "asked"
    REVIEWED = "reviewed"
    AGREED = "agreed"
    """One of the people who are needed said yes."""
    APPROVED = "approved"
    APPROVAL_VOID = "approval-void"
    """The footage is no longer what was approved; nothing of it left, and the owner is asked anew."""
    DECLINED = "declined"
    UNAVAILABLE = "unavailable"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    CLIPPED = "clipped"
    HASHED = "hashed"
    SIGNED = "signed"
    TIMESTAMPED = "timestamped"
    SEALED = "sealed"
    UPLOAD_STARTED = "upload-started"
    UPLOAD_INTERRUPTED = "upload-interrupted"
    UPLOAD_RESUMED = "upload-resumed"
    UPLOAD_FINISHED = "upload-finished"
    DELIVERED = "delivered"
    RECEIPT = "receipt"
    PACKAGE_OPENED = "package-opened"
    """An officer told that they opened the package, and how its checks ended."""
    CANNOT_PLAY = "cannot-play"
    """An officer told that it can't be played."""
    QUESTION = "question"
    CASE_OUTCOME = "case-outcome"
    ANSWERED = "answered"
    """The owner answered an officer's question."""
    RATED = "rated"
    SENT_AGAIN = "sent-again"
    """The owner said that a package goes once more."""
    AGAIN_STOPPED = "again-stopped"
    """They took that back before it went."""
    WAY_CHOSEN = "way-chosen"
    """After the yes, somebody chose which way it goes."""
    HOLD_RELEASED = "hold-released"
    DELETED = "deleted"
    FAILED = "failed"
    AGENT_STARTED = "agent-started"
    AGENT_STOPPED = "agent-stopped"
    CLOCK_STEPPED = "clock-stepped"
    ENROLLED = "enrolled"
    REGISTERED = "registered"
    OFFERED = "offered"
    """The owner told the force, unasked, that they have footage."""
    RECORDS_RESTORED = "records-restored"
    """The log had gone back to an earlier state, and the owner said what happened."""
    COPIED = "copied"
    """The owner's own copy of a package lies at a second place, whole."""
    DAMAGED = "damaged"
    """A copy of the owner's is not what was sealed any more, or is gone."""
    REPAIRED = "repaired"
    """It was put right from a good one."""
    HELD = "held"
    """Nothing of a request may be deleted, whatever the time to keep it says."""
    HOLD_ENDED = "hold-ended"


Detail = Annotated[str, Field(max_length=1000)] | StrictInt | StrictBool


class CustodyEvent(Part):
    """One line of the log."""

    seq: Annotated[int, Field(ge=0)]
    """The line's index in the log, from 0."""
    at: Instant
    monotonic_us: int
    """Microseconds of a clock that no one can set back, from an arbitrary start that changes when the host boots."""
    actor: Line
    """Who did it: the agent, an officer, a user of the owner's machine."""
    event: CustodyKind
    request_id: Id | None = None
    camera_id: Id | None = None
    details: Annotated[dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")], Detail], Field(max_length=40)] = (
        Field(default_factory=dict)
    )
    reason: Annotated[str, Field(max_length=4000)] | None = None
    previous: Sha256
    """SHA-256 of the line before, as it stands without its newline; zeros in the first."""

    @model_validator(mode="after")
    def _only_the_first_follows_nothing(self) -> Self:
        if (self.seq == 0) != (self.previous == NO_LINE_BEFORE):
            raise ValueError("only the first line follows nothing")
        return self


def line_sha256(line: str) -> str:
    """Lower-case hex: how the next line names this one."""
    return hashlib.sha256(line.encode()).hexdigest()


def line_leaf(line: str) -> bytes:
    """The line's leaf in the log's Merkle tree, 32 bytes."""
    return leaf_hash(line.encode())


def next_line(
    previous: str | None,
    *,
    seq: int,
    at: int,
    monotonic_us: int,
    actor: str,
    event: CustodyKind,
    request_id: str | None = None,
    camera_id: str | None = None,
    details: dict[str, str | int | bool] | None = None,
    reason: str | None = None,
) -> str:
    """The log's next line, without a newline; ``previous`` is the line before, None for the first.

    ValueError when it would be no valid line.
    """
    made = CustodyEvent(
        seq=seq,
        at=at,
        monotonic_us=monotonic_us,
        actor=actor,
        event=event,
        request_id=request_id,
        camera_id=camera_id,
        details=details or {},
        reason=reason,
        previous=line_sha256(previous) if previous is not None else NO_LINE_BEFORE,
    )
    line = json.dumps(made.model_dump(mode="json", exclude_none=True), ensure_ascii=False, separators=(",", ":"))
    if len(line.encode()) > MAX_LINE:
        raise ValueError(f"a custody line may have {MAX_LINE} bytes")
    return line


def read_line(line: str) -> CustodyEvent:
    """One line, strictly. CustodyBroken when it is none."""
    try:
        return parse_strictly(line.encode(), CustodyEvent, MAX_LINE, nulls=False)
    except (DocumentInvalid, UnicodeEncodeError) as error:
        raise _broken(f"A line is no custody event: {getattr(error, 'what', 'it is not text')}") from None


def check_chain(lines: Iterable[str]) -> int:
    """How many lines, after each held the hash of the one before. CustodyBroken at the first that doesn't."""
    previous, count = None, 0
    for line in lines:
        event = read_line(line)
        if event.seq != count:
            raise _broken(f"Line {count} calls itself line {event.seq}.")
        if previous is not None and event.previous != line_sha256(previous):
            raise _broken(f"Line {count} does not follow the line before it.")
        previous, count = line, count + 1
    return count


# -- the lines of one request, as a package carries them ---------------------------------------------------------


class _Row(Part):
    index: Annotated[int, Field(ge=0)]
    line: Annotated[str, Field(max_length=MAX_LINE)]
    proof: Annotated[tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")], ...], Field(max_length=64)]


@dataclass(frozen=True, slots=True)
class ProvenLines:
    """Some lines of a log, each with its proof, and the signed head that the proofs lead to."""

    jsonl: bytes
    checkpoint: str


def prove_lines(
    rows: Sequence[tuple[int, str]], leaf_hashes: MerkleTree | Iterable[bytes], key: SigningKey
) -> ProvenLines:
    """Lines with their index in the log, proven to be in the log that ``leaf_hashes`` (all of them, in order) makes.

    The other lines of the log stay unknown to the reader.
    """
    tree = leaf_hashes if isinstance(leaf_hashes, MerkleTree) else MerkleTree(leaf_hashes)
    written = bytearray()
    for index, line in rows:
        proof = [base64.b64encode(step).decode() for step in tree.inclusion(index)]
        row = {"index": index, "line": line, "proof": proof}
        written += json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    return ProvenLines(bytes(written), sign_checkpoint(tree.size, tree.root(), key))


def open_lines(proven: ProvenLines, key: PublicKey) -> tuple[list[CustodyEvent], TreeHead]:
    """The events, after the checkpoint's signature and every line's proof, place and order held.

    CustodyBroken, or SignatureInvalid for the checkpoint.
    """
    head = open_checkpoint(proven.checkpoint, key)
    events: list[CustodyEvent] = []
    last: _Row | None = None
    *rows, rest = proven.jsonl.split(b"\n")
    if rest or len(rows) > MAX_ROWS:
        raise _broken("The custody file is cut short, or longer than any request's.")
    for number, data in enumerate(rows):
        row = _read_row(number, data)
        event = read_line(row.line)
        proof = [_decode_step(step) for step in row.proof]
        if event.seq != row.index or not included(line_leaf(row.line), row.index, head.size, proof, head.root):
            raise _broken(f"Line {row.index} is not the one in the log that the device signed.")
        if last is not None and row.index <= last.index:
            raise _broken(f"Line {row.index} comes after line {last.index}.")
        if last is not None and row.index == last.index + 1 and event.previous != line_sha256(last.line):
            raise _broken(f"Line {row.index} does not follow the line before it.")
        last = row
        events.append(event)
    return events, head


def _read_row(number: int, data: bytes) -> _Row:
    try:
        return parse_strictly(data, _Row, 4 * MAX_LINE, nulls=False)
    except DocumentInvalid as error:
        raise _broken(f"Row {number + 1} of the custody file is malformed. {error.what}") from None


def _decode_step(text: str) -> bytes:
    step = base64.b64decode(text)
    if base64.b64encode(step).decode() != text:
        raise _broken("A proof in the custody file is not written as it must be.")
    return step


def _broken(what: str) -> CustodyBroken:
    return CustodyBroken(
        what,
        meaning="The record of who did what, and when, was altered or is damaged.",
        do="Ask the owner for their device's log and checkpoints, and the force's portal for those that it witnessed.",
    )
