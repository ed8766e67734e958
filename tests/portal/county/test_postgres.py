"""The portal's database on PostgreSQL: others in the way, replicas that start together, passwords that stay secret."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import ForeignKeyConstraint, UniqueConstraint, func, select, text
from sqlalchemy.orm import Session

from exchange.errors import InputInvalid, SettingsInvalid, StoreDamaged, StoreUnavailable
from exchange.signing.documents import SigningKey
from portal import sweep
from portal.settings import PortalSettings
from portal.storage import locks, postgres
from portal.storage.database import Database, open_database, upgrade
from portal.storage.models import Device, StoredUpload, Table
from portal.uploads.files import UploadFolder
from tests.counterparts.portals.portal import Place, PortalProcess
from tests.counterparts.storage.postgres_server import PostgresServer
from tests.portal.wire import SetClock


@pytest.fixture
def empty(postgres: PostgresServer) -> Iterator[str]:
    """A database's name."""
    name = postgres.create()
    yield name
    postgres.drop(name)


@pytest.fixture
def two(postgres: PostgresServer, prepared: str) -> Iterator[tuple[Database, Database]]:
    """As two replicas have it open."""
    name = postgres.create(prepared)
    found = open_database(postgres.url(name)), open_database(postgres.url(name))
    yield found
    for each in found:
        each.close()
    postgres.drop(name)


def device(name: str) -> Device:
    return Device(fingerprint=name, public_key="k", enrolled=0, last_seen=0)


def together(*works: object) -> list[object]:
    with ThreadPoolExecutor(len(works)) as threads:
        return [each.result() for each in [threads.submit(work) for work in works]]  # type: ignore[arg-type]


def test_replicas_that_start_together_make_the_tables_once(postgres: PostgresServer, empty: str) -> None:
    url = postgres.url(empty)
    first, second = sorted(together(lambda: upgrade(url), lambda: upgrade(url)), key=str, reverse=True)
    assert (first, second) == ((None, second[1]), (second[1], second[1]))  # type: ignore[index]


@pytest.mark.filterwarnings("ignore:Did not recognize type 'geography'")
def test_the_migrations_make_the_tables_of_the_models_and_a_place_on_the_globe(two: tuple[Database, Database]) -> None:
    different = two[0].read_now(
        lambda session: compare_metadata(MigrationContext.configure(session.connection()), Table.metadata)
    )
    keys = {kind: sorted(_key(step[-1]) for step in different if step[0] in kind) for kind in (_ADDED, _REMOVED)}
    assert keys[_ADDED] == keys[_REMOVED] != []
    assert {(step[0], getattr(step[-1], "name", "")) for step in different if step[0] not in _ADDED + _REMOVED} == {
        ("remove_table", "spatial_ref_sys"),
        ("remove_index", "cameras_on_the_globe"),
        ("remove_index", "cameras_by_band"),
        ("remove_column", "place"),
        ("remove_column", "band"),
        ("remove_column", "force"),
        ("remove_index", "cameras_of_force"),
        ("remove_index", "use_lines_of_force"),
    }


_ADDED, _REMOVED = ("add_fk", "add_constraint"), ("remove_fk", "remove_constraint")


def _key(found: ForeignKeyConstraint | UniqueConstraint) -> tuple[str, str, list[str]]:
    """A key, as it would be without the force in it."""
    columns = [column.name for column in found.columns if column.name != "force"]
    return str(found.table.name), type(found).__name__, columns


def test_of_two_that_read_and_then_write_one_is_run_again(two: tuple[Database, Database]) -> None:
    two[0].write_now(lambda session: session.add(device("a")))
    both_read, runs = threading.Barrier(2), []

    def count_up(session: Session) -> None:
        row = session.get(Device, "a")
        assert row is not None
        runs.append(row.last_cursor)
        if len(runs) <= 2:
            both_read.wait(30)
        row.last_cursor += 1

    together(lambda: two[0].write_now(count_up), lambda: two[1].write_now(count_up))
    assert sorted(runs) == [0, 0, 1]
    assert two[0].read_now(lambda session: session.get(Device, "a").last_cursor) == 2  # type: ignore[union-attr]


def test_a_limit_that_is_counted_first_holds_for_two_at_once(two: tuple[Database, Database]) -> None:
    """Neither changes what the other read: only an order of the two finds it."""
    both_counted, counts = threading.Barrier(2), []

    def add_the_first(name: str) -> object:
        def work(session: Session) -> bool:
            count = session.scalar(select(func.count()).select_from(Device)) or 0
            counts.append(count)
            if len(counts) <= 2:
                both_counted.wait(30)
            if count == 0:
                session.add(device(name))
            return count == 0

        return work

    works = [(db, add_the_first(name)) for db, name in zip(two, "ab", strict=True)]
    won = together(*(lambda db=db, work=work: db.write_now(work) for db, work in works))
    assert sorted(won) == [False, True]  # type: ignore[type-var]
    assert sorted(counts) == [0, 0, 1]


def test_one_that_is_in_the_way_for_ever_ends_the_patience(
    two: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "FIRST_WAIT", 0.0001)
    two[0].write_now(lambda session: session.add(device("a")))

    def always_late(session: Session) -> None:
        row = session.get(Device, "a")
        assert row is not None
        two[1].write_now(lambda other: other.execute(text("UPDATE devices SET last_cursor = last_cursor + 1")))
        row.last_seen += 1

    with pytest.raises(StoreUnavailable, match="too busy"):
        two[0].write_now(always_late)
    row = two[0].read_now(lambda session: session.get(Device, "a"))
    assert row is not None
    assert (row.last_seen, row.last_cursor) == (0, postgres.ATTEMPTS)


def test_what_breaks_a_constraint_by_itself_is_an_error_and_not_tried_for_ever(two: tuple[Database, Database]) -> None:
    runs = []

    def break_it(session: Session) -> None:
        runs.append(1)
        session.execute(text("INSERT INTO shut_out VALUES ('a', 0, 'x'), ('a', 0, 'y')"))

    with pytest.raises(postgres.IntegrityError):
        two[0].write_now(break_it)
    assert len(runs) == postgres.MOST_SURPRISES + 1


def test_a_connection_that_was_cut_is_made_anew(two: tuple[Database, Database]) -> None:
    two[0].write_now(lambda session: session.add(device("a")))
    two[1].read_now(
        lambda session: session.scalar(
            text("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                 "WHERE datname = current_database() AND pid <> pg_backend_pid()")
        )
    )  # fmt: skip
    two[0].write_now(lambda session: session.add(device("b")))
    assert two[0].read_now(lambda session: session.scalar(select(func.count()).select_from(Device))) == 2


def test_a_statement_that_takes_too_long_is_given_up(
    two: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StoreUnavailable, match="does not answer"):
        two[0].read_now(lambda session: session.execute(text("SET LOCAL statement_timeout = 50; SELECT pg_sleep(30)")))


def test_a_zero_byte_which_postgresql_takes_in_no_text_is_said_to_be_one(two: tuple[Database, Database]) -> None:
    with pytest.raises(InputInvalid, match="zero byte"):
        two[0].write_now(lambda session: session.add(device("a\0b")))


def test_reading_never_writes(two: tuple[Database, Database]) -> None:
    with pytest.raises(StoreUnavailable, match="read-only"):
        two[0].read_now(lambda session: session.add(device("a")))


async def test_one_replica_at_a_time_sweeps(two: tuple[Database, Database], tmp_path: Path) -> None:
    settings = PortalSettings(force="Example Constabulary", force_key=SigningKey.generate().public.line)
    upload = {"device": "d", "size": 1, "created": 0, "expires": 0, "delivered": False, "gone": False}
    await two[0].write(lambda session: session.add(StoredUpload(upload_id="old", **upload)))
    sweeping, may_end = threading.Event(), threading.Event()

    def hold(session: Session) -> None:
        assert locks.try_hold(session, "sweep")
        sweeping.set()
        may_end.wait(30)

    other = asyncio.create_task(two[1].write(hold))
    await asyncio.to_thread(sweeping.wait, 30)
    folder = UploadFolder(tmp_path)
    await sweep.sweep(two[0], folder, settings, 1)
    assert not await two[0].read(lambda session: session.get(StoredUpload, "old").gone)  # type: ignore[union-attr]
    may_end.set()
    await other
    await sweep.sweep(two[0], folder, settings, 1)
    assert await two[0].read(lambda session: session.get(StoredUpload, "old").gone)  # type: ignore[union-attr]
    (tmp_path / "new").write_bytes(b"another replica is about to write its row")
    await sweep.remove_strays(two[0], folder)
    assert (tmp_path / "new").exists()
    await folder.close()


# -- the address and the password --------------------------------------------------------------------------------


def test_the_password_is_taken_from_a_file_that_only_the_portal_may_read(
    postgres: PostgresServer, empty: str, tmp_path: Path
) -> None:
    postgres.execute("CREATE EXTENSION postgis", empty)
    url = postgres.create_guarded(empty, "correct horse")
    file = tmp_path / "password"
    file.write_text("correct horse\n")
    file.chmod(0o600)
    assert upgrade(url, file)[0] is None
    file.write_text("wrong donkey")
    with pytest.raises(StoreUnavailable, match="does not let the portal in: password authentication failed") as error:
        open_database(url, file)
    assert "donkey" not in str(error.value)
    file.chmod(0o644)
    with pytest.raises(SettingsInvalid, match="read by others"):
        open_database(url, file)
    with pytest.raises(SettingsInvalid, match="can't be read"):
        open_database(url, tmp_path / "none")


def test_the_password_may_be_a_credential_of_systemd(
    postgres: PostgresServer, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres.execute("CREATE EXTENSION postgis", empty)
    url = postgres.create_guarded(empty, "correct horse")
    (tmp_path / "database-password").write_text("correct horse")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert upgrade(url)[0] is None


def test_a_database_without_postgis_says_what_to_do(postgres: PostgresServer, empty: str, tmp_path: Path) -> None:
    url = postgres.create_guarded(empty, "correct horse")
    file = tmp_path / "password"
    file.write_text("correct horse")
    file.chmod(0o600)
    with pytest.raises(StoreDamaged, match="no PostGIS"):
        upgrade(url, file)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://handover:secret@db/handover",
        "postgresql://db/handover?password=secret",
        "mysql://db/handover",
        "portal.db",
    ],
)
def test_settings_with_another_address_or_a_password_are_refused(place: Place, url: str) -> None:
    place.folder.settings_file.write_text(
        yaml.safe_dump({"force": "A", "force_key": place.settings.force_key, "database": url})
    )
    with pytest.raises(SettingsInvalid) as error:
        place.folder.load()
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("url", ["postgresql://u:p@db/n", "postgresql://db/n?nonsense=1"])
def test_an_address_that_libpq_would_not_take_is_refused_before(url: str) -> None:
    with pytest.raises(SettingsInvalid, match="address"):
        postgres.Server.parse(url, None)


def test_beyond_this_machine_the_servers_certificate_is_checked() -> None:
    def mode(url: str) -> object:
        return postgres.Server.parse(url, None).parameters().get("sslmode")

    assert mode("postgresql://handover@db.example.org,db2.example.org/handover") == "verify-full"
    assert mode("postgresql://db.example.org/handover?sslmode=verify-ca") == "verify-ca"
    assert mode("postgresql:///handover?host=/run/postgresql") is None


def test_of_several_servers_the_one_that_answers_is_taken(postgres: PostgresServer, prepared: str) -> None:
    url = postgres.url(prepared).replace("host=", "target_session_attrs=read-write&host=/nowhere,")
    assert upgrade(url) == upgrade(postgres.url(prepared))


def test_nothing_that_answers_is_told_when_the_portal_starts(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="does not answer"):
        open_database(f"postgresql:///none?host={tmp_path}")


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_two_portals_serve_one_folder_and_one_is_killed(place: Place, clock: SetClock) -> None:
    with PortalProcess(place) as one, PortalProcess(place) as other:
        one.kill()
        assert other.process.poll() is None
        assert other.stop() == 0
    assert isinstance(place.folder.load(), PortalSettings)
