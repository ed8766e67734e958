"""Signatures (AWS's version 4, by botocore) on what is asked of a bucket; the body's SHA-256 is in each.

Not for: sending it.
"""

import hashlib
from collections.abc import Mapping

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from exchange.buckets.address import Bucket

NO_BODY = hashlib.sha256(b"").hexdigest()


def signed_headers(
    bucket: Bucket, method: str, url: str, sha256: str = NO_BODY, extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The headers of one try: its time is this machine's, now. ``sha256``: of the body, lower-case hex; storage takes
    no other body with these. ``extra`` is signed too."""
    request = AWSRequest(method=method, url=url, headers=dict(extra or {}))
    request.context["sha256"] = sha256
    login = Credentials(bucket.access_key, bucket.secret_key, bucket.session_token)
    _Signer(login, "s3", bucket.region).add_auth(request)
    return {str(name): str(value) for name, value in request.headers.items()}


class _Signer(S3SigV4Auth):  # type: ignore[misc]
    """Signs with the body's hash that we know already, so that no body is read for it."""

    def payload(self, request: AWSRequest) -> str:
        return str(request.context["sha256"])
