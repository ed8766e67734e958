"""Reads the owner's own copies again, here and at second places, and puts right what is damaged from a good one.

A file at a time, the longest unchecked first, so that it goes on over nights; what is deleted meanwhile is no damage.
Not for: when it runs (``backups``).
"""

import asyncio
import logging
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.records.backups.filing import SEALED, Filed, filed, path_of
from agent.records.backups.second_places import Show, There, hash_gently, is_kept, put_copy
from agent.services import Services
from exchange.clock import HOUR, MINUTE
from exchange.custody.log import CustodyKind
from exchange.durable import sync_folder
from exchange.errors import HandoverError

log = logging.getLogger(__name__)

_MISSING = "It is not there any more."
_CHANGED = "Its bytes are not those that were sealed."
_NIGHT = 4 * HOUR
_WHILE = 20 * MINUTE
"""After which no further file is begun in one run: here, and at a second place."""


async def check_here(
    services: Services, places: Sequence[There], show: Show, *, everything: bool = False
) -> tuple[int, int]:
    """Check what is due on this disk, and put right what is damaged; how many were checked, and how many are damaged.

    ``everything``: all of them, however lately they were checked, and however long it takes.
    """
    began = services.clock.monotonic()
    async with services.store.transaction() as tx:
        rows = {row["copy_id"]: row for row in await tx.all("SELECT * FROM own_copies")}
        own = await filed(services, tx)
    gone = await asyncio.to_thread(_gone, services, own)
    before = services.clock.now() - (0 if everything else services.settings.backups.check_every)
    due = [
        each
        for each in own
        if everything
        or each.copy.copy_id in gone
        or rows[each.copy.copy_id]["damage"]
        or (rows[each.copy.copy_id]["checked_at"] or 0) <= before
    ]
    due.sort(key=lambda each: rows[each.copy.copy_id]["checked_at"] or 0)
    bad = checked = 0
    for number, each in enumerate(due, 1):
        if not everything and services.clock.monotonic() - began > _NIGHT:
            break
        show(f"checking copy {number} of {len(due)}")
        bad += not await _check_one(services, each, places)
        checked += 1
    return checked, bad


def _gone(services: Services, own: list[Filed]) -> set[str]:
    """Evidence ids of files that are not there, which is told at once."""
    return {id_ for id_ in (each.copy.copy_id for each in own) if not services.settings.package(id_).exists()}


async def _check_one(services: Services, each: Filed, places: Sequence[There]) -> bool:
    """Whether a copy on this disk is good, was put right, or was deleted meanwhile."""
    wrong = await _wrong_with(services, services.settings.package(each.copy.evidence_id, each.copy.edition), each)
    if wrong is None:
        await _note_here(services, each, None)
        return True
    if not await _tell_damage(services, each, wrong, "here"):
        return True
    log.error("%s: %s", services.settings.package(each.copy.evidence_id, each.copy.edition), wrong)
    for there in places:
        if await _put_right(services, each, there):
            return True
    return False


async def _wrong_with(services: Services, path: Path, each: Filed) -> str | None:
    if not await asyncio.to_thread(path.exists):
        return _MISSING
    digest = await hash_gently(services, path)
    return None if digest == each.copy.sha256 else _CHANGED


async def _put_right(services: Services, each: Filed, there: There) -> bool:
    """Fetch a copy from a place, if it is good there, and put it in the place of ours. Blocks nothing."""
    async with services.store.transaction() as tx:
        row = await tx.one(
            "SELECT name FROM second_copies WHERE copy_id = ? AND place = ? AND put_at IS NOT NULL AND leaving = 0",
            [each.copy.copy_id, there.rule.place],
        )
    if row is None:
        return False
    target = services.settings.package(each.copy.evidence_id, each.copy.edition)
    fetched = services.settings.backups_dir / f"fetched-{each.copy.copy_id}{SEALED}"
    try:
        await there.place.get(row["name"] + SEALED, fetched, each.copy.sha256, lambda _: None)
    except HandoverError as error:
        log.warning("%s could not be fetched from %s: %s", target.name, there.rule.place, error)
        return False
    async with services.store.transaction() as tx:
        if not await is_kept(tx, each.copy.copy_id):
            await asyncio.to_thread(fetched.unlink)
            return True
        # Within the transaction: a deletion comes before it, or finds the file.
        await asyncio.to_thread(_replace, fetched, target, path_of(services.settings.filed_dir / each.name, SEALED))
        await services.custody.record(
            tx, CustodyKind.REPAIRED, "agent", each.copy.request_id,
            details={"evidence_id": each.copy.evidence_id, "sha256": each.copy.sha256}, reason=there.rule.place,
        )  # fmt: skip
        key = {"copy_id": each.copy.copy_id}
        await tx.update("own_copies", key, damage=None, checked_at=services.clock.now())
    log.info("%s was put right from %s", target.name, there.rule.place)
    return True


def _replace(fetched: Path, target: Path, link: Path) -> None:
    """Under both its names the good bytes, each by one rename."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    link.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    other = link.with_name(f".{secrets.token_hex(8)}.partial")
    os.link(fetched, other)
    os.rename(other, link)
    sync_folder(link.parent)
    os.rename(fetched, target)
    sync_folder(target.parent)


async def _note_here(services: Services, each: Filed, damage: str | None) -> None:
    async with services.store.transaction() as tx:
        columns = {"damage": damage} if damage else {"damage": None, "checked_at": services.clock.now()}
        await tx.update("own_copies", {"copy_id": each.copy.copy_id}, **columns)


async def _tell_damage(services: Services, each: Filed, wrong: str, where: str) -> bool:
    """Once for each damage, in the log that can't be changed; False when the copy was deleted meanwhile."""
    async with services.store.transaction() as tx:
        if not await is_kept(tx, each.copy.copy_id):
            return False
        row = await tx.one("SELECT damage FROM own_copies WHERE copy_id = ?", [each.copy.copy_id])
        if row is not None and row["damage"] == wrong:
            return True
        await tx.update("own_copies", {"copy_id": each.copy.copy_id}, damage=wrong)
        await _record_damage(services, each, wrong, where, tx)
    return True


async def _record_damage(services: Services, each: Filed, wrong: str, where: str, tx: object) -> None:
    await services.custody.record(
        tx, CustodyKind.DAMAGED, "agent", each.copy.request_id,  # type: ignore[arg-type]
        details={"evidence_id": each.copy.evidence_id, "where": where}, reason=wrong,
    )  # fmt: skip


async def check_there(services: Services, there: There, show: Show, *, everything: bool = False) -> tuple[int, int]:
    """Check what is due at a second place, and put it there anew where ours is good; checked, and damaged.

    What a place raises, and NotNow when the hours end.
    """
    every, began = there.rule.check_every, services.clock.monotonic()
    if every is None and not everything:
        return 0, 0
    before = services.clock.now() - (every or 0)
    async with services.store.transaction() as tx:
        rows = {
            row["copy_id"]: row
            for row in await tx.all(
                "SELECT * FROM second_copies WHERE place = ? AND put_at IS NOT NULL AND leaving = 0 "
                "AND (? OR checked_at <= ? OR damage IS NOT NULL)",
                [there.rule.place, everything, before],
            )
        }
        own = [each for each in await filed(services, tx) if each.copy.copy_id in rows]
    own.sort(key=lambda each: rows[each.copy.copy_id]["checked_at"] or 0)
    bad = checked = 0
    for number, each in enumerate(own, 1):
        if not everything and services.clock.monotonic() - began > _WHILE:
            break
        there.turn.go_on()
        show(f"checking copy {number} of {len(own)} there")
        digest = await there.place.sha256(rows[each.copy.copy_id]["name"] + SEALED)
        checked += 1
        if digest == each.copy.sha256:
            await _note_there(services, each, there, None)
        else:
            bad += not await _put_anew(services, each, there, _MISSING if digest is None else _CHANGED, show)
    return checked, bad


async def _put_anew(services: Services, each: Filed, there: There, wrong: str, show: Callable[[str], None]) -> bool:
    """Replace a damaged copy at a place by ours, which is read first: a bad one replaces nothing.

    True also when it is to go from there.
    """
    async with services.store.transaction() as tx:
        key = {"copy_id": each.copy.copy_id, "place": there.rule.place}
        row = await tx.one(
            "SELECT name, damage FROM second_copies WHERE copy_id = ? AND place = ? AND leaving = 0", key.values()
        )
        if row is None:
            return True
        if row["damage"] != wrong:
            await tx.update("second_copies", key, damage=wrong)
            await _record_damage(services, each, wrong, there.rule.place, tx)
    if (
        await _wrong_with(services, services.settings.package(each.copy.evidence_id, each.copy.edition), each)
        is not None
    ):
        return False
    await there.place.remove(row["name"] + SEALED)
    if not await put_copy(services, there, each, show):
        return True
    async with services.store.transaction() as tx:
        await services.custody.record(
            tx, CustodyKind.REPAIRED, "agent", each.copy.request_id,
            details={"evidence_id": each.copy.evidence_id, "sha256": each.copy.sha256}, reason=f"at {there.rule.place}",
        )  # fmt: skip
    return True


async def _note_there(services: Services, each: Filed, there: There, damage: str | None) -> None:
    async with services.store.transaction() as tx:
        key = {"copy_id": each.copy.copy_id, "place": there.rule.place}
        await tx.update("second_copies", key, damage=damage, checked_at=services.clock.now())
