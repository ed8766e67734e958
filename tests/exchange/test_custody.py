"""The custody log: any line changed, moved, dropped or added is found, by the chain, the tree or the checkpoint."""

import base64
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.custody.checkpoint import checkpoint_origin, note_signature, open_checkpoint, sign_checkpoint
from exchange.custody.log import (
    CustodyKind,
    ProvenLines,
    check_chain,
    line_leaf,
    line_sha256,
    next_line,
    open_lines,
    prove_lines,
    read_line,
)
from exchange.custody.merkle import MerkleTree, consistent
from exchange.errors import CustodyBroken, SignatureInvalid
from exchange.signing.documents import SigningKey

START = 1_790_000_000_000_000


def a_log(count: int) -> list[str]:
    lines: list[str] = []
    for seq in range(count):
        lines.append(
            next_line(
                lines[-1] if lines else None,
                seq=seq,
                at=START + seq,
                monotonic_us=seq,
                actor="agent",
                event=CustodyKind.CLIPPED,
                request_id=f"req-{seq % 3}",
                camera_id="front",
                details={"bytes": seq, "name": "Ünï\n", "sound": False},
                reason="asked for" if seq else None,
            )
        )
    return lines


@pytest.fixture
def key() -> SigningKey:
    return SigningKey.generate()


def proven(lines: list[str], key: SigningKey) -> ProvenLines:
    """The lines of req-1 of the log."""
    rows = [(index, line) for index, line in enumerate(lines) if index % 3 == 1]
    return prove_lines(rows, map(line_leaf, lines), key)


def test_a_line_says_what_happened_when_by_whom_and_what_was_before() -> None:
    first, second = a_log(2)
    event = read_line(second)
    assert (event.seq, event.at, event.event, event.details["sound"]) == (1, START + 1, CustodyKind.CLIPPED, False)
    assert event.previous == line_sha256(first)
    assert json.loads(second)["at"] == "2026-09-21T14:13:20.000001Z"
    assert "\n" not in second


def test_a_chain_that_nobody_touched_holds() -> None:
    assert check_chain(a_log(50)) == 50
    assert check_chain([]) == 0


@pytest.mark.parametrize(
    ("what", "spoil"),
    [
        ("changed", lambda lines: [*lines[:3], lines[3].replace("agent", "nobody"), *lines[4:]]),
        ("dropped", lambda lines: [*lines[:3], *lines[4:]]),
        ("first dropped", lambda lines: lines[1:]),
        ("moved", lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]]),
        ("twice", lambda lines: [*lines[:3], lines[3], *lines[3:]]),
        ("no event", lambda lines: [*lines, "{}"]),
        ("no text", lambda lines: [*lines, "\ud800"]),
    ],
)
def test_a_chain_with_a_line_changed_dropped_or_moved_is_broken(what: str, spoil) -> None:
    with pytest.raises(CustodyBroken):
        check_chain(spoil(a_log(10)))


def test_a_line_is_refused_before_it_is_written_when_no_reader_would_take_it() -> None:
    common = {"seq": 0, "at": START, "monotonic_us": 0, "event": CustodyKind.ASKED}
    for wrong in ({"actor": "a\nb"}, {"actor": "a", "details": {"Bad Key": 1}}, {"actor": "a", "reason": "x" * 5000}):
        with pytest.raises(ValueError):
            next_line(None, **common, **wrong)
    with pytest.raises(ValueError, match="bytes"):
        next_line(None, **common, actor="a", details={f"k{n}": "é" * 1000 for n in range(30)})
    with pytest.raises(ValueError):
        next_line("a line", **common, actor="a")


def test_the_lines_of_one_request_open_with_their_proofs_and_tell_nothing_of_others(key: SigningKey) -> None:
    lines = a_log(10)
    package = proven(lines, key)
    events, head = open_lines(package, key.public)
    assert [event.seq for event in events] == [1, 4, 7]
    assert (head.size, head.root) == (10, MerkleTree(map(line_leaf, lines)).root())
    assert b"req-0" not in package.jsonl
    assert b"req-2" not in package.jsonl


@pytest.mark.parametrize(
    ("what", "spoil"),
    [
        ("a byte of a line", lambda rows: [{**rows[0], "line": rows[0]["line"].replace("front", "back")}, *rows[1:]]),
        ("another index", lambda rows: [{**rows[0], "index": 2}, *rows[1:]]),
        ("order", lambda rows: [rows[1], rows[0], rows[2]]),
        ("a row twice", lambda rows: [rows[0], *rows]),
        ("a proof cut", lambda rows: [{**rows[0], "proof": rows[0]["proof"][:-1]}, *rows[1:]]),
        ("a proof longer", lambda rows: [{**rows[0], "proof": rows[0]["proof"] * 2}, *rows[1:]]),
        ("a proof of another", lambda rows: [{**rows[0], "proof": rows[1]["proof"]}, *rows[1:]]),
        ("a row of nonsense", lambda rows: [*rows, {"index": 1}]),
    ],
)
def test_a_row_that_is_not_as_the_device_signed_it_is_found(key: SigningKey, what: str, spoil) -> None:
    package = proven(a_log(10), key)
    rows = [json.loads(row) for row in package.jsonl.splitlines()]
    spoiled = b"".join(json.dumps(row).encode() + b"\n" for row in spoil(rows))
    with pytest.raises(CustodyBroken):
        open_lines(replace(package, jsonl=spoiled), key.public)


def test_a_custody_file_cut_in_the_middle_of_a_row_is_found(key: SigningKey) -> None:
    package = proven(a_log(10), key)
    with pytest.raises(CustodyBroken):
        open_lines(replace(package, jsonl=package.jsonl[:-1]), key.public)


def test_a_line_that_does_not_follow_its_neighbour_is_found_even_under_a_signed_tree(key: SigningKey) -> None:
    lines = a_log(3)
    forged = [lines[0], lines[1].replace("front", "back"), lines[2]]
    package = prove_lines(list(enumerate(forged)), map(line_leaf, forged), key)
    with pytest.raises(CustodyBroken, match="does not follow"):
        open_lines(package, key.public)


def test_a_checkpoint_holds_for_the_key_that_signed_it_only(key: SigningKey) -> None:
    note = sign_checkpoint(7, bytes(range(32)), key)
    head = open_checkpoint(note, key.public)
    assert (head.origin, head.size, head.root) == (checkpoint_origin(key.public), 7, bytes(range(32)))
    with pytest.raises(SignatureInvalid):
        open_checkpoint(note, SigningKey.generate().public)
    with pytest.raises(SignatureInvalid):
        open_checkpoint(note.replace("\n7\n", "\n8\n"), key.public)
    for odd in ("\ud800", "\x1b", "\r"):
        with pytest.raises(CustodyBroken, match="no signed note"):
            open_checkpoint(note.replace("\n7\n", f"\n7\n{odd}\n"), key.public)


def test_a_checkpoint_that_carries_witnesses_signatures_as_well_still_opens(key: SigningKey) -> None:
    note = sign_checkpoint(7, bytes(32), key)
    witness = base64.b64encode(b"abcd" + bytes(64)).decode()
    assert open_checkpoint(note + f"— witness.example/w {witness}\n", key.public).size == 7


@pytest.mark.parametrize(
    "spoil",
    [
        lambda note: "",
        lambda note: note[:-1],
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note + "x" * 9000 + "\n",
        lambda note: note.replace("— ", "- "),
        lambda note: note.replace("\n\n", "\n\r\n\n"),
    ],
)
def test_a_checkpoint_that_is_no_note_is_refused(key: SigningKey, spoil) -> None:
    with pytest.raises((CustodyBroken, SignatureInvalid)):
        open_checkpoint(spoil(sign_checkpoint(7, bytes(32), key)), key.public)


@pytest.mark.parametrize(
    "text", ["{o}\n07\n{r}\n", "{o}\n-7\n{r}\n", "{o}\n7\nAAAA\n", "{o}\n7\n", "x\n7\n{r}\n", "{o}\n²\n{r}\n"]
)
def test_a_text_that_the_device_signed_but_that_is_no_checkpoint_is_refused(key: SigningKey, text: str) -> None:
    origin = checkpoint_origin(key.public)
    text = text.format(o=origin, r=base64.b64encode(bytes(32)).decode())
    with pytest.raises(CustodyBroken):
        open_checkpoint(f"{text}\n— {origin} {note_signature(origin, text, key)}\n", key.public)


def test_a_note_is_signed_byte_for_byte_as_the_go_reference_implementation_does() -> None:
    seed = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
    signer = SigningKey(Ed25519PrivateKey.from_private_bytes(seed))
    assert signer.public.raw == base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")[1:]
    text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    assert note_signature("PeterNeumann", text, signer) == (
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    )


def test_a_log_that_was_cut_back_cannot_be_shown_to_continue_an_older_checkpoint(key: SigningKey) -> None:
    lines = a_log(9)
    tree = MerkleTree(map(line_leaf, lines))
    older = open_checkpoint(sign_checkpoint(6, tree.root(6), key), key.public)
    rewritten = MerkleTree(map(line_leaf, [*lines[:4], *lines[5:]]))
    assert consistent(older.size, older.root, 9, tree.root(), tree.consistency(6))
    assert not consistent(older.size, older.root, 8, rewritten.root(), rewritten.consistency(6))
