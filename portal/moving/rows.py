"""Moves a portal from its file to PostgreSQL: every row in one transaction, counted and hashed on both sides.

Of several forces each is moved by itself, also into one database. Uploads stay where they are, in a folder or a bucket.
Not for: a portal that runs, whose lock is wanted here, or the way back.
"""

import functools
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Column, MetaData, TypeDecorator, func, insert, select, text
from sqlalchemy import Table as Columns
from sqlalchemy.orm import Session

from exchange.custody.log import line_leaf
from exchange.custody.merkle import MerkleTree
from exchange.durable import durable_file, sync_folder
from exchange.errors import SettingsInvalid, StoreDamaged
from portal.audit import uses
from portal.moving.alone import alone
from portal.settings import PortalFolder, PortalSettings
from portal.storage.database import Database, open_database
from portal.storage.models import FILLED_BY_OTHERS, SchemaMark
from portal.storage.table import Table
from portal.storage.use_tables import UseLine

ROWS_AT_ONCE = 500
MOVED = "portal.db.moved"
"""The file's name afterwards: nothing opens it any more."""
Say = Callable[[str, int], None]
"""Told of each table: its name, and how many rows are there."""


@dataclass(frozen=True, slots=True)
class Sum:
    """What a table holds. ``hashes``: the SHA-256 of all its rows, added up, so that their order doesn't matter."""

    rows: int
    hashes: int


@dataclass(frozen=True, slots=True)
class Moved:
    rows: int
    log_lines: int
    log_root: str
    """Of the log of use, in hex."""


def move(folder: PortalFolder, address: str, password_file: Path | None, say: Say) -> Moved:
    """Copy everything, compare it, then have ``portal.yaml`` name the new database. Begun again after whatever broke
    off, it goes on: until its one transaction is committed the new database is empty, and then it has all.

    SettingsInvalid when there is no portal in a file, or other rows are in the new database; AlreadyRunning while the
    portal runs; StoreDamaged when something is not the same on both sides. Blocks.
    """
    with alone(folder):
        settings = folder.load()
        wanted = _settings(settings, address, password_file)
        if settings.database is not None or not folder.database.exists():
            raise SettingsInvalid(
                f"The portal in {folder.path} keeps nothing in a file.", do="There is nothing to be moved."
            )
        source = open_database(folder.database)
        try:
            target = open_database(address, password_file, settings.short_name)
        except BaseException:
            source.close()
            raise
        try:
            moved = source.read_now(lambda session: _move(session, target, say))
        finally:
            target.close()
            source.close()
        _switch(folder, wanted)
    return moved


def _settings(settings: PortalSettings, address: str, password_file: Path | None) -> dict[str, str]:
    """What is to be added to ``portal.yaml``. SettingsInvalid when it can't be used."""
    added = {"database": address}
    if password_file is not None:
        added["database_password_file"] = str(password_file.resolve())
    try:
        PortalSettings.model_validate(settings.model_dump(mode="json", exclude_none=True) | added)
    except ValueError:
        raise SettingsInvalid(
            "The database's address can't be used.", do="Write it so: postgresql://user@host:5432/name"
        ) from None
    return added


def _move(source: Session, target: Database, say: Say) -> Moved:
    before = {table.name: _sum(source, table) for table in _tables()}
    there = target.read_now(lambda session: {table.name: _sum(session, table) for table in _tables()})
    if any(each.rows for each in there.values()) and there != before:
        raise SettingsInvalid(
            "The new database holds other rows already.",
            meaning="Another portal may use it.",
            do="Make an empty one: createdb, and CREATE EXTENSION postgis.",
        )
    if there != before:
        target.write_now(lambda session: _copy(source, session, before, say))
    size, root = target.read_now(_log)
    if (size, root) != _log(source):
        raise _differs("the log of use")
    return Moved(sum(each.rows for each in before.values()), size, root)


def _copy(source: Session, target: Session, before: dict[str, Sum], say: Say) -> None:
    """All of it, or nothing when a table is not the same there."""
    for table in _tables():
        for rows in source.execute(select(table)).mappings().partitions(ROWS_AT_ONCE):
            target.execute(insert(table), [dict(row) for row in rows])
        if _sum(target, table) != before[table.name]:
            raise _differs(f"the table {table.name}")
        _count_on(target, table)
        say(table.name, before[table.name].rows)


def _count_on(session: Session, table: Columns) -> None:
    """Numbers that the database gives go on behind those that are there."""
    for column in table.primary_key.columns:
        found = {"table": table.name, "column": column.name}
        sequence = session.scalar(text("SELECT pg_get_serial_sequence(:table, :column)"), found)
        last = session.scalar(select(func.max(column))) if sequence else None
        if last is not None:  # another force that shares the database may be further
            last_there = "pg_sequence_last_value(CAST(:sequence AS regclass))"
            further = text(f"SELECT setval(:sequence, GREATEST(:last, {last_there}))")
            session.execute(further, {"sequence": sequence, "last": last})


def _sum(session: Session, table: Columns) -> Sum:
    names = sorted(column.name for column in table.columns)
    rows = hashes = 0
    for row in session.execute(select(table).execution_options(yield_per=ROWS_AT_ONCE)).mappings():
        written = json.dumps([row[name] for name in names], default=bytes.hex).encode()
        rows, hashes = rows + 1, hashes + int.from_bytes(hashlib.sha256(written).digest())
    return Sum(rows, hashes % (1 << 256))


def _log(session: Session) -> tuple[int, str]:
    """How long the log of use is, and its root, from its lines; the kept tree must say the same. StoreDamaged."""
    tree = MerkleTree()
    lines = select(UseLine.line).order_by(UseLine.seq).execution_options(yield_per=ROWS_AT_ONCE)
    for line in session.scalars(lines):
        tree.append(line_leaf(line))
    head = uses.head(session, 0)
    if (head.size, head.root) != (tree.size, tree.root().hex()):
        raise StoreDamaged("The log of use is not what its tree says.", do="Restore the portal from a backup.")
    return head.size, head.root


@functools.cache
def _tables() -> tuple[Columns, ...]:
    """In an order in which each one's rows find what they name. What is sealed is moved as it is: no key is wanted,
    and what lost its key stays lost."""
    left_out = FILLED_BY_OTHERS | {SchemaMark.__tablename__}
    tables = [table for table in Table.metadata.sorted_tables if table.name not in left_out]
    return tuple(Columns(table.name, MetaData(), *map(_as_it_lies, table.columns)) for table in tables)


def _as_it_lies(column: Column[Any]) -> Column[Any]:
    kind = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    return Column(column.name, kind, primary_key=column.primary_key, autoincrement=False)


def _differs(what: str) -> StoreDamaged:
    return StoreDamaged(
        f"Of {what}, PostgreSQL has something else than the file.",
        meaning="Nothing was kept there; the portal is in its file as before.",
        do="Tell the maintainers, with the versions of PostgreSQL and of Handover.",
    )


def _switch(folder: PortalFolder, added: dict[str, str]) -> None:
    """The settings first: with them, the portal is moved. What was written there by hand stays."""
    content = folder.settings_file.read_text().rstrip("\n")
    with durable_file(folder.settings_file) as file:
        file.write(f"{content}\n{yaml.safe_dump(added, sort_keys=False)}".encode())
    folder.load()
    folder.database.rename(folder.path / MOVED)
    for beside in ("-wal", "-shm"):
        folder.database.with_name(folder.database.name + beside).unlink(missing_ok=True)
    sync_folder(folder.path)
