"""How the owner's own copies are: for status, the page, messages and the doctor; what is wrong, in words.

Not for: mending anything.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from agent.host.daily_hours import next_opening
from agent.records.backups import retention
from agent.records.backups.filing import filed
from agent.records.backups.handed_over import handed_over
from agent.services import Services
from exchange.clock import DAY
from exchange.counted import counted

_GRACE = DAY
"""Checks are made at night: one that is due is put off only when the night went by."""


@dataclass(frozen=True)
class OwnHealth:
    """On this disk. Instants are microseconds UTC, sizes bytes."""

    copies: int
    size: int
    damaged: tuple[str, ...]
    """Evidence ids."""
    oldest_check: int | None
    """When the copy that was not checked for longest was; None while one never was."""
    unchecked: int
    check_due_since: int | None
    """When the check became due that is put off for longest; None when none is."""
    held: int
    next_to_go: int | None


@dataclass(frozen=True)
class PlaceHealth:
    place: str
    names: str
    packages: bool
    state: bool
    copies: int
    missing: int
    damaged: tuple[str, ...]
    oldest_check: int | None
    check_due_since: int | None
    """See OwnHealth."""
    waits_until: int | None
    """When the hours of its rule begin next; None within them."""
    last_state: int | None
    worked_at: int | None
    failing_since: int | None
    failure: str | None


async def of_own(services: Services) -> OwnHealth:
    due = await retention.look(services)
    async with services.store.transaction() as tx:
        rows = {row["copy_id"]: row for row in await tx.all("SELECT * FROM own_copies")}
        copies = await handed_over(services, tx)
        held = await tx.one("SELECT count(*) AS n FROM legal_holds")
    missing = await asyncio.to_thread(_missing, [services.settings.package(each.copy_id) for each in copies])
    checks = [rows[each.copy_id]["checked_at"] for each in copies if each.copy_id in rows]
    damaged = {each.copy_id for each in copies if each.copy_id in rows and rows[each.copy_id]["damage"]}
    last = [
        (rows[each.copy_id]["checked_at"] if each.copy_id in rows else None) or each.delivered_at for each in copies
    ]
    damaged |= {path.name.partition(".")[0] for path in missing}
    return OwnHealth(
        copies=len(copies),
        size=sum(each.size for each in copies),
        damaged=tuple(sorted(damaged)),
        oldest_check=None if not checks or None in checks else min(checks),
        check_due_since=_put_off(services, last, services.settings.backups.check_every),
        unchecked=sum(each is None for each in checks) + len(copies) - len(checks),
        held=0 if held is None else held["n"],
        next_to_go=min((each.goes or each.ends for each in due if each.ends and not each.kept), default=None),
    )


def _put_off(services: Services, last: list[int], every: int | None) -> int | None:
    """Since when the check of something is due that was last checked then, if that is long enough ago to be told."""
    if every is None or not last:
        return None
    due = min(last) + every
    return due if due + _GRACE <= services.clock.now() else None


def _missing(paths: list[Path]) -> list[Path]:
    return [path for path in paths if not path.exists()]


async def of_places(services: Services) -> list[PlaceHealth]:
    found, now = [], services.clock.now()
    async with services.store.transaction() as tx:
        own = {each.copy.copy_id for each in await filed(services, tx) if each.copy.approved}
        for rule in services.settings.backups.places:
            rows = await tx.all("SELECT * FROM second_copies WHERE place = ? AND leaving = 0", [rule.place])
            run = await tx.one("SELECT * FROM backup_runs WHERE place = ?", [rule.place])
            state = await tx.one("SELECT max(made_at) AS last FROM state_copies WHERE place = ?", [rule.place])
            there = {row["copy_id"]: row for row in rows if row["put_at"] is not None}
            checks = [row["checked_at"] or row["put_at"] for row in there.values()]
            opens = next_opening(rule.hours, now)
            found.append(
                PlaceHealth(
                    place=rule.place,
                    names=rule.names,
                    packages=rule.packages,
                    state=rule.state,
                    copies=len(there),
                    missing=len(own - there.keys()) if rule.packages else 0,
                    damaged=tuple(sorted(key for key, row in there.items() if row["damage"])),
                    oldest_check=min(checks, default=None),
                    check_due_since=_put_off(services, checks, rule.check_every),
                    waits_until=opens if opens > now else None,
                    last_state=None if state is None else state["last"],
                    worked_at=None if run is None else run["worked_at"],
                    failing_since=None if run is None else run["failing_since"],
                    failure=None if run is None else run["failure"],
                )
            )
    return found


async def trouble(services: Services) -> str | None:
    """What an owner should know first, in words; None when all is well."""
    own = await of_own(services)
    if own.damaged:
        which = "One of your copies" if len(own.damaged) == 1 else f"{len(own.damaged)} of your copies"
        return f"{which} on this disk can't be relied on any more: handover backups"
    now, after = services.clock.now(), services.settings.backups.tell_after
    for each in await of_places(services):
        if each.damaged:
            return f"Copies at {each.place} are damaged, and could not be put right: handover backups"
        if each.failing_since is not None and now - each.failing_since >= after:
            days = max(1, (now - each.failing_since) // DAY)
            return f"The backup to {each.place} has not worked for {counted(days, 'day')}: {each.failure}"
    return None
