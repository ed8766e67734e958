"""Every way that a package can go, with what lies at its end: a medium, SFTP, a bucket, addresses, a folder."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from agent.deliveries.way import Means, Way
from agent.owner.operations.handing_over.delivering import Deliver
from agent.owner.operations.handing_over.places import NewPlace
from exchange.package.report import Verdict
from exchange.verify.checking import verify_package
from tests.counterparts.storage.bucket_server import REGION, BucketServer, bucket_server
from tests.counterparts.storage.ssh_server import SshServer, ssh_server
from tests.journey.home import ACTOR, Siege, owner_does


@pytest.fixture(scope="package")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with ssh_server(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(scope="package")
def bucket() -> Iterator[BucketServer]:
    with bucket_server() as server:
        yield server


@pytest.fixture(scope="package")
def open_bucket() -> Iterator[BucketServer]:
    """Where addresses lead that a force signed."""
    with bucket_server(checks=False) as server:
        yield server


@dataclass
class Goes:
    """One way: how it is chosen, and what lies at its end."""

    kind: str
    way: Way
    files: Callable[[], dict[str, bytes]]
    """What lies there under its final name."""
    place: NewPlace | None = None
    addresses: str | None = None

    async def choose(self, at: Siege, request_id: str, **changed: Any) -> None:
        way = self.way.model_copy(update=changed)
        asked = Deliver(request_id=request_id, way=Way.model_validate(way.model_dump()), addresses=self.addresses)
        await owner_does(at.agent, "deliver", asked, ACTOR)

    async def set_up(self, at: Siege) -> None:
        if self.place is not None:
            await owner_does(at.agent, "places-add", self.place, ACTOR)

    @property
    def packages(self) -> dict[str, bytes]:
        return {name: content for name, content in self.files().items() if ".zip" in name}


def in_folder(folder: Path) -> Callable[[], dict[str, bytes]]:
    return lambda: {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


KINDS = ("medium", "sftp", "s3", "addresses", "folder")


@pytest.fixture(params=KINDS)
def goes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Goes]:
    """Every way but the portal, which has tests of its own."""
    with one_way(str(request.param), request, tmp_path) as made:
        yield made


@contextmanager
def one_way(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Goes]:
    """Nothing here may mount a stick, so a folder passes for what is mounted."""
    there = tmp_path / "there"
    there.mkdir()
    if kind == "medium":
        with mock.patch("agent.requests.on_the_way.choosing.medium_of", return_value=Path("/")):
            yield Goes("medium", Way(means=Means.MEDIUM, folder=str(there)), in_folder(there))
    elif kind == "folder":
        yield Goes("folder", Way(means=Means.FOLDER, folder=str(there)), in_folder(there))
    elif kind == "sftp":
        server: SshServer = request.getfixturevalue("sshd")
        folder = server.root / tmp_path.name
        setting = {
            "kind": "sftp", "host": "127.0.0.1", "port": server.port, "user": server.user, "folder": str(folder),
            "host_key": server.host_key, "private_key": server.private_key,
        }  # fmt: skip
        place = NewPlace.model_validate({"name": "force", "title": "the force's server", "setting": setting})
        yield Goes("sftp", Way(means=Means.SFTP, place="force"), in_folder(folder), place)
    else:
        storage: BucketServer = request.getfixturevalue("bucket" if kind == "s3" else "open_bucket")
        prefix = tmp_path.name.lower().replace("_", "-")
        if kind == "s3":
            setting = {
                "kind": "s3", "endpoint": storage.endpoint, "bucket": storage.bucket, "prefix": prefix,
                "region": REGION, "access_key": storage.access_key, "secret_key": storage.secret_key,
            }  # fmt: skip
            place = NewPlace.model_validate({"name": "store", "title": "the force's bucket", "setting": setting})
            yield Goes("s3", Way(means=Means.S3, place="store"), lambda: storage.content(prefix), place)
        else:
            address = storage.signed_put(f"{prefix}/one.zip.age")
            way = Way(means=Means.S3, signed_addresses=True)
            yield Goes("addresses", way, lambda: storage.content(prefix), addresses=address)


def opens(sealed: bytes, at: Siege, folder: Path) -> None:
    """It is whole, and what it says of itself holds, for whoever has the case's key and the force's."""
    folder.mkdir()
    (folder / "got.zip.age").write_bytes(sealed)
    report = verify_package(folder / "got.zip.age", identities=[at.case], into=folder / "opened")
    assert [finding.text for finding in report.findings if finding.verdict is Verdict.FAILS] == []
