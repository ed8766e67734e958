"""What an owner can do when somebody who was filmed asks something of them: write it down, find, draft, close.

Not for: deciding what they get, or sending it. Nothing is deleted or sent by any of this.
"""

import asyncio
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

from pydantic import Field

from agent.owner.operations.context import Actor, Json, Nothing, Owned
from agent.owner.operations.record_keeping.made import Form, as_sheet, wording_for
from agent.records.register.gather import camera_labels, entry_of, stored_requests
from agent.records.sheets.render import sheet
from agent.records.subjects import kept
from agent.records.subjects.answer import answer_to
from agent.records.subjects.deadline import day_of, due_date, end_of_day
from agent.records.subjects.kept import Answered, SubjectRequest, Wish
from agent.records.subjects.search import Concerned, disclosures_to, held_of
from agent.records.times import Times
from agent.records.wording.model import Wording, fill
from exchange.clock import DAY, Instant, to_rfc3339
from exchange.documents.messages import Id, Line, Part, Stretch, Text
from exchange.errors import InputInvalid

LONGEST = 31 * DAY
"""Microseconds of one window that they name."""


class NewSubjectRequest(Part):
    """``windows``: the times at which they say that they were filmed. ``received``: when it came; now, without it."""

    wish: Wish
    person: Line
    contact: Line | None = None
    described: Text
    identified: Line | None = None
    windows: Annotated[tuple[Stretch, ...], Field(min_length=1, max_length=20)]
    cameras: Annotated[tuple[Id, ...], Field(max_length=256)] = ()
    received: Instant | None = None


class SubjectNamed(Part):
    subject_id: Id


class SubjectIdentified(SubjectNamed):
    how: Line


class SubjectExtended(SubjectNamed):
    why: Text


class SubjectAnswered(SubjectNamed):
    answer: Answered
    reasons: Text | None = None


class AnswerAsked(SubjectNamed):
    """``paper``: the answer for the person, or the note, for the owner's own records, of why something is withheld."""

    disclosures: Literal["tell", "withhold"] | None = None
    paper: Literal["answer", "reasons"] = "answer"
    form: Form = Form.HTML
    language: Literal["en", "de"] | None = None


@dataclass(frozen=True)
class _Found:
    asked: SubjectRequest
    found: Concerned
    labels: dict[str, str]
    wording: Wording


async def record(agent: Owned, new: NewSubjectRequest, actor: Actor) -> Json:
    """Write down what somebody who was filmed asked, with the day by which they must have an answer. InputInvalid."""
    services, wording = agent.services, await wording_for(agent, None)
    now = services.clock.now()
    received = new.received if new.received is not None else now
    if received > now:
        raise InputInvalid("It would have come in the future.", meaning="Nothing was written down.")
    if any(window.end - window.start > LONGEST for window in new.windows):
        raise InputInvalid(
            "A time is longer than a month.",
            meaning="Nothing was written down.",
            do="Ask when they were there: nobody can be found in a whole month of recordings.",
        )
    due = due_date(day_of(received), wording.subject.months, wording.subject.holidays)
    asked = SubjectRequest(
        subject_id=kept.new_id(),
        wish=new.wish,
        person=new.person,
        contact=new.contact,
        described=new.described,
        identified=new.identified,
        windows=tuple(window.window for window in new.windows),
        cameras=new.cameras,
        received_at=received,
        due_at=end_of_day(due),
        recorded_at=now,
        recorded_by=actor.name,
    )
    async with services.store.transaction() as tx:
        known = await camera_labels(tx)
        if unknown := sorted(set(new.cameras) - known.keys()):
            raise InputInvalid(f"There is no camera {unknown[0]}.", do="List them with: handover cameras list")
        await kept.record(tx, asked)
    return _shown(asked, now)


async def list_all(agent: Owned, _: Nothing, actor: Actor) -> Json:
    async with agent.services.store.transaction() as tx:
        found = await kept.subject_requests(tx)
    return {"requests": [_shown(each, agent.services.clock.now()) for each in found]}


async def show(agent: Owned, named: SubjectNamed, actor: Actor) -> Json:
    """One, with what concerns it: disclosures of their times, what is still there, and what to do. NotFound."""
    found = await _find(agent, named.subject_id, None)
    subject = found.wording.subject
    return _shown(found.asked, agent.services.clock.now()) | {
        "counted": subject.counted,
        "guide": list(subject.guide),
        "disclosures": [
            {
                "request_id": each.request_id,
                "case": each.case,
                "force": each.force,
                "camera": each.sent.camera,
                "exhibit": each.sent.exhibit,
                "from": to_rfc3339(each.sent.window.start),
                "to": to_rfc3339(each.sent.window.end),
                "delivered": to_rfc3339(each.delivered_at),
                "copy_kept": each.sent.kept,
            }
            for each in found.found.disclosures
        ],
        "held": [
            {
                "camera": found.labels.get(held.camera_id, held.camera_id),
                "camera_id": held.camera_id,
                "from": to_rfc3339(held.window.start),
                "to": to_rfc3339(held.window.end),
                "there": [{"from": to_rfc3339(span.start), "to": to_rfc3339(span.end)} for span in held.spans],
                "trouble": held.trouble,
            }
            for held in found.found.held
        ],
    }


async def draft(agent: Owned, asked: AnswerAsked, actor: Actor) -> Json:
    """The draft of an answer, or the note of why something is withheld, as a file."""
    found = await _find(agent, asked.subject_id, asked.language)
    withhold = None if asked.disclosures is None else asked.disclosures == "withhold"
    made = await asyncio.to_thread(
        answer_to, found.asked, found.found, withhold, found.labels, found.wording, agent.services.settings
    )
    name = f"{asked.paper}-{asked.subject_id[:8]}"
    if asked.paper == "answer":
        return await as_sheet(agent, lambda: sheet("answer.html", answer=made), name, asked.form)
    if made.own is None:
        raise InputInvalid(
            "Nothing is withheld from this person.", do="Choose --disclosures withhold, where there is something."
        )

    def reasons() -> str:
        times, phrase = Times(made.language), found.wording.subject.phrases["shared"]
        lines = [
            fill(phrase, force=each.force, when=times.moment(each.delivered_at), case=each.case)
            for each in found.found.disclosures
        ]
        return sheet("withheld.html", answer=made, person=found.asked.person, disclosures=lines)

    return await as_sheet(agent, reasons, name, asked.form)


async def identify(agent: Owned, given: SubjectIdentified, actor: Actor) -> Json:
    """How it was made sure that it is them."""
    async with agent.services.store.transaction() as tx:
        await kept.identify(tx, await kept.subject_request(tx, given.subject_id), given.how)
    return {}


async def extend(agent: Owned, given: SubjectExtended, actor: Actor) -> Json:
    """More time, as the law gives it where it is complex. The person must be told why. InputInvalid."""
    wording = await wording_for(agent, None)
    more = wording.subject.extension_months
    async with agent.services.store.transaction() as tx:
        asked = await kept.subject_request(tx, given.subject_id)
        if not more or agent.services.clock.now() > asked.due_at:
            raise InputInvalid("It can't be extended any more.", meaning="Nothing was changed.", do="Answer it now.")
        due = due_date(day_of(asked.received_at), wording.subject.months + more, wording.subject.holidays)
        await kept.extend(tx, asked, end_of_day(due), given.why)
        asked = await kept.subject_request(tx, given.subject_id)
    return _shown(asked, agent.services.clock.now())


async def answered(agent: Owned, given: SubjectAnswered, actor: Actor) -> Json:
    """Write down how it was answered. InputInvalid."""
    async with agent.services.store.transaction() as tx:
        asked = await kept.subject_request(tx, given.subject_id)
        now = agent.services.clock.now()
        await kept.answer(tx, asked, given.answer, given.reasons, now, actor.name)
    return {}


async def _find(agent: Owned, subject_id: str, language: str | None) -> _Found:
    services, wording = agent.services, await wording_for(agent, language)
    async with services.store.transaction() as tx:
        asked = await kept.subject_request(tx, subject_id)
        stored = await stored_requests(tx, None)
        labels = await camera_labels(tx)
    years = services.settings.records.keep_years or wording.keep_records.years
    entries = await asyncio.to_thread(
        lambda: [entry_of(each, services.settings, years, labels) for each in stored if each.packages]
    )
    disclosures = disclosures_to(asked, entries)
    held = await held_of(services, asked, labels)
    copies = sum(each.sent.kept for each in disclosures)
    return _Found(asked, Concerned(disclosures, held, copies), labels, wording)


def _shown(asked: SubjectRequest, now: int) -> Json:
    instants = ("received_at", "due_at", "recorded_at", "answered_at")
    values = {name: getattr(asked, name) for name in instants}
    return (
        asdict(asked)
        | {name: None if value is None else to_rfc3339(value) for name, value in values.items()}
        | {
            "windows": [{"from": to_rfc3339(each.start), "to": to_rfc3339(each.end)} for each in asked.windows],
            "days_left": None if asked.answered_at is not None else (day_of(asked.due_at) - day_of(now)).days,
        }
    )
