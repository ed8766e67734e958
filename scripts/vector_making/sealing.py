"""Sealed vectors: age takes new randomness each time, so that a sealed file is kept while it holds the right zip."""

import io
import os
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from exchange.age.files import Decryptor, Encryptor, Opener, Passphrase
from exchange.age.header import Stanza, derive, encode_base64, write_header
from exchange.age.keys import Recipient
from exchange.errors import VerificationFailed
from scripts.vector_making import keys

_WORK_FACTOR = 12
"""Of scrypt: low, so that a test costs nothing. A passphrase's own writer takes more."""
OPENERS: dict[str, Opener] = {
    "x25519": keys.CASE_X25519,
    "hybrid": keys.CASE_HYBRID,
    "scrypt": Passphrase(keys.PASSPHRASE),
}
_RECIPIENTS: dict[str, list[Recipient]] = {
    "x25519": [keys.CASE_X25519.recipient, keys.ARCHIVE_X25519.recipient],
    "hybrid": [keys.CASE_HYBRID.recipient, keys.ARCHIVE_HYBRID.recipient],
}


class Sealed:
    """Sealed files: those that lie in ``folder`` as long as they hold what they should, new ones otherwise."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, bytes] = {}

    def get(self, file: str, kind: str, zipped: bytes) -> bytes:
        """The sealed zip: the one that is there, if it opens to these bytes."""
        try:
            before = (self._folder / file).read_bytes()
            if Decryptor(io.BytesIO(before), [OPENERS[kind]]).read() == zipped:
                return before
        except (OSError, VerificationFailed):
            pass
        return self._made.setdefault(file, seal(kind, zipped))


def seal(kind: str, zipped: bytes) -> bytes:
    """An age file of a kind in OPENERS."""
    if kind == "scrypt":
        return _with_passphrase(zipped)
    out = io.BytesIO()
    with Encryptor(out, _RECIPIENTS[kind]) as encryptor:
        encryptor.write(zipped)
    return out.getvalue()


def _with_passphrase(zipped: bytes) -> bytes:
    """C2SP age, "The scrypt recipient type"; a package of this size is one chunk."""
    import hashlib

    file_key, salt, nonce = os.urandom(16), os.urandom(16), os.urandom(16)
    label = b"age-encryption.org/v1/scrypt" + salt
    wrapping = hashlib.scrypt(keys.PASSPHRASE.encode(), salt=label, n=1 << _WORK_FACTOR, r=8, p=1, dklen=32)
    body = ChaCha20Poly1305(wrapping).encrypt(bytes(12), file_key, None)
    stanza = Stanza((b"scrypt", encode_base64(salt), str(_WORK_FACTOR).encode()), body)
    payload = ChaCha20Poly1305(derive(file_key, nonce, b"payload")).encrypt(bytes(11) + b"\x01", zipped, None)
    return write_header([stanza], file_key) + nonce + payload
