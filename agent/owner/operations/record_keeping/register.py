"""What an owner can do with the register of requests: read it, take it along, choose the lawful basis of an entry.

Not for: how an entry is made (``agent.records.register``).
"""

import asyncio
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from agent.owner.operations.context import Actor, Json, Owned, RequestNamed
from agent.owner.operations.record_keeping.made import Form, as_file, as_sheet, wording_for
from agent.owner.operations.whose import find
from agent.records.register.gather import camera_labels, entry_of, stored_requests
from agent.records.register.spreadsheet import as_csv
from agent.records.register.words import FIELDS, RegisterWords, Speaker
from agent.records.sheets.pdf import MOST_ENTRIES
from agent.records.sheets.render import sheet
from agent.records.times import day_window
from agent.records.wording.model import Wording
from exchange.clock import Window
from exchange.documents.messages import Line, Part
from exchange.errors import InputInvalid

Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Language = Literal["en", "de"]


class RegisterForm(StrEnum):
    JSON = "json"
    HTML = "html"
    CSV = "csv"
    PDF = "pdf"


class RegisterAsked(Part):
    """``first`` and ``last``: the days, in this machine's zone, between which requests came; all, without them."""

    first: Day | None = None
    last: Day | None = None
    form: RegisterForm = RegisterForm.JSON
    language: Language | None = None
    request_id: Annotated[str, Field(max_length=64)] | None = None


class BasisChosen(RequestNamed):
    basis: Annotated[str, Field(max_length=40)]
    why: Line | None = None


async def show_register(agent: Owned, asked: RegisterAsked, actor: Actor) -> Json:
    """The register, as a file or in fields."""
    wording = await wording_for(agent, asked.language)
    register = await _register(agent, asked, wording)
    name = "-".join(["register", *(day for day in (asked.first, asked.last) if day)])
    written = {"language": wording.language, "jurisdiction": wording.jurisdiction}
    match asked.form:
        case RegisterForm.JSON:
            return {
                "labels": {field: register.labels[field] for field in FIELDS},
                "notes": list(register.notes),
                "disclaimer": register.disclaimer,
                "bases": [
                    {"key": basis.key, "title": basis.title}
                    for basis in wording.sharing.of(agent.services.settings.owner.kind).bases
                ],
                "language": register.language,
                "entries": [
                    {
                        "request_id": entry.request_id,
                        "title": entry.title,
                        "state": entry.result,
                        "handed_over": entry.handed_over,
                        "basis": entry.basis,
                        "fields": entry.fields,
                    }
                    for entry in register.entries
                ],
            }
        case RegisterForm.CSV:
            return as_file(await asyncio.to_thread(as_csv, register), f"{name}.csv") | written
    form = Form(asked.form.value)
    if form is Form.PDF and len(register.entries) > MOST_ENTRIES:
        raise InputInvalid(
            f"{len(register.entries)} requests are too many for one PDF: it has {MOST_ENTRIES} at most.",
            meaning="Nothing was made.",
            do="Choose fewer days (--from, --to), or take the page (html) or the table (csv).",
        )
    made = await as_sheet(agent, lambda: sheet("register.html", register=register, fields=FIELDS), name, form)
    return made | written


async def _register(agent: Owned, asked: RegisterAsked, wording: Wording) -> RegisterWords:
    services = agent.services
    window = _window(asked.first, asked.last, services.clock.now())
    async with services.store.transaction() as tx:
        stored = await stored_requests(tx, window, asked.request_id)
        labels = await camera_labels(tx)
    years = services.settings.records.keep_years or wording.keep_records.years
    now = services.clock.now()

    def make() -> RegisterWords:
        entries = tuple(entry_of(each, services.settings, years, labels) for each in stored)
        return Speaker(wording, services.settings).register(entries, window, now)

    return await asyncio.to_thread(make)


def _window(first: str | None, last: str | None, now: int) -> Window | None:
    if first is None and last is None:
        return None
    try:
        window = (
            day_window(first or "2000-01-01", last)
            if last
            else Window(day_window(first or "", first or "").start, now + 1)
        )
    except (ValueError, OverflowError):
        raise InputInvalid(
            "That is no time between two days.", do="Type days as 2026-05-03, the earlier one first."
        ) from None
    if window.end <= window.start:
        raise InputInvalid("The last day is before the first.", do="Type the earlier day first.")
    return window


async def choose_basis(agent: Owned, chosen: BasisChosen, actor: Actor) -> Json:
    """Write down by which lawful basis a request's footage was shared. InputInvalid for one that is not known."""
    services = agent.services
    wording = await wording_for(agent, None)
    known = [basis.key for basis in wording.sharing.of(services.settings.owner.kind).bases]
    if chosen.basis not in known:
        raise InputInvalid(
            f"There is no basis {chosen.basis!r} in this jurisdiction's wording.",
            meaning="Nothing was changed.",
            do=f"Choose one of: {', '.join(known)}.",
        )
    async with services.store.transaction() as tx:
        await find(tx, chosen.request_id)
        await tx.execute("DELETE FROM bases WHERE request_id = ?", [chosen.request_id])
        await tx.insert(
            "bases",
            request_id=chosen.request_id,
            basis=chosen.basis,
            why=chosen.why,
            chosen_by=actor.name,
            chosen_at=services.clock.now(),
        )
    return {}
