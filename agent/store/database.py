"""The agent's SQLite file: cameras, requests, decisions, packages, custody; one writer, whole transactions.

Not for: what the rows mean (``agent/requests`` decides that), or anything that leaves the machine.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiosqlite

from agent.store import schema
from exchange.durable import read_only, takes_writes
from exchange.errors import DiskFull, StoreDamaged


@dataclass(frozen=True)
class RequestRow:
    """A request as the journey sees it. Instants are microseconds UTC."""

    request_id: str
    sha256: str
    document: str
    signature: str
    state: str
    state_at: int
    received_at: int
    expires_at: int
    officer: str | None
    refusal: str | None
    answered_at: int | None
    failures: int
    retry_at: int
    trouble: str | None
    origin: str = "portal"
    asked_at: int | None = None


@dataclass(frozen=True)
class PackageRow:
    """One camera and window of an approved request, from the cut to the receipt."""

    evidence_id: str
    request_id: str
    position: int
    clip: str
    evidence: str | None
    custody: bytes | None
    checkpoint: str | None
    path: str | None
    ciphertext_sha256: str | None
    size: int | None
    sealed_at: int | None
    delivery_id: str | None
    upload_url: str | None
    uploaded_at: int | None
    delivery: str | None
    delivered_at: int | None
    receipt: str | None
    receipt_at: int | None
    bytes_sent: int
    bytes_counted: int
    left_at: int | None = None
    sending: int = 1
    edition: int = 1


@dataclass(frozen=True)
class CameraRow:
    camera_id: str
    registration: str
    address: str
    stream_uri: str
    facts: str
    registered: int
    added_at: int
    source: str


@dataclass(frozen=True)
class ForceRow:
    """The force whose key the owner confirmed."""

    name: str
    public_key: str
    portal: str
    uploads: str
    confirmed_at: int
    confirmed_by: str
    largest_piece: int | None = None


class Transaction:
    """Reads and writes within one ``BEGIN IMMEDIATE``; all of it is on disk when the block ends, or none of it."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def execute(self, sql: str, values: Iterable[Any] = ()) -> int:
        """Run one statement; the number of rows it changed."""
        cursor = await self._connection.execute(sql, tuple(values))
        changed = cursor.rowcount
        await cursor.close()
        return changed

    async def one(self, sql: str, values: Iterable[Any] = ()) -> aiosqlite.Row | None:
        cursor = await self._connection.execute(sql, tuple(values))
        row = await cursor.fetchone()
        await cursor.close()
        return row

    async def all(self, sql: str, values: Iterable[Any] = ()) -> list[aiosqlite.Row]:
        cursor = await self._connection.execute(sql, tuple(values))
        rows = await cursor.fetchall()
        await cursor.close()
        return list(rows)

    async def insert(self, table: str, **columns: Any) -> None:
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        await self.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", columns.values())  # noqa: S608 names are ours

    async def update(self, table: str, key: dict[str, Any], **columns: Any) -> int:
        """Set ``columns`` where every column of ``key`` equals its value; the number of rows changed."""
        sets = ", ".join(f"{name} = ?" for name in columns)
        where = " AND ".join(f"{name} = ?" for name in key)
        return await self.execute(f"UPDATE {table} SET {sets} WHERE {where}", [*columns.values(), *key.values()])  # noqa: S608

    # -- typed rows --

    async def request(self, request_id: str) -> RequestRow | None:
        row = await self.one("SELECT * FROM requests WHERE request_id = ?", [request_id])
        return None if row is None else RequestRow(**dict(row))

    async def requests(self, *states: str) -> list[RequestRow]:
        """Requests in any of these states (all, without one), oldest first."""
        marks = ", ".join("?" * len(states))
        where = f"WHERE state IN ({marks})" if states else ""
        rows = await self.all(f"SELECT * FROM requests {where} ORDER BY received_at, request_id", states)  # noqa: S608
        return [RequestRow(**dict(row)) for row in rows]

    async def packages(self, request_id: str) -> list[PackageRow]:
        rows = await self.all("SELECT * FROM packages WHERE request_id = ? ORDER BY position", [request_id])
        return [PackageRow(**dict(row)) for row in rows]

    async def cameras(self) -> list[CameraRow]:
        return [CameraRow(**dict(row)) for row in await self.all("SELECT * FROM cameras ORDER BY camera_id")]

    async def camera(self, camera_id: str) -> CameraRow | None:
        row = await self.one("SELECT * FROM cameras WHERE camera_id = ?", [camera_id])
        return None if row is None else CameraRow(**dict(row))

    async def force(self) -> ForceRow | None:
        columns = "name, public_key, portal, uploads, confirmed_at, confirmed_by, largest_piece"
        row = await self.one(f"SELECT {columns} FROM force WHERE one = 1")  # noqa: S608 names are ours
        return None if row is None else ForceRow(**dict(row))

    async def note(self, name: str) -> str | None:
        row = await self.one("SELECT value FROM notes WHERE name = ?", [name])
        return None if row is None else str(row["value"])

    async def set_note(self, name: str, value: str) -> None:
        await self.execute("INSERT INTO notes VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = ?2", [name, value])


class Store:
    """Opened once by the process that holds the state's lock (``agent.host.lock``)."""

    def __init__(self, connection: aiosqlite.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._writer = asyncio.Lock()

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open or create, and bring the schema up to date. StoreDamaged when it can't be used."""
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        connection = await aiosqlite.connect(path, isolation_level=None, timeout=30)
        try:
            connection.row_factory = sqlite3.Row
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
                await (await connection.execute(f"PRAGMA {pragma}")).close()
            store = cls(connection, path)
            await store._upgrade(path)
        except sqlite3.DatabaseError as error:
            await connection.close()
            raise StoreDamaged(
                f"The agent's database {path} cannot be used ({error}).",
                meaning="Requests and decisions are in it; nothing was changed.",
                do="Restore it from a backup, or move it aside to begin anew (the cameras must then be added again).",
            ) from error
        except BaseException:
            await connection.close()
            raise
        return store

    async def _upgrade(self, path: Path) -> None:
        row = await (await self._connection.execute("PRAGMA user_version")).fetchone()
        version = 0 if row is None else int(row[0])
        if version > len(schema.STEPS):
            raise StoreDamaged(
                f"{path} was written by a newer Handover (schema {version}; this one knows {len(schema.STEPS)}).",
                do="Install the newer version again.",
            )
        for number, step in enumerate(schema.STEPS[version:], version + 1):
            await self._connection.executescript(f"BEGIN IMMEDIATE; {step} PRAGMA user_version = {number}; COMMIT;")

    def _is_read_only(self, error: sqlite3.OperationalError) -> bool:
        reported = error.sqlite_errorcode & 0xFF
        return reported in _CANNOT_WRITE and not takes_writes(self._path.parent)

    async def close(self) -> None:
        await self._connection.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """One writer at a time; committed when the block ends, rolled back when it raises. DiskFull when no room."""
        async with self._writer:
            try:
                # Within the try: a task that is cancelled here has still begun a transaction, in SQLite's thread.
                await (await self._connection.execute("BEGIN IMMEDIATE")).close()
                yield Transaction(self._connection)
                await self._connection.commit()
            except BaseException as error:
                await self._connection.rollback()
                if isinstance(error, sqlite3.OperationalError):
                    if await asyncio.to_thread(self._is_read_only, error):
                        raise read_only("the disk with the agent's database") from error
                    if _is_full(error):
                        raise _no_room() from error
                raise


_CANNOT_WRITE = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)


def _is_full(error: sqlite3.OperationalError) -> bool:
    """SQLite says so in several ways: of the file and its log, and of the log's index, which it maps."""
    return error.sqlite_errorcode in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_WRITE)


def _no_room() -> DiskFull:
    return DiskFull(
        "The disk with the agent's database is full.",
        meaning="Nothing was recorded as done.",
        do="Free some space; the agent goes on by itself.",
    )
