"""What an owner can do about a witness statement: have it drafted from the records.

Not for: what it says (``agent.records.statement``).
"""

from typing import Literal

from agent.owner.operations.context import Actor, Json, Owned, RequestNamed
from agent.owner.operations.record_keeping.made import Form, as_sheet, wording_for
from agent.owner.operations.whose import find
from agent.records.register.gather import camera_labels, entry_of, stored_requests
from agent.records.sheets.render import sheet
from agent.records.statement import Witness, statement_of
from exchange.documents.messages import Line


class StatementAsked(RequestNamed):
    """``name``, ``occupation`` and ``position`` of whoever will sign it; what is not said stays a blank."""

    name: Line | None = None
    occupation: Line | None = None
    position: Line | None = None
    form: Form = Form.HTML
    language: Literal["en", "de"] | None = None


async def draft_statement(agent: Owned, asked: StatementAsked, actor: Actor) -> Json:
    """The draft, as a file. InputInvalid when nothing of the request was handed over."""
    services = agent.services
    wording = await wording_for(agent, asked.language)
    async with services.store.transaction() as tx:
        await find(tx, asked.request_id)
        (stored,) = await stored_requests(tx, None, asked.request_id)
        labels = await camera_labels(tx)
    years = services.settings.records.keep_years or wording.keep_records.years
    witness = Witness(asked.name or "", asked.occupation or "", asked.position or "")

    def make() -> str:
        entry = entry_of(stored, services.settings, years, labels)
        draft = statement_of(stored, entry, witness, len(labels), wording, services.settings)
        return sheet("statement.html", statement=draft)

    return await as_sheet(agent, make, f"statement-{asked.request_id[:8]}", asked.form)
