"""Keeps the owner's own copies, and the agent's state, at second places by rule; goes on after every break.

Not for: how bytes get there (``agent.places``), whether they are still good there (``integrity``), or when copies go
(``retention``).
"""

import asyncio
import hashlib
import logging
import re
from collections.abc import Awaitable, Callable, Container
from dataclasses import dataclass, field
from pathlib import Path

from agent.deliveries.line import refuse_outside
from agent.places.pace import GoOn
from agent.places.place import Place
from agent.records.backups.filing import NOTE, OLDER_AGE, SEALED, Filed, filed, path_of
from agent.records.backups.own_state import make_state
from agent.services import Services
from agent.settings.backups import SecondPlace
from agent.store.database import Transaction
from agent.workers.process import Limits
from exchange.age.files import Recipient
from exchange.clock import DAY, HOUR, Clock, from_rfc3339, to_rfc3339
from exchange.custody.log import CustodyKind
from exchange.errors import HandoverError, PlaceRefused, SealDamaged

log = logging.getLogger(__name__)

_GENTLE = Limits(memory=64 << 20, cpu=3600, wall=12 * 3600, nice=19)
ROOT = "handover"
"""The folder at a place in which all of it lies."""
STATES = f"{ROOT}/state"
STATE = ".tar.gz.age"
_BETWEEN_STATES = HOUR
"""At least, for a receipt's sake."""
_GOES_ON = 6 * HOUR
"""How long a state that did not get there is still worth getting there."""

OpenPlace = Callable[[str, GoOn], Awaitable[Place]]
"""By the name that the owner gave it; what is put there asks before each block whether to go on. NotFound, and what a
place raises."""
Show = Callable[[str], None]
"""Told what is being done, in words."""


class CopyDeleted(Exception):
    """What is being put somewhere is not kept any more."""


@dataclass(eq=False)
class Turn:
    """One go at a place. ``asked``: by a person, whatever the hours; ``putting``: the copy that is on its way there."""

    hours: str | None
    clock: Clock
    asked: bool = False
    putting: str | None = None
    deleted: set[str] = field(default_factory=set)
    """Copies that were deleted here meanwhile."""

    def go_on(self) -> None:
        """NotNow when the hours are over, CopyDeleted when what is being put there is. Any thread may ask."""
        if self.putting in self.deleted:
            raise CopyDeleted
        if not self.asked:
            refuse_outside(self.hours, self.clock.now())


@dataclass(frozen=True)
class There:
    """A place, its rule, and the turn at it."""

    rule: SecondPlace
    place: Place
    turn: Turn


def name_there(rule: SecondPlace, each: Filed) -> str:
    """A copy's name at a place, without an ending."""
    if rule.names == "telling":
        return f"{ROOT}/{each.name}"
    year, month = each.name.split("/")[:2]
    return f"{ROOT}/{year}/{month}/{each.copy.copy_id}"


def device_name(services: Services) -> str:
    """What tells this agent's states from another's at the same place, and nothing else."""
    return hashlib.sha256(services.keys.device.public.raw).hexdigest()[:8]


async def keep_there(services: Services, there: There, show: Show) -> int:
    """Put there what is missing; how many copies. What a place raises, NotNow; all that was put before that stays put.

    What is missing is looked up anew for each, as it may take days: what is deleted meanwhile is not put anywhere, and
    what is handed over meanwhile is.
    """
    await _match_any_age(services, there)
    put, tried = 0, set[str]()
    while there.rule.packages:
        there.turn.go_on()
        wanted = [each for each in await _missing(services, there) if each.copy.copy_id not in tried]
        if not wanted:
            break
        number, of = len(tried) + 1, len(tried) + len(wanted)
        tried.add(wanted[0].copy.copy_id)
        words = f"copy {number} of {of}"
        put += await put_copy(services, there, wanted[0], lambda text, words=words: show(f"{words}, {text}"))  # type: ignore[misc]
        await _keep_state(services, there, show)
    await _keep_state(services, there, show)
    return put


async def _missing(services: Services, there: There) -> list[Filed]:
    """What the owner said yes to, was handed over, and does not lie there; the oldest first."""
    async with services.store.transaction() as tx:
        there_is = "SELECT copy_id FROM second_copies WHERE place = ? AND put_at IS NOT NULL"
        known = {row["copy_id"] for row in await tx.all(there_is, [there.rule.place])}
        own = await filed(services, tx)
    return [each for each in own if each.copy.approved and each.copy.copy_id not in known]


async def is_kept(tx: Transaction, copy_id: str) -> bool:
    """Whether a copy was not deleted, as far as this transaction sees."""
    row = await tx.one("SELECT 1 FROM sealed_files WHERE copy_id = ? AND path IS NOT NULL", [copy_id])
    return row is not None


async def put_copy(services: Services, there: There, each: Filed, show: Show) -> bool:
    """One copy with what lies beside it; the package last, so that where it is the rest is too.

    False when it is not here, or was deleted meanwhile: what of it got there is taken away with the next look.
    """
    copy, name = each.copy, name_there(there.rule, each)
    source = services.settings.package(copy.evidence_id, copy.edition)
    if not await asyncio.to_thread(source.exists):
        return False  # it is missed, and fetched from another place, by who looks after integrity
    async with services.store.transaction() as tx:
        if not await is_kept(tx, copy.copy_id):
            return False
        await tx.execute(
            "INSERT INTO second_copies (copy_id, place, name) VALUES (?, ?, ?) "
            "ON CONFLICT (copy_id, place) DO UPDATE SET name = ?3, leaving = 0",
            [copy.copy_id, there.rule.place, name],
        )
        there.turn.putting = copy.copy_id
        there.turn.deleted.discard(copy.copy_id)
    try:
        await _put_whole(services, there, each, source, name, show)
    except (HandoverError, OSError, CopyDeleted):
        async with services.store.transaction() as tx:
            if await is_kept(tx, copy.copy_id):
                raise
        return False
    finally:
        there.turn.putting = None
    now = services.clock.now()
    async with services.store.transaction() as tx:
        if not await is_kept(tx, copy.copy_id):
            return False
        key = {"copy_id": copy.copy_id, "place": there.rule.place}
        await tx.update("second_copies", key, put_at=now, checked_at=now, damage=None)
        details: dict[str, str | int | bool] = {"evidence_id": copy.evidence_id, "sha256": copy.sha256}
        await services.custody.record(
            tx, CustodyKind.COPIED, "agent", copy.request_id, details=details, reason=there.rule.place
        )
    return True


async def _put_whole(services: Services, there: There, each: Filed, source: Path, name: str, show: Show) -> None:
    base, copy = services.settings.filed_dir / each.name, each.copy
    for ending in [OLDER_AGE, NOTE] if there.rule.names == "telling" else [OLDER_AGE]:
        await _put_small(there.place, path_of(base, ending), name + ending)

    def told(at: int) -> None:
        show(f"{min(100, at * 100 // max(1, copy.size))} %")

    try:
        await there.place.put(source, name + SEALED, copy.sha256, told)
    except PlaceRefused:
        if await hash_gently(services, source) != copy.sha256:  # not the place's fault
            raise damaged_here(source) from None
        raise


def damaged_here(path: Path) -> SealDamaged:
    return SealDamaged(
        f"Your copy {path.name} on this disk is not what was sealed.",
        meaning="The disk lost or changed some of it. No second place takes it as it is.",
        do="It is put right from a second place by itself, where a good one lies; check the disk.",
    )


async def _put_small(place: Place, source: Path, name: str) -> None:
    """A small file that may be made anew with other bytes: what lies there under its name gives way."""
    if not await asyncio.to_thread(source.exists):
        return
    digest = await asyncio.to_thread(sha256_of, source)
    there = await place.sha256(name)
    if there == digest:
        return
    if there is not None:
        await place.remove(name)
    await place.put(source, name, digest, lambda _: None)


async def hash_gently(services: Services, path: Path, show: Callable[[int], None] | None = None) -> str | None:
    """Of a large file, lower-case hex, by a worker that is in nobody's way; None when it can't be read.

    ``show`` is told how many bytes were read.
    """
    order = {"files": [str(path)]}
    progress = None if show is None else lambda report: show(int(report["bytes"]))
    told = await services.run_job("agent.records.backups.hash_job:job", order, limits=_GENTLE, progress=progress)
    return told["sha256"][0] or None


def sha256_of(path: Path) -> str:
    """Of a small file. Blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# -- taking away -------------------------------------------------------------------------------------------------


async def take_away(services: Services, there: There, putting: Container[str | None]) -> None:
    """What is to go from there, goes; also what was half-put. ``putting``: what is on its way there, and goes later."""
    async with services.store.transaction() as tx:
        rows = await tx.all("SELECT * FROM second_copies WHERE place = ? AND leaving = 1", [there.rule.place])
    for row in rows:
        if row["copy_id"] in putting:
            continue
        for ending in (SEALED, NOTE, OLDER_AGE):
            await there.place.remove(row["name"] + ending)
        async with services.store.transaction() as tx:
            key = [row["copy_id"], there.rule.place]
            if await tx.execute("DELETE FROM second_copies WHERE copy_id = ? AND place = ? AND leaving = 1", key):
                package = await tx.one(
                    "SELECT evidence_id, request_id FROM packages "
                    "WHERE evidence_id = ?1 OR ?1 LIKE evidence_id || '-%' ORDER BY length(evidence_id) DESC LIMIT 1",
                    key[:1],
                )
                evidence_id, request_id = (row["copy_id"], None) if package is None else tuple(package)
                await services.custody.record(
                    tx, CustodyKind.DELETED, "agent", request_id, details={"evidence_id": evidence_id},
                    reason=f"the copy at {there.rule.place}",
                )  # fmt: skip


async def _match_any_age(services: Services, there: There) -> None:
    """When the owner changed their mind on ``any_age``: the small headers of what lies there come, or go, too."""
    note, wanted = f"any-age at {there.rule.place}", services.settings.backups.any_age
    async with services.store.transaction() as tx:
        before = await tx.note(note)
        rows = await tx.all(
            "SELECT name, filed_as FROM second_copies JOIN own_copies USING (copy_id) "
            "WHERE place = ? AND put_at IS NOT NULL AND leaving = 0",
            [there.rule.place],
        )
    if before == str(wanted):
        return
    for row in rows if before is not None else ():
        if wanted:
            older = path_of(services.settings.filed_dir / row["filed_as"], OLDER_AGE)
            await _put_small(there.place, older, row["name"] + OLDER_AGE)
        else:
            await there.place.remove(row["name"] + OLDER_AGE)
    async with services.store.transaction() as tx:
        await tx.set_note(note, str(wanted))


# -- the agent's own state ---------------------------------------------------------------------------------------


async def _state_is_due(services: Services, there: There) -> bool:
    """Once a day, and soon after something was handed over or receipted: no copy is there that no state knows."""
    async with services.store.transaction() as tx:
        row = await tx.one("SELECT max(made_at) AS last FROM state_copies WHERE place = ?", [there.rule.place])
        last = None if row is None else row["last"]
        if last is None:
            return True
        newer = await tx.one(
            "SELECT max(delivered_at) > ?1 AS delivered, max(receipt_at) > ?1 AS receipted FROM packages", [last]
        )
    age = services.clock.now() - int(last)
    soon = newer is not None and (newer["delivered"] or (newer["receipted"] and age >= _BETWEEN_STATES))
    return age >= DAY or age < 0 or bool(soon)


async def _keep_state(services: Services, there: There, show: Show) -> None:
    if there.rule.state and await _state_is_due(services, there):
        show("the agent's state")
        await put_state(services, there)


async def put_state(services: Services, there: There) -> str:
    """The state there; its name. One that was made, and did not get there, is gone on with for some hours.

    States of days that are too many are removed.
    """
    folder, now = services.settings.backups_dir / "state" / there.rule.place, services.clock.now()
    made_at, target = await asyncio.to_thread(_left_of, folder, device_name(services))
    if target is not None and not 0 <= now - made_at < _GOES_ON:
        await there.place.remove(f"{STATES}/{target.name}")  # and what is half there of it
        await asyncio.to_thread(target.unlink)
        target = None
    if target is None:
        made_at, target = now, folder / state_name(device_name(services), now)
        await asyncio.to_thread(
            make_state, services.settings, services.progress.config, (state_recipient(services),), now, target
        )
    digest, size = await asyncio.to_thread(lambda path: (sha256_of(path), path.stat().st_size), target)
    name = f"{STATES}/{target.name}"
    try:
        await there.place.put(target, name, digest, lambda _: None)
    except PlaceRefused:  # another lies there under its name, perhaps: the next try makes one of its own
        await asyncio.to_thread(target.unlink)
        raise
    async with services.store.transaction() as tx:
        row = {"place": there.rule.place, "name": name, "sha256": digest, "size": size, "made_at": made_at}
        await tx.execute("DELETE FROM state_copies WHERE place = ? AND name = ?", [there.rule.place, name])
        await tx.insert("state_copies", **row)
    await asyncio.to_thread(target.unlink, missing_ok=True)
    there_now = [each.name for each in await there.place.names(f"{STATES}/")]
    for old in _too_many(there_now, name, there.rule.keep_states):
        await there.place.remove(old)
        async with services.store.transaction() as tx:
            await tx.execute("DELETE FROM state_copies WHERE place = ? AND name = ?", [there.rule.place, old])
    return name


def state_name(device: str, made_at: int) -> str:
    """``5f2c81aa-2026-05-03T031500Z.tar.gz.age``: sorted by name is sorted by time."""
    return f"{device}-{to_rfc3339(made_at)[:19].replace(':', '')}Z{STATE}"


def state_made_at(name: str) -> int | None:
    """When a state of this name (without folders) was made, to the second; None for any other file."""
    found = re.fullmatch(rf"[0-9a-f]{{8}}-(\d{{4}}-\d\d-\d\d)T(\d\d)(\d\d)(\d\d)Z{re.escape(STATE)}", name)
    if found is None:
        return None
    try:
        return from_rfc3339(f"{found[1]}T{found[2]}:{found[3]}:{found[4]}Z")
    except ValueError:
        return None


def _left_of(folder: Path, device: str) -> tuple[int, Path | None]:
    """The state that waits to be put somewhere, and when it was made; anything else in the folder is removed."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    states = [
        (made_at, path)
        for path in folder.iterdir()
        if (made_at := state_made_at(path.name)) is not None and path.name.startswith(device)
    ]
    newest = max(states, default=(0, None))
    for path in folder.iterdir():
        if path != newest[1]:
            path.unlink(missing_ok=True)
    return newest


def state_recipient(services: Services) -> Recipient:
    """Whom states are sealed for: the owner's archive key of the kind that the settings want."""
    kind = "x25519" if services.settings.backups.any_age else "hybrid"
    return next(each.recipient for each in services.keys.archive if each.recipient.kind == kind)


def _too_many(names: list[str], newest: str, keep: int) -> list[str]:
    """Of this agent's states all but the last of each of the newest ``keep`` days."""
    prefix = newest.rpartition("/")[2].partition("-")[0]
    ours = sorted(name for name in names if name.startswith(f"{STATES}/{prefix}-") and name.endswith(STATE))
    days = {name[len(STATES) + len(prefix) + 2 :][:10]: name for name in ours}  # the last of each day stays
    kept = {days[day] for day in sorted(days)[-keep:]} | {newest}
    return [name for name in ours if name not in kept]
