"""HTTP Digest for asking cameras (RFC 7616): which challenge to take, and the header that answers it.

Headers are text here as UTF-8 has it; bytes that are none stay what they are (``surrogateescape``), as devices hash
their realm's own bytes, in whatever code page.

Not for: Basic. A password is never sent readable.
"""

import hashlib
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agent.devices.address import Credentials

# Best first. MD5 stays, as most cameras know nothing else.
_HASHES = {"SHA-256": hashlib.sha256, "SHA-256-SESS": hashlib.sha256, "MD5": hashlib.md5, "MD5-SESS": hashlib.md5}
_PAIR = re.compile(r'\s*[,;]?\s*([A-Za-z][A-Za-z0-9-]*)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,;"]+)')
_SCHEME = re.compile(r"\s*,?\s*([A-Za-z][A-Za-z0-9-]*)(?=\s|$|,)(?!\s*=)")


@dataclass(slots=True)
class Digest:
    """One server's challenge and how often it was answered (the nonce count)."""

    realm: str
    nonce: str
    opaque: str | None
    algorithm: str
    qop: bool
    with_body: bool = False
    """Whether the body is hashed as well (``auth-int``)."""
    count: int = 0
    cnonce: str = field(default_factory=lambda: secrets.token_hex(8))

    def answer(self, method: str, target: str, credentials: Credentials, body: bytes = b"") -> str:
        """The Authorization header for one request; ``target`` is the path and query as sent."""
        make = _HASHES[self.algorithm.upper()]

        def hashed(*parts: str) -> str:
            return make(":".join(parts).encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()

        self.count += 1
        secret = hashed(credentials.user, self.realm, credentials.password)
        if self.algorithm.upper().endswith("-SESS"):
            secret = hashed(secret, self.nonce, self.cnonce)
        what = hashed(method, target)
        qop = "auth"
        if self.with_body:
            qop = "auth-int"
            what = hashed(method, target, make(body, usedforsecurity=False).hexdigest())
        count = f"{self.count:08x}"
        if self.qop:
            response = hashed(secret, self.nonce, count, self.cnonce, qop, what)
        else:
            response = hashed(secret, self.nonce, what)
        parts = [
            f"username={_quoted(credentials.user)}",
            f"realm={_quoted(self.realm)}",
            f"nonce={_quoted(self.nonce)}",
            f"uri={_quoted(target)}",
            f'response="{response}"',
            f"algorithm={self.algorithm}",
        ]
        if self.qop:
            parts += [f"qop={qop}", f"nc={count}", f'cnonce="{self.cnonce}"']
        if self.opaque is not None:
            parts.append(f"opaque={_quoted(self.opaque)}")
        return "Digest " + ", ".join(parts)


def choose(headers: Sequence[str]) -> Digest | None:
    """The strongest Digest challenge in these WWW-Authenticate headers that we can answer; None when there is none.

    Cameras send several, in one header or many, in any order, and Basic among them.
    """
    usable = [
        digest
        for header in headers
        for scheme, reported in _challenges(header)
        if (digest := _usable(scheme, reported))
    ]
    order = list(_HASHES)
    return min(usable, key=lambda digest: order.index(digest.algorithm.upper()), default=None)


def is_beyond_libav(headers: Sequence[str]) -> bool:
    """Whether a log-in without a readable password is possible, but not to libav: it knows MD5 alone, takes the last
    header of Digest for the one that counts, and each header for one challenge (httpauth.c)."""
    if choose(headers) is None:
        return False
    lines = [list(_challenges(header)) for header in headers]
    ones = [line for line in lines if line and line[0][0] == "digest"]
    if not ones or len(ones[-1]) != 1:
        return True
    digest = _usable(*ones[-1][0])
    return digest is None or not digest.algorithm.upper().startswith("MD5")


def from_wire(header: str) -> str:
    """A header that was read as Latin-1, as ``choose`` takes it."""
    return header.encode("latin-1", "replace").decode("utf-8", "surrogateescape")


def to_wire(header: str) -> str:
    """The same way back."""
    return header.encode("utf-8", "surrogateescape").decode("latin-1")


def offers(headers: Sequence[str], scheme: str) -> bool:
    """Whether any of these headers challenges by this scheme."""
    return any(name == scheme.lower() for header in headers for name, _ in _challenges(header))


def _challenges(header: str) -> Iterator[tuple[str, dict[str, str]]]:
    at = 0
    header = header[:4096]
    while scheme := _SCHEME.match(header, at):
        at = scheme.end()
        reported: dict[str, str] = {}
        while pair := _PAIR.match(header, at):
            value = pair[2]
            reported[pair[1].lower()] = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
            at = pair.end()
        yield scheme[1].lower(), reported


def _usable(scheme: str, reported: dict[str, str]) -> Digest | None:
    algorithm = reported.get("algorithm") or "MD5"
    qops = {word.strip().lower() for word in reported.get("qop", "").split(",")} - {""}
    fits = scheme == "digest" and algorithm.upper() in _HASHES and reported.get("nonce") and "realm" in reported
    if not fits or (qops and not qops & {"auth", "auth-int"}):
        return None
    with_body = bool(qops) and "auth" not in qops
    return Digest(reported["realm"], reported["nonce"], reported.get("opaque"), algorithm, bool(qops), with_body)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
