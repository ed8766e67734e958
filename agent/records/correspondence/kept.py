"""Mails, notes and files that an owner puts to a request's records: kept as they came, where only the daemon reads.

Files come in pieces, as a call of the socket is small. Not for: reading a mail (``mail_job``, in a worker), or opening
anything that somebody sent: nothing here does.
"""

import asyncio
import hashlib
import json
import os
import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from agent.services import Services
from agent.store.database import Transaction
from agent.workers.process import MIB, Limits
from exchange.clock import DAY
from exchange.documents.letters import harmless
from exchange.durable import durable_file, raising_disk_full
from exchange.errors import DiskFull, HandoverError, InputInvalid, NotFound

MOST_BYTES = 50_000_000
"""Of one mail or file."""
MOST_ITEMS = 500
"""To one request."""
MOST_TEXT = 20_000
READING = Limits(memory=256 * MIB, cpu=20, wall=40, output=2 * MIB, nice=5)
_FIRST_DATE = 631_152_000_000_000
"""1990: a mail that says it is older has a clock that is wrong."""


class ItemKind(StrEnum):
    MAIL = "mail"
    NOTE = "note"
    FILE = "file"


@dataclass(frozen=True)
class Item:
    """One piece of correspondence. ``at``: when it was sent or said; ``dated``: whether somebody said so.

    ``sender``, ``subject``, ``text``, ``name`` and ``attached`` are others' words unless it is a note.
    """

    item_id: str
    about: str
    kind: ItemKind
    at: int
    dated: bool
    added_at: int
    added_by: str
    sender: str
    recipients: str
    subject: str
    text: str
    cut: bool
    name: str
    sha256: str | None
    size: int | None
    attached: tuple[dict[str, Any], ...]


def folder_of(services: Services) -> Path:
    return services.settings.records_dir


def path_of(services: Services, item_id: str) -> Path:
    """Where the bytes of a mail or file lie: under our name, never theirs."""
    return folder_of(services) / f"{item_id}.kept"


def _part(services: Services, upload_id: str) -> Path:
    if not re.fullmatch(r"[0-9a-f]{32}", upload_id):
        raise InputInvalid("That is no upload.", do="Begin anew.")
    return folder_of(services) / f".{upload_id}.part"


async def take_piece(services: Services, upload_id: str, offset: int, data: bytes) -> int:
    """Append a piece; how many bytes are here then. InputInvalid when it isn't the next one or too much; DiskFull."""
    part = _part(services, upload_id)

    def append() -> int:
        here = part.stat().st_size if part.exists() else 0
        if here != offset:
            raise InputInvalid("That piece is not the next one.", meaning="It was not kept.", do="Begin anew.")
        if here + len(data) > MOST_BYTES:
            part.unlink(missing_ok=True)
            raise InputInvalid(
                f"A mail or file may have {MOST_BYTES // 1_000_000} MB.",
                meaning="It was not kept.",
                do="Keep it elsewhere, and write a note that says where.",
            )
        free = os.statvfs(part.parent)
        if free.f_bavail * free.f_frsize < len(data) + 20_000_000:
            raise DiskFull("There is no room for this file.", meaning="It was not kept.", do="Free some space.")
        with (
            raising_disk_full(part),
            os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "ab") as file,
        ):
            file.write(data)
        return here + len(data)

    return await asyncio.to_thread(append)


async def take_all(services: Services, content: AsyncIterator[bytes]) -> str:
    """Take a whole file as it comes; the id of its upload."""
    upload_id, offset = uuid.uuid4().hex, 0
    try:
        async for piece in content:
            if piece:
                offset = await take_piece(services, upload_id, offset, piece)
    except BaseException:
        await drop(services, upload_id)
        raise
    return upload_id


async def drop(services: Services, upload_id: str) -> None:
    await asyncio.to_thread(_part(services, upload_id).unlink, missing_ok=True)


async def add_file(
    services: Services, about: str, upload_id: str, name: str, by: str, *, sender: str = "", at: int | None = None
) -> Item:
    """Keep an upload as a mail, where it is one, or as a file. The file first, then the row."""
    part, item_id = _part(services, upload_id), str(uuid.uuid4())
    shown = harmless(re.split(r"[/\\]", name)[-1], 200) or "file"
    size = await asyncio.to_thread(lambda: part.stat().st_size if part.exists() else 0)
    if not size:
        raise InputInvalid("The file is empty.", meaning="It was not kept.", do="Choose another.")
    read: dict[str, Any] = {}
    is_mail = shown.lower().endswith(".eml")
    if is_mail:
        try:
            job = {"path": str(part)}
            read = await services.run_job("agent.records.correspondence.mail_job:job", job, limits=READING)
        except HandoverError:  # whatever it is made of, it is kept as it came, and shown as a file
            is_mail = False
    digest = await asyncio.to_thread(_keep, part, path_of(services, item_id))
    now = services.clock.now()
    likely = _likely(read.get("sent") if at is None else at, now)
    item = Item(
        item_id=item_id,
        about=about,
        kind=ItemKind.MAIL if is_mail else ItemKind.FILE,
        at=now if likely is None else likely,
        dated=likely is not None,
        added_at=now,
        added_by=by,
        sender=sender or str(read.get("sender", "")),
        recipients=str(read.get("recipients", "")),
        subject=str(read.get("subject", "")),
        text=str(read.get("text", "")),
        cut=bool(read.get("cut", False)),
        name=shown,
        sha256=digest,
        size=size,
        attached=tuple(read.get("attached", [])),
    )
    try:
        await _write(services, item)
    except BaseException:
        await asyncio.to_thread(path_of(services, item_id).unlink, missing_ok=True)
        raise
    await drop(services, upload_id)
    return item


async def add_note(
    services: Services, about: str, text: str, by: str, *, sender: str = "", at: int | None = None
) -> Item:
    """Keep a note of the owner's: of a call, a visit, a thought. ``sender``: whom it is of."""
    now = services.clock.now()
    item = Item(
        item_id=str(uuid.uuid4()),
        about=about,
        kind=ItemKind.NOTE,
        at=at if at is not None else now,
        dated=at is not None,
        added_at=now,
        added_by=by,
        sender=sender,
        recipients="",
        subject="",
        text=text[:MOST_TEXT],
        cut=len(text) > MOST_TEXT,
        name="",
        sha256=None,
        size=None,
        attached=(),
    )
    await _write(services, item)
    return item


def _likely(said: Any, now: int) -> int | None:
    """When something was said, if that can be: mails claim any date."""
    return said if isinstance(said, int) and _FIRST_DATE < said < now + DAY else None


def _keep(part: Path, target: Path) -> str:
    """Copy an upload to its place, durably; SHA-256 of what was written there."""
    digest = hashlib.sha256()
    with part.open("rb") as source, durable_file(target) as file:
        while block := source.read(1 << 20):
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


async def _write(services: Services, item: Item) -> None:
    async with services.store.transaction() as tx:
        count = await tx.one("SELECT count(*) AS n FROM correspondence WHERE about = ?", [item.about])
        if count is not None and count["n"] >= MOST_ITEMS:
            raise InputInvalid(
                f"There are {MOST_ITEMS} mails, notes and files to this request.",
                meaning="It was not kept.",
                do="Remove some that are not needed.",
            )
        columns = {name: getattr(item, name) for name in Item.__dataclass_fields__}
        await tx.insert("correspondence", **columns | {"kind": item.kind.value, "attached": json.dumps(item.attached)})


async def items_about(tx: Transaction, about: str) -> list[Item]:
    """What was put to a request, or to a subject's request, in the order in which it was said."""
    rows = await tx.all("SELECT * FROM correspondence WHERE about = ? ORDER BY at, added_at", [about])
    return [_item(dict(row)) for row in rows]


async def item_named(tx: Transaction, item_id: str) -> Item:
    """NotFound."""
    row = await tx.one("SELECT * FROM correspondence WHERE item_id = ?", [item_id])
    if row is None:
        raise NotFound("There is no such mail, note or file.", do="List them with: handover correspondence list")
    return _item(dict(row))


def _item(row: dict[str, Any]) -> Item:
    values = {"dated": bool(row["dated"]), "cut": bool(row["cut"]), "kind": ItemKind(row["kind"])}
    return Item(**row | values | {"attached": tuple(json.loads(row["attached"]))})


async def remove(services: Services, item_id: str) -> Item:
    """Delete one: the row first, then its file; what a crash leaves, ``sweep`` deletes. NotFound."""
    async with services.store.transaction() as tx:
        item = await item_named(tx, item_id)
        await tx.execute("DELETE FROM correspondence WHERE item_id = ?", [item_id])
    await asyncio.to_thread(path_of(services, item_id).unlink, missing_ok=True)
    return item


async def sweep(services: Services, older_than: int = DAY) -> int:
    """Delete uploads that were not ended, and files that no row names; how many. Only what has lain for a while."""
    async with services.store.transaction() as tx:
        known = {row["item_id"] for row in await tx.all("SELECT item_id FROM correspondence")}
    return await asyncio.to_thread(_sweep, folder_of(services), known, services.clock.now() - older_than)


def _sweep(folder: Path, known: set[str], before: int) -> int:
    swept = 0
    for path in folder.glob("*") if folder.is_dir() else ():
        stray = path.suffix in (".part", ".partial") or (path.suffix == ".kept" and path.stem not in known)
        if stray and path.stat().st_mtime_ns // 1000 < before:
            path.unlink(missing_ok=True)
            swept += 1
    return swept
