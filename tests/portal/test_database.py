"""The portal's database: made, upgraded, reopened, refused when it can't be trusted."""

import asyncio
import sqlite3
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, func, select

from exchange.errors import AlreadyRunning, SettingsInvalid, StoreDamaged
from portal.server import Listen
from portal.settings import PortalFolder, PortalSettings
from portal.storage import schema
from portal.storage.database import open_database, upgrade
from portal.storage.models import Device, Table, UsedToken
from tests.counterparts.portals.portal import Place, in_process
from tests.portal.wire import SetClock


def device(name: str) -> Device:
    return Device(fingerprint=name, public_key="k", enrolled=0, last_seen=0)


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index cameras_by_band")
def test_the_migrations_make_exactly_the_tables_of_the_models(tmp_path: Path) -> None:
    path = tmp_path / "portal.db"
    assert upgrade(path)[0] is None
    db = open_database(path)
    different = db.read_now(
        lambda session: compare_metadata(MigrationContext.configure(session.connection()), Table.metadata)
    )
    db.close()
    assert different == []


def test_an_upgrade_of_what_is_up_to_date_changes_nothing_and_keeps_the_rows(tmp_path: Path) -> None:
    path = tmp_path / "portal.db"
    first = open_database(path)
    first.write_now(lambda session: session.add(device("a")))
    first.close()
    before, after = upgrade(path)
    assert before == after
    second = open_database(path)
    assert second.read_now(lambda session: session.scalar(select(func.count()).select_from(Device))) == 1
    second.close()


def test_a_portal_of_before_feedback_keeps_its_deliveries_and_takes_a_second_one_of_a_package(tmp_path: Path) -> None:
    path = tmp_path / "portal.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(files("portal.storage") / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        connection.commit()
    engine.dispose()
    insert = (
        "INSERT INTO deliveries (delivery_id, request_id, evidence_id, size, sha256, document, signature, received) "
        "VALUES (?, 'r', 'e', 1, 's', 'd', 'g', 0)"
    )
    with sqlite3.connect(path) as raw:
        officer = ("o", "k", "c", "Ada", "DC", "4711", "CID", 0, 1, "d", "g", 0, None)
        raw.execute(f"INSERT INTO officers VALUES ({', '.join('?' * len(officer))})", officer)
        raw.execute(
            "INSERT INTO requests (request_id, officer, device, device_key, crime_reference, issued, expires, received,"
            " sha256, document, signature) VALUES ('r', 'o', 'v', 'k', 'c', 0, 1, 0, 's', 'd', 'g')"
        )
        raw.execute(insert, ["first"])
        with pytest.raises(sqlite3.IntegrityError):
            raw.execute(insert, ["second"])
    raw.close()
    upgrade(path)
    with sqlite3.connect(path) as raw:
        raw.execute(insert, ["second"])
        assert [row[0] for row in raw.execute("SELECT delivery_id FROM deliveries")] == ["first", "second"]
    raw.close()


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "portal.db"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreDamaged):
        open_database(path)
    assert path.read_bytes() == b"not a database at all" * 100


@pytest.mark.parametrize("must_know", ["9999", None])
def test_a_database_of_a_portal_that_is_too_new_is_refused(tmp_path: Path, must_know: str | None) -> None:
    path = tmp_path / "portal.db"
    upgrade(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        if must_know is None:
            connection.execute("DROP TABLE schema_mark")
        else:
            connection.execute("UPDATE schema_mark SET must_know = ?", [must_know])
    connection.close()
    with pytest.raises(StoreDamaged, match="newer"):
        open_database(path)


def test_a_portal_goes_on_working_on_what_a_newer_one_only_added_to(tmp_path: Path) -> None:
    path = tmp_path / "portal.db"
    upgrade(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("ALTER TABLE devices ADD COLUMN shoe_size INTEGER")
    connection.close()
    db = open_database(path)
    db.write_now(lambda session: session.add(device("a")))
    db.close()
    assert upgrade(path) == ("9999", "9999")


def test_a_step_tells_from_which_step_on_a_portal_works_on_what_it_leaves() -> None:
    def steps(*said: str | None) -> Any:
        made = [
            SimpleNamespace(revision=f"000{number}", module=SimpleNamespace(**({"MUST_KNOW": known} if known else {})))
            for number, known in enumerate(said, 1)
        ]
        return SimpleNamespace(walk_revisions=lambda: iter(made[::-1]))

    assert schema.must_know(steps(None, None)) == "0002"
    assert schema.must_know(steps(None, None, "0001", "0002")) == "0002"  # both only add
    assert schema.must_know(steps(None, "0001", "0002")) == "0002"  # takes away what the second stopped to use


async def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    db = await asyncio.to_thread(open_database, tmp_path / "portal.db")

    def half(session: object) -> None:
        session.add(device("a"))  # type: ignore[attr-defined]
        session.flush()  # type: ignore[attr-defined]
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        await db.write(half)
    assert await db.read(lambda session: session.scalar(select(func.count()).select_from(Device))) == 0
    await asyncio.to_thread(db.close)


async def test_writes_at_once_happen_one_after_the_other(tmp_path: Path) -> None:
    db = await asyncio.to_thread(open_database, tmp_path / "portal.db")
    await db.write(lambda session: session.add(device("a")))

    def count_up(session: object) -> None:
        row = session.get(Device, "a")  # type: ignore[attr-defined]
        row.last_cursor += 1

    await asyncio.gather(*(db.write(count_up, durable=number % 2 == 0) for number in range(20)))
    assert await db.read(lambda session: session.get(Device, "a").last_cursor) == 20  # type: ignore[union-attr]
    await db.write(lambda session: session.add(UsedToken(issuer="a", jti="b", expires=1)))
    await asyncio.to_thread(db.close)


async def test_two_portals_never_serve_one_folder(place: Place, clock: SetClock) -> None:
    async with in_process(place, clock):
        with pytest.raises(AlreadyRunning):
            async with in_process(place, clock):
                pass


def test_a_portal_is_never_made_over_another(place: Place) -> None:
    with pytest.raises(SettingsInvalid, match="already"):
        place.folder.save(place.settings)


@pytest.mark.parametrize(
    "content", ["", "[]", "force: x", "force: A\nforce_key: nonsense", "a: b: c", "force: A\nunknown: 1"]
)
def test_settings_that_cannot_be_used_are_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "portal.yaml").write_text(content)
    with pytest.raises(SettingsInvalid, match=r"portal\.yaml can't be used"):
        PortalFolder(tmp_path).load()


@pytest.mark.parametrize(
    "origin",
    [
        "https://a.example/a//b",
        "https://a.example/Path",
        "https://a.example/a/../b",
        "ftp://a.example",
        "https://u:p@a.example",
        "a.example",
    ],
)
def test_an_origin_is_an_origin(place: Place, origin: str) -> None:
    with pytest.raises(ValueError, match="origin"):
        PortalSettings(force="A", force_key=place.force.key.public.line, origin=origin)


@pytest.mark.parametrize("text", ["8470", "localhost:1", "127.0.0.1:70000", "127.0.0.1", ":1"])
def test_an_address_to_listen_on_is_one(text: str) -> None:
    with pytest.raises(SettingsInvalid):
        Listen.parse(text)
