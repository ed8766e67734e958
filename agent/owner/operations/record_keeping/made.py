"""What the operations of records reply with: a file, in the form that was asked for.

Not for: what is in it (``agent.records``).
"""

import asyncio
import base64
from collections.abc import Callable
from enum import StrEnum

from agent.owner.operations.context import Json, Owned
from agent.records.sheets.pdf import printed
from agent.records.wording.files import wording_of
from agent.records.wording.model import Wording


class Form(StrEnum):
    HTML = "html"
    PDF = "pdf"


KINDS = {"html": "text/html; charset=utf-8", "pdf": "application/pdf", "csv": "text/csv; charset=utf-8",
         "txt": "text/plain; charset=utf-8"}  # fmt: skip
"""What a file of each form is served as."""


async def wording_for(agent: Owned, language: str | None) -> Wording:
    """The jurisdiction's wording, in a reader's language where it has that. SettingsInvalid."""
    records = agent.services.settings.records
    return await asyncio.to_thread(wording_of, records.jurisdiction, language or records.language, records.wording)


async def as_sheet(agent: Owned, make: Callable[[], str], name: str, form: Form) -> Json:
    """What ``make`` makes, which is HTML, as a file of this form."""
    html = await asyncio.to_thread(make)
    if form is Form.HTML:
        return as_file(html.encode(), f"{name}.html")
    made = await printed(agent.services.run_job, html)
    return as_file(made.content, f"{name}.pdf") | {"missing": list(made.missing)}


def as_file(content: bytes, name: str) -> Json:
    """A file as a reply carries it."""
    return {"name": name, "content": base64.b64encode(content).decode(), "missing": []}
