"""Where an SFTP account or a bucket is, and as whom: what the owner's file says, before anything is opened.

Not for: reaching it (``agent.places.sftp``, ``agent.places.s3``), whose libraries are loaded when a place is opened.
"""

from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit


@dataclass(frozen=True)
class SftpAccount:
    """Where and as whom. ``host_key`` is the server's public key as OpenSSH writes it ("ssh-ed25519 AAAA…")."""

    host: str
    port: int
    user: str
    folder: str
    host_key: str
    private_key: str | None = None
    """OpenSSH's text of a private key without a passphrase."""
    password: str | None = None

    @property
    def address(self) -> str:
        """Without any secret."""
        port = "" if self.port == 22 else f":{self.port}"
        return f"sftp://{self.user}@{self.host}{port}/{self.folder}"


@dataclass(frozen=True)
class Bucket:
    """``endpoint`` is where the storage answers, such as https://s3.eu-west-2.amazonaws.com."""

    endpoint: str
    bucket: str
    prefix: str
    region: str
    access_key: str
    secret_key: str
    session_token: str | None = None

    @property
    def address(self) -> str:
        """Without any secret."""
        return f"s3://{self.bucket}/{self.prefix.strip('/')} at {urlsplit(self.endpoint).netloc}"

    def key(self, name: str) -> str:
        prefix = self.prefix.strip("/")
        return f"{prefix}/{name}" if prefix else name

    def url(self, key: str = "", **query: str) -> str:
        """Of an object, or of the bucket. Amazon's own buckets have a host of their own, others a path."""
        parts = urlsplit(self.endpoint)
        path = f"/{quote(key, safe='/~')}"
        host = parts.netloc
        if (parts.hostname or "").endswith("amazonaws.com") and "." not in self.bucket:
            host = f"{self.bucket}.{host}"
        else:
            path = f"{parts.path.rstrip('/')}/{quote(self.bucket)}{path if key else ''}"
        asked = urlencode(sorted(query.items()), quote_via=quote, safe="~")
        return f"{parts.scheme}://{host}{path}{'?' + asked if asked else ''}"
