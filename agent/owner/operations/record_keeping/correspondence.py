"""What an owner can do with a request's correspondence: see it in one place, add mails, notes and files, remove one.

Not for: reading or keeping them (``agent.records.correspondence``).
"""

import asyncio
import base64
from dataclasses import asdict
from typing import Annotated

from pydantic import Field

from agent.owner.operations.context import Actor, Json, Owned
from agent.records.correspondence import kept
from agent.records.correspondence.timeline import Moment, timeline
from agent.records.register.gather import camera_labels, entry_of, stored_requests
from agent.requests.feedback.conversation import conversation
from agent.store.database import Transaction
from exchange.clock import Instant, to_rfc3339
from exchange.documents.messages import Id, Line, Part
from exchange.errors import InputInvalid, NotFound

PIECE = 150_000
"""Bytes of a file in one call: with base64 it stays below what a call may have."""


class AboutNamed(Part):
    """``request_id``: of an officer's request, or of one that somebody who was filmed made."""

    request_id: Id


class PieceGiven(Part):
    upload_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    offset: Annotated[int, Field(ge=0)]
    data: Annotated[str, Field(max_length=250_000)]


class FileGiven(AboutNamed):
    upload_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    name: Annotated[str, Field(max_length=500)]
    sender: Line | None = None
    at: Instant | None = None


class NoteGiven(AboutNamed):
    text: Annotated[str, Field(min_length=1, max_length=kept.MOST_TEXT)]
    sender: Line | None = None
    at: Instant | None = None


class ItemNamed(Part):
    item_id: Id


class ItemPiece(ItemNamed):
    offset: Annotated[int, Field(ge=0)] = 0


async def list_correspondence(agent: Owned, named: AboutNamed, actor: Actor) -> Json:
    """Everything about a request on one line of time. NotFound."""
    services = agent.services
    async with services.store.transaction() as tx:
        items = await kept.items_about(tx, named.request_id)
        stored = await stored_requests(tx, None, named.request_id)
        labels = await camera_labels(tx)
        said = await conversation(tx, named.request_id)
        if not stored:
            await _require(tx, named.request_id)

    def make() -> list[Json]:
        if not stored:
            return [_item(item) for item in items]
        years = services.settings.records.keep_years or 1
        entry = entry_of(stored[0], services.settings, years, labels)
        return [_moment(moment) for moment in timeline(entry, items, said)]

    return {"request_id": named.request_id, "moments": await asyncio.to_thread(make)}


async def _require(tx: Transaction, about: str) -> None:
    for table, column in (("requests", "request_id"), ("subject_requests", "subject_id")):
        if await tx.one(f"SELECT 1 FROM {table} WHERE {column} = ?", [about]) is not None:  # noqa: S608 ours
            return
    raise NotFound(f"There is no request {about}.", do="List them with: handover requests")


def _moment(moment: Moment) -> Json:
    if moment.item is not None:
        return _item(moment.item)
    return {
        "at": to_rfc3339(moment.at),
        "what": moment.what.value,
        "who": moment.who,
        "text": moment.text,
        "theirs": moment.theirs,
        "item": None,
    }


def _item(item: kept.Item) -> Json:
    is_note = item.kind is kept.ItemKind.NOTE
    return {
        "at": to_rfc3339(item.at),
        "what": item.kind.value,
        "who": item.sender,
        "text": item.text,
        "theirs": not is_note,
        "item": asdict(item)
        | {"kind": item.kind.value, "added_at": to_rfc3339(item.added_at), "attached": list(item.attached)},
    }


async def add_piece(agent: Owned, given: PieceGiven, actor: Actor) -> Json:
    """The next piece of a file that is being added."""
    try:
        data = base64.b64decode(given.data, validate=True)
    except ValueError:
        raise InputInvalid("That is no piece of a file.", do="Begin anew.") from None
    return {"bytes": await kept.take_piece(agent.services, given.upload_id, given.offset, data)}


async def add_file(agent: Owned, given: FileGiven, actor: Actor) -> Json:
    """A mail (its name ends with .eml) or another file, of which all pieces are here."""
    async with agent.services.store.transaction() as tx:
        await _require(tx, given.request_id)
    item = await kept.add_file(
        agent.services,
        given.request_id,
        given.upload_id,
        given.name,
        actor.name,
        sender=given.sender or "",
        at=given.at,
    )
    return {"item_id": item.item_id, "kind": item.kind.value, "subject": item.subject, "sender": item.sender}


async def add_note(agent: Owned, given: NoteGiven, actor: Actor) -> Json:
    async with agent.services.store.transaction() as tx:
        await _require(tx, given.request_id)
    item = await kept.add_note(
        agent.services, given.request_id, given.text, actor.name, sender=given.sender or "", at=given.at
    )
    return {"item_id": item.item_id}


async def load(agent: Owned, named: ItemPiece, actor: Actor) -> Json:
    """A piece of a kept mail or file, as it came."""
    async with agent.services.store.transaction() as tx:
        item = await kept.item_named(tx, named.item_id)
    if item.sha256 is None:
        raise InputInvalid("A note has no file.", do="It stands in the list.")
    path = kept.path_of(agent.services, item.item_id)

    def read() -> bytes:
        with path.open("rb") as file:
            file.seek(named.offset)
            return file.read(1 << 20)

    try:
        data = await asyncio.to_thread(read)
    except FileNotFoundError:
        raise NotFound(
            "The file of this entry is gone.", do="Put it back from your backup; it lies in the folder records."
        ) from None
    return {"name": item.name, "size": item.size, "sha256": item.sha256, "data": base64.b64encode(data).decode()}


async def remove(agent: Owned, named: ItemNamed, actor: Actor) -> Json:
    """Delete a mail, note or file for good."""
    item = await kept.remove(agent.services, named.item_id)
    return {"kind": item.kind.value, "name": item.name}
