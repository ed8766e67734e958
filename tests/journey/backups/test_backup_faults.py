"""A backup that is broken off anywhere goes on, and comes to the same; a place in trouble is named."""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.places.folder import FolderPlace
from agent.places.pace import GoOn
from agent.places.place import Place, Progress, Stored
from agent.places.s3 import S3Place
from agent.places.sftp import SftpPlace
from agent.records.backups.backups import Backups
from agent.records.backups.state_file import open_newest
from exchange.clock import DAY, HOUR, MINUTE
from exchange.errors import PlaceFull, PlaceRefused, PlaceUnreachable
from tests.agent.places.conftest import account, in_bucket
from tests.counterparts.storage.bucket_server import bucket_server
from tests.counterparts.storage.ssh_server import ssh_server
from tests.journey.backups.keeping import custody, files_in, handed_over, kept
from tests.journey.home import Siege


class Crash(BaseException):
    """The process ends here: nothing that waits for it is told."""


class Breaking:
    """A place whose calls are counted; ``at`` one of them something happens, before or after it was done."""

    def __init__(self, place: Place, at: int, what: Callable[[], BaseException], *, done: bool = False) -> None:
        self._place, self._left, self._what, self._done = place, at, what, done
        self.title = place.title

    async def _call(self, work: Callable[[], Any]) -> Any:
        self._left -= 1
        if self._left == 0 and not self._done:
            raise self._what()
        answer = await work()
        if self._left == 0:
            raise self._what()
        return answer

    async def put(self, source: Path, name: str, sha256: str, show: Progress) -> None:
        await self._call(lambda: self._place.put(source, name, sha256, show))

    async def get(self, name: str, target: Path, sha256: str | None, show: Progress) -> None:
        await self._call(lambda: self._place.get(name, target, sha256, show))

    async def sha256(self, name: str) -> str | None:
        found: str | None = await self._call(lambda: self._place.sha256(name))
        return found

    async def names(self, prefix: str = "") -> list[Stored]:
        found: list[Stored] = await self._call(lambda: self._place.names(prefix))
        return found

    async def remove(self, name: str) -> None:
        await self._call(lambda: self._place.remove(name))

    async def free(self) -> int | None:
        return await self._place.free()


def backups_to(at: Siege, place: Place) -> Backups:
    async def open_place(_: str, go_on: GoOn) -> Place:
        return place

    return Backups(at.agent.services, open_place)


async def forgotten(at: Siege, folder: Path) -> None:
    """As if no backup had ever been made."""
    async with at.agent.services.store.transaction() as tx:
        for table in ("second_copies", "state_copies", "backup_runs"):
            await tx.execute(f"DELETE FROM {table}")
    for name in await asyncio.to_thread(files_in, folder):
        (folder / name).unlink()


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
async def test_a_crash_at_any_call_of_a_place_leaves_what_the_next_run_makes_whole(tmp_path: Path, done: bool) -> None:
    async with kept(tmp_path) as at:
        evidence_id, folder = await handed_over(at), tmp_path / "places/nas"
        expected = hashlib.sha256(at.settings.package(evidence_id).read_bytes()).hexdigest()
        for call in range(1, 20):
            await forgotten(at, folder)
            at.clock.forward(MINUTE)
            try:
                await backups_to(at, Breaking(FolderPlace(folder), call, Crash, done=done)).run(asked=True)
            except Crash:
                pass
            else:
                break
            at.clock.forward(MINUTE)
            assert (await backups_to(at, FolderPlace(folder)).run(asked=True)).failures == {}, call
            names = await asyncio.to_thread(files_in, folder)
            assert [name for name in names if ".partial" in name] == [], call
            assert len(names) in (3, 4), (call, names)  # the state of before the crash, of the same day, may be there
            copy = next(folder.rglob(f"{evidence_id}.zip.age"))
            assert hashlib.sha256(copy.read_bytes()).hexdigest() == expected, call
            work = tmp_path / f"open-{call}"
            work.mkdir()
            opened = await open_newest(FolderPlace(folder), at.agent.services.keys.archive, work, lambda _: None)
            assert opened.device == at.agent.services.keys.device.public.fingerprint
        assert call > 4  # every call was tried, and one run more, which had nothing to break


@pytest.mark.parametrize("kind", [PlaceFull, PlaceRefused, PlaceUnreachable])
async def test_a_place_in_trouble_is_named_and_gone_on_with(tmp_path: Path, kind: type[PlaceFull]) -> None:
    async with kept(tmp_path) as at:
        await handed_over(at)
        folder = tmp_path / "places/nas"
        broken = backups_to(at, Breaking(FolderPlace(folder), 3, lambda: kind("The place is in trouble.")))
        assert "in trouble" in str((await broken.run()).failures["nas"])
        async with at.agent.services.store.transaction() as tx:
            row = await tx.one("SELECT * FROM backup_runs")
        assert row is not None
        assert (row["tries"], row["failing_since"]) == (1, at.clock.now())
        at.clock.forward(HOUR)
        assert (await backups_to(at, FolderPlace(folder)).run()).put == {"nas": 1}


async def test_a_crash_while_copies_are_taken_away_takes_them_away_once(tmp_path: Path) -> None:
    async with kept(tmp_path) as at:
        await handed_over(at)
        folder = tmp_path / "places/nas"
        await backups_to(at, FolderPlace(folder)).run()
        at.clock.forward(400 * DAY)
        await at.agent.backups.prune(at_once=True)
        for call in (1, 2, 3):
            with pytest.raises(Crash):
                await backups_to(at, Breaking(FolderPlace(folder), call, Crash, done=True)).run(asked=True)
        await backups_to(at, FolderPlace(folder)).run(asked=True)
        names = await asyncio.to_thread(files_in, folder)
        assert [name for name in names if "/state/" not in name] == []
        assert [line["reason"] for line in await custody(at, "deleted")].count("the copy at nas") == 1


async def test_an_sftp_account_and_a_bucket_keep_copies_and_give_them_back(tmp_path: Path) -> None:
    async with kept(tmp_path) as at:
        evidence_id = await handed_over(at)
        package = at.settings.package(evidence_id)
        good = package.read_bytes()
        with ssh_server(tmp_path / "sshd") as sshd, bucket_server() as bucket:
            for place in (SftpPlace(account(sshd, f"{sshd.root}/copies")), S3Place(in_bucket(bucket, "copies"))):
                await at.execute("INSERT INTO notes VALUES (?, 'x')", f"tried {place.title}")
                async with at.agent.services.store.transaction() as tx:
                    for table in ("second_copies", "state_copies"):
                        await tx.execute(f"DELETE FROM {table}")
                backups = backups_to(at, place)
                assert (await backups.run(asked=True)).put == {"nas": 1}, place.title
                await asyncio.to_thread(package.write_bytes, good[:-1])
                assert (await backups.check(everything=True)).damaged == 0, place.title
                assert package.read_bytes() == good
                work = tmp_path / f"work-{type(place).__name__}"
                work.mkdir()
                opened = await open_newest(place, at.agent.services.keys.archive, work, lambda _: None)
                assert opened.device == at.agent.services.keys.device.public.fingerprint
                at.clock.forward(MINUTE)
