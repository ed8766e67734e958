"""Signed heads of a custody log: C2SP tlog-checkpoint in a C2SP signed-note, Ed25519.

Not for: the log's lines and their proofs (``exchange.custody.log``).
"""

import base64
import hashlib
from dataclasses import dataclass

from exchange.custody.merkle import HASH_SIZE
from exchange.errors import CustodyBroken, SignatureInvalid
from exchange.signing.sshsig import PublicKey, SigningKey, canonical_base64

MAX_NOTE = 8192
"""Characters: room for our signature and a few witnesses'."""
_ED25519 = b"\x01"
_DASH = "\N{EM DASH} "


@dataclass(frozen=True, slots=True)
class TreeHead:
    """A log's identity, how many lines it had, and the Merkle root over them."""

    origin: str
    size: int
    root: bytes


def checkpoint_origin(key: PublicKey) -> str:
    """``handover/`` and the key's fingerprint in base64url: what the specification asks a log's name to look like."""
    digest = hashlib.sha256(key.blob).digest()
    return "handover/" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def sign_checkpoint(size: int, root: bytes, key: SigningKey) -> str:
    """The signed note for a log of ``size`` lines with this root, under the key's own origin."""
    if size < 0 or len(root) != HASH_SIZE:
        raise ValueError("a checkpoint needs a size and a root of 32 bytes")
    origin = checkpoint_origin(key.public)
    text = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
    return f"{text}\n{_DASH}{origin} {note_signature(origin, text, key)}\n"


def open_checkpoint(note: str, key: PublicKey) -> TreeHead:
    """The head that ``key`` signed under its own origin; signatures by others are passed over.

    SignatureInvalid when the key's signature is missing or wrong, CustodyBroken when it is no checkpoint.
    """
    text, separator, signatures = note.rpartition("\n\n")
    if (
        len(note) > MAX_NOTE
        or not separator
        or not signatures.endswith("\n")
        or any((letter < " " and letter != "\n") or "\ud800" <= letter <= "\udfff" for letter in note)
    ):
        raise _no_checkpoint("it is no signed note")
    text += "\n"
    origin = checkpoint_origin(key)
    prefix = f"{_DASH}{origin} "
    blobs = [canonical_base64(line.removeprefix(prefix)) for line in signatures.split("\n") if line.startswith(prefix)]
    ours = [blob[4:] for blob in blobs if blob is not None and blob[:4] == _key_id(origin, key)]
    if not ours:
        raise SignatureInvalid(
            f"The custody log's checkpoint carries no signature of the device key {key.fingerprint}.",
            meaning="Nobody vouches for the length and content of the log.",
            do="Ask the owner for the checkpoint of their device.",
        )
    for signature in ours:
        key.verify_raw(text.encode(), signature)
    return _read(text, origin)


def _read(text: str, origin: str) -> TreeHead:
    lines = text.removesuffix("\n").split("\n")
    if len(lines) < 3 or "" in lines or lines[0] != origin:
        raise _no_checkpoint("its text does not name this log, a size and a root")
    size = lines[1]
    if not size.isascii() or not size.isdigit() or len(size) > 18 or str(int(size)) != size:
        raise _no_checkpoint("its size is no number")
    root = canonical_base64(lines[2])
    if root is None or len(root) != HASH_SIZE:
        raise _no_checkpoint("its root is no SHA-256")
    return TreeHead(origin, int(size), root)


def note_signature(name: str, text: str, key: SigningKey) -> str:
    """A signature as a note's line carries it: key id and signature in base64 (C2SP signed-note)."""
    return base64.b64encode(_key_id(name, key.public) + key.sign_raw(text.encode())).decode()


def _key_id(name: str, key: PublicKey) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + key.raw).digest()[:4]


def _no_checkpoint(why: str) -> CustodyBroken:
    return CustodyBroken(
        f"The custody log's checkpoint can't be read: {why}.",
        meaning="The log's lines can't be held against what the device signed.",
        do="Ask the owner for the package again.",
    )
