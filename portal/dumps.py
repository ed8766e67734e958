"""A force's rows on PostgreSQL put into a file and back, by PostgreSQL's own ``pg_dump`` and ``pg_restore``.

Row security is left on: of a database that several forces share, a dump has the rows of one, and it takes no user with
more rights than the portal's own. Not for: dumps of all forces at once, which are its administrator's.
"""

import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import psycopg
from psycopg import conninfo

from exchange.errors import SettingsInvalid, StoreUnavailable
from portal.storage.names import ALONE
from portal.storage.separation import SETTING
from portal.storage.server import Server

_AS_IT_IS = ("--no-owner", "--no-privileges", "--no-comments", "--schema=public", "--single-transaction")


def dump(server: Server, force: str | None, target: Path, without: Iterable[str]) -> None:
    """The force's rows at one moment, and the tables; of those in ``without`` no row. Blocks. StoreUnavailable,
    SettingsInvalid."""
    left_out = [f"--exclude-table-data={table}" for table in ("spatial_ref_sys", *without)]
    _run(server, force, "pg_dump", "--format=custom", "--enable-row-security", *left_out, "--file", str(target))


def put_back(server: Server, force: str | None, source: Path) -> None:
    """Into an empty database, all of it or nothing. Blocks. SettingsInvalid when it holds a portal already."""
    try:
        with psycopg.connect(**server.parameters()) as connection:
            row = connection.execute("SELECT to_regclass('public.alembic_version') IS NULL").fetchone()
    except psycopg.Error as error:
        raise _unavailable(server, str(error)) from None
    if not row or not row[0]:
        raise SettingsInvalid(
            f"The database {server.name} holds a portal already.",
            do="Make an empty one: createdb, and CREATE EXTENSION postgis; name it with --database.",
        )
    _run(server, force, "pg_restore", *_AS_IT_IS, str(source))


def _run(server: Server, force: str | None, program: str, *options: str) -> None:
    parameters = server.parameters(f"-c {SETTING}={force or ALONE}")
    password = parameters.pop("password", None)
    command: Sequence[str] = [program, *options, "--dbname", conninfo.make_conninfo(**parameters)]
    known = os.environ | ({} if password is None else {"PGPASSWORD": password})
    try:
        done = subprocess.run(command, env=known, capture_output=True, text=True, errors="replace", check=False)
    except FileNotFoundError:
        raise SettingsInvalid(
            f"{program} is not installed here.",
            do="Install PostgreSQL's client programs, of the server's version or later: postgresql-client.",
        ) from None
    if done.returncode != 0:
        raise _unavailable(server, done.stderr)


def _unavailable(server: Server, said: str) -> StoreUnavailable:
    line = next((line for line in said.splitlines() if line.strip()), "nothing was said")
    return StoreUnavailable(
        f"The database {server.name} can't be dumped, or put back: {line.strip()}.",
        meaning="Nothing was kept of it.",
        do="Is PostgreSQL up, and are its client programs here of the server's version or later?",
    )
