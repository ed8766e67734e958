"""Where an S3-compatible bucket is, and as whom it is spoken to.

Not for: signing what is asked of it (``exchange.buckets.signing``), whose library is loaded where it is needed.
"""

from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit


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
