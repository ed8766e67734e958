"""Keys and SSHSIG signatures (OpenSSH PROTOCOL.sshsig), Ed25519 over SHA-512, made and checked.

``ssh-keygen -Y sign`` and ``-Y verify`` do the same to the same bytes. Not for: documents
(``exchange.signing.documents``), or whose key a key is (``exchange.signing.credentials``).
"""

import base64
import binascii
import hashlib
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from exchange.clock import to_rfc3339
from exchange.durable import sync_folder
from exchange.errors import DocumentInvalid, KeyFileUnusable, SignatureInvalid

_MAGIC = b"SSHSIG"
_VERSION = (1).to_bytes(4, "big")
_KEY_TYPE = b"ssh-ed25519"
_HASH = b"sha512"
_BEGIN = "-----BEGIN SSH SIGNATURE-----"
_END = "-----END SSH SIGNATURE-----"
_ARMOR_WIDTH = 70
_MAX_ARMOR = 4096
_MAX_KEY_FILE = 16 * 1024

_FIELD_PRIME = 2**255 - 19
_SMALL_ORDER_Y = frozenset(
    {
        0,
        1,
        _FIELD_PRIME - 1,
        int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
        int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
    }
)
"""The y coordinates of the eight points whose order divides 8: "keys" for which anybody can make signatures."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 public key, as OpenSSH writes and names it."""

    raw: bytes
    """32 bytes, RFC 8032."""

    def __post_init__(self) -> None:
        y = int.from_bytes(self.raw, "little") & (2**255 - 1)
        if len(self.raw) != 32 or y >= _FIELD_PRIME or y in _SMALL_ORDER_Y:
            raise DocumentInvalid(
                "This is not a usable Ed25519 public key.",
                meaning="Its bytes are no point of the curve that a signature could be checked with.",
                do="Ask whoever gave you the key for it again.",
            )

    @classmethod
    def parse(cls, line: str) -> Self:
        """From the one line ``ssh-ed25519 AAAA… [comment]``, ended or not. DocumentInvalid when it is anything else."""
        line = line.removesuffix("\n")  # as a file ends
        words = line.split(" ", 2) if len(line) < 1000 and line.isprintable() else []
        blob = canonical_base64(words[1]) if len(words) >= 2 and words[0] == _KEY_TYPE.decode() else None
        if blob is None or len(blob) != len(_key_blob(bytes(32))) or blob[:-32] != _key_blob(bytes(32))[:-32]:
            raise DocumentInvalid(
                "This is not an OpenSSH Ed25519 public key.",
                meaning="A line like 'ssh-ed25519 AAAAC3…' is wanted.",
                do="Give the line from the key's .pub file.",
            )
        return cls(blob[-32:])

    @property
    def blob(self) -> bytes:
        """The key as SSH's wire carries it (RFC 8709)."""
        return _key_blob(self.raw)

    @property
    def line(self) -> str:
        """``ssh-ed25519 AAAA…``, without a comment or newline."""
        return f"{_KEY_TYPE.decode()} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        """``SHA256:…``, as ``ssh-keygen -l`` prints it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    @property
    def words(self) -> str:
        """The fingerprint's first 16 bytes as twelve English words (BIP-39), for comparing over a telephone."""
        from mnemonic import Mnemonic  # its word lists cost a daemon nothing until somebody asks

        return str(Mnemonic("english").to_mnemonic(hashlib.sha256(self.blob).digest()[:16]))

    def verify(self, data: bytes, armored: str, namespace: str) -> None:
        """Check an armored SSHSIG of ``data``. SignatureInvalid unless every part of it is as it must be."""
        signature = _read_signature(_unarmor(armored), self, namespace.encode())
        self.verify_raw(_to_be_signed(data, namespace.encode()), signature)

    def verify_raw(self, data: bytes, signature: bytes) -> None:
        """Check a bare Ed25519 signature of 64 bytes (RFC 8032). SignatureInvalid when it does not hold."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, data)
        except (InvalidSignature, ValueError):
            raise _invalid("It was not made by this key over exactly these bytes.") from None


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """An Ed25519 private key. Its repr shows nothing."""

    private: Ed25519PrivateKey

    @classmethod
    def generate(cls) -> Self:
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: Path) -> Self:
        """From an OpenSSH private key file that only its owner may read. KeyFileUnusable otherwise."""
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                if not stat.S_ISREG(mode):
                    raise _unusable(path, "it is not a file")
                if mode & 0o077:
                    raise KeyFileUnusable(
                        f"The key file {path} can be read by others.",
                        meaning="Whoever has read it can sign in your name.",
                        do=f"If nobody else uses this machine: chmod 600 {path}. If in doubt, make a new key.",
                    )
                content = file.read(_MAX_KEY_FILE)
        except OSError as error:
            raise _unusable(path, error.strerror or "it cannot be read") from None
        return cls.parse(content, path)

    @classmethod
    def parse(cls, content: bytes, path: Path) -> Self:
        """From what such a file holds; ``path`` is where it came from, for the error. KeyFileUnusable."""
        try:
            key = serialization.load_ssh_private_key(content, password=None)
        except TypeError:
            raise _unusable(path, "it is protected by a passphrase") from None
        except Exception:  # what cryptography raises for a malformed key is not one family, and may quote the content
            raise _unusable(path, "it is not an OpenSSH private key") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise _unusable(path, "it is not an Ed25519 key")
        return cls(key)

    def save(self, path: Path) -> None:
        """Write an OpenSSH private key file, mode 0600, durably. FileExistsError rather than overwrite one."""
        content = self.secret()
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.link(temporary, path)  # unlike a rename, refuses to take the place of another key
        finally:
            temporary.unlink()
        sync_folder(path.parent)

    def secret(self) -> bytes:
        """The key as an OpenSSH private key file holds it."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )

    @property
    def public(self) -> PublicKey:
        return PublicKey(self.private.public_key().public_bytes_raw())

    def sign(self, data: bytes, namespace: str) -> str:
        """An armored SSHSIG over exactly ``data``, as ``ssh-keygen -Y sign -n namespace`` makes it."""
        if not namespace:
            raise ValueError("SSHSIG has no empty namespace")
        signature = self.sign_raw(_to_be_signed(data, namespace.encode()))
        blob = b"".join(
            (
                _MAGIC,
                _VERSION,
                _string(self.public.blob),
                _string(namespace.encode()),
                _string(b""),
                _string(_HASH),
                _string(_string(_KEY_TYPE) + _string(signature)),
            )
        )
        text = base64.b64encode(blob).decode()
        lines = [text[at : at + _ARMOR_WIDTH] for at in range(0, len(text), _ARMOR_WIDTH)]
        return "\n".join((_BEGIN, *lines, _END, ""))

    def sign_raw(self, data: bytes) -> bytes:
        """A bare Ed25519 signature, 64 bytes (RFC 8032)."""
        return self.private.sign(data)


def allowed_signers(
    principal: str,
    key: PublicKey,
    namespaces: tuple[str, ...],
    valid_after: int | None = None,
    valid_before: int | None = None,
) -> str:
    """A line of an allowed_signers file (ssh-keygen(1)), newline included; times in microseconds UTC."""
    for word in (principal, *namespaces):
        if not word or not word.isascii() or any(char in ' \t\r\n"#,*?!\\' for char in word):
            raise ValueError(f"{word!r} can't stand in an allowed_signers file")
    options = [f'namespaces="{",".join(namespaces)}"'] if namespaces else []
    for name, instant in (("valid-after", valid_after), ("valid-before", valid_before)):
        if instant is not None:
            options.append(f'{name}="{_to_the_second(instant)}"')
    return " ".join(word for word in (principal, ",".join(options), key.line) if word) + "\n"


def _to_the_second(instant: int) -> str:
    """``YYYYMMDDHHMMSSZ``."""
    return "".join(char for char in to_rfc3339(instant)[:19] if char.isdigit()) + "Z"


# -- the format --------------------------------------------------------------------------------------------------


def _string(value: bytes) -> bytes:
    """RFC 4251 section 5."""
    return len(value).to_bytes(4, "big") + value


def _key_blob(raw: bytes) -> bytes:
    return _string(_KEY_TYPE) + _string(raw)


def _to_be_signed(data: bytes, namespace: bytes) -> bytes:
    return _MAGIC + _string(namespace) + _string(b"") + _string(_HASH) + _string(hashlib.sha512(data).digest())


def canonical_base64(text: str) -> bytes | None:
    """Canonical base64 (RFC 4648 section 3.5) or None."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return value if base64.b64encode(value).decode() == text else None


def _unarmor(armored: str) -> bytes:
    lines = armored.removesuffix("\n").split("\n")
    if len(armored) > _MAX_ARMOR or len(lines) < 3 or lines[0] != _BEGIN or lines[-1] != _END:
        raise _invalid("It is not an armored SSH signature.")
    blob = canonical_base64("".join(lines[1:-1]))
    if blob is None or "" in lines:
        raise _invalid("Its base64 is not as it must be.")
    return blob


def _read_signature(blob: bytes, key: PublicKey, namespace: bytes) -> bytes:
    """The 64 bytes inside an SSHSIG whose every other field is as expected."""
    if blob[:6] != _MAGIC or blob[6:10] != _VERSION:
        raise _invalid("It is not an SSH signature of version 1.")
    public, rest = _take(blob[10:])
    space, rest = _take(rest)
    reserved, rest = _take(rest)
    algorithm, rest = _take(rest)
    signature, rest = _take(rest)
    kind, raw = _take(signature)
    raw, trailing = _take(raw)
    if public != key.blob:
        raise _invalid("It was made by another key.")
    if space != namespace:
        raise _invalid(f"It was made for another kind of document than '{namespace.decode()}'.")
    if algorithm != _HASH or kind != _KEY_TYPE:
        raise _invalid("It is not made with Ed25519 over SHA-512.")
    if reserved or rest or trailing or len(raw) != 64:
        raise _invalid("It carries bytes that don't belong there.")
    return raw


def _take(data: bytes) -> tuple[bytes, bytes]:
    """One RFC 4251 string, and what follows it."""
    length = int.from_bytes(data[:4], "big")
    if len(data) < 4 or len(data) - 4 < length:
        raise _invalid("It is cut short.")
    return data[4 : 4 + length], data[4 + length :]


def _invalid(why: str) -> SignatureInvalid:
    return SignatureInvalid(
        f"The signature does not hold. {why}",
        meaning="What was signed was altered, or comes from somebody else.",
        do="Don't rely on it; ask the sender for it again.",
    )


def _unusable(path: Path, why: str) -> KeyFileUnusable:
    return KeyFileUnusable(
        f"The key file {path} can't be used: {why}.",
        meaning="Without it nothing can be signed.",
        do="Give the path of an OpenSSH Ed25519 private key without a passphrase.",
    )
