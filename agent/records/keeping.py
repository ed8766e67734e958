"""Deletes records whose time is over: of requests long closed, of what people who were filmed asked, of who did what.

Files go first, then the rows: what a crash leaves is deleted the next night. Not for: sealed packages (they have a time
of their own; their record stays as long as one of them does, or somebody holds it), recordings, or the custody log: its
lines prove each other, so they stay.
"""

import asyncio
from pathlib import Path

from agent.records.correspondence.kept import path_of
from agent.records.register.gather import YEAR
from agent.records.wording.files import wording_of
from agent.requests.exhibits.references import forget_references
from agent.requests.states import State
from agent.services import Services
from agent.store.database import Transaction

_ABOUT = ("feedback", "bases", "agreements", "plans", "decisions", "messages")
"""Tables with a column ``request_id`` whose rows go with a request; packages and the request itself go last."""


async def keep_years(services: Services) -> int:
    """For how many years records are kept, by the settings or the jurisdiction's wording. SettingsInvalid."""
    records = services.settings.records
    if records.keep_years is not None:
        return records.keep_years
    wording = await asyncio.to_thread(wording_of, records.jurisdiction, records.language, records.wording)
    return wording.keep_records.years


async def delete_old_records(services: Services, now: int) -> int:
    """How many records were deleted. ``now``: a time that is believed (``deletion_now``), microseconds UTC."""
    before, deleted = now - await keep_years(services) * YEAR, 0
    async with services.store.transaction() as tx:
        requests = await tx.all(
            "SELECT request_id FROM requests WHERE state = ? AND state_at < ? AND request_id NOT IN "
            "(SELECT request_id FROM packages WHERE path IS NOT NULL) AND request_id NOT IN "
            "(SELECT request_id FROM former_sendings WHERE path IS NOT NULL) AND request_id NOT IN "
            "(SELECT request_id FROM legal_holds)",
            [State.CLOSED, before],
        )
        subjects = await tx.all("SELECT subject_id FROM subject_requests WHERE answered_at < ?", [before])
    for row in requests:
        await _delete_request(services, str(row["request_id"]))
        deleted += 1
    for row in subjects:
        await _delete_subject(services, str(row["subject_id"]))
        deleted += 1
    async with services.store.transaction() as tx:
        await tx.execute("DELETE FROM deeds WHERE at < ?", [before])
    return deleted


async def _delete_request(services: Services, request_id: str) -> None:
    async with services.store.transaction() as tx:
        names = [row["evidence_id"] for row in await _of(tx, "packages", "evidence_id", request_id)]
        names += [row["feedback_id"] for row in await _of(tx, "feedback", "feedback_id", request_id)]
    for folder in (services.settings.receipts_dir, services.settings.feedback_dir):
        await asyncio.to_thread(_unlink_signed, folder, names)
    await _delete_items(services, request_id)
    async with services.store.transaction() as tx:
        for table in _ABOUT:
            await tx.execute(f"DELETE FROM {table} WHERE request_id = ?", [request_id])  # noqa: S608 names above
        await forget_references(tx, request_id)
        await tx.execute("DELETE FROM packages WHERE request_id = ?", [request_id])
        await tx.execute("DELETE FROM requests WHERE request_id = ?", [request_id])
        await _note(tx, services, request_id)


async def _of(tx: Transaction, table: str, column: str, request_id: str) -> list[dict[str, str]]:
    rows = await tx.all(f"SELECT {column} FROM {table} WHERE request_id = ?", [request_id])  # noqa: S608 names above
    return [dict(row) for row in rows]


async def _delete_subject(services: Services, subject_id: str) -> None:
    await _delete_items(services, subject_id)
    async with services.store.transaction() as tx:
        await tx.execute("DELETE FROM subject_requests WHERE subject_id = ?", [subject_id])
        await _note(tx, services, subject_id)


async def _note(tx: Transaction, services: Services, about: str) -> None:
    """Among who did what, which stays at home."""
    await tx.insert("deeds", at=services.clock.now(), person="agent", deed="record-deleted", about=about)


async def _delete_items(services: Services, about: str) -> None:
    async with services.store.transaction() as tx:
        rows = await tx.all("SELECT item_id FROM correspondence WHERE about = ?", [about])
    for row in rows:
        await asyncio.to_thread(path_of(services, row["item_id"]).unlink, missing_ok=True)
    async with services.store.transaction() as tx:
        await tx.execute("DELETE FROM correspondence WHERE about = ?", [about])


def _unlink_signed(folder: Path, names: list[str]) -> None:
    """Receipts, of what was sent again too, and what was said after them: a document and its signature each."""
    for name in names:
        for path in (*folder.rglob(f"{name}.json*"), *folder.rglob(f"{name}-[0-9]*.json*")):
            path.unlink(missing_ok=True)
