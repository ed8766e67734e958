"""What an owner is told, and once for each thing: a request, a reminder, a receipt, a camera or disk in trouble.

A message says that there is something, and nothing of what it is about unless its reader wants that. Not for: sending.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from functools import partial

from agent.cameras.health import WORDS, troubles
from agent.cameras.stored import registration_of
from agent.owner.words import Words
from agent.recorder.state import read_state
from agent.recordings.disk import recordings_mount, trouble_of_disks
from agent.records.backups import health, retention
from agent.requests.feedback.conversation import Origin
from agent.requests.intake import verified_request
from agent.requests.plan import read_plan
from agent.requests.states import State
from agent.services import Services
from agent.sources.registry import RECORDER, setting_of
from agent.store.database import RequestRow, Transaction
from exchange.clock import DAY, MINUTE, to_rfc3339
from exchange.documents.feedback import FeedbackKind
from exchange.documents.letters import harmless, quoted

_PATIENCE = 15 * MINUTE
"""How long a camera may be away before anybody is told."""


class Sentence:
    """A sentence that is written in its reader's language; a value may be an instant (``At``) or a sentence itself."""

    def __init__(self, text: str, **values: At | Sentence | str) -> None:
        self._text, self._values = text, values

    def written(self, words: Words) -> str:
        return words(self._text, **{name: _written(value, words) for name, value in self._values.items()})


@dataclass(frozen=True)
class At:
    """An instant, in microseconds."""

    instant: int


Sentences = tuple[Sentence | str, ...]
"""Each on a line of its own; what is no ``Sentence`` stands as it is."""


@dataclass(frozen=True)
class Message:
    """``key``: a message of one key goes to each reader once. ``ends``: an instant after which it is no use; for a
    request, when it ends. ``detail`` comes after the text for those who want to know what it is about."""

    key: str
    subject: Sentence
    text: Sentences
    detail: Sentences = ()
    request_id: str | None = None
    ends: int | None = None
    urgent: bool = False


def written(sentences: Sentences, words: Words) -> str:
    return "\n".join(_written(each, words) for each in sentences)


def _written(value: At | Sentence | str, words: Words) -> str:
    if isinstance(value, At):
        return words.moment(value.instant)
    return value.written(words) if isinstance(value, Sentence) else value


async def due(services: Services, link: str) -> list[Message]:
    """All that should have been told by now; most of it was. ``link`` is where the page is, empty where it isn't."""
    async with services.store.transaction() as tx:
        found = [message for row in await tx.requests(State.ASKED) for message in await _asked(services, tx, row, link)]
        found += await _receipts(services, tx)
        found += await _late_stamps(services, tx)
        found += await _feedback(services, tx, link)
        found += await _overwritten(services, tx, link)
        found += await _cameras(services, tx)
    return found + await _disk(services) + await _copies(services)


async def _asked(services: Services, tx: Transaction, row: RequestRow, link: str) -> list[Message]:
    now = services.clock.now()
    request = verified_request(row)
    where = f"{link}/requests/{row.request_id}" if link else f"handover review {row.request_id}"
    text: Sentences = (
        Sentence(
            "The police ask for recordings. Answer until %(until)s, or nothing is sent:", until=At(row.expires_at)
        ),
        where,
    )
    kind, place = harmless(request.incident.kind), harmless(request.incident.place)
    case = harmless(request.crime_reference)
    detail = (Sentence("%(kind)s, %(place)s (case %(case)s).", kind=kind, place=place, case=case),)
    urgent = row.expires_at - now <= services.settings.notify.urgent
    told = partial(Message, text=text, detail=detail, request_id=row.request_id, ends=row.expires_at, urgent=urgent)
    messages = [told(f"asked {row.request_id}", Sentence("A request waits for you"))]
    reminders = sum(row.state_at + after <= now for after in services.settings.requests.remind_after)
    if reminders:
        messages.append(told(f"reminder {row.request_id} {reminders}", Sentence("A request still waits for you")))
    return messages


async def _receipts(services: Services, tx: Transaction) -> list[Message]:
    rows = await tx.all(
        "SELECT evidence_id, request_id, receipt_at FROM packages WHERE receipt_at > ?", [services.clock.now() - DAY]
    )
    subject, text = Sentence("A receipt came"), (Sentence("The police confirmed that they have what you sent."),)
    return [Message(f"receipt {row['evidence_id']}", subject, text, ends=row["receipt_at"] + DAY) for row in rows]


async def _late_stamps(services: Services, tx: Transaction) -> list[Message]:
    """Time stamps that came after their package was sealed, and that the owner can send after it."""
    rows = await tx.all(
        "SELECT evidence_id, file, stamped_at FROM stamps WHERE response IS NOT NULL AND position IS NULL "
        "AND stamped_at > ?",
        [services.clock.now() - DAY],
    )
    subject = Sentence("A time stamp came later")
    text = Sentence("An authority countersigned the time of what you handed over. To see it, and to send it after it:")
    return [
        Message(f"stamp {row['evidence_id']} {row['file']}", subject, (text, "handover stamps"),
                ends=row["stamped_at"] + DAY)
        for row in rows
    ]  # fmt: skip


_TOLD = {
    FeedbackKind.OPENED: Sentence("The police opened what you sent"),
    FeedbackKind.CANNOT_PLAY: Sentence("The police can't play what you sent"),
    FeedbackKind.QUESTION: Sentence("The police ask you something"),
    FeedbackKind.OUTCOME: Sentence("The police tell how it ended"),
    FeedbackKind.KEEP: Sentence("The police say something about your own copy"),
}


async def _feedback(services: Services, tx: Transaction, link: str) -> list[Message]:
    """What officers said of what they got; their words only for those who want to know what it is about."""
    rows = await tx.all(
        "SELECT * FROM feedback WHERE origin = ? AND arrived_at > ? ORDER BY arrived_at, rowid",
        [Origin.PORTAL, services.clock.now() - DAY],
    )
    found = []
    for row in rows:
        where = f"{link}/requests/{row['request_id']}" if link else f"handover show {row['request_id']}"
        words = json.loads(row["document"]).get("text")
        detail = (quoted(words, 1000),) if words else ()
        found.append(
            Message(
                f"feedback {row['feedback_id']}",
                _TOLD[FeedbackKind(row["kind"])],
                (Sentence("See what they say, and what you can do:"), where),
                detail,
                ends=row["arrived_at"] + DAY,
            )
        )
    return found


async def _overwritten(services: Services, tx: Transaction, link: str) -> list[Message]:
    """Footage that a recorder writes over within a day, and that nobody keeps."""
    now, found = services.clock.now(), []
    for row in await tx.requests(State.ASKED):
        shown = await tx.one("SELECT plan FROM plans WHERE request_id = ?", [row.request_id])
        cameras = () if shown is None else read_plan(shown["plan"]).cameras
        ends = [camera.source.overwritten for camera in cameras if camera.source and not camera.source.kept]
        first = min((end for end in ends if end is not None), default=None)
        if first is not None and now < first <= now + DAY:
            where = f"{link}/requests/{row.request_id}" if link else f"handover keep {row.request_id}"
            said = Sentence(
                "Recordings that the police ask for are written over about %(at)s. To keep them:", at=At(first)
            )
            key, subject = f"overwritten {row.request_id}", Sentence("Recordings will be lost")
            found.append(Message(key, subject, (said, where), ends=first, urgent=True))
    return found


async def _cameras(services: Services, tx: Transaction) -> list[Message]:
    """Cameras of our own recorder from which nothing came for a while."""
    now = services.clock.now()
    state = await asyncio.to_thread(read_state, services.settings.recordings.directory)
    found = []
    for row in await tx.cameras():
        recording = state.cameras.get(row.camera_id)
        if setting_of(row).kind != RECORDER or recording is None or not state.alive(now):
            continue
        last = recording.last_packet or recording.since or now
        if recording.state != "recording" and now - last > _PATIENCE:
            label = registration_of(row).label
            said = Sentence(
                "Nothing is recorded of %(camera)s since %(at)s: %(why)s.",
                camera=harmless(label), at=At(last), why=Sentence(recording.as_text()),
            )  # fmt: skip
            key = f"camera {row.camera_id} {to_rfc3339(last)}"
            found.append(Message(key, Sentence("A camera is not recorded"), (said,)))
    wrong = await troubles(tx)
    for row in await tx.cameras():
        if kind := wrong.get(row.camera_id):
            said = Sentence(
                "%(camera)s %(trouble)s.", camera=harmless(registration_of(row).label), trouble=Sentence(WORDS[kind])
            )
            day = to_rfc3339(now // (7 * DAY) * 7 * DAY)
            found.append(Message(f"health {row.camera_id} {kind} {day}", Sentence("A camera needs a look"), (said,)))
    return found


async def _disk(services: Services) -> list[Message]:
    settings = services.settings
    mount = await recordings_mount(settings, services.store)
    trouble = await asyncio.to_thread(trouble_of_disks, mount, settings.data, settings.recordings.directory)
    if trouble is None:
        return []
    day = to_rfc3339(services.clock.now() // DAY * DAY)
    text = tuple(Sentence(each) for each in (trouble.what, trouble.do) if each)
    return [Message(f"disk {day}", Sentence("The disk needs you"), text)]


async def _copies(services: Services) -> list[Message]:
    """The owner's own copies: damaged, not backed up for days, or about to go."""
    settings, now = services.settings.backups, services.clock.now()
    week = to_rfc3339(now // (7 * DAY) * 7 * DAY)
    subject, found = Sentence("Your copies need you"), []
    own, places = await health.of_own(services), await health.of_places(services)
    if own.damaged:
        said = Sentence(
            "%(count)s of your copies on this disk can't be relied on any more.", count=str(len(own.damaged))
        )
        found.append(Message(f"copies damaged {own.damaged} {week}", subject, (said, "handover backups")))
    for each in places:
        if each.damaged:
            said = Sentence("Copies at %(place)s are damaged, and could not be put right.", place=each.place)
            found.append(
                Message(f"copies damaged {each.place} {each.damaged} {week}", subject, (said, "handover backups"))
            )
        if each.failing_since is not None and now - each.failing_since >= settings.tell_after:
            said = Sentence(
                "The backup to %(place)s has not worked since %(at)s.", place=each.place, at=At(each.failing_since)
            )
            key = f"backup {each.place} {each.failing_since} {week}"
            found.append(Message(key, subject, (said, harmless(each.failure or ""), "handover backups")))
    going = [due for due in await retention.look(services) if due.announced is not None and due.goes is not None]
    if going:
        first = min(due.goes for due in going if due.goes is not None)
        said = Sentence(
            "From %(at)s on, copies go whose time to be kept is over: %(count)s.", at=At(first), count=str(len(going))
        )
        keep = Sentence("To keep one:")
        newest = max(due.announced for due in going if due.announced is not None)
        key = f"copies go {newest}"
        found.append(Message(key, Sentence("Copies will be deleted"), (said, keep, "handover hold"), ends=first))
    return found
