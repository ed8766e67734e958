"""A force's rows on PostgreSQL put into a file and back, by PostgreSQL's own ``pg_dump`` and ``pg_restore``.

Row security is left on: of a database that several forces share, a dump has the rows of one, and it takes no user with
more rights than the portal's own. Not for: dumps of all forces at once, which are its administrator's.
"""

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import conninfo, sql

from exchange.errors import SettingsInvalid, StoreDamaged, StoreUnavailable
from portal.storage.models import FILLED_BY_OTHERS
from portal.storage.names import ALONE
from portal.storage.separation import OF_NO_FORCE, SETTING
from portal.storage.server import Server
from portal.storage.table import Table

_AS_IT_IS = ("--no-owner", "--no-privileges", "--no-comments", "--schema=public", "--single-transaction")
_COPY = re.compile(rb'COPY public\.([a-z_]+) \(([a-z0-9_", ]+)\) FROM stdin;\n')
_WHERE = ("public.", "pg_temp.staged_")
Connection = psycopg.Connection[Any]


def dump(server: Server, force: str | None, target: Path, without: Iterable[str]) -> None:
    """The force's rows at one moment, and the tables; of those in ``without`` no row. Blocks. StoreUnavailable,
    SettingsInvalid."""
    left_out = [f"--exclude-table-data={table}" for table in ("spatial_ref_sys", *without)]
    _run(server, force, "pg_dump", "--format=custom", "--enable-row-security", *left_out, "--file", str(target))


def put_back(server: Server, force: str | None, source: Path) -> None:
    """Into an empty database, or beside other forces in one of the same version: all of it or nothing. Where these very
    rows lie already, an earlier try broke off behind them. Blocks.

    SettingsInvalid when other rows of the force are there, or the versions differ; StoreUnavailable.
    """
    name = force or ALONE
    try:
        with psycopg.connect(**server.parameters(f"-c {SETTING}={name}")) as connection:
            filled = _one(connection, "SELECT to_regclass('public.alembic_version') IS NOT NULL")
            if filled:
                _beside(connection, server, name, source)
    except psycopg.Error as error:
        raise _unavailable(server, str(error)) from None
    if not filled:
        _run(server, force, "pg_restore", *_AS_IT_IS, str(source))


def _beside(connection: Connection, server: Server, force: str, source: Path) -> None:
    dumped = b"".join(line for copied in _copied(source, "--table=alembic_version") for line in copied.lines)
    version = str(_one(connection, "SELECT version_num FROM alembic_version"))
    if dumped.decode().strip() != version:
        raise SettingsInvalid(
            f"The backup's tables are at {dumped.decode().strip()}, those of the database {server.name} at {version}.",
            meaning="Beside others a force is put back only where both are the same. Nothing was changed.",
            do="Put it back into an empty database: createdb, and CREATE EXTENSION postgis; name it with --database.",
        )
    found = {copied.table: copied.columns for copied in _copied(source) if _stage(connection, copied)}
    order = [table.name for table in Table.metadata.sorted_tables if table.name in found.keys() - FILLED_BY_OTHERS]
    any_row = "SELECT EXISTS (SELECT FROM public.{} WHERE force = %s)"
    if any(_one(connection, any_row.format(table), force) for table in order):
        if all(_is_same(connection, table, found[table], force) for table in order):
            return
        raise SettingsInvalid(
            f"The database {server.name} holds rows of the force {force} already.",
            meaning="They are not those of this backup. Nothing was changed.",
            do="Name another database with --database: an empty one, or one of other forces.",
        )
    for table in order:
        columns = found[table]
        staged = f"SELECT {columns} FROM pg_temp.staged_{table} WHERE force = %s"  # noqa: S608  names of ours
        connection.execute(_sql(f"INSERT INTO public.{table} ({columns}) {staged}"), [force])
        _count_on(connection, table, columns)


@dataclass(frozen=True, slots=True)
class _Copied:
    """A table's rows as PostgreSQL's COPY has them; ``lines`` are read before the next one is."""

    table: str
    columns: str
    lines: Iterator[bytes]


def _copied(source: Path, *options: str) -> Iterator[_Copied]:
    """SettingsInvalid; StoreDamaged when it can't be read."""
    command = ["pg_restore", "--data-only", "--file=-", *options, str(source)]
    try:
        reading = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        raise _not_here("pg_restore") from None
    with reading:
        assert reading.stdout is not None
        for line in reading.stdout:
            if head := _COPY.fullmatch(line):
                yield _Copied(head[1].decode(), head[2].decode(), iter(reading.stdout.readline, b"\\.\n"))
    if reading.returncode != 0:
        raise StoreDamaged(f"{source} can't be read by pg_restore.", do="Is it of the server's version or later?")


def _stage(connection: Connection, copied: _Copied) -> bool:
    """Row security lets nobody COPY into its tables: so into one of this transaction's own. False for what is of no
    force."""
    if copied.table in OF_NO_FORCE:
        for _ in copied.lines:
            pass
        return False
    rows = f"SELECT {copied.columns} FROM public.{copied.table} WITH NO DATA"  # noqa: S608  names of ours
    connection.execute(_sql(f"CREATE TEMP TABLE staged_{copied.table} ON COMMIT DROP AS {rows}"))
    with connection.cursor().copy(_sql(f"COPY pg_temp.staged_{copied.table} FROM STDIN")) as copy:
        for line in copied.lines:
            copy.write(line)
    return True


def _is_same(connection: Connection, table: str, columns: str, force: str) -> bool:
    here, staged = (f"SELECT ROW({columns})::text FROM {each}{table} WHERE force = %s" for each in _WHERE)  # noqa: S608
    differ = f"SELECT EXISTS (({here} EXCEPT {staged}) UNION ALL ({staged} EXCEPT {here}))"
    return not _one(connection, differ, force, force, force, force)


def _count_on(connection: Connection, table: str, columns: str) -> None:
    """Numbers that the database gives go on behind those that came, and those of the other forces."""
    for column in columns.split(", "):
        sequence = _one(connection, "SELECT pg_get_serial_sequence(%s, %s)", f"public.{table}", column.strip('"'))
        if sequence is None:
            continue
        last = _one(connection, f"SELECT max({column}) FROM public.{table}")  # noqa: S608  names of ours
        if last is not None:
            further = "SELECT setval(%s::regclass, GREATEST(%s, pg_sequence_last_value(%s::regclass)))"
            connection.execute(further, [sequence, last, sequence])


def _one(connection: Connection, query: str, *values: object) -> Any:
    row = connection.execute(_sql(query), values or None).fetchone()
    return row[0] if row else None


def _sql(query: str) -> sql.SQL:
    return sql.SQL(query)


def _run(server: Server, force: str | None, program: str, *options: str) -> None:
    parameters = server.parameters(f"-c {SETTING}={force or ALONE}")
    password = parameters.pop("password", None)
    command: Sequence[str] = [program, *options, "--dbname", conninfo.make_conninfo(**parameters)]
    known = os.environ | ({} if password is None else {"PGPASSWORD": password})
    try:
        done = subprocess.run(command, env=known, capture_output=True, text=True, errors="replace", check=False)
    except FileNotFoundError:
        raise _not_here(program) from None
    if done.returncode != 0:
        raise _unavailable(server, done.stderr)


def _not_here(program: str) -> SettingsInvalid:
    return SettingsInvalid(
        f"{program} is not installed here.",
        do="Install PostgreSQL's client programs, of the server's version or later: postgresql-client.",
    )


def _unavailable(server: Server, said: str) -> StoreUnavailable:
    line = next((line for line in said.splitlines() if line.strip()), "nothing was said")
    return StoreUnavailable(
        f"The database {server.name} can't be dumped, or put back: {line.strip()}.",
        meaning="Nothing was kept of it.",
        do="Is PostgreSQL up, and are its client programs here of the server's version or later?",
    )
