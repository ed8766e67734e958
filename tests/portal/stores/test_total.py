"""The total of all uploads is kept by the database itself: exact after whatever is written, by whichever portal."""

import asyncio
import json
import logging
import sqlite3
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from click.testing import CliRunner
from sqlalchemy import create_engine, delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from portal.cli import main
from portal.storage.database import Database, Databases, open_database, upgrade
from portal.storage.models import StoredUpload, TakenBytes
from portal.uploads import room
from tests.counterparts.portals.portal import Place
from tests.counterparts.storage.postgres_server import PostgresServer

BEFORE = "0023"
OLD_INSERT = (
    "INSERT INTO uploads (upload_id, device, size, created, expires, delivered, gone) "
    "VALUES ('{0}', 'd', {1}, 1, 2, false, {2})"
)


def add(*sizes: int, gone: bool = False) -> Callable[[Session], None]:
    def work(session: Session) -> None:
        rows = [
            {"upload_id": f"u{size}", "device": "d", "size": size, "created": 1, "expires": 2, "delivered": False,
             "gone": gone}
            for size in sizes
        ]  # fmt: skip
        session.execute(insert(StoredUpload), rows)

    return work


def both(session: Session) -> tuple[int, int]:
    return room.taken(session), room.counted_anew(session)


def entries(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(TakenBytes)) or 0


def test_what_comes_changes_and_goes_is_in_it_at_once(db: Database) -> None:
    of = StoredUpload.upload_id
    assert db.read_now(both) == (0, 0)
    steps = (
        (add(1000, 200, 30, 4), 1234),
        (add(50_000, gone=True), 1234),
        (lambda s: s.execute(update(StoredUpload).where(of.in_(["u30", "u50000"])).values(gone=True, expires=9)), 1204),
        (lambda s: setattr(s.get(StoredUpload, "u4"), "gone", True), 1200),
        (lambda s: setattr(s.get(StoredUpload, "u4"), "gone", False), 1204),
        (lambda s: s.execute(update(StoredUpload).where(of == "u200").values(size=201, sha256="0" * 64)), 1205),
        (lambda s: s.execute(delete(StoredUpload).where(StoredUpload.gone)), 1205),
        (lambda s: s.execute(delete(StoredUpload).where(of == "u1000")), 205),
    )
    for step, total in steps:
        db.write_now(lambda session, step=step: step(session) and None)  # type: ignore[misc]
        assert db.read_now(both) == (total, total)


def test_what_is_undone_is_not_in_it(db: Database) -> None:
    def broken(session: Session) -> None:
        add(7)(session)
        assert room.taken(session) == 7
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        db.write_now(broken)
    assert db.read_now(both) == (0, 0)


def test_many_entries_become_one(db: Database) -> None:
    db.write_now(add(*range(1, room.FOLDED_FROM)))
    db.write_now(room.fold)
    assert db.read_now(entries) == room.FOLDED_FROM - 1
    db.write_now(add(room.FOLDED_FROM))
    before = db.read_now(both)
    db.write_now(room.fold)
    assert db.read_now(entries) == 1
    assert db.read_now(both) == before == (room.FOLDED_FROM * (room.FOLDED_FROM + 1) // 2,) * 2


async def test_nothing_is_lost_of_what_comes_while_entries_become_one(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "FOLDED_FROM", 2)
    works = [work for size in range(1, 25) for work in (add(size), *[room.fold] * (size % 4 == 0))]
    await asyncio.gather(*map(db.write, works))
    assert await db.read(both) == (300, 300)
    assert await db.read(entries) < 24


async def test_a_total_that_is_another_is_told_and_put_right(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    await db.write(add(500))
    await room.recount(db)
    assert caplog.records == []
    await db.write(lambda session: session.add(TakenBytes(bytes=-70)))
    with caplog.at_level(logging.ERROR, "handover.portal"):
        await room.recount(db)
    assert [record.getMessage().partition(" bytes")[0] for record in caplog.records] == [
        "the total of all uploads was -70"
    ]
    assert await db.read(both) == (500, 500)


def test_the_command_that_says_how_much_is_taken_puts_it_right(place: Place) -> None:
    place.folder.settings_file.unlink()
    place.folder.save(place.settings)
    db = open_database(place.folder.where(place.settings))
    db.write_now(add(500))
    db.write_now(lambda session: session.add(TakenBytes(bytes=3)))
    said = [CliRunner().invoke(main, ["room", str(place.folder.path), "--json"]) for _ in range(2)]
    assert ["put right" in each.stderr for each in said] == [True, False]
    assert [json.loads(each.stdout)["on_their_way_bytes"] for each in said] == [500, 500]
    assert db.read_now(both) == (500, 500)
    db.close()


def steps_until_before(address: str) -> None:
    engine = create_engine(address)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(files("portal.storage") / "migrations"))
        config.set_main_option("recursive_version_locations", "true")
        config.attributes["connection"] = connection
        command.upgrade(config, BEFORE)
    engine.dispose()


def test_a_file_of_before_has_it_and_an_older_portal_that_goes_on_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "portal.db"
    steps_until_before(f"sqlite:///{path}")
    with sqlite3.connect(path) as old:
        for name, size, gone in (("a", 100, 0), ("b", 20, 1), ("c", 3, 0)):
            old.execute(OLD_INSERT.format(name, size, gone))
        old.commit()
        upgrade(path)
        assert old.execute("SELECT SUM(bytes) FROM uploads_taken").fetchone() == (103,)
        old.execute(OLD_INSERT.format("d", 4000, 0))
        old.execute("UPDATE uploads SET gone = 1, expires = 5 WHERE upload_id = 'a'")
        old.execute("DELETE FROM uploads WHERE upload_id = 'b'")
    old.close()
    db = open_database(path)
    assert db.read_now(both) == (4003, 4003)
    db.close()


def test_forces_of_before_have_each_their_own_and_their_rows_stay_apart(postgres: PostgresServer) -> None:
    name = postgres.create(owner=postgres.plain())
    postgres.execute("CREATE EXTENSION postgis", name)
    address = postgres.plain_url(name)
    steps_until_before(address.replace("postgresql://", "postgresql+psycopg://"))
    with psycopg.connect(address, autocommit=True) as old:
        for force, size in (("kent", 100), ("essex", 7)):
            old.execute(f"SET handover.force = '{force}'")
            old.execute(OLD_INSERT.format("a", size, False))  # type: ignore[call-overload]
            old.execute(OLD_INSERT.format("b", size * 2, True))  # type: ignore[call-overload]
        old.execute("ALTER TABLE uploads FORCE ROW LEVEL SECURITY")
        databases = Databases()
        kent, essex = (databases.open(address, None, force) for force in ("kent", "essex"))
        assert [db.read_now(both) for db in (kent, essex)] == [(100, 100), (7, 7)]
        old.execute(OLD_INSERT.format("c", 1, False))  # type: ignore[call-overload]
    kent.write_now(lambda session: session.execute(update(StoredUpload).values(gone=True)) and None)
    assert [db.read_now(both) for db in (kent, essex)] == [(0, 0), (8, 8)]
    forced = "SELECT relforcerowsecurity FROM pg_class WHERE relname IN ('uploads', 'uploads_taken')"
    assert kent.read_now(lambda session: session.scalars(text(forced)).all()) == [True, True]
    essex.close()
    kent.close()
    postgres.drop(name)
