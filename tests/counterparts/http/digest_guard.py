"""The server's side of HTTP Digest (RFC 7616, qop "auth"), as recorders have it. For stand-ins."""

import hashlib
import re
import secrets

REALM = "recorder"


class DigestGuard:
    """Lets in who knows the password; counts who does not."""

    def __init__(self, user: str, password: str, algorithm: str = "MD5") -> None:
        self.algorithm = algorithm
        self.user, self.password = user, password
        self.nonce = secrets.token_hex(16)
        self.wrong = 0

    def challenge(self) -> str:
        return f'Digest qop="auth", realm="{REALM}", nonce="{self.nonce}", algorithm={self.algorithm}, opaque="55aa"'

    def lets_in(self, method: str, target: str, header: str | None) -> bool:
        if not header:
            return False
        told = {name: quoted or bare for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,"]+))', header)}
        hashed = {"MD5": _md5, "SHA-256": _sha256}[self.algorithm]
        secret = hashed(f"{self.user}:{REALM}:{self.password}")
        what = hashed(f"{method}:{target}")
        right = hashed(f"{secret}:{self.nonce}:{told.get('nc')}:{told.get('cnonce')}:{told.get('qop')}:{what}")
        good = told.get("response") == right and told.get("username") == self.user and told.get("uri") == target
        self.wrong += not good
        return good


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
