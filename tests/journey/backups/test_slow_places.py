"""A first upload of days, and hours that end in the middle of it: nothing else is put off, nothing is sent twice."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.owner.operations.context import Nothing
from agent.places.folder import FolderPlace
from agent.places.named import NamedPlace, NamedPlaces, S3Setting, Setting, SftpSetting
from agent.places.pace import GoOn
from agent.places.place import Place, Progress
from agent.records.backups.backups import Backups
from exchange.clock import DAY, HOUR
from tests.counterparts.storage.bucket_server import REGION, bucket_server
from tests.counterparts.storage.ssh_server import ssh_server
from tests.journey.backups.keeping import custody, files_in, handed_over, kept
from tests.journey.backups.test_integrity import flip
from tests.journey.handing_over.test_slow_line import hours
from tests.journey.home import ACTOR, NOON, Siege, besieged, owner_does

TWO = """
requests: {keep_packages_days: 30}
backups: {places: [{place: nas, check_every: 30d}, {place: usb}], notice: 0s}
"""


class Slow(FolderPlace):
    """Where a package takes until the ``line`` is there; ``begun`` when it is on its way."""

    def __init__(self, folder: Path, go_on: GoOn, line: asyncio.Event, evidence_id: str) -> None:
        super().__init__(folder)
        self._ask, self._line, self._slow, self.begun = go_on, line, f"{evidence_id}.zip.age", asyncio.Event()

    async def put(self, source: Path, name: str, sha256: str, show: Progress) -> None:
        if name.endswith(self._slow) and not self._line.is_set():
            show(0)
            self.begun.set()
            await self._line.wait()
            self._ask()
        await super().put(source, name, sha256, show)


def over_a_slow_line(at: Siege, folder: Path, evidence_id: str) -> tuple[Backups, list[Slow], asyncio.Event]:
    """Backups whose place ``nas`` is slow; each time that it was opened, and the line."""
    line, opened = asyncio.Event(), list[Slow]()

    async def open_place(name: str, go_on: GoOn) -> Place:
        if name != "nas":
            return FolderPlace(folder / name)
        opened.append(Slow(folder / name, go_on, line, evidence_id))
        return opened[-1]

    return Backups(at.agent.services, open_place), opened, line


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(3000):
        if await true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came true")


async def begun(backups: Backups, opened: list[Slow]) -> None:
    """A look was taken, and a package is on its way."""
    await backups.look()

    async def is_on_its_way() -> bool:
        return any(place.begun.is_set() for place in opened)

    await until(is_on_its_way)


def packages_in(folder: Path) -> list[str]:
    return [name for name in files_in(folder) if name.endswith(".zip.age")]


async def test_a_copy_of_days_keeps_no_check_no_deletion_and_no_other_place_waiting(tmp_path: Path) -> None:
    async with kept(tmp_path, TWO, "nas", "usb") as at:
        old = await handed_over(at)
        places = tmp_path / "places"
        assert (await at.agent.backups.run()).put == {"nas": 1, "usb": 1}
        at.clock.forward(20 * DAY)
        new = await handed_over(at)
        backups, opened, line = over_a_slow_line(at, places, new)
        await begun(backups, opened)
        assert "nas: copy 1 of 1, 0 %" in backups.doing

        async def usb_has_it() -> bool:
            return len(await asyncio.to_thread(packages_in, places / "usb")) == 2

        await until(usb_has_it)
        rotten = next((places / "nas").rglob(f"{old}.zip.age"))
        await asyncio.to_thread(flip, rotten)
        at.clock.forward(9 * DAY)
        assert (await backups.check()).checked == 2  # here
        at.clock.forward(DAY + HOUR)
        await backups.look()

        async def is_put_right() -> bool:
            return bool(await custody(at, "repaired"))

        await until(is_put_right)
        await backups.prune()
        announced, deleted = await backups.prune()
        assert (announced, [each.filed.copy.evidence_id for each in deleted]) == ([], [old])
        assert not at.settings.package(old).exists()
        await backups.look()

        async def is_gone_there() -> bool:
            return not await asyncio.to_thread(rotten.exists)

        await until(is_gone_there)
        assert await asyncio.to_thread(packages_in, places / "nas") == []
        line.set()

        async def is_there() -> bool:
            return any(new in name for name in await asyncio.to_thread(packages_in, places / "nas"))

        await until(is_there)
        await backups.close()


async def test_what_is_deleted_while_it_is_put_somewhere_is_broken_off_and_taken_away(tmp_path: Path) -> None:
    async with kept(tmp_path, TWO.replace(", {place: usb}", "")) as at:
        evidence_id, nas = await handed_over(at), tmp_path / "places/nas"
        backups, opened, line = over_a_slow_line(at, tmp_path / "places", evidence_id)
        await begun(backups, opened)
        at.clock.forward(40 * DAY)
        _, deleted = await backups.prune(at_once=True)
        assert [each.filed.copy.evidence_id for each in deleted] == [evidence_id]
        line.set()
        assert (await backups.run(asked=True)).failures == {}
        assert (await backups.run(asked=True)).put == {"nas": 0}
        assert [name for name in await asyncio.to_thread(files_in, nas) if "/state/" not in name] == []
        assert await custody(at, "copied") == []
        assert [line["reason"] for line in await custody(at, "deleted")] == [
            "the time to keep it is over",
            "the copy at nas",
        ]
        await backups.close()


@contextmanager
def setting_of(kind: str, tmp_path: Path) -> Iterator[Setting]:
    """A real account or bucket."""
    with ExitStack() as stack:
        if kind == "sftp":
            sshd = stack.enter_context(ssh_server(tmp_path / "sshd"))
            yield SftpSetting(
                host="127.0.0.1", port=sshd.port, user=sshd.user, folder=f"{sshd.root}/copies", host_key=sshd.host_key,
                private_key=sshd.private_key,
            )  # fmt: skip
        else:
            bucket = stack.enter_context(bucket_server())
            yield S3Setting(
                endpoint=bucket.endpoint, bucket=bucket.bucket, region=REGION, access_key=bucket.access_key,
                secret_key=bucket.secret_key,
            )  # fmt: skip


@pytest.mark.parametrize("kind", ["sftp", "s3"])
async def test_the_end_of_a_rules_hours_breaks_a_copy_off_and_it_goes_on_when_they_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    extra = f"backups: {{places: [{{place: away, hours: '{hours(-2, 1)}', state: false}}]}}"
    with setting_of(kind, tmp_path) as setting:
        async with besieged(tmp_path, extra=extra) as at:
            await asyncio.to_thread(
                NamedPlaces(at.settings.places).add, NamedPlace(name="away", title="away", setting=setting)
            )
            evidence_id, given = await handed_over(at), list[int]()
            size = at.settings.package(evidence_id).stat().st_size

            async def passing(_: Any, count: int) -> None:
                """An hour passes while the first half goes."""
                given.append(count)
                if sum(given) > size / 2 and at.clock.now() < NOON + HOUR:
                    at.clock.forward(HOUR)

            monkeypatch.setattr(type(at.agent.services.limit), "__call__", passing)
            done = await at.agent.backups.run()
            assert (done.put, done.failures) == ({}, {})
            assert NOON + 20 * HOUR < done.waiting["away"] <= NOON + 22 * HOUR
            assert size / 2 < sum(given) < size
            shown = (await owner_does(at.agent, "backups", Nothing(), ACTOR))["places"][0]
            assert (shown["failure"], shown["missing"], shown["copies"]) == (None, 1, 0)
            assert shown["waits_until"] is not None
            assert (await at.agent.backups.run()).put == {}
            first = sum(given)
            at.clock.forward(done.waiting["away"] - at.clock.now())
            assert (await at.agent.backups.run()).put == {"away": 1}
            if kind == "sftp":  # a bucket keeps whole parts, and this file is one
                assert sum(given) <= size + 32 * 1024 + 10_000
            assert sum(given) > first
            assert len(await custody(at, "copied")) == 1


async def test_who_asks_for_a_run_takes_no_notice_of_the_hours_that_end(
    tmp_path: Path,
) -> None:
    extra = f"backups: {{places: [{{place: nas, hours: '{hours(-2, 1)}'}}]}}"
    async with kept(tmp_path, extra) as at:
        evidence_id = await handed_over(at)
        backups, opened, line = over_a_slow_line(at, tmp_path / "places", evidence_id)
        await begun(backups, opened)
        asked = asyncio.create_task(backups.run(asked=True))

        async def is_asked() -> bool:
            return len(opened) == 2

        await until(is_asked)
        await asyncio.sleep(0.05)
        at.clock.forward(2 * HOUR)
        line.set()
        done = await asked
        assert (done.failures, done.waiting) == ({}, {})
        assert len(await asyncio.to_thread(packages_in, tmp_path / "places/nas")) == 1
        await backups.close()


async def test_a_check_that_is_put_off_and_what_waits_for_its_hours_are_told(tmp_path: Path) -> None:
    extra = f"backups: {{places: [{{place: nas, hours: '{hours(1, 2)}', check_every: 30d}}], check_every: 20d}}"
    async with kept(tmp_path, extra) as at:
        await handed_over(at)
        await at.agent.backups.run(asked=True)
        await at.agent.backups.check()
        shown = await owner_does(at.agent, "backups", Nothing(), ACTOR)
        assert (shown["own"]["check_due_since"], shown["places"][0]["check_due_since"]) == (None, None)
        at.clock.forward(32 * DAY)
        shown = await owner_does(at.agent, "backups", Nothing(), ACTOR)
        assert shown["own"]["check_due_since"].startswith("2026-12-11")
        assert shown["places"][0]["check_due_since"].startswith("2026-12-21")
        assert shown["places"][0]["waits_until"].startswith("2026-12-23")
        assert (await owner_does(at.agent, "status", Nothing(), ACTOR))["backups_doing"] == ""


async def test_evidence_goes_first_and_a_copy_gives_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a package is handed over, each block of a copy waits first; before and after it does not."""
    async with besieged(tmp_path) as at:
        limit, waited = at.agent.services.limit, list[float]()

        async def sleep(seconds: float) -> None:
            waited.append(seconds)

        async def beside(_: Any, count: int) -> None:
            if count and not waited:  # a block of the delivery goes
                with monkeypatch.context() as there:
                    there.setattr("agent.places.pace.asyncio.sleep", sleep)
                    await limit.giving_way(0)

        limit.rate = 10**9
        monkeypatch.setattr(type(limit), "__call__", beside)
        await limit.giving_way(1)
        assert waited == []
        await handed_over(at)
        assert waited == [10.0]
