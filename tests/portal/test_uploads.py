"""Uploads by tus 1.0: to the byte, through breaks, restarts and kills, from our own calls and from tus-js-client.

Long because tus is tried header by header, on one server.
"""

import asyncio
import base64
import hashlib
import math
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization

from exchange.clock import DAY, SystemClock
from exchange.documents import api
from portal import service, sweep
from portal.settings import Limits
from portal.storage.models import StoredUpload
from portal.uploads import turns
from tests.counterparts.portals.portal import Place, PortalProcess, in_process
from tests.counterparts.processes.npm import npm_package
from tests.portal.conftest import STORES, Town, in_a_folder
from tests.portal.upload_places import kept
from tests.portal.wire import Agent, SetClock

KEPT_IN = STORES
MIB = 1024 * 1024
TUS = {"Tus-Resumable": "1.0.0"}


@pytest.fixture
async def agent(town: Town) -> Agent:
    agent = town.agent()
    assert (await agent.enrol(town.place)).status == 201
    return agent


async def begin(agent: Agent, size: int, **headers: str) -> str:
    answer = await agent.call("POST", api.UPLOADS, headers={**TUS, "Upload-Length": str(size), **headers})
    assert answer.status == 201, answer.content
    return str(answer.headers["Location"])


async def offset(agent: Agent, url: str) -> int:
    answer = await agent.head(url)
    assert answer.status == 200, answer.status
    return int(answer.headers["Upload-Offset"])


async def hashed(town: Town, url: str) -> str | None:
    """What the portal itself computed."""

    def read(session: object) -> str | None:
        row = session.get(StoredUpload, url.rpartition("/")[2])  # type: ignore[attr-defined]
        return row.sha256 if row else None

    return await town.running.portal.db.read(read)


async def test_the_server_says_what_it_offers(town: Town) -> None:
    answer = await town.agent().call("OPTIONS", api.UPLOADS, token=None)
    told = {name: answer.headers[name] for name in ("Tus-Version", "Tus-Extension", "Tus-Checksum-Algorithm")}
    assert answer.status == 204
    assert told == {
        "Tus-Version": "1.0.0",
        "Tus-Extension": "creation,creation-with-upload,termination,expiration,checksum",
        "Tus-Checksum-Algorithm": "sha256,sha1",
    }
    assert int(answer.headers["Tus-Max-Size"]) == town.place.settings.limits.upload_bytes


async def test_a_file_arrives_in_parts_and_is_hashed_on_the_way(town: Town, agent: Agent) -> None:
    content = os.urandom(3 * MIB + 17)
    url = await begin(agent, len(content))
    for start in (0, 1, MIB, 2 * MIB, 3 * MIB):
        end = {0: 1, 1: MIB}.get(start, start + MIB)
        assert (await agent.patch(url, start, content[start:end])).status == 204
    assert await offset(agent, url) == len(content)
    assert await hashed(town, url) == hashlib.sha256(content).hexdigest()


async def test_the_first_part_may_come_with_the_creation(town: Town, agent: Agent) -> None:
    headers = {**TUS, "Upload-Length": "10", "Content-Type": "application/offset+octet-stream"}
    made = await agent.call("POST", api.UPLOADS, headers=headers, data=b"01234")
    assert (made.status, made.headers["Upload-Offset"]) == (201, "5")
    assert (await agent.patch(made.headers["Location"], 5, b"56789")).status == 204
    assert await hashed(town, made.headers["Location"]) == hashlib.sha256(b"0123456789").hexdigest()


async def test_bytes_for_another_offset_are_refused_and_nothing_changes(agent: Agent) -> None:
    url = await begin(agent, 10)
    assert (await agent.patch(url, 0, b"01234")).status == 204
    for wrong in (0, 4, 6, 10):
        assert (await agent.patch(url, wrong, b"x")).status == 409
    assert await offset(agent, url) == 5


async def test_more_bytes_than_were_announced_are_refused(agent: Agent) -> None:
    url = await begin(agent, 10)
    assert (await agent.patch(url, 0, b"x" * 11)).status == 413

    async def unannounced() -> AsyncIterator[bytes]:
        yield b"x" * 11

    assert (await agent.patch(url, 0, unannounced())).status == 413
    assert await offset(agent, url) == 0


async def test_a_part_whose_checksum_does_not_fit_is_thrown_away(town: Town, agent: Agent) -> None:
    url = await begin(agent, 8)
    right, wrong = (base64.b64encode(hashlib.sha256(data).digest()).decode() for data in (b"0123", b"x"))
    assert (await agent.patch(url, 0, b"0123", **{"Upload-Checksum": f"sha256 {right}"})).status == 204
    assert (await agent.patch(url, 4, b"4567", **{"Upload-Checksum": f"sha256 {wrong}"})).status == 460
    assert (await agent.patch(url, 4, b"4567", **{"Upload-Checksum": f"md5 {wrong}"})).status == 400
    assert await offset(agent, url) == 4
    assert (await agent.patch(url, 4, b"4567")).status == 204
    assert await hashed(town, url) == hashlib.sha256(b"01234567").hexdigest()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({**TUS, "Upload-Length": "-1"}, 400),
        ({**TUS, "Upload-Length": "1e3"}, 400),
        ({**TUS, "Upload-Defer-Length": "1"}, 400),
        ({**TUS, "Upload-Length": str(2**49)}, 413),
        ({"Upload-Length": "1"}, 412),
        ({"Tus-Resumable": "0.2.2", "Upload-Length": "1"}, 412),
        ({**TUS, "Upload-Length": "1", "Upload-Metadata": "name " + base64.b64encode(b"Mrs T.mp4").decode()}, 400),
        ({**TUS, "Upload-Length": "1", "Upload-Metadata": "delivery !"}, 400),
    ],
)  # fmt: skip
async def test_an_upload_that_cannot_be_is_refused(agent: Agent, headers: dict[str, str], status: int) -> None:
    assert (await agent.call("POST", api.UPLOADS, headers=headers)).status == status


async def test_opaque_metadata_comes_back_as_it_was_sent(agent: Agent) -> None:
    metadata = "delivery " + base64.b64encode(b"d-1").decode()
    url = await begin(agent, 5, **{"Upload-Metadata": metadata})
    assert (await agent.head(url)).headers["Upload-Metadata"] == metadata


async def test_an_upload_is_nobody_elses(town: Town, agent: Agent) -> None:
    url, other = await begin(agent, 5), town.agent()
    await other.enrol(town.place)
    assert (await other.head(url)).status == 404
    assert (await other.patch(url, 0, b"x")).status == 404
    assert (await other.call("DELETE", url.removeprefix(other.origin), headers=TUS)).status == 404


async def test_an_upload_can_be_ended_and_is_gone(town: Town, agent: Agent) -> None:
    url = await begin(agent, 5)
    assert (await agent.call("DELETE", url.removeprefix(agent.origin), headers=TUS)).status == 204
    assert (await agent.head(url)).status == 410
    assert await town.running.portal.uploads.names() == set()


async def test_an_upload_that_nobody_continues_expires_and_leaves_no_file(town: Town, agent: Agent) -> None:
    url = await begin(agent, 5)
    portal = town.running.portal
    town.clock.forward(6 * DAY)
    assert (await agent.patch(url, 0, b"x")).status == 204
    town.clock.forward(6 * DAY)
    assert await offset(agent, url) == 1
    town.clock.forward(2 * DAY)
    assert (await agent.head(url)).status == 410
    await sweep.sweep(portal.db, portal.uploads, portal.settings, portal.clock.now())
    assert await town.running.portal.uploads.names() == set()
    assert (await agent.head(url)).status == 410


@in_a_folder
async def test_a_portal_that_starts_sweeps_by_itself(
    place: Place, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with in_process(place, clock) as before, aiohttp.ClientSession() as session:
        agent = Town(place, clock, before, session).agent()
        await agent.enrol(place)
        assert (await agent.patch(await begin(agent, 5), 0, b"x")).status == 204
        assert len(await before.portal.uploads.names()) == 1
    clock.forward(14 * DAY)
    swept, sweeps = asyncio.Event(), sweep.sweep

    async def sweeps_and_tells(*arguments: Any) -> None:
        await sweeps(*arguments)
        swept.set()

    monkeypatch.setattr(sweep, "sweep", sweeps_and_tells)
    monkeypatch.setattr(service, "FIRST_SWEEP_SECONDS", 0)
    async with in_process(place, clock) as after:
        await asyncio.wait_for(swept.wait(), 60)
        assert await after.portal.uploads.names() == set()


@pytest.mark.parametrize("limits", [Limits(device_bytes=100, open_uploads_per_device=2)])
async def test_a_device_takes_no_more_room_than_it_may(agent: Agent) -> None:
    async def ask(size: int) -> int:
        return (await agent.call("POST", api.UPLOADS, headers={**TUS, "Upload-Length": str(size)})).status

    assert [await ask(size) for size in (60, 60, 40, 1)] == [201, 413, 201, 429]


@in_a_folder
@pytest.mark.parametrize("limits", [Limits(free_bytes=2**62)])
async def test_a_full_disk_is_told_before_anything_is_sent(agent: Agent) -> None:
    answer = await agent.call("POST", api.UPLOADS, headers={**TUS, "Upload-Length": "1"})
    assert answer.status == 507


class Slow:
    """A body that gives what it has, then waits until it is told to go on."""

    def __init__(self, first: bytes, rest: bytes) -> None:
        self.first, self.rest = first, rest
        self.given, self.go_on = asyncio.Event(), asyncio.Event()

    async def __call__(self) -> AsyncIterator[bytes]:
        yield self.first
        self.given.set()
        await self.go_on.wait()
        yield self.rest


async def until_received(town: Town, url: str) -> None:
    """The portal holds the upload's turn, and is no longer busy with what was there before."""
    held = town.running.portal.uploads.turns
    async with asyncio.timeout(60):
        while (turn := held.of(url.rpartition("/")[2])) is None or math.isinf(turn.last_progress):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_two_calls_never_write_to_one_upload_at_once(
    town: Town, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "IDLE_SECONDS", 60)
    url = await begin(agent, 10)
    slow = Slow(b"01234", b"56789")
    sending = asyncio.create_task(agent.patch(url, 0, slow()))
    await slow.given.wait()
    await until_received(town, url)
    assert (await agent.patch(url, 0, b"x")).status == 423
    assert (await agent.head(url)).status == 423
    slow.go_on.set()
    assert (await sending).status == 204
    assert await hashed(town, url) == hashlib.sha256(b"0123456789").hexdigest()


async def test_a_sender_that_fell_silent_loses_its_turn_and_nothing_that_came(
    town: Town, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "IDLE_SECONDS", -1)
    url = await begin(agent, 10)
    slow = Slow(b"01234", b"never")
    sending = asyncio.create_task(agent.patch(url, 0, slow()))
    await slow.given.wait()
    await until_received(town, url)
    status = 409
    while status in (409, 423):  # what the silent one had sent may be written, and synced, only as its turn ends
        asked = await agent.head(url)
        if (status := asked.status) == 200:
            reached = int(asked.headers["Upload-Offset"])
            assert reached in (0, 5)
            status = (await agent.patch(url, reached, b"0123456789"[reached:])).status
    assert status == 204
    with pytest.raises(aiohttp.ClientError):
        await sending
    assert await hashed(town, url) == hashlib.sha256(b"0123456789").hexdigest()


async def test_a_restart_in_the_middle_loses_no_byte_and_the_hash_is_right(place: Place, clock: SetClock) -> None:
    content = os.urandom(2 * MIB)
    async with aiohttp.ClientSession() as session:
        async with in_process(place, clock) as running:
            agent = Agent(session, running.portal.origin, clock)
            await agent.enrol(place)
            url = await begin(agent, len(content))
            assert (await agent.patch(url, 0, content[:MIB])).status == 204
        async with in_process(place, clock, int(agent.origin.rpartition(":")[2])) as running:
            assert await offset(agent, url) == MIB
            assert (await agent.patch(url, MIB, content[MIB:])).status == 204
            row = await running.portal.db.read(lambda session: session.get(StoredUpload, url.rpartition("/")[2]))
            assert row is not None
            assert row.sha256 == hashlib.sha256(content).hexdigest()


@in_a_folder
async def test_files_that_no_row_speaks_of_are_removed_at_the_start(place: Place, clock: SetClock) -> None:
    stray = place.folder.uploads / "0123"
    stray.write_bytes(b"left by a crash")
    async with in_process(place, clock):
        assert not stray.exists()


@in_a_folder
async def test_an_upload_that_became_whole_just_before_a_crash_is_found_whole(town: Town, agent: Agent) -> None:
    url = await begin(agent, 4)
    (town.place.folder.uploads / url.rpartition("/")[2]).write_bytes(b"0123")
    assert await offset(agent, url) == 4
    assert await hashed(town, url) == hashlib.sha256(b"0123").hexdigest()


# -- against tus-js-client, at a portal that is a process of its own -----------------------------------------------


@pytest.fixture
def process(place: Place) -> Iterator[PortalProcess]:
    with PortalProcess(place) as process:
        yield process


@pytest.fixture
async def outsider(process: PortalProcess, tmp_path: Path) -> AsyncIterator[Agent]:
    """An agent at the process, on the host's clock; its key lies in ``tmp_path``/key.pem for node."""
    async with aiohttp.ClientSession() as session:
        agent = Agent(session, process.origin, SystemClock())
        assert (await agent.enrol(process.place)).status == 201
        pem = agent.key.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (tmp_path / "key.pem").write_bytes(pem)
        yield agent


async def tus_js(agent: Agent, file: Path, mode: str) -> subprocess.CompletedProcess[str]:
    folder = await asyncio.to_thread(npm_package, "tus-js-client", "4.3.1")
    script = folder / "tus_client.mjs"
    script.write_bytes((Path(__file__).parent / "tus_client.mjs").read_bytes())
    endpoint = agent.origin + api.UPLOADS
    command = ["node", str(script), endpoint, str(file), str(file.parent / "key.pem"), agent.name, agent.origin, mode]
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)


@pytest.fixture
def lies_at(place: Place, store: str, request: pytest.FixtureRequest) -> Callable[[str], bytes]:
    """What the store keeps of a whole upload."""
    return partial(kept, place, request.getfixturevalue("storage") if store == "bucket" else None)


async def test_tus_js_client_uploads_in_one_go(
    outsider: Agent, tmp_path: Path, lies_at: Callable[[str], bytes]
) -> None:
    file = tmp_path / "film"
    file.write_bytes(os.urandom(2 * MIB + 5))
    done = await tus_js(outsider, file, "whole")
    assert done.returncode == 0, done.stderr
    assert lies_at(done.stdout) == file.read_bytes()


async def test_tus_js_client_goes_on_after_both_sides_were_killed(
    process: PortalProcess, outsider: Agent, tmp_path: Path, lies_at: Callable[[str], bytes]
) -> None:
    file = tmp_path / "film"
    file.write_bytes(os.urandom(5 * MIB + 5))
    broken = await tus_js(outsider, file, "broken")
    assert broken.returncode == 7, broken.stderr
    await asyncio.to_thread(process.kill)
    await asyncio.to_thread(process.start)
    assert await offset(outsider, (tmp_path / "film.url").read_text()) >= 3 * MIB
    done = await tus_js(outsider, file, "resume")
    assert done.returncode == 0, done.stderr
    assert lies_at(done.stdout) == file.read_bytes()


async def test_tus_js_client_ends_an_upload(process: PortalProcess, outsider: Agent, tmp_path: Path) -> None:
    file = tmp_path / "film"
    file.write_bytes(os.urandom(4 * MIB))
    assert (await tus_js(outsider, file, "broken")).returncode == 7
    ended = await tus_js(outsider, file, "end")
    assert (ended.returncode, ended.stdout) == (0, "terminated\n"), ended.stderr
    assert (await outsider.head((tmp_path / "film.url").read_text())).status == 410


@in_a_folder
async def test_a_portal_killed_in_the_middle_of_a_part_keeps_what_came(
    process: PortalProcess, outsider: Agent, tmp_path: Path
) -> None:
    content = os.urandom(4 * MIB)
    url = await begin(outsider, len(content))
    slow = Slow(content[: 3 * MIB], b"")
    sending = asyncio.create_task(outsider.patch(url, 0, slow()))
    file = process.place.folder.uploads / url.rpartition("/")[2]
    async with asyncio.timeout(60):
        while file.stat().st_size < MIB:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await asyncio.to_thread(process.kill)
    with pytest.raises(aiohttp.ClientError):
        await sending
    await asyncio.to_thread(process.start)
    reached = await offset(outsider, url)
    assert MIB <= reached <= 3 * MIB
    for start in range(reached, len(content), MIB):
        assert (await outsider.patch(url, start, content[start : start + MIB])).status == 204
    assert file.read_bytes() == content


def test_the_portal_ends_orderly_when_it_is_told_to(process: PortalProcess) -> None:
    assert process.stop() == 0
    process.start()


async def test_an_empty_part_ends_at_once_however_often_it_is_sent(town: Town, agent: Agent) -> None:
    url = await begin(agent, 4)
    for _ in range(3):  # an empty body is one object that all calls of a process share
        async with asyncio.timeout(60):
            assert (await agent.patch(url, 0, b"")).status == 204
    assert (await agent.patch(url, 0, b"abcd")).status == 204
    assert await offset(agent, url) == 4


async def test_an_empty_file_is_whole_when_it_is_made(town: Town, agent: Agent) -> None:
    url = await begin(agent, 0)
    assert await offset(agent, url) == 0
    assert await hashed(town, url) == hashlib.sha256(b"").hexdigest()


async def test_a_client_that_may_only_post_names_its_method(town: Town, agent: Agent) -> None:
    url = await begin(agent, 4)
    path = url.removeprefix(agent.origin)
    part = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    sent = await agent.call("POST", path, headers={**part, "X-HTTP-Method-Override": "PATCH"}, data=b"abcd")
    assert (sent.status, sent.headers["Upload-Offset"]) == (204, "4")
    assert (await agent.call("POST", path, headers={**TUS, "X-HTTP-Method-Override": "GET"})).status == 405
    assert (await agent.call("POST", path, headers={**TUS, "X-HTTP-Method-Override": "DELETE"})).status == 204
    assert (await agent.head(url)).status == 410


async def test_what_the_server_offers_can_be_asked_of_an_upload(town: Town, agent: Agent) -> None:
    path = (await begin(agent, 4)).removeprefix(agent.origin)
    answer = await agent.call("OPTIONS", path, token=None)
    assert (answer.status, answer.headers["Tus-Version"]) == (204, "1.0.0")


@pytest.mark.parametrize(
    "headers",
    [
        {"Upload-Length": "4", "Upload-Defer-Length": "1"},
        {"Upload-Defer-Length": "1"},
        {"Upload-Length": "4", "Upload-Metadata": "delivery YQ==,delivery Yg=="},
    ],
    ids=["a length, and a deferred one", "a deferred length", "a key of the metadata twice"],
)
async def test_a_creation_that_contradicts_itself_is_refused(agent: Agent, headers: dict[str, str]) -> None:
    assert (await agent.call("POST", api.UPLOADS, headers={**TUS, **headers})).status == 400


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_a_part_that_does_not_fit_its_checksum_is_thrown_away(agent: Agent, algorithm: str) -> None:
    url = await begin(agent, 4)
    fits = base64.b64encode(hashlib.new(algorithm, b"abcd").digest()).decode()
    wrong = base64.b64encode(hashlib.new(algorithm, b"xxxx").digest()).decode()
    assert (await agent.patch(url, 0, b"abcd", **{"Upload-Checksum": f"{algorithm} {wrong}"})).status == 460
    assert await offset(agent, url) == 0
    assert (await agent.patch(url, 0, b"abcd", **{"Upload-Checksum": f"{algorithm} {fits}"})).status == 204
