"""The keys and the clock of the test vectors: fixed, published, and good for nothing else."""

import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.age.keys import Identity, Kind
from exchange.clock import DAY, HOUR, SECOND, Window, from_rfc3339
from exchange.signing.documents import SigningKey

NOW = from_rfc3339("2025-03-14T12:00:00Z")
REQUESTED = Window(NOW - 3 * HOUR, NOW - 3 * HOUR + SECOND)
DELIVERED = Window(REQUESTED.start - SECOND, REQUESTED.end)
"""Of the front camera's recording: two seconds, whose first key frame lies a second before the window."""
VALID = Window(NOW - 30 * DAY, NOW + 30 * DAY)
PASSPHRASE = "correct-horse-battery-staple"


def signing_key(name: str) -> SigningKey:
    """The Ed25519 key whose 32 secret bytes are the SHA-256 of "handover test vectors: " and its name."""
    return SigningKey(Ed25519PrivateKey.from_private_bytes(_secret(name)))


def identity(name: str, kind: Kind) -> Identity:
    """The age identity with the secret made likewise."""
    return Identity(kind, _secret(name))


def _secret(name: str) -> bytes:
    return hashlib.sha256(f"handover test vectors: {name}".encode()).digest()


FORCE, OTHER_FORCE = signing_key("force"), signing_key("other force")
OFFICER = signing_key("officer")
DEVICE, OTHER_DEVICE = signing_key("device"), signing_key("other device")
CASE_X25519, CASE_HYBRID = identity("case", "x25519"), identity("case", "hybrid")
ARCHIVE_X25519, ARCHIVE_HYBRID = identity("archive", "x25519"), identity("archive", "hybrid")
OTHER_CASE = identity("other case", "x25519")
