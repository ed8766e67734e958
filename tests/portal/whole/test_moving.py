"""A portal that has everything goes from its file to PostgreSQL: all of it, or nothing, and it answers as before."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner
from sqlalchemy import update
from sqlalchemy.orm import Session

from exchange.custody.merkle import consistent
from exchange.custody.uses import LogHead
from exchange.documents import api
from exchange.errors import AlreadyRunning, HandoverError, SettingsInvalid, StoreDamaged
from portal import backups
from portal.cli import main
from portal.moving import rows as moving
from portal.settings import PortalFolder
from portal.storage.database import open_database
from portal.storage.models import SchemaMark
from portal.storage.table import Table
from portal.storage.use_tables import UseLine
from portal.uploads import room
from tests.counterparts.portals.portal import in_process
from tests.counterparts.storage.postgres_server import PostgresServer
from tests.portal.conftest import STORES, Town
from tests.portal.people.visits import Visitor
from tests.portal.people.visits import case as person_case
from tests.portal.teams.test_teams import read as read_team
from tests.portal.whole.busy_town import SEALED, BusyTown, busy_town
from tests.portal.wire import Agent, Officer

FULL = {
    "devices", "cameras", "officers", "requests", "deliveries", "uploads", "use_lines", "use_nodes",
    "use_heads", "team_cases", "team_versions", "team_members", "people", "people_cameras",
    "people_requests", "people_files",
    "appeals", "contributions", "contribution_files", "searches", "tokens",
}  # fmt: skip
"""Tables in which a busy town has something, at least."""


@pytest.fixture
async def busy(town: Town, visitor: Visitor) -> BusyTown:
    return await busy_town(town, visitor)


@pytest.fixture
async def stopped(busy: BusyTown, tmp_path: Path) -> PortalFolder:
    """The same portal, which doesn't run: put aside and put back."""
    town = busy.town
    made = await asyncio.to_thread(backups.back_up, town.place.folder, tmp_path / "aside", town.clock.now())
    folder = PortalFolder(tmp_path / "moved")
    await asyncio.to_thread(shutil.copytree, town.place.folder.keys.folder, folder.keys.folder)
    await asyncio.to_thread(backups.restore, made.path, folder)
    return folder


@pytest.fixture
def target(postgres: PostgresServer) -> Iterator[str]:
    name = postgres.create()
    yield postgres.url(name)
    postgres.drop(name)


async def move(folder: PortalFolder, target: str) -> moving.Moved:
    return await asyncio.to_thread(moving.move, folder, target, None, lambda _table, _rows: None)


async def fails(folder: PortalFolder, target: str, kind: type[HandoverError], words: str) -> None:
    before = await asyncio.to_thread(folder.settings_file.read_bytes)
    with pytest.raises(kind, match=words):
        await move(folder, target)
    assert await asyncio.to_thread(folder.settings_file.read_bytes) == before


async def rows(target: str) -> dict[str, int]:
    def count() -> dict[str, int]:
        db = open_database(target)
        try:
            return db.read_now(
                lambda session: {each.name: moving._sum(session, each).rows for each in moving._tables()}
            )
        finally:
            db.close()

    return await asyncio.to_thread(count)


def write_by_hand(folder: PortalFolder) -> None:
    with folder.settings_file.open("a") as file:
        file.write("# kept by hand\n")


@pytest.mark.parametrize("store", STORES, indirect=True)
async def test_everything_is_there_and_it_goes_on(busy: BusyTown, stopped: PortalFolder, target: str) -> None:
    town = busy.town
    case, team = await busy.officer.case(), await read_team(busy.member)
    asked = await person_case(busy.officer, "p-1")
    head = LogHead.model_validate_json((await busy.officer.call("GET", api.USES_HEAD)).content)
    await asyncio.to_thread(write_by_hand, stopped)
    told = await asyncio.to_thread(
        CliRunner().invoke, main, ["move", str(stopped.path), "--database", target, "--json"], catch_exceptions=False
    )
    moved = json.loads(told.stdout)
    assert (moved["log_lines"], moved["log_root"]) == (head.size, head.root)
    found = await rows(target)
    assert sum(found.values()) == moved["rows"]
    assert FULL - {name for name, count in found.items() if count} == set()
    assert not stopped.database.exists()
    assert (stopped.path / moving.MOVED).exists()
    assert "# kept by hand" in await asyncio.to_thread(stopped.settings_file.read_text)
    place = replace(town.place, folder=stopped, settings=await asyncio.to_thread(stopped.load))
    async with aiohttp.ClientSession() as session, in_process(place, town.clock) as running:
        origin = running.portal.origin
        assert await running.portal.db.read(room.taken) > 0
        assert await running.portal.db.read(room.difference) == 0
        officer = Officer(session, origin, town.clock, place.officer, place.credential, place.force.name)
        assert (await officer.case()).deliveries == case.deliveries
        content = await officer.call("GET", api.CONTENT.format(delivery_id="r-1-del"))
        assert content.content == SEALED
        assert await read_team(replace(busy.member, session=session, origin=origin)) == team
        assert (await person_case(officer, "p-1")).files == asked.files
        later = LogHead.model_validate_json(
            (await officer.call("GET", api.USES_HEAD, query={"since": head.size})).content
        )
        steps = [bytes.fromhex(step) for step in later.proof]
        assert later.size > head.size
        assert consistent(head.size, bytes.fromhex(head.root), later.size, bytes.fromhex(later.root), steps)
        assert later.signed == head.signed
        await officer.search(lat=53.7632, lon=-2.7031, radius_m=50)
        there = Agent(session, origin, town.clock, busy.agent.key)
        await officer.ask(there, "r-2")
        assert [item.kind for item in (await there.inbox()).items] == [api.InboxKind.REQUEST]


@pytest.mark.parametrize("where", ["_count_on", "_switch"])
async def test_what_broke_off_goes_on_when_it_is_begun_again(
    stopped: PortalFolder, target: str, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def broken(*_: object) -> None:
        raise SettingsInvalid("The power failed.")

    with monkeypatch.context() as patched:
        patched.setattr(moving, where, broken)
        await fails(stopped, target, SettingsInvalid, "power")
    assert any((await rows(target)).values()) == (where == "_switch")
    moved = await move(stopped, target)
    assert moved.rows == sum((await rows(target)).values())
    assert (await asyncio.to_thread(stopped.load)).database == target
    await fails(stopped, target, SettingsInvalid, "nothing in a file")


async def test_what_does_not_come_whole_is_not_kept(
    stopped: PortalFolder, target: str, postgres: PostgresServer
) -> None:
    assert not any((await rows(target)).values())
    name = target.partition("@/")[2].partition("?")[0]
    postgres.execute("CREATE RULE lost AS ON INSERT TO deliveries DO INSTEAD NOTHING", name)
    await fails(stopped, target, StoreDamaged, "the table deliveries")
    assert not any((await rows(target)).values())
    postgres.execute("DROP RULE lost ON deliveries", name)
    postgres.execute(
        "INSERT INTO month_counts (month, requests, owners, answered, declined) VALUES ('2026-01',1,1,1,1)", name
    )
    await fails(stopped, target, SettingsInvalid, "other rows")


async def test_a_log_that_was_changed_is_not_moved(stopped: PortalFolder, target: str) -> None:
    def tamper() -> None:
        db = open_database(stopped.database)

        def work(session: Session) -> None:
            session.execute(update(UseLine).where(UseLine.seq == 0).values(line="{}"))

        db.write_now(work)
        db.close()

    await asyncio.to_thread(tamper)
    await fails(stopped, target, StoreDamaged, "not what its tree says")


async def test_only_what_stands_still_and_is_a_portal_is_moved(
    town: Town, stopped: PortalFolder, target: str, tmp_path: Path
) -> None:
    await fails(town.place.folder, target, AlreadyRunning, "runs")
    await fails(stopped, "mysql://there", SettingsInvalid, "address")
    with pytest.raises(SettingsInvalid, match="no portal"):
        await move(PortalFolder(tmp_path / "none"), target)
    assert SchemaMark.__table__ in Table.metadata.sorted_tables
