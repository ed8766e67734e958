"""Two forces in one PostgreSQL: each is backed up by itself without a superuser; all of it by a role for that alone."""

import asyncio
import contextlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest
from click.testing import CliRunner, Result

from exchange.documents import api
from exchange.errors import StoreUnavailable
from portal import dumps
from portal.cli import main
from portal.key_copies import put_aside
from portal.settings import PortalFolder
from tests.counterparts.portals.portal import Place, in_process
from tests.counterparts.storage.postgres_server import PostgresServer
from tests.portal.county.two_forces import FILM, NAMES, hand_over, served
from tests.portal.wire import Officer, SetClock

ENGINES = ("postgres",)
TOTALS = (("size", "uploads"), ("bytes", "uploads_taken"))
GUIDE = Path(__file__).parents[3] / "docs" / "portal-guide.md"


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """A test of files looks into them itself."""


async def typed(*args: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, main, [*args], catch_exceptions=False)


def database(place: Place) -> str:
    return str(place.settings.database).partition("@/")[2].partition("?")[0]


def words(postgres: PostgresServer, dump: Path) -> str:
    """All that a dump says."""
    command = [postgres.programs / "pg_restore", "--file=-", dump]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


async def test_a_force_is_put_aside_and_back_without_a_row_of_another_and_without_a_superuser(
    places: dict[str, Place], clock: SetClock, postgres: PostgresServer, tmp_path: Path
) -> None:
    kent = places["kent"]
    async with served(places, clock) as two:
        agents = {force: await hand_over(two, force) for force in NAMES}
        folder = str(kent.folder.path.parent.parent)
        made = await typed("backup", folder, str(tmp_path / "b"), "--force", "kent", "--json")
        assert made.exit_code == 0, made.output
        backup = json.loads(made.stdout)
        assert backup["uploads"] == 1
        newest, _ = put_aside(kent.folder.keys, tmp_path / "k", clock.now())
    dumped = words(postgres, Path(backup["backup"]) / "portal.dump")
    assert agents["kent"].name in dumped
    assert agents["essex"].name not in dumped
    assert "Officer of essex" not in dumped

    other = postgres.create(owner=postgres.plain())
    postgres.execute("CREATE EXTENSION postgis", other)
    to = ("--force", "kent", "--database", postgres.plain_url(other))
    again = PortalFolder(tmp_path / "again").of_force("kent")
    without = await typed("restore", backup["backup"], str(tmp_path / "again"), *to)
    assert "keys that aren't here" in without.output
    back = await typed("restore", backup["backup"], str(tmp_path / "again"), *to, "--keys", str(newest))
    assert back.exit_code == 0, back.output
    place = replace(kent, folder=again, settings=again.load())
    port = int(str(place.settings.origin).rpartition(":")[2].partition("/")[0])
    async with in_process(place, clock, port) as running, aiohttp.ClientSession() as session:
        officer = Officer(session, running.portal.origin, clock, kent.officer, kent.credential, kent.force.name)
        content = await officer.call("GET", api.CONTENT.format(delivery_id="r-1-del"))
        assert content.content == FILM
        found = await officer.search(lat=53.7632, lon=-2.7031, radius_m=500)
        assert {camera.device for camera in found.cameras} == {agents["kent"].name}
    shutil.rmtree(again.path)
    once_more = await typed("restore", backup["backup"], str(tmp_path / "again"), *to, "--keys", str(newest))
    assert "holds rows of the force kent already" in once_more.output
    odd = await typed("restore", backup["backup"], str(tmp_path / "odd"), *to[:3], "mysql://x", "--keys", str(newest))
    assert "can't be used" in odd.output
    postgres.drop(other)


def broken_behind(done: Callable[..., None]) -> Callable[..., None]:
    """The rows are there, and then it breaks off."""

    def broken(*args: Any) -> None:
        done(*args)
        raise StoreUnavailable("It broke off.")

    return broken


async def test_a_force_is_put_back_beside_others_and_goes_on_where_that_broke_off(
    places: dict[str, Place], clock: SetClock, postgres: PostgresServer, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    backups, newest = {}, {}
    async with served(places, clock) as two:
        for force in NAMES:
            await hand_over(two, force)
            folder = places[force].folder
            backups[force] = json.loads((await typed("backup", str(folder.path), str(tmp_path / "b"), "--json")).stdout)
            shutil.move(backups[force]["backup"], tmp_path / force)
            newest[force], _ = put_aside(folder.keys, tmp_path / "k" / force, clock.now())
    other = postgres.create(owner=postgres.plain())
    postgres.execute("CREATE EXTENSION postgis", other)

    async def put_back(force: str) -> Result:
        where = (str(tmp_path / force), str(tmp_path / "again"), "--force", force)
        return await typed("restore", *where, "--keys", str(newest[force]), "--database", postgres.plain_url(other))

    def count(force: str) -> int:
        with psycopg.connect(postgres.url(other)) as reading:
            row = reading.execute("SELECT count(*) FROM devices WHERE force = %s", [force]).fetchone()
        return int(row[0]) if row else 0

    assert (await put_back("kent")).exit_code == 0
    with monkeypatch.context() as breaking:
        breaking.setattr(dumps, "put_back", broken_behind(dumps.put_back))
        assert (await put_back("essex")).exit_code != 0
    assert (count("kent"), count("essex")) == (1, 1)
    shutil.rmtree(PortalFolder(tmp_path / "again").of_force("essex").path)
    done = await put_back("essex")
    assert done.exit_code == 0, done.output
    assert (count("kent"), count("essex")) == (1, 1)
    sums = [f"SELECT sum({what}) FROM {where} GROUP BY force ORDER BY force" for what, where in TOTALS]
    assert postgres.execute(sums[0], other) == postgres.execute(sums[1], other) == [(len(FILM),)] * 2
    back = {name: replace(places[name], folder=PortalFolder(tmp_path / "again").of_force(name)) for name in NAMES}
    for name, place in back.items():
        back[name] = replace(place, settings=place.folder.load())
    async with served(back, clock) as two:
        for force in NAMES:
            assert two.places[force].folder == back[force].folder
            content = await two.officer(force).call("GET", api.CONTENT.format(delivery_id="r-1-del"))
            assert content.content == FILM
    shutil.rmtree(back["essex"].folder.path)
    postgres.execute("UPDATE alembic_version SET version_num = 'older'", other)
    assert "those of the database" in (await put_back("essex")).output
    postgres.drop(other)


async def test_the_guides_role_dumps_all_forces_and_may_change_nothing(
    places: dict[str, Place], clock: SetClock, postgres: PostgresServer, tmp_path: Path
) -> None:
    async with served(places, clock) as two:
        agents = {force: await hand_over(two, force) for force in NAMES}
    name = database(places["kent"])

    def dump(user: str) -> "subprocess.CompletedProcess[str]":
        command = [postgres.programs / "pg_dump", "--dbname", f"host={postgres.folder} dbname={name} user={user}"]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert "row-level security" in dump(postgres.plain()).stderr
    statements = re.findall(r"^    ((?:CREATE ROLE|GRANT) [^;]*;)$", GUIDE.read_text(), re.MULTILINE)
    assert len(statements) == 2
    try:
        for statement in statements:
            postgres.execute(statement, name)
        done = dump("portal_backup")
        assert done.returncode == 0, done.stderr
        assert all(agent.name in done.stdout for agent in agents.values())
        url = postgres.url(name).replace(f"{postgres.user}@", "portal_backup@")
        with psycopg.connect(url) as reading, pytest.raises(psycopg.errors.InsufficientPrivilege):
            reading.execute("DELETE FROM devices")
    finally:
        with contextlib.suppress(Exception):
            postgres.execute("DROP ROLE portal_backup")
