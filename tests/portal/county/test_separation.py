"""Several forces in one PostgreSQL: no transaction of one sees, changes or makes a row of another's, in any table."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy import func, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from exchange.errors import SettingsInvalid
from portal.registry.nearest import in_ring
from portal.registry.search_query import SearchQuery
from portal.storage import locks
from portal.storage.database import Database, Databases, open_database
from portal.storage.models import Camera, Device, Table
from portal.storage.separation import OF_NO_FORCE
from tests.counterparts.storage.postgres_server import PostgresServer

FORCES = ("kent", "essex")
VALUES = {"text": "'x'", "character varying": "'x'", "bigint": "1", "integer": "1", "boolean": "false",
          "double precision": "1"}  # fmt: skip
Raw = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def name(postgres: PostgresServer, for_forces: str) -> Iterator[str]:
    """A database of two forces, without a row."""
    name = postgres.create(for_forces, postgres.plain())
    yield name
    postgres.drop(name)


@pytest.fixture
def forces(postgres: PostgresServer, name: str) -> Iterator[tuple[Database, Database]]:
    """As one process has it open for both."""
    databases = Databases()
    kent, essex = (databases.open(postgres.plain_url(name), None, force) for force in FORCES)
    yield kent, essex
    essex.close()
    kent.close()


@pytest.fixture
def portals_own(postgres: PostgresServer, name: str) -> Iterator[Raw]:
    """A session of the portal's user that did not say for which force it is."""
    with psycopg.connect(postgres.plain_url(name), autocommit=True) as connection:
        yield connection


def device(name: str) -> Device:
    return Device(fingerprint=name, public_key="k", enrolled=0, last_seen=0)


def tables(connection: Raw) -> list[str]:
    """All that are there, but those that belong to no force."""
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
    return [str(row[0]) for row in rows if row[0] not in OF_NO_FORCE]


def fill(postgres: PostgresServer, name: str) -> None:
    """A row of each force in every table, whatever stands in it."""
    with psycopg.connect(postgres.url(name)) as connection:
        connection.execute("SET session_replication_role = replica")  # what a row refers to need not be there
        for table in tables(connection):
            wanted = connection.execute(
                "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' AND "
                "table_name = %s AND is_nullable = 'NO' AND column_default IS NULL AND is_generated = 'NEVER'",
                [table],
            ).fetchall()
            names = ", ".join(["force", *(str(column) for column, _ in wanted)])
            for force in FORCES:
                values = ", ".join([f"'{force}'", *(VALUES[str(kind)] for _, kind in wanted)])
                connection.execute(f"INSERT INTO {table} ({names}) VALUES ({values})")  # type: ignore[call-overload]


def leaks(connection: Raw) -> list[str]:
    """What force kent can do with rows of force essex: the tables, each with what can be done."""
    found = []
    for table in tables(connection):
        for deed in (_seen, _changed, _deleted, _made, _given_away):
            with connection.transaction(force_rollback=True):
                connection.execute("SELECT set_config('handover.force', 'kent', true)")
                if deed(connection, Identifier(table)):
                    found.append(f"{table}{deed.__name__}")
    return found


def _seen(connection: Raw, table: Identifier) -> bool:
    rows = connection.execute(SQL("SELECT force FROM {}").format(table)).fetchall()
    assert ("kent",) in rows
    return ("essex",) in rows


def _changed(connection: Raw, table: Identifier) -> bool:
    return _is_allowed(connection, SQL("UPDATE {} SET force = force WHERE force = 'essex'").format(table))


def _deleted(connection: Raw, table: Identifier) -> bool:
    return _is_allowed(connection, SQL("DELETE FROM {} WHERE force = 'essex'").format(table))


def _made(connection: Raw, table: Identifier) -> bool:
    """As a row of the other force's."""
    return _is_allowed(connection, SQL("INSERT INTO {} (force) VALUES ('essex')").format(table))


def _given_away(connection: Raw, table: Identifier) -> bool:
    return _is_allowed(connection, SQL("UPDATE {} SET force = 'essex'").format(table))


def _is_allowed(connection: Raw, statement: psycopg.sql.Composed) -> bool:
    """Whatever else is wrong with it: row security is asked before constraints are."""
    try:
        with connection.transaction():
            return connection.execute(statement).rowcount > 0
    except psycopg.errors.InsufficientPrivilege:
        return False
    except psycopg.errors.IntegrityError:
        return True


def test_no_table_lets_one_force_at_rows_of_another(
    postgres: PostgresServer, name: str, forces: object, portals_own: Raw
) -> None:
    fill(postgres, name)
    assert set(tables(portals_own)) == set(Table.metadata.tables) - set(OF_NO_FORCE)
    assert leaks(portals_own) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("ALTER TABLE requests DISABLE ROW LEVEL SECURITY", {"seen", "changed", "deleted", "made", "given_away"}),
        ("ALTER TABLE requests NO FORCE ROW LEVEL SECURITY", {"seen", "changed", "deleted", "made", "given_away"}),
        ("ALTER POLICY of_its_force ON requests USING (true)", {"seen", "deleted"}),
        ("ALTER POLICY of_its_force ON requests WITH CHECK (true)", {"made", "given_away"}),
    ],
)
def test_a_table_without_its_policy_is_found_out(
    postgres: PostgresServer, name: str, forces: object, portals_own: Raw, change: str, found: set[str]
) -> None:
    fill(postgres, name)
    portals_own.execute(change)  # type: ignore[call-overload]
    assert set(leaks(portals_own)) == {f"requests_{deed}" for deed in found}


def test_a_session_that_says_no_force_sees_nothing_and_makes_nothing(
    postgres: PostgresServer, name: str, forces: object, portals_own: Raw
) -> None:
    fill(postgres, name)
    for said in ("", "SET handover.force = ''", "SET handover.force = 'another'"):
        if said:
            portals_own.execute(said)  # type: ignore[call-overload]
        for table in tables(portals_own):
            rows = portals_own.execute(SQL("SELECT FROM {}").format(Identifier(table)))
            assert rows.rowcount == 0, (said, table)
    portals_own.execute("RESET handover.force")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        portals_own.execute("INSERT INTO shut_out (fingerprint, at, reason) VALUES ('a', 0, 'x')")


def test_every_key_holds_the_force(portals_own: Raw, forces: object) -> None:
    """Otherwise one force would learn from a refused row that another has one like it."""
    indexes = portals_own.execute(
        "SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid "
        "WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace"
    ).fetchall()
    keys = portals_own.execute(
        "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f'"
    ).fetchall()
    assert len(keys) > 10
    assert [row for row in (*indexes, *keys) if row[0] not in OF_NO_FORCE and str(row[1]).count("force") == 0] == []
    assert all(str(row[1]).count("force") == 2 for row in keys)


async def test_the_same_names_stand_in_both_forces_and_each_counts_its_own(forces: tuple[Database, Database]) -> None:
    for each, devices in zip(forces, ("ab", "bcd"), strict=True):
        for one in devices:
            await each.write(lambda session, one=one: session.add(device(one)), durable=one == "b")
    counts = [
        await each.read(lambda session: session.scalar(select(func.count()).select_from(Device))) for each in forces
    ]
    assert counts == [2, 3]
    await forces[0].write(lambda session: session.delete(session.get(Device, "b")))
    assert await forces[1].read(lambda session: session.get(Device, "b")) is not None


def test_cameras_are_found_by_their_index_under_row_security_too(
    postgres: PostgresServer, name: str, forces: tuple[Database, Database]
) -> None:
    """PostgreSQL takes an index for what can't tell of a row before its policy was asked, and for nothing else."""
    postgres.execute("DROP INDEX cameras_of_force", name)
    here = {"south": 51.4, "west": 0.4, "north": 51.5, "east": 0.5, "crime_reference": "C-1"}
    time = {"from": "2026-11-21T09:00:00Z", "to": "2026-11-21T10:00:00Z"}
    query = SearchQuery.model_validate({**here, **time})
    ring = in_ring(select(Camera.device), query, 2000.0, "postgresql")
    words = ring.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})

    def plan(session: Session) -> str:
        session.execute(text("SET LOCAL enable_seqscan = off"))
        return "\n".join(session.scalars(text(f"EXPLAIN {words}")))

    found = forces[0].write_now(plan)
    assert "cameras_by_band" in found
    assert "Index Cond: ((band = ANY" in found


def test_what_one_force_locks_another_may_have(forces: tuple[Database, Database]) -> None:
    def both(session: object) -> tuple[bool, bool]:
        mine = locks.try_hold(session, "sweep")  # type: ignore[arg-type]
        return mine, forces[1].write_now(lambda other: locks.try_hold(other, "sweep"))

    assert forces[0].write_now(both) == (True, True)


def test_a_user_whom_row_security_does_not_bind_serves_no_second_force(postgres: PostgresServer, name: str) -> None:
    with pytest.raises(SettingsInvalid, match="row security") as error:
        open_database(postgres.url(name), None, "kent")
    assert "BYPASSRLS" in (error.value.do or "")
    alone = open_database(postgres.url(name))
    alone.write_now(lambda session: session.add(device("a")))
    alone.close()
    one = open_database(postgres.plain_url(name), None, "kent")
    one.write_now(lambda session: session.add(device("b")))
    one.close()
    with pytest.raises(SettingsInvalid, match="row security"):
        open_database(postgres.url(name))


def test_a_force_that_was_alone_goes_on_beside_others(postgres: PostgresServer, name: str) -> None:
    """Its rows are those of ``main``, before and after; a table that was not bound is bound when a force opens it."""
    alone = open_database(postgres.plain_url(name))
    alone.write_now(lambda session: session.add(device("a")))
    postgres.execute("ALTER TABLE devices NO FORCE ROW LEVEL SECURITY", name)
    kent = open_database(postgres.plain_url(name), None, "kent")
    assert kent.read_now(lambda session: session.get(Device, "a")) is None
    assert alone.read_now(lambda session: session.scalar(text("SELECT force FROM devices"))) == "main"
    assert postgres.execute("SELECT relforcerowsecurity FROM pg_class WHERE relname = 'devices'", name) == [(True,)]
    for each in (alone, kent):
        each.close()


def test_a_file_holds_one_force_by_whatever_name(tmp_path: Path) -> None:
    for force in FORCES:
        each = open_database(tmp_path / f"{force}.db", None, force)
        each.write_now(lambda session, force=force: session.add(device(force)))
        assert each.read_now(lambda session: session.scalar(select(Device.fingerprint))) == force
        each.close()
