"""age's keys: recipients that a file is sealed for, identities that open it (C2SP age, "Native recipient types").

Not for: signing keys, hardware keys and plugins.
"""

import hashlib
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from exchange.age import bech32
from exchange.age.header import FILE_KEY_SIZE, Stanza, damaged, decode_base64, derive, encode_base64
from exchange.errors import KeyFileUnusable

Kind = Literal["x25519", "hybrid"]
"""``hybrid`` is mlkem768x25519, which a future quantum computer does not open; ``x25519`` is what older age reads."""

_STANZA: dict[Kind, bytes] = {"x25519": b"X25519", "hybrid": b"mlkem768x25519"}
_RECIPIENT_PREFIX: dict[str, Kind] = {"age": "x25519", "age1pq": "hybrid"}
_IDENTITY_PREFIX: dict[str, Kind] = {"age-secret-key-": "x25519", "age-secret-key-pq-": "hybrid"}

_WRAPPED_SIZE = FILE_KEY_SIZE + 16
_NO_NONCE = bytes(12)
_X25519_INFO = b"age-encryption.org/v1/X25519"
_SCRYPT_INFO = b"age-encryption.org/v1/scrypt"
_HYBRID_INFO = b"age-encryption.org/mlkem768x25519"
_HYBRID_ENC = 1120
_MLKEM_PUBLIC = 1184
_MAX_WORK_FACTOR = 20
"""log2 of scrypt's N: 1 GiB of memory, a few seconds."""
_MAX_IDENTITY_FILE = 1 << 20


class Opener(Protocol):
    """What can find the file key in a header: an Identity, or a Passphrase."""

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """The file key, or None when no stanza is for this one. SealDamaged when one that may be is malformed."""
        ...


@dataclass(frozen=True)
class Recipient:
    """Whom a file is sealed for; its text (``age1…``) is public."""

    kind: Kind
    raw: bytes
    """The public key: 32 bytes, or 1216 for the hybrid (ML-KEM-768, then X25519)."""

    def __str__(self) -> str:
        return bech32.encode("age" if self.kind == "x25519" else "age1pq", self.raw)

    def wrap(self, file_key: bytes) -> Stanza:
        """``file_key`` (16 bytes) so that only this recipient's identity finds it; new and unlinkable each time."""
        if self.kind == "x25519":
            return self._wrap_x25519(file_key)
        sealed = _suite().encrypt(file_key, _hybrid_public(self.raw), _HYBRID_INFO)
        return Stanza((_STANZA["hybrid"], encode_base64(sealed[:_HYBRID_ENC])), sealed[_HYBRID_ENC:])

    def _wrap_x25519(self, file_key: bytes) -> Stanza:
        ephemeral = X25519PrivateKey.generate()
        share = ephemeral.public_key().public_bytes_raw()
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(self.raw))
        body = ChaCha20Poly1305(derive(shared, share + self.raw, _X25519_INFO)).encrypt(_NO_NONCE, file_key, None)
        return Stanza((_STANZA["x25519"], encode_base64(share)), body)


@dataclass(frozen=True, repr=False)
class Identity:
    """What opens the files sealed for its recipient. ``str()`` is the secret itself; repr and errors never show it."""

    kind: Kind
    secret: bytes
    """32 bytes: the X25519 private key, or the hybrid's seed."""

    def __str__(self) -> str:
        prefix = "age-secret-key-" if self.kind == "x25519" else "age-secret-key-pq-"
        return bech32.encode(prefix, self.secret).upper()

    def __repr__(self) -> str:
        return f"<age {self.kind} identity>"

    @cached_property
    def recipient(self) -> Recipient:
        exchange = self._exchange_key.public_key().public_bytes_raw()
        if self.kind == "x25519":
            return Recipient("x25519", exchange)
        return Recipient("hybrid", self._lattice_key.public_key().public_bytes_raw() + exchange)

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """The file key, or None when no stanza is for this identity. SealDamaged for a malformed one."""
        attempt = self._unwrap_x25519 if self.kind == "x25519" else self._unwrap_hybrid
        for stanza in stanzas:
            if stanza.kind == _STANZA[self.kind]:
                file_key = attempt(stanza)
                if file_key is not None:
                    return file_key
        return None

    @property
    def _exchange_key(self) -> X25519PrivateKey:
        return X25519PrivateKey.from_private_bytes(self.secret if self.kind == "x25519" else self._expanded[64:])

    @property
    def _lattice_key(self) -> MLKEM768PrivateKey:
        return MLKEM768PrivateKey.from_seed_bytes(self._expanded[:64])

    @property
    def _expanded(self) -> bytes:
        """The seed's two private keys (draft-ietf-hpke-pq-03, MLKEM768-X25519): 64 bytes and 32."""
        return hashlib.shake_256(self.secret).digest(96)

    def _unwrap_x25519(self, stanza: Stanza) -> bytes | None:
        share = _one_argument(stanza, 32)
        shared = self._agree(share)
        key = derive(shared, share + self.recipient.raw, _X25519_INFO)
        try:
            return ChaCha20Poly1305(key).decrypt(_NO_NONCE, stanza.body, None)
        except InvalidTag:
            return None

    def _unwrap_hybrid(self, stanza: Stanza) -> bytes | None:
        enc = _one_argument(stanza, _HYBRID_ENC)
        self._agree(enc[-32:])  # the suite's own refusal of a low-order point cannot be told from "not for me"
        private = hpke.MLKEM768X25519PrivateKey(self._lattice_key, self._exchange_key)
        try:
            return _suite().decrypt(enc + stanza.body, private, _HYBRID_INFO)
        except InvalidTag:
            return None

    def _agree(self, share: bytes) -> bytes:
        try:
            return self._exchange_key.exchange(X25519PublicKey.from_public_bytes(share))
        except ValueError:  # RFC 7748, section 6.1: the shared secret is all zeros
            raise damaged("a recipient in its header is a point of low order") from None


class Wrapper(Protocol):
    """What a file can be sealed for: a Recipient, or a Passphrase."""

    @property
    def kind(self) -> Kind | Literal["scrypt"]: ...

    def wrap(self, file_key: bytes) -> Stanza:
        """``file_key`` (16 bytes) as only this one's holder finds it."""
        ...


@dataclass(frozen=True, repr=False)
class Passphrase:
    """Seals and opens files with a passphrase (scrypt). A file sealed so has no other recipient (C2SP age)."""

    text: str
    work_factor: int = 16
    """log2 of scrypt's N when sealing: 64 MiB and some tenths of a second. The passphrases that Handover makes have
    so much chance in them that more is of no use."""

    @property
    def kind(self) -> Literal["scrypt"]:
        return "scrypt"

    def __repr__(self) -> str:
        return "<age passphrase>"

    def wrap(self, file_key: bytes) -> Stanza:
        """``file_key`` (16 bytes) under a new salt."""
        salt = os.urandom(16)
        body = ChaCha20Poly1305(self._key(salt, self.work_factor)).encrypt(_NO_NONCE, file_key, None)
        return Stanza((b"scrypt", encode_base64(salt), str(self.work_factor).encode()), body)

    def _key(self, salt: bytes, work_factor: int) -> bytes:
        cost = 1 << work_factor
        return hashlib.scrypt(
            self.text.encode(), salt=_SCRYPT_INFO + salt, n=cost, r=8, p=1, dklen=32, maxmem=cost * 1024 + (1 << 20)
        )

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """The file key, or None. SealDamaged for a malformed stanza, or one that asks for over 1 GiB of memory."""
        (stanza, *others) = stanzas
        if stanza.kind != b"scrypt" or others:
            return None
        if len(stanza.arguments) != 3 or len(stanza.body) != _WRAPPED_SIZE:
            raise damaged("a recipient in its header is malformed")
        salt, factor = decode_base64(stanza.arguments[1]), stanza.arguments[2]
        if len(salt) != 16 or not re.fullmatch(rb"[1-9][0-9]?", factor) or int(factor) > _MAX_WORK_FACTOR:
            raise damaged("a passphrase in its header asks for more work than is sensible")
        key = self._key(salt, int(factor))
        try:
            return ChaCha20Poly1305(key).decrypt(_NO_NONCE, stanza.body, None)
        except InvalidTag:
            return None


def generate_identity(kind: Kind) -> Identity:
    """A new identity from the system's randomness."""
    return Identity(kind, os.urandom(32))


def parse_recipient(text: str) -> Recipient:
    """``age1…`` or ``age1pq1…`` to a Recipient. ValueError, saying why, for anything else."""
    prefix, raw = bech32.decode(text)
    kind = _RECIPIENT_PREFIX.get(prefix)
    if kind is None:
        raise ValueError("not an age recipient of a known kind: it must begin with age1 or age1pq1")
    if text != text.lower():
        raise ValueError("an age recipient is written in lower case")
    if len(raw) != (32 if kind == "x25519" else _MLKEM_PUBLIC + 32):
        raise ValueError("an age recipient of the wrong length")
    recipient = Recipient(kind, raw)
    try:
        if kind == "hybrid":
            _hybrid_public(raw)
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(raw[-32:]))
    except ValueError:
        raise ValueError("an age recipient that is no usable public key") from None
    return recipient


def parse_identity(text: str) -> Identity:
    """``AGE-SECRET-KEY-1…`` or ``AGE-SECRET-KEY-PQ-1…`` to an Identity. ValueError, never quoting it, otherwise."""
    prefix, secret = bech32.decode(text)
    kind = _IDENTITY_PREFIX.get(prefix)
    if kind is None:
        raise ValueError("not an age identity of a known kind: it must begin with AGE-SECRET-KEY-1 or …-PQ-1")
    if text != text.upper():
        raise ValueError("an age identity is written in upper case")
    if len(secret) != 32:
        raise ValueError("an age identity of the wrong length")
    return Identity(kind, secret)


def read_identities(path: Path) -> list[Identity]:
    """The identities in an age identity file: one a line, comments (#) and empty lines between.

    Raises KeyFileUnusable, naming the line but never quoting it, for a file that is missing, larger than 1 MiB,
    readable by others, or holds anything else.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_MAX_IDENTITY_FILE + 1)
    except OSError as error:
        raise _unusable(path, error.strerror or "it cannot be read") from None
    if stat.S_ISREG(mode) and mode & 0o077:
        raise KeyFileUnusable(
            f"The key file {path} can be read by others.",
            meaning="Whoever has read it can open everything that was sealed for it.",
            do=f"If nobody else uses this machine: chmod 600 {path}. If in doubt, make a new key.",
        )
    if len(content) > _MAX_IDENTITY_FILE:
        raise _unusable(path, "it is far too large for one")
    return identities_in(content, path)


def identities_in(content: bytes, path: Path) -> list[Identity]:
    """What such a file holds; ``path`` is where it came from, for the error. KeyFileUnusable."""
    identities = []
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        entry = line.strip()
        if entry and not entry.startswith("#"):
            try:
                identities.append(parse_identity(entry))
            except ValueError as error:
                raise _unusable(path, f"line {number}: {error}") from None
    if not identities:
        raise _unusable(path, "it holds no identity")
    return identities


def _unusable(path: Path, reason: str) -> KeyFileUnusable:
    return KeyFileUnusable(
        f"The key file {path} cannot be used: {reason}.",
        meaning="Without it, nothing that was sealed for it can be opened.",
        do="Name the file that age-keygen or handover made: a line in it begins with AGE-SECRET-KEY-.",
    )


def _one_argument(stanza: Stanza, size: int) -> bytes:
    """A stanza's one argument, of ``size`` bytes. The body is measured before any key is tried on it (C2SP age)."""
    if len(stanza.arguments) != 2 or len(stanza.body) != _WRAPPED_SIZE:
        raise damaged("a recipient in its header is malformed")
    argument = decode_base64(stanza.arguments[1])
    if len(argument) != size:
        raise damaged("a recipient in its header is malformed")
    return argument


def _hybrid_public(raw: bytes) -> hpke.MLKEM768X25519PublicKey:
    lattice, exchange = raw[:_MLKEM_PUBLIC], raw[_MLKEM_PUBLIC:]
    return hpke.MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(lattice), X25519PublicKey.from_public_bytes(exchange)
    )


def _suite() -> hpke.Suite:
    """RFC 9180's base mode as C2SP age fixes it for mlkem768x25519."""
    return hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
