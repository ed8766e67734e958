"""How long the owner's own copies are kept, and how they go: announced, then deleted here and at second places, logged.

Nothing goes that is on its way, whose receipt is awaited, or that is held. Not for: recordings (``agent.recordings``).
"""

import asyncio
import shutil
from dataclasses import dataclass

from agent.records.backups.filing import Filed, filed, kind_name, unfile
from agent.requests.feedback.keeping import agree_to_keep, asked_to_keep, end_as_asked
from agent.services import Services
from agent.settings.model import Settings
from agent.store.database import Transaction
from exchange.clock import DAY
from exchange.custody.log import CustodyKind
from exchange.errors import InputInvalid, NotFound


@dataclass(frozen=True)
class Due:
    """A copy and its end. ``ends``: when the time to keep it is over; None while nobody can say. ``goes``: when it is
    deleted, after it was announced; None before that. ``kept``: why it stays all the same, in words; ``held`` is why
    somebody wants that."""

    filed: Filed
    ends: int | None
    announced: int | None
    goes: int | None
    kept: str = ""
    held: str | None = None


async def look(services: Services) -> list[Due]:
    """What there is, and when it goes, the next to go first."""
    async with services.store.transaction() as tx:
        own = await filed(services, tx)
        rows = {row["copy_id"]: row["announced_at"] for row in await tx.all("SELECT * FROM own_copies")}
        held = {row["request_id"]: row["reason"] for row in await tx.all("SELECT * FROM legal_holds")}
        ended = {row["request_id"] for row in await tx.all("SELECT request_id FROM feedback WHERE kind = 'outcome'")}
    found = [
        _due(
            services, each, rows[each.copy.copy_id], held.get(each.copy.request_id),
            outcome=each.copy.request_id in ended,
        )
        for each in own
    ]  # fmt: skip
    return sorted(found, key=lambda each: (each.ends is None, each.ends or 0))


def _due(services: Services, each: Filed, announced: int | None, held: str | None, *, outcome: bool) -> Due:
    copy, notice, until_outcome = each.copy, services.settings.backups.notice, services.settings.backups.until_outcome
    if copy.closed_at is None:
        return Due(each, None, None, None, "its request is not closed yet")
    ends = (copy.receipt_at or copy.closed_at) + keep_days(services.settings, copy.kind) * DAY
    if until_outcome is not None and not outcome:
        ends = max(ends, copy.closed_at + until_outcome)
    if held is not None:
        return Due(each, ends, None, None, f"held: {held}", held)
    return Due(each, ends, announced, None if announced is None else max(ends, announced + notice))


def keep_days(settings: Settings, kind: str) -> int:
    """Days that a copy of this kind of incident is kept after its receipt."""
    by_kind = {kind_name(each.kind): each.days for each in settings.backups.keep}
    return by_kind.get(kind_name(kind), settings.requests.keep_packages_days)


async def prune(services: Services, now: int, *, at_once: bool = False) -> tuple[list[Due], list[Due]]:
    """Announce what is due, delete what was announced long enough ago; what was announced, and what was deleted.

    ``now`` is a time that deletions go by (``agent.records.deletion_clock``). ``at_once``: delete all that is due, also
    what was never announced: only where a person was just shown it.
    """
    announced, deleted = [], []
    for each in await look(services):
        if each.kept or each.ends is None or each.ends > now:
            await _take_back(services, each)
            continue
        if at_once or (each.goes is not None and each.goes <= now):
            if await delete(services, each):
                deleted.append(each)
        elif each.announced is None:
            async with services.store.transaction() as tx:
                await tx.update("own_copies", {"copy_id": each.filed.copy.copy_id}, announced_at=now)
            announced.append(each)
    return announced, deleted


async def _take_back(services: Services, each: Due) -> None:
    """It stays after all: whenever it is due again, it is announced again."""
    async with services.store.transaction() as tx:
        await tx.execute(
            "UPDATE own_copies SET announced_at = NULL WHERE copy_id = ? AND announced_at IS NOT NULL",
            [each.filed.copy.copy_id],
        )


async def delete(services: Services, each: Due) -> bool:
    """Delete one copy here, and mark it to go at second places; False when it is held since, or gone already.

    The row is written first: after a crash the files are removed with the next look, and nothing is put anywhere anew.
    """
    copy = each.filed.copy
    async with services.store.transaction() as tx:
        if await tx.one("SELECT 1 FROM legal_holds WHERE request_id = ?", [copy.request_id]) is not None:
            return False
        changed = 0
        for table in ("packages", "former_sendings"):  # sent again, the same edition stands in both
            changed += await tx.execute(
                f"UPDATE {table} SET path = NULL WHERE evidence_id = ? AND edition = ? AND path IS NOT NULL",  # noqa: S608
                [copy.evidence_id, copy.edition],
            )
        if not changed:
            return False
        await tx.execute("UPDATE second_copies SET leaving = 1 WHERE copy_id = ?", [copy.copy_id])
        await services.custody.record(
            tx, CustodyKind.DELETED, "agent", copy.request_id, details={"evidence_id": copy.evidence_id},
            reason="the time to keep it is over",
        )  # fmt: skip
        deed = {"person": "agent", "deed": "copy-deleted", "about": copy.request_id}
        await tx.insert("deeds", at=services.clock.now(), **deed)
    await clear_deleted(services)
    return True


async def clear_deleted(services: Services) -> int:
    """Remove the files of what was deleted, also after a crash between the row and the file; how many."""
    async with services.store.transaction() as tx:
        rows = await tx.all(
            "SELECT copy_id, filed_as FROM own_copies "
            "WHERE copy_id NOT IN (SELECT copy_id FROM sealed_files WHERE path IS NOT NULL)"
        )
    for row in rows:
        await asyncio.to_thread(services.settings.package(row["copy_id"]).unlink, missing_ok=True)
        await asyncio.to_thread(shutil.rmtree, services.settings.stamps_dir / row["copy_id"], ignore_errors=True)
        await asyncio.to_thread(unfile, services.settings.filed_dir, row["filed_as"])
        async with services.store.transaction() as tx:
            await tx.execute("UPDATE second_copies SET leaving = 1 WHERE copy_id = ?", [row["copy_id"]])
            await tx.execute("DELETE FROM own_copies WHERE copy_id = ?", [row["copy_id"]])
    return len(rows)


# -- legal holds -------------------------------------------------------------------------------------------------


async def hold(services: Services, request_id: str, reason: str, by: str) -> None:
    """Nothing of a request is deleted until the hold ends. NotFound.

    InputInvalid when it is held already, or nothing was handed over for it.
    """
    async with services.store.transaction() as tx:
        if await tx.request(request_id) is None:
            raise NotFound(f"There is no request {request_id}.", do="List them with: handover requests")
        if all(package.delivered_at is None for package in await tx.packages(request_id)):
            # Nor before the answer: the log's length would tell that somebody looked.
            raise InputInvalid("Nothing was handed over for this request, so there is no copy to hold.")
        if (held := await held_for(tx, request_id)) is not None:
            raise InputInvalid(f"It is held already: {held}", do="End that first: handover hold --end")
        row = {"reason": reason, "held_by": by, "held_since": services.clock.now()}
        await tx.insert("legal_holds", request_id=request_id, **row)
        await services.custody.record(tx, CustodyKind.HELD, by, request_id, reason=reason)


async def end_hold(services: Services, request_id: str, by: str) -> None:
    """NotFound when it isn't held."""
    async with services.store.transaction() as tx:
        if await end_as_asked(tx, request_id):
            return
        if not await tx.execute("DELETE FROM legal_holds WHERE request_id = ?", [request_id]):
            raise NotFound("This request is not held.", do="List what is with: handover backups")
        await services.custody.record(tx, CustodyKind.HOLD_ENDED, by, request_id)


async def hold_as_asked(services: Services, request_id: str, by: str) -> None:
    """The same because the police asked for it and the owner agrees, until the police say that it need not be kept.

    InputInvalid when they did not ask, or it is held already. It adds no line to the custody log, whose length the
    portal sees: nobody learns whether the owner agreed.
    """
    async with services.store.transaction() as tx:
        asked = await asked_to_keep(tx, request_id)
        if asked is None:
            raise InputInvalid("The police do not ask that it be kept.", do="To hold it anyway: handover hold --reason")
        if (held := await held_for(tx, request_id)) is not None:
            raise InputInvalid(f"It is held already: {held}")
        row = {"reason": asked, "held_by": by, "held_since": services.clock.now()}
        await tx.insert("legal_holds", request_id=request_id, **row)
        await agree_to_keep(tx, request_id, services.clock.now())


async def held_for(tx: Transaction, request_id: str) -> str | None:
    """Why nothing of a request may be deleted; None when it may."""
    row = await tx.one("SELECT reason FROM legal_holds WHERE request_id = ?", [request_id])
    return None if row is None else str(row["reason"])
