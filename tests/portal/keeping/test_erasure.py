"""Who left is in no backup that can be read: their key is gone, whatever holds their rows; and all others are whole."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner
from sqlalchemy import select, text

from exchange.clock import DAY
from exchange.documents import api
from exchange.documents.feedback import Question
from exchange.documents.messages import DecidedBy
from exchange.documents.messages import Place as Spot
from exchange.errors import NotFound, SettingsInvalid, StoreDamaged, StoreUnavailable
from portal import backups, erasing, key_copies
from portal.cli import main
from portal.keystore import KeyStore
from portal.people import registered
from portal.people.registered import PersonEntry
from portal.settings import Limits, PortalFolder
from portal.storage.models import Camera, Device
from portal.storage.people_tables import Person, PersonCameraRow
from tests.counterparts.portals.portal import Place, in_process
from tests.counterparts.storage.postgres_server import PostgresServer
from tests.portal.conftest import BOTH, Town, on_a_file
from tests.portal.keeping.holders import sweep_now
from tests.portal.wire import CONTACT, OWNER, Agent, Officer, camera

ENGINES = BOTH
FILM = b"sealed film " * 100
SECRETS = (OWNER, CONTACT, "Loft window", "over the bakery", "It was the baker", "grace@example.org", "Grace Hopper",
           "Grace's porch", "Decider Dora")  # fmt: skip
"""Strings of the one who leaves."""
ENTRY = PersonEntry.model_validate(
    {
        "person_kind": "household",
        "person_name": "Grace Hopper",
        "cameras": [
            {
                "label": "Grace's porch",
                "place": {"latitude": 53.7, "longitude": -2.7, "description": "at Grace's"},
                "retention_days": 7,
            }
        ],
    }
)
DERIVED = ("cameras", "day_hours", "people_cameras")


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """A test of files looks into them itself."""


async def leaver(town: Town) -> Agent:
    """Somebody of whom the portal holds all that it can hold."""
    shown = camera("loft", label="Loft window", at=(53.7632, -2.7031),
                   place=Spot(latitude=53.7632, longitude=-2.7031, description="over the bakery"))  # fmt: skip
    agent = await town.agent().join(town.place, shown, camera())
    request = await town.officer.ask(agent)
    who = DecidedBy(name="Decider Dora", method="a page")
    assert (await agent.decide(request, agent.decision(request, decided_by=who))).status == 204
    assert (await agent.deliver(request, FILM, await agent.upload(FILM))).status == 204
    question = town.officer.feedback(agent.name, FILM, Question)
    assert (await town.officer.bring(question)).status == 204
    assert (await agent.bring(agent.answer(question, text="It was the baker."))).status == 204
    db, limits, now = town.running.portal.db, Limits(), town.clock.now()
    await db.write(lambda session: registered.register(session, "grace@example.org", ENTRY, limits, now))
    return agent


async def erase_person(town: Town) -> None:
    db, now = town.running.portal.db, town.clock.now()

    def leave(session: object) -> list[str]:
        person_id = session.scalar(select(Person.person_id))  # type: ignore[attr-defined]
        return registered.erase(session, person_id, now)  # type: ignore[arg-type]

    await db.write(leave)
    await db.forget_erased()


def found_in(*contents: bytes) -> list[str]:
    return [secret for secret in SECRETS if any(secret.encode() in content for content in contents)]


def files_below(folder: Path) -> Iterator[bytes]:
    return (path.read_bytes() for path in folder.rglob("*") if path.is_file())


@on_a_file
async def test_a_backup_tells_nothing_of_who_left_and_all_of_who_stayed(town: Town, tmp_path: Path) -> None:
    gone, stays = await leaver(town), await town.agent().join(town.place, camera("door", label="Door of who stays"))
    folder, now = town.place.folder, town.clock.now()
    made = await asyncio.to_thread(backups.back_up, folder, tmp_path / "b", now)
    first, count = await asyncio.to_thread(key_copies.put_aside, folder.keys, tmp_path / "k", now)
    assert count == 3
    assert found_in(*await asyncio.to_thread(lambda: list(files_below(made.path)))) == []

    assert (await gone.withdraw()).status == 204
    await erase_person(town)
    newest, count = await asyncio.to_thread(key_copies.put_aside, folder.keys, tmp_path / "k", now + DAY)
    assert (count, first.exists()) == (1, False)

    again = PortalFolder(tmp_path / "again")
    with pytest.raises(SettingsInvalid, match="keys that aren't here"):
        await asyncio.to_thread(backups.restore, made.path, again)
    await asyncio.to_thread(backups.restore, made.path, again, newest)
    assert found_in(*await asyncio.to_thread(lambda: list(files_below(again.path)))) == []
    async with served(town, replace(town.place, folder=again)) as officer:
        found = await officer.search(lat=53.7632, lon=-2.7031, radius_m=100)
        assert [(each.device, each.label) for each in found.cameras] == [(stays.name, "Door of who stays")]
        assert (await officer.case()).decision is None  # it stands in the package


async def test_a_dump_that_is_put_back_tells_nothing_of_who_left_and_all_of_who_stayed(
    town: Town, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if not town.running.portal.db.shared:
        return  # a file has the test above
    server: PostgresServer = request.getfixturevalue("postgres")
    gone, stays = await leaver(town), await town.agent().join(town.place, camera("door", label="Door of who stays"))
    url = str(town.place.settings.database)
    dump, other = tmp_path / "dump.sql", server.create("template1")
    left_out = [f"--exclude-table-data={table}" for table in DERIVED]
    await asyncio.to_thread(run, server, "pg_dump", *left_out, "--file", str(dump), "--dbname", url)
    assert found_in(dump.read_bytes()) == []
    assert (await gone.withdraw()).status == 204
    await erase_person(town)

    await asyncio.to_thread(run, server, "psql", "--quiet", "--file", str(dump), "--dbname", server.url(other))
    again = PortalFolder(tmp_path / "again")
    place = replace(
        town.place,
        folder=again,
        settings=town.place.settings.model_copy(
            update={"database": server.url(other), "retention": town.place.settings.retention}
        ),
    )
    again.path.mkdir()
    await asyncio.to_thread(shutil.copytree, town.place.folder.keys.folder, again.keys.folder)
    again.save(place.settings)
    with pytest.raises(StoreDamaged, match="1 device and 1 person"):
        async with in_process(place, town.clock):
            pass
    told = await asyncio.to_thread(CliRunner().invoke, main, ["keys", "check", str(again.path), "--erase"])
    assert "1 device and 1 person without a key: erased." in told.output
    async with served(town, place) as officer:
        found = await officer.search(lat=53.7632, lon=-2.7031, radius_m=100)
        assert [(each.device, each.label) for each in found.cameras] == [(stays.name, "Door of who stays")]
    server.drop(other)


async def test_the_database_s_own_files_tell_nothing_of_who_left(town: Town, request: pytest.FixtureRequest) -> None:
    """On PostgreSQL once the tables that officers search were written anew."""
    agent = await leaver(town)
    assert (await agent.withdraw()).status == 204
    await erase_person(town)
    db = town.running.portal.db
    await db.rewrite_found()
    if not db.shared:
        assert found_in(*await asyncio.to_thread(lambda: list(files_below(town.place.folder.path)))) == []
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    server.execute("CHECKPOINT")
    assert found_in(*await asyncio.to_thread(lambda: list(files_below(server.folder / "data" / "base")))) == []


async def test_a_decision_that_stays_as_evidence_is_whole_when_its_owner_left(town: Town) -> None:
    agent = await town.agent().join(town.place)
    request = await town.officer.ask(agent)
    decision = agent.decision(request)
    await agent.decide(request, decision)
    await agent.deliver(request, FILM, await agent.upload(FILM))
    assert (await town.officer.call("GET", api.CONTENT.format(delivery_id="r-1-del"))).status == 200
    assert (await agent.withdraw()).status == 204
    assert town.place.folder.keys.names() == set()
    assert (await town.officer.case()).decision == decision


async def test_what_a_portal_without_keys_kept_is_sealed_once_it_has_some(town: Town, tmp_path: Path) -> None:
    """As of an older version: the same answers before and after."""
    db, keys = town.running.portal.db, town.place.folder.keys
    db.use_keys(KeyStore(tmp_path / "none"))
    agent = await leaver(town)
    before = await town.officer.case(), (await town.officer.owners_words()).items
    assert await raw(town, "SELECT count(*) FROM devices WHERE registration_document LIKE 'sealed:%'") == [(0,)]
    db.use_keys(keys)
    await erasing.seal_all(db)
    assert await raw(town, "SELECT count(*) FROM devices WHERE registration_document LIKE 'sealed:%'") == [(1,)]
    rows = await raw(town, "SELECT decision_document FROM requests UNION ALL SELECT document FROM feedback "
                     "UNION ALL SELECT address FROM people UNION ALL SELECT person_name FROM people")  # fmt: skip
    assert found_in(*(str(row).encode() for row in rows)) == []
    assert (await town.officer.case(), (await town.officer.owners_words()).items) == before
    assert (await agent.call("PUT", api.REGISTRATION, agent.registration(camera(), revision=2))).status == 204
    limits, now = Limits(), town.clock.now()
    await db.write(lambda session: registered.register(session, "grace@example.org", ENTRY, limits, now))
    assert await raw(town, "SELECT count(*) FROM people") == [(1,)]
    assert await db.read(lambda session: session.scalar(select(Person.address))) == "grace@example.org"


async def test_what_a_backup_left_out_is_made_anew(town: Town) -> None:
    await leaver(town)
    db = town.running.portal.db
    for table in DERIVED:
        await db.write(lambda session, table=table: session.execute(text(f"DELETE FROM {table}")))  # type: ignore[misc]
    assert await erasing.rebuild(db) == 2
    assert await erasing.rebuild(db) == 0
    assert sorted(await db.read(lambda session: session.scalars(select(Camera.label)).all())) == [
        "Front door", "Loft window",
    ]  # fmt: skip
    assert await db.read(lambda session: session.scalar(select(PersonCameraRow.label))) == "Grace's porch"


async def test_a_key_that_a_crash_left_goes_with_the_next_sweep(town: Town) -> None:
    agent = await town.agent().join(town.place)
    db, keys = town.running.portal.db, town.place.folder.keys
    from portal.registry import devices

    await db.write(lambda session: devices.erase(session, agent.name))
    assert len(keys.names()) == 1
    await sweep_now(town)
    assert keys.names() == set()
    stray = keys.make()
    await erasing.remove_stray_keys(db, keys)
    assert keys.names() == {stray}  # it may be of a transaction that goes on


async def test_a_key_that_is_lost_is_said_and_nothing_is_mistaken_for_it(town: Town) -> None:
    await town.agent().join(town.place)
    db = town.running.portal.db
    keys = db.keys
    assert keys is not None
    [key_id] = keys.names()
    keys.destroy(key_id)
    with pytest.raises(StoreUnavailable, match="isn't here"):
        await db.read(lambda session: session.scalar(select(Device.registration_document)))
    keys.put(key_id, bytes(32))
    with pytest.raises(StoreDamaged, match="does not open"):
        await db.read(lambda session: session.scalar(select(Device.registration_document)))


def test_a_copy_of_keys_is_whole_and_goes_over_no_keys(tmp_path: Path) -> None:
    keys = KeyStore(tmp_path / "keys")
    with pytest.raises(SettingsInvalid, match="no keys"):
        key_copies.put_aside(keys, tmp_path / "k", 0)
    keys.begin()
    key_id = keys.make()
    path, _ = key_copies.put_aside(keys, tmp_path / "k", 0)
    again = KeyStore(tmp_path / "again")
    assert key_copies.bring_back(path, again) == 1
    assert (again.get(key_id), again.mark("a")) == (keys.get(key_id), keys.mark("a"))
    with pytest.raises(SettingsInvalid, match="already"):
        key_copies.bring_back(path, again)
    path.write_text("{}")
    with pytest.raises(StoreDamaged, match="can't be read"):
        key_copies.bring_back(path, KeyStore(tmp_path / "third"))
    with pytest.raises(NotFound, match="no copy"):
        key_copies.bring_back(tmp_path / "none", KeyStore(tmp_path / "third"))


@on_a_file
def test_the_commands_of_keys(place: Place, tmp_path: Path) -> None:
    shutil.rmtree(place.folder.keys.folder)
    folder, run = str(place.folder.path), CliRunner()
    assert "sealed" in run.invoke(main, ["keys", "begin", folder]).output
    assert "0 keys" in run.invoke(main, ["keys", "backup", folder, str(tmp_path / "k")]).output
    [copy] = (tmp_path / "k").iterdir()
    shutil.rmtree(place.folder.keys.folder)
    assert "0 keys are back" in run.invoke(main, ["keys", "restore", str(copy), folder]).output
    assert "0 devices" in run.invoke(main, ["keys", "check", folder]).output
    assert "Rewritten" in run.invoke(main, ["keys", "rewrite", folder]).output
    assert copy.stat().st_mode & 0o077 == 0


@on_a_file
def test_keys_and_backups_are_not_put_into_one_folder(place: Place, tmp_path: Path) -> None:
    folder, run = str(place.folder.path), CliRunner()
    for first, second in (("keys", "backup"), ("backup", "keys")):
        into = str(tmp_path / first)
        words = {"keys": ["keys", "backup", folder, into], "backup": ["backup", folder, into]}
        assert run.invoke(main, words[first]).exit_code == 0
        refused = run.invoke(main, words[second])
        assert refused.exit_code == SettingsInvalid.exit_code
        assert "Name another folder" in refused.output
        assert len(list((tmp_path / first).iterdir())) == 1


class served:
    """Another portal of the place, and its officer."""

    def __init__(self, town: Town, place: Place) -> None:
        self.town, self.place = town, place

    async def __aenter__(self) -> Officer:
        self._session = aiohttp.ClientSession()
        self._serving = in_process(self.place, self.town.clock)
        running = await self._serving.__aenter__()
        place = self.place
        return Officer(
            self._session, running.portal.origin, self.town.clock, place.officer, place.credential, place.force.name
        )

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()
        await self._serving.__aexit__(None, None, None)


async def raw(town: Town, statement: str) -> list[tuple[object, ...]]:
    """As it lies in the database."""
    return await town.running.portal.db.read(lambda session: [tuple(row) for row in session.execute(text(statement))])


def run(server: PostgresServer, program: str, *arguments: str) -> None:
    subprocess.run([server.programs / program, *arguments], check=True, capture_output=True, timeout=60)
