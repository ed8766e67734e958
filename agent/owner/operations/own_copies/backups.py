"""The owner's own copies: how they are, running and checking them, deleting what is due, and holding what must stay.

Not for: doing any of it (``agent.records.backups``).
"""

from dataclasses import asdict
from typing import Annotated

from pydantic import Field

from agent.owner.operations.context import Actor, Json, Nothing, Owned, RequestNamed
from agent.records.backups import health, retention
from agent.records.backups.at_place import Outcome
from exchange.clock import to_rfc3339
from exchange.documents.messages import Id, Part


class RunBackups(Part):
    check: bool = False
    """Read all copies again, instead of bringing what is missing."""


class Prune(Part):
    dry_run: bool = False
    """Only say what would go."""
    at_once: bool = False
    """Delete all whose time is over, also what was not announced yet."""


class Hold(Part):
    request_id: Id
    reason: Annotated[str, Field(min_length=1, max_length=500)]


async def show(agent: Owned, _: Nothing, actor: Actor) -> Json:
    """How the copies are, here and at second places; what goes next; what is held; what is being done."""
    services, backups = agent.services, agent.backups
    due, doing = await retention.look(services), backups.doing_there()
    async with services.store.transaction() as tx:
        held = await tx.all("SELECT * FROM legal_holds ORDER BY held_since")
        sheet = await tx.note(SHEET)
    return {
        "own": _with_times(asdict(await health.of_own(services))),
        "places": [_place(each, doing) for each in await health.of_places(services)],
        "copies": [_copy(each) for each in due],
        "holds": [_with_times(dict(row)) for row in held],
        "trouble": await health.trouble(services),
        "sheet": None if sheet is None else sheet.partition(" ")[0],
        "filed": str(services.settings.filed_dir),
        "doing": backups.doing,
        "last": None if backups.last is None else outcome(backups.last),
    }


SHEET = "recovery-sheet"
"""What a note of the store is called: when the sheet was last made, and for which keys."""
_TIMES = (
    "oldest_check", "check_due_since", "waits_until", "next_to_go", "last_state", "worked_at", "failing_since",
    "held_since",
)  # fmt: skip


def _with_times(row: Json) -> Json:
    return {key: to_rfc3339(value) if key in _TIMES and value is not None else value for key, value in row.items()}


def _place(each: health.PlaceHealth, doing: dict[str, str]) -> Json:
    return _with_times(asdict(each) | {"doing": doing.get(each.place, "")})


def _copy(due: retention.Due) -> Json:
    copy = due.filed.copy
    return {
        "evidence_id": copy.evidence_id,
        "request_id": copy.request_id,
        "filed_as": due.filed.name,
        "kind": copy.kind,
        "crime_reference": copy.crime_reference,
        "camera": copy.camera,
        "size": copy.size,
        "ends": None if due.ends is None else to_rfc3339(due.ends),
        "announced": None if due.announced is None else to_rfc3339(due.announced),
        "goes": None if due.goes is None else to_rfc3339(due.goes),
        "kept": due.kept,
        "held": due.held,
    }


def outcome(done: Outcome) -> Json:
    """What a run did; by place ``failures``, in words, and ``waiting``, until when it does."""
    told = {place: {"what": error.what, "do": error.do} for place, error in done.failures.items()}
    waiting = {place: to_rfc3339(until) for place, until in done.waiting.items()}
    done_so_far = {"put": done.put, "checked": done.checked, "damaged": done.damaged}
    return {**done_so_far, "failures": told, "waiting": waiting}


async def run(agent: Owned, asked: RunBackups, actor: Actor) -> Json:
    """Begin a run, which goes on by itself; ``backups`` tells how far it is."""
    agent.backups.begin(check=asked.check)
    return {}


async def prune(agent: Owned, asked: Prune, actor: Actor) -> Json:
    """Delete what was announced long enough ago, and announce what is due; or only say what would be."""
    if asked.dry_run:
        now = await agent.backups.deletion_time()
        due = [each for each in await retention.look(agent.services) if not each.kept and (each.ends or now + 1) <= now]
        over = [each for each in due if asked.at_once or (each.goes is not None and each.goes <= now)]
        return {
            "deleted": [_copy(each) for each in over],
            "announced": [_copy(each) for each in due if each not in over],
        }
    announced, deleted = await agent.backups.prune(at_once=asked.at_once)
    return {"deleted": [_copy(each) for each in deleted], "announced": [_copy(each) for each in announced]}


async def hold(agent: Owned, asked: Hold, actor: Actor) -> Json:
    """Nothing that was handed over for a request is deleted until the hold ends."""
    await retention.hold(agent.services, asked.request_id, asked.reason, actor.name)
    return {}


async def hold_as_asked(agent: Owned, asked: RequestNamed, actor: Actor) -> Json:
    """The owner agrees to keep their copy, as the police ask."""
    await retention.hold_as_asked(agent.services, asked.request_id, actor.name)
    return {}


async def end_hold(agent: Owned, asked: RequestNamed, actor: Actor) -> Json:
    await retention.end_hold(agent.services, asked.request_id, actor.name)
    return {}
