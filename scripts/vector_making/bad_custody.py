"""Packages whose custody lines, proofs or checkpoint do not hold, though the bag's manifests and all documents do."""

import base64
import json

from exchange.custody.checkpoint import checkpoint_origin, note_signature, sign_checkpoint
from exchange.custody.log import CustodyKind, line_leaf, prove_lines
from exchange.custody.merkle import MerkleTree
from exchange.package import contents
from scripts.vector_making.keys import DEVICE, OTHER_DEVICE
from scripts.vector_making.package import Case, Event, usual_events
from scripts.vector_making.vector import CUSTODY, SIGNATURE, Vector

LINES, HEAD = contents.CUSTODY, contents.CHECKPOINT


def vectors() -> list[Vector]:
    sound = Case().proven()
    rows = sound.jsonl.splitlines(keepends=True)
    head = sound.checkpoint
    size = len(Case().log())
    return [
        _spoilt("line-changed", "A custody line was changed.", {LINES: sound.jsonl.replace(b"clipped", b"declined")}),
        _spoilt("line-moved", "A row calls itself another place in the log.", {LINES: _row(rows, 2, index=6)}),
        _spoilt("proof-reversed", "A proof runs from the root to the leaf.", {LINES: _row(rows, 2, turn=True)}),
        _spoilt("proof-longer", "A proof has one step too many.", {LINES: _row(rows, 2, more=[_step(bytes(32))])}),
        _spoilt(
            "proof-not-canonical",
            "A step of a proof is not written in canonical base64.",
            {LINES: _row(rows, 2, loose=True)},
        ),
        _spoilt("out-of-order", "The rows are not in the order of the log.", {LINES: b"".join(reversed(rows))}),
        _spoilt("row-twice", "A row is there twice.", {LINES: rows[0] + sound.jsonl}),
        _spoilt("cut-short", "The last row has no end.", {LINES: sound.jsonl[:-1]}),
        _spoilt("no-lines", "There are no custody lines at all.", {LINES: b""}),
        _spoilt(
            "no-approval",
            "The line of the owner's approval was left out.",
            {LINES: b"".join(row for row in rows if b'\\"approved\\"' not in row)},
        ),
        Vector(
            "custody-approval-void",
            "The approval became void, and nobody approved anew.",
            Case(events=_void).zip(),
            {"custody": CUSTODY},
        ),
        Vector(
            "custody-chain-broken",
            "A line does not hold the hash of the line before, under a tree that is signed.",
            _unchained(),
            {"custody": CUSTODY},
        ),
        _spoilt("another-request", "The custody lines are those of another request.", _of_another()),
        _spoilt(
            "checkpoint-of-another",
            "The checkpoint is signed by another device.",
            {HEAD: Case(device=OTHER_DEVICE).proven().checkpoint.encode()},
            SIGNATURE,
        ),
        _spoilt(
            "checkpoint-longer",
            "The checkpoint says that the log is one line longer.",
            {HEAD: head.replace(f"\n{size}\n", f"\n{size + 1}\n", 1).encode()},
            SIGNATURE,
        ),
        _spoilt(
            "checkpoint-of-shorter-log", "The checkpoint is an older one, of before the last lines.", {HEAD: _older()}
        ),
        _spoilt(
            "checkpoint-other-origin",
            "The checkpoint is the device's, under another log's name.",
            {HEAD: _renamed()},
            SIGNATURE,
        ),
        _spoilt(
            "checkpoint-size-padded",
            "The size is written with a leading zero.",
            {HEAD: _signed(f"{checkpoint_origin(DEVICE.public)}\n0{size}\n{head.splitlines()[2]}\n")},
        ),
    ]


def _spoilt(name: str, what: str, changes: dict[str, bytes | None], code: int = CUSTODY) -> Vector:
    return Vector(f"custody-{name}", what, Case(changes=changes).zip(), {"custody": code})


def _row(
    rows: list[bytes],
    at: int,
    *,
    index: int | None = None,
    turn: bool = False,
    loose: bool = False,
    more: list[str] | None = None,
) -> bytes:
    """All rows, one of them another."""
    row = json.loads(rows[at])
    proof = row["proof"] + (more or [])
    if turn:
        proof = proof[::-1]
    if loose:
        proof[0] = _loose(proof[0])
    row |= {"index": row["index"] if index is None else index, "proof": proof}
    changed = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    return b"".join([*rows[:at], changed, *rows[at + 1 :]])


def _step(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _loose(step: str) -> str:
    """The same 32 bytes, with bits set that are left over in the last letter."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return step[:42] + alphabet[alphabet.index(step[42]) + 1] + "="


def _void(case: Case) -> list[Event]:
    usual = usual_events(case)
    at = next(index for index, event in enumerate(usual) if event.kind is CustodyKind.APPROVED)
    return [*usual[: at + 1], Event(CustodyKind.APPROVAL_VOID), *usual[at + 1 :]]


def _unchained() -> bytes:
    case = Case()
    lines, events = case.log(), usual_events(case)
    at = next(index for index, event in enumerate(events) if event.kind is CustodyKind.CLIPPED)
    lines[at] = lines[at].replace('"cuts":1', '"cuts":2')
    rows = [(seq, line) for seq, (line, event) in enumerate(zip(lines, events, strict=True)) if event.theirs]
    proven = prove_lines(rows, map(line_leaf, lines), DEVICE)
    return Case(changes={LINES: proven.jsonl, HEAD: proven.checkpoint.encode()}).zip()


def _of_another() -> dict[str, bytes | None]:
    case = Case()
    case.request = case.request.model_copy(update={"request_id": "req-2"})
    proven = case.proven()
    return {LINES: proven.jsonl, HEAD: proven.checkpoint.encode()}


def _older() -> bytes:
    lines = Case().log()[:4]
    tree = MerkleTree(map(line_leaf, lines))
    return sign_checkpoint(tree.size, tree.root(), DEVICE).encode()


def _renamed() -> bytes:
    text = Case().proven().checkpoint.rpartition("\n\n")[0] + "\n"
    origin = checkpoint_origin(DEVICE.public)
    return _signed(text.replace(origin, "handover/another"), "handover/another")


def _signed(text: str, name: str = "") -> bytes:
    name = name or checkpoint_origin(DEVICE.public)
    return f"{text}\n— {name} {note_signature(name, text, DEVICE)}\n".encode()
