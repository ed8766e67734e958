"""Packages move from a folder into a bucket and back: compared, taken up again, and nothing is taken away."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from click.testing import CliRunner, Result
from sqlalchemy import delete

from exchange.documents import api
from portal.cli import main
from portal.moving import packages
from portal.settings import BucketSettings
from portal.storage.models import StoredUpload
from portal.uploads.bucket import http
from tests.counterparts.portals.portal import Place, in_process
from tests.counterparts.storage.bucket_line import BucketLine, only, saying
from tests.counterparts.storage.bucket_server import BucketServer
from tests.portal.conftest import BOTH, Town
from tests.portal.stores.test_bucket import STEP, begin, name_of, offset
from tests.portal.upload_places import bucket_of, kept, lying
from tests.portal.wire import Agent, SetClock

FILM = os.urandom(2 * STEP + 17)


@dataclass
class Had:
    """What an owner's agent had sent before the portal stopped."""

    agent: Agent
    whole: str
    begun: str


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """A test of files looks into them itself."""


@pytest.fixture
def to(storage: BucketServer, room: Path, line: BucketLine) -> BucketSettings:
    """A place of its own in the bucket, by a line."""
    return bucket_of(storage, room, line.origin)


@contextlib.asynccontextmanager
async def served(place: Place, clock: SetClock) -> AsyncIterator[Town]:
    async with in_process(place, clock) as running, aiohttp.ClientSession() as session:
        yield Town(place, clock, running, session)


async def sends(town: Town) -> Had:
    """A delivery, and half of another package."""
    agent = await town.agent().join(town.place)
    signed = await town.officer.ask(agent)
    await agent.decide(signed)
    whole = await agent.upload(FILM)
    assert (await agent.deliver(signed, FILM, whole)).status == 204
    await agent.upload(b"")
    begun = await begin(agent, len(FILM))
    assert (await agent.patch(begun, 0, FILM[: STEP + 100])).status == 204
    return Had(agent, whole, begun)


async def sent(place: Place, clock: SetClock) -> Had:
    async with served(place, clock) as town:
        return await sends(town)


async def typed(place: Place, *args: str) -> Result:
    command = ["move-packages", str(place.folder.path), *args]
    return await asyncio.to_thread(CliRunner().invoke, main, command, catch_exceptions=False)


async def moved(place: Place, *args: str) -> dict[str, Any]:
    told = await typed(place, *args, "--json")
    assert told.exit_code == 0, told.output
    found: dict[str, Any] = json.loads(told.stdout)
    return found


async def refused(place: Place, *args: str) -> str:
    told = await typed(place, *args)
    assert told.exit_code != 0
    return told.output


async def ended(agent: Agent, url: str) -> None:
    path = url.removeprefix(agent.origin)
    assert (await agent.call("DELETE", path, headers={"Tus-Resumable": "1.0.0"})).status == 204


def at(town: Town, url: str) -> str:
    """Where it is after a restart."""
    return f"{town.origin}{api.UPLOADS}/{name_of(url)}"


def described(to: BucketSettings, room: Path) -> str:
    """The bucket as a file says it."""
    path = room / "bucket.yaml"
    path.write_text(yaml.safe_dump({"bucket": to.model_dump(mode="json", exclude_none=True)}))
    return str(path)


def changed(place: Place, told: str) -> Place:
    """With what the command said in portal.yaml."""
    content = yaml.safe_load(place.folder.settings_file.read_text()) | yaml.safe_load(told)
    place.folder.settings_file.write_text(yaml.safe_dump(content))
    return replace(place, settings=place.folder.load())


async def still_there(town: Town, had: Had) -> Agent:
    """The officer has the package; the agent goes on as before."""
    content = await town.officer.call("GET", api.CONTENT.format(delivery_id="r-1-del"))
    assert content.content == FILM
    return replace(had.agent, session=town.session, origin=town.origin)


@pytest.mark.parametrize("engine", BOTH, indirect=True)
async def test_packages_go_into_a_bucket_and_back_while_the_portal_runs_and_the_last_ones_when_it_stands(
    place: Place, clock: SetClock, storage: BucketServer, to: BucketSettings, room: Path
) -> None:
    into = ("--bucket", described(to, room))
    async with served(place, clock) as town:
        had = await sends(town)
        assert await moved(place, *into) == {
            "packages": 2, "bytes": len(FILM), "on_their_way": 1, "finished": False,
        }  # fmt: skip
        assert "Stop" in await refused(place, *into, "--finish")
        assert (await had.agent.patch(had.begun, STEP + 100, FILM[STEP + 100 : STEP + 200])).status == 204
        gone = await had.agent.upload(b"gone again")
        await moved(place, *into)
        await ended(had.agent, gone)
    here = lying(place, None)
    told = await typed(place, *into, "--finish")
    assert "goes on from where it is: 1 package." in told.output
    assert lying(place, None) == here
    bucketed = changed(place, told.output.partition("start the portal:")[2].partition("What lies")[0])
    assert name_of(gone) not in lying(bucketed, storage)
    assert kept(bucketed, storage, had.whole) == FILM
    async with served(bucketed, clock) as town:
        agent = await still_there(town, had)
        begun = at(town, had.begun)
        assert await offset(agent, begun) == STEP + 200
        assert (await agent.patch(begun, STEP + 200, FILM[STEP + 200 :])).status == 204
        half = await begin(agent, len(FILM))
        assert (await agent.patch(half, 0, FILM[: STEP + 5])).status == 204
    for path in place.folder.uploads.iterdir():
        path.unlink()
    assert await moved(bucketed, "--to-folder", "--finish") == {
        "packages": 3, "bytes": 2 * len(FILM), "on_their_way": 1, "finished": True,
    }  # fmt: skip
    async with served(place, clock) as town:
        agent = await still_there(town, had)
        half = at(town, half)
        assert await offset(agent, half) == STEP + 5
        assert (await agent.patch(half, STEP + 5, FILM[STEP + 5 :])).status == 204
        assert kept(place, None, half) == FILM


async def test_what_broke_off_goes_on_and_reads_nothing_twice(
    place: Place, clock: SetClock, to: BucketSettings, room: Path, line: BucketLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "FIRST_PAUSE", 0.001)
    had, into = await sent(place, clock), ("--bucket", described(to, room))
    monkeypatch.setattr(packages, "AT_ONCE", 1)
    line.fault = only("partNumber=2", saying(507, "XMinioStorageFull"))
    assert "storage is full" in await refused(place, *into, "--finish")
    assert await asyncio.to_thread(place.folder.load) == place.settings
    line.fault = None
    assert (await moved(place, *into))["packages"] == 2
    line.calls.clear()
    told = await moved(place, *into, "--finish")
    assert (told["finished"], told["on_their_way"]) == (True, 1)
    touched = [path for method, path in line.calls if name_of(had.whole) in path and "list-type" not in path]
    assert touched == []


async def test_what_is_not_the_same_is_found_out(
    place: Place, clock: SetClock, storage: BucketServer, to: BucketSettings, room: Path
) -> None:
    had, into = await sent(place, clock), ("--bucket", described(to, room))
    other = b"x" * len(FILM)
    storage.client().put_object(Bucket=storage.bucket, Key=f"{to.prefix}/{name_of(had.whole)}", Body=other)
    assert (await moved(place, *into))["packages"] == 2
    bucketed = replace(place, settings=place.settings.model_copy(update={"bucket": to}))
    assert kept(bucketed, storage, had.whole) == FILM
    (place.folder.path / packages.NOTES).unlink()
    (place.folder.uploads / name_of(had.whole)).write_bytes(other)
    assert "not what was uploaded, where it was" in await refused(place, *into)
    (place.folder.uploads / name_of(had.whole)).unlink()
    assert "not what was uploaded, where it was" in await refused(place, *into, "--finish")


async def test_nothing_goes_where_others_keep_theirs_or_where_it_is_already(
    place: Place, clock: SetClock, storage: BucketServer, to: BucketSettings, room: Path
) -> None:
    await sent(place, clock)
    into = ("--bucket", described(to, room))
    assert "kept there already" in await refused(place, "--to-folder")
    assert "Say where to" in await refused(place)
    storage.client().put_object(Bucket=storage.bucket, Key=f"{to.prefix}/{'0' * 32}", Body=b"another's")
    assert "1 upload lies that this portal knows nothing of" in await refused(place, *into)
    async with served(place, clock):
        assert "runs" in await refused(place, *into, "--finish")


@pytest.mark.parametrize("text", ["bucket: {endpoint: 'http://s3.example.org', name: films}", "- 1", "a: [", ""])
async def test_a_file_that_describes_no_bucket_is_told(place: Place, tmp_path: Path, text: str) -> None:
    path = tmp_path / "bucket.yaml"
    path.write_text(text)
    assert "describes no bucket" in await refused(place, "--bucket", str(path))
    assert "can't be read" in await refused(place, "--bucket", str(tmp_path / "none"))


async def test_what_was_copied_and_then_went_is_taken_away_there_and_is_no_strangers(
    place: Place, clock: SetClock, storage: BucketServer, to: BucketSettings, room: Path
) -> None:
    into = ("--bucket", described(to, room))
    bucketed = replace(place, settings=place.settings.model_copy(update={"bucket": to}))
    async with served(place, clock) as town:
        had = await sends(town)
        gone = await had.agent.upload(b"gone again")
        await moved(place, *into)
        assert name_of(gone) in lying(bucketed, storage)
        await town.running.portal.db.write(
            lambda session: session.execute(delete(StoredUpload).where(StoredUpload.upload_id == name_of(gone)))
        )
        await moved(place, *into)
        assert name_of(gone) not in lying(bucketed, storage)


async def test_a_large_upload_goes_on_out_of_a_bucket_with_its_parts_and_what_came_after_them(
    place: Place, clock: SetClock, storage: BucketServer, to: BucketSettings
) -> None:
    bucketed = changed(place, yaml.safe_dump({"bucket": to.model_dump(mode="json", exclude_none=True)}))
    large = os.urandom(2 * STEP + 1000)
    async with served(bucketed, clock) as town:
        agent = await town.agent().join(bucketed)
        begun = await begin(agent, len(large))
        assert (await agent.patch(begun, 0, large[: STEP + 77])).status == 204
    for _ in range(2):  # it broke off behind the first
        told = await moved(bucketed, "--to-folder", "--finish")
        assert (told["packages"], told["on_their_way"]) == (0, 1)
    assert (place.folder.uploads / name_of(begun)).read_bytes() == large[: STEP + 77]
    assert lying(bucketed, storage) == {name_of(begun)}
    async with served(bucketed, clock) as town:
        again = replace(agent, session=town.session, origin=town.origin)
        assert await offset(again, at(town, begun)) == 0
    plain = changed(bucketed, "bucket: null")
    async with served(plain, clock) as town:
        again = replace(agent, session=town.session, origin=town.origin)
        assert (await again.patch(at(town, begun), STEP + 77, large[STEP + 77 :])).status == 204
    assert (place.folder.uploads / name_of(begun)).read_bytes() == large


async def test_a_disk_that_would_be_too_full_and_a_second_command_beside_the_first_are_told(
    place: Place, clock: SetClock, to: BucketSettings, room: Path
) -> None:
    await sent(place, clock)
    with packages._once(place.folder):
        assert "being moved already" in await refused(place, "--bucket", described(to, room))
    limits = f"limits: {{free_bytes: {1 << 60}}}\n"
    bucketed = changed(place, limits + yaml.safe_dump({"bucket": to.model_dump(mode="json", exclude_none=True)}))
    for path in place.folder.uploads.iterdir():
        path.unlink()
    assert "limits.free_bytes" in await refused(bucketed, "--to-folder")
