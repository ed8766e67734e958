"""Every kind of place, real: a folder, OpenSSH's SFTP server, S3 by moto; and a file to put there."""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx

from agent.places.accounts import SftpAccount
from agent.places.folder import FolderPlace
from agent.places.place import Place
from agent.places.s3 import S3Place
from agent.places.sftp import SftpPlace
from exchange.buckets.address import Bucket
from tests.counterparts.storage.bucket_server import REGION, BucketServer, bucket_server
from tests.counterparts.storage.ssh_server import SshServer, ssh_server


@pytest.fixture(autouse=True)
def _no_blocking() -> Iterator[None]:
    with blockbuster_ctx("agent"):
        yield


@dataclass(frozen=True)
class Sample:
    path: Path
    sha256: str
    size: int


def sample(path: Path, size: int, seed: int = 1) -> Sample:
    data = random.Random(seed).randbytes(size)
    path.write_bytes(data)
    return Sample(path, hashlib.sha256(data).hexdigest(), size)


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with ssh_server(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(scope="session")
def bucket() -> Iterator[BucketServer]:
    with bucket_server() as server:
        yield server


def account(server: SshServer, folder: str, **changed: object) -> SftpAccount:
    fields = {
        "host": "127.0.0.1",
        "port": server.port,
        "user": server.user,
        "folder": folder,
        "host_key": server.host_key,
        "private_key": server.private_key,
    }
    return SftpAccount(**(fields | changed))  # type: ignore[arg-type]


def in_bucket(server: BucketServer, prefix: str) -> Bucket:
    return Bucket(server.endpoint, server.bucket, prefix, REGION, server.access_key, server.secret_key)


PART = 5 << 20
"""The smallest part that S3 takes."""


@pytest.fixture(params=["folder", "sftp", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty one of each kind."""
    if request.param == "folder":
        (tmp_path / "there").mkdir()
        return FolderPlace(tmp_path / "there")
    if request.param == "sftp":
        server: SshServer = request.getfixturevalue("sshd")
        return SftpPlace(account(server, f"{server.root}/{tmp_path.name}"))
    return S3Place(in_bucket(request.getfixturevalue("bucket"), f"in/{tmp_path.name}"), part=PART)
