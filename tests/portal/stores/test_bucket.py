"""How uploads lie in a bucket: what counts after a crash, what is tidied up, and what is nobody's business."""

import asyncio
import base64
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from exchange.clock import SystemClock
from exchange.documents import api
from portal import backups
from portal.cli import main
from portal.settings import BucketSettings, PortalFolder
from portal.storage.models import StoredUpload
from portal.uploads.bucket.layout import MOST_PARTS, PART, part_size, upload_of
from tests.counterparts.portals.portal import Place, PortalProcess, in_process
from tests.counterparts.storage.bucket_line import BucketLine
from tests.counterparts.storage.bucket_server import BucketServer
from tests.portal.conftest import Town
from tests.portal.upload_places import bucket, kept, lying
from tests.portal.wire import Agent, SetClock

KEPT_IN = ("bucket",)
STEP = 256 * 1024
"""Of a part, in these tests."""
TUS = {"Tus-Resumable": "1.0.0"}
SMALLEST = 5 << 20
"""Of S3's parts."""


async def begin(agent: Agent, size: int) -> str:
    answer = await agent.call("POST", api.UPLOADS, headers={**TUS, "Upload-Length": str(size)})
    assert answer.status == 201, answer.content
    return str(answer.headers["Location"])


async def offset(agent: Agent, url: str) -> int:
    answer = await agent.head(url)
    assert answer.status == 200, answer.status
    return int(answer.headers["Upload-Offset"])


async def hashed(town: Town, url: str) -> str | None:
    row = await town.running.portal.db.read(lambda session: session.get(StoredUpload, url.rpartition("/")[2]))
    assert row is not None
    return row.sha256


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


@pytest.mark.parametrize("pieces", [[STEP], [STEP // 2, STEP, STEP + 1], [3 * STEP], [1, 2 * STEP, STEP - 2, 1]])
async def test_pieces_of_any_size_become_one_object_and_nothing_else_is_left(
    town: Town, agent: Agent, storage: BucketServer, pieces: list[int]
) -> None:
    content = os.urandom(sum(pieces))
    url, at = await begin(agent, len(content)), 0
    for piece in pieces:
        assert (await agent.patch(url, at, content[at : at + piece])).status == 204
        at += piece
        assert await offset(agent, url) == at
    assert kept(town.place, storage, url) == content
    assert await hashed(town, url) == hashlib.sha256(content).hexdigest()
    assert lying(town.place, storage) == {name_of(url)}


async def test_every_body_is_signed_with_its_own_hash_so_that_storage_takes_no_other(
    agent: Agent, line: BucketLine
) -> None:
    content = os.urandom(2 * STEP + 10)
    url = await begin(agent, len(content) + 1)
    assert (await agent.patch(url, 0, content)).status == 204
    assert [len(body) for body, _ in line.bodies] == [STEP, STEP, 10]
    assert [named for _, named in line.bodies] == [hashlib.sha256(body).hexdigest() for body, _ in line.bodies]


async def test_a_rest_that_comes_late_from_a_replica_without_its_turn_takes_nothing_back(
    town: Town, agent: Agent, storage: BucketServer
) -> None:
    url = await begin(agent, 3 * STEP)
    assert (await agent.patch(url, 0, b"a" * (STEP + 100))).status == 204
    key = f"{bucket(town.place).prefix}/{name_of(url)}"
    for number, length in ((2, 50), (1, 70), (3, 90)):
        storage.client().put_object(Bucket=storage.bucket, Key=f"{key}.rest.{number}.{length}", Body=b"a" * length)
    assert await offset(agent, url) == STEP + 100
    assert (await agent.patch(url, STEP + 100, b"a" * (2 * STEP - 100))).status == 204
    assert kept(town.place, storage, url) == b"a" * (3 * STEP)
    assert lying(town.place, storage) == {name_of(url)}


async def test_what_has_a_checksum_counts_only_when_all_of_it_fits(
    town: Town, agent: Agent, storage: BucketServer
) -> None:
    content = os.urandom(3 * STEP)
    fits, wrong = (
        f"sha256 {base64.b64encode(hashlib.sha256(data).digest()).decode()}" for data in (content, content[1:])
    )
    url = await begin(agent, len(content))
    assert (await agent.patch(url, 0, content, **{"Upload-Checksum": wrong})).status == 460
    assert await offset(agent, url) == 0
    assert lying(town.place, storage) == set()
    assert (await agent.patch(url, 0, content, **{"Upload-Checksum": fits})).status == 204
    assert kept(town.place, storage, url) == content
    assert list(town.place.folder.uploads.iterdir()) == []


async def test_an_upload_that_is_ended_leaves_no_part_behind(town: Town, agent: Agent, storage: BucketServer) -> None:
    url = await begin(agent, 3 * STEP)
    assert (await agent.patch(url, 0, b"a" * (2 * STEP + 5))).status == 204
    assert lying(town.place, storage) == {name_of(url), f"{name_of(url)}.rest.3.5"}
    assert (await agent.call("DELETE", url.removeprefix(agent.origin), headers=TUS)).status == 204
    assert lying(town.place, storage) == set()


async def test_what_no_row_speaks_of_goes_at_the_start_and_what_is_not_the_portals_stays(
    by_line: Place, clock: SetClock, storage: BucketServer
) -> None:
    prefix, client = bucket(by_line).prefix, storage.client()
    left, begun = "0" * 32, "1" * 32
    others = {"notes.txt", f"{left}.txt"}
    for name in (left, f"{left}.rest.1.5", *others):
        client.put_object(Bucket=storage.bucket, Key=f"{prefix}/{name}", Body=b"stray")
    client.create_multipart_upload(Bucket=storage.bucket, Key=f"{prefix}/{begun}")
    assert lying(by_line, storage) == others | {left, f"{left}.rest.1.5", begun}
    async with in_process(by_line, clock):
        assert lying(by_line, storage) == others


async def test_the_officer_gets_the_package_whole_and_in_ranges(town: Town, agent: Agent) -> None:
    film = os.urandom(2 * STEP + 7)
    signed = await town.officer.ask(agent)
    await agent.decide(signed)
    assert (await agent.deliver(signed, film, await agent.upload(film))).status == 204
    path = api.CONTENT.format(delivery_id="r-1-del")

    async def get(asked: str | None = None, method: str = "GET") -> tuple[int, bytes, str | None]:
        headers = {"Range": asked} if asked else {}
        answer = await town.officer.call(method, path, headers=headers)
        return answer.status, answer.content, answer.headers.get("Content-Range")

    size = len(film)
    assert await get("bytes=5-") == (206, film[5:], f"bytes 5-{size - 1}/{size}")
    assert await get("bytes=0-4") == (206, film[:5], f"bytes 0-4/{size}")
    assert await get("bytes=-3") == (206, film[-3:], f"bytes {size - 3}-{size - 1}/{size}")
    assert (await get(f"bytes={size}-"))[::2] == (416, f"bytes */{size}")
    assert (await get("bytes=5-2"))[0] == 416
    assert await get() == (200, film, None)


async def test_an_empty_upload_is_an_empty_object(town: Town, agent: Agent, storage: BucketServer) -> None:
    url = await begin(agent, 0)
    assert await offset(agent, url) == 0
    assert kept(town.place, storage, url) == b""
    assert await hashed(town, url) == hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize("size", [0, 1, PART, 50 * 1024**3, 64 * 1024**3, 5 * 1024**4])
def test_parts_are_as_large_as_storage_wants_and_not_too_many(size: int) -> None:
    assert part_size(size) >= SMALLEST
    assert part_size(size) * MOST_PARTS >= size


@pytest.mark.parametrize("name", ["x" * 32, "0" * 31, "0" * 33, f"{'0' * 32}.rest.1", f"{'0' * 32}/rest.1.2"])
def test_what_is_called_otherwise_is_not_the_portals(name: str) -> None:
    assert upload_of(name) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"endpoint": "http://s3.example.org"},
        {"endpoint": "https://key:secret@s3.example.org"},
        {"name": "Our Bucket"},
        {"prefix": "/portal/"},
        {"prefix": "../portal"},
        {"region": "eu west"},
    ],
)
def test_a_bucket_in_the_clear_or_by_an_odd_name_is_no_setting(changed: dict[str, str]) -> None:
    good = {"endpoint": "https://s3.example.org", "name": "uploads"}
    assert BucketSettings.model_validate(good).prefix == ""
    with pytest.raises(ValidationError):
        BucketSettings.model_validate({**good, **changed})


async def test_a_backup_holds_the_rows_of_what_lies_in_the_bucket_and_leaves_that_there(
    town: Town, agent: Agent, storage: BucketServer, tmp_path: Path
) -> None:
    url = await agent.upload(b"sealed")
    made = await asyncio.to_thread(backups.back_up, town.place.folder, tmp_path / "backups", town.clock.now())
    again = PortalFolder(tmp_path / "again")
    await asyncio.to_thread(shutil.copytree, town.place.folder.path / "keys", again.path / "keys")
    assert (made.uploads, await asyncio.to_thread(backups.restore, made.path, again)) == (0, 0)
    loaded = [await asyncio.to_thread(folder.load) for folder in (again, town.place.folder)]
    assert loaded[0].bucket == loaded[1].bucket
    assert kept(town.place, storage, url) == b"sealed"


async def test_a_device_that_is_shut_out_by_command_leaves_nothing_in_the_bucket(
    by_line: Place, clock: SetClock, storage: BucketServer
) -> None:
    async with in_process(by_line, clock) as running, aiohttp.ClientSession() as session:
        agent = await Town(by_line, clock, running, session).agent().join(by_line)
        url = await agent.upload(b"sealed")
    assert lying(by_line, storage) == {name_of(url)}
    command = ["device", "revoke", str(by_line.folder.path), agent.name, "--reason", "stolen"]
    done = await asyncio.to_thread(CliRunner().invoke, main, command)
    assert done.exit_code == 0, done.output
    assert lying(by_line, storage) == set()


# -- a portal that is a process of its own, with parts as storage wants them ----------------------------------------


@pytest.fixture
def process(place: Place) -> Iterator[PortalProcess]:
    with PortalProcess(place) as process:
        yield process


async def test_a_portal_killed_in_the_middle_of_an_upload_keeps_its_parts_and_another_process_goes_on(
    process: PortalProcess, storage: BucketServer
) -> None:
    content = os.urandom(2 * PART + 1_000_000)
    async with aiohttp.ClientSession() as session:
        agent = Agent(session, process.origin, SystemClock())
        assert (await agent.enrol(process.place)).status == 201
        url = await begin(agent, len(content))
        assert (await agent.patch(url, 0, content[:1000])).status == 204
        sending = asyncio.create_task(agent.patch(url, 1000, slow_from(content)))
        key = f"{bucket(process.place).prefix}/{name_of(url)}"
        async with asyncio.timeout(60):
            while await asyncio.to_thread(parts_of, storage, key) < 2:
                pass
        await asyncio.to_thread(process.kill)
        with pytest.raises(aiohttp.ClientError):
            await sending
        await asyncio.to_thread(process.start)
        assert await offset(agent, url) == 2 * PART
        assert (await agent.patch(url, 2 * PART, content[2 * PART :])).status == 204
    assert kept(process.place, storage, url) == content
    assert lying(process.place, storage) == {name_of(url)}


async def slow_from(content: bytes) -> AsyncIterator[bytes]:
    """All but the last bytes, and then nothing more."""
    for start in range(1000, len(content) - 10, 1 << 20):
        yield content[start : min(start + (1 << 20), len(content) - 10)]
    await asyncio.Event().wait()


def parts_of(storage: BucketServer, key: str) -> int:
    client = storage.client()
    begun = client.list_multipart_uploads(Bucket=storage.bucket, Prefix=key).get("Uploads", [])
    if not begun:
        return 0
    listed = client.list_parts(Bucket=storage.bucket, Key=key, UploadId=begun[0]["UploadId"])
    return len(listed.get("Parts", []))
