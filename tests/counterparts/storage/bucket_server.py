"""S3 by other authors: moto's server in a process of its own, which checks signatures when it is told to.

Not for: what moto doesn't do: a wrong clock, an expired address (``object_stand_in``).
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config

REGION = "eu-west-2"


@dataclass(frozen=True)
class BucketServer:
    """``bucket`` exists there; the login may do everything."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str

    def unfinished(self) -> list[str]:
        """The keys of uploads in parts that were begun and not ended."""
        listed = self.client().list_multipart_uploads(Bucket=self.bucket)
        return [upload["Key"] for upload in listed.get("Uploads", [])]

    def content(self, prefix: str) -> dict[str, bytes]:
        """What lies whole below a prefix, by the last part of its name."""
        client = self.client()
        listed = client.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        keys = [each["Key"] for each in listed]
        return {key.rpartition("/")[2]: client.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in keys}

    def signed_put(self, key: str, seconds: int = 3600) -> str:
        """An address to which one file can be put, as a force would give it."""
        return str(
            self.client().generate_presigned_url("put_object", {"Bucket": self.bucket, "Key": key}, ExpiresIn=seconds)
        )

    def signed_parts(self, key: str, count: int) -> tuple[list[str], str]:
        """Addresses for the parts of one file, and the one that puts them together."""
        client = self.client()
        upload = client.create_multipart_upload(Bucket=self.bucket, Key=key)["UploadId"]
        named = {"Bucket": self.bucket, "Key": key, "UploadId": upload}
        parts = [
            client.generate_presigned_url("upload_part", {**named, "PartNumber": number}, ExpiresIn=3600)
            for number in range(1, count + 1)
        ]
        return parts, client.generate_presigned_url("complete_multipart_upload", named, ExpiresIn=3600)

    def client(self) -> Any:
        """Amazon's own client."""
        return _client("s3", self.endpoint, self.access_key, self.secret_key)


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


@cache
def _client(service: str, endpoint: str, access_key: str, secret_key: str) -> Any:
    """One for each login: to make one takes longer than most of the tests that ask it something."""
    return _session().create_client(
        service,
        REGION,
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(signature_version="s3v4"),
    )


_POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@contextmanager
def bucket_server(*, checks: bool = True, smallest_part: int = 5 << 20) -> Iterator[BucketServer]:
    """``checks``: each signature, but for addresses that were signed, of which moto knows nothing then.
    ``smallest_part``: bytes; S3's own are 5 MiB."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={
            **os.environ,
            "INITIAL_NO_AUTH_ACTION_COUNT": "4" if checks else "inf",
            "S3_UPLOAD_PART_MIN_SIZE": str(smallest_part),
        },
        start_new_session=True,
    )
    try:
        endpoint = f"http://127.0.0.1:{port}"
        _wait_for(endpoint, process)
        yield _prepared(endpoint)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _wait_for(endpoint: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{endpoint}/moto-api/", timeout=5).close()
        except OSError:
            assert process.poll() is None, "moto's server ended"
            time.sleep(0.05)
        else:
            return
    raise AssertionError("moto's server does not answer")


def _prepared(endpoint: str) -> BucketServer:
    """A user with a key, and a bucket: the four calls that need no signature. From then on each is checked."""
    iam, s3 = (_client(service, endpoint, "first", "first") for service in ("iam", "s3"))
    iam.create_user(UserName="evidence")
    iam.put_user_policy(UserName="evidence", PolicyName="all", PolicyDocument=json.dumps(_POLICY))
    key = iam.create_access_key(UserName="evidence")["AccessKey"]
    s3.create_bucket(Bucket="evidence", CreateBucketConfiguration={"LocationConstraint": REGION})
    return BucketServer(endpoint, "evidence", key["AccessKeyId"], key["SecretAccessKey"])
