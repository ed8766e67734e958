"""The pages that lie beside what is handed over: a label, a form to sign, how it is opened, what to type at a page.

Not for: what is in a package (its own READ-ME-FIRST says that). No page holds a passphrase, a key or an address.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from agent.deliveries.contract import Consignment
from agent.deliveries.way import SealedFor, Way
from exchange.documents.human_time import time_text
from exchange.documents.noted import Offered
from exchange.durable import durable_file

FORM = "RECEIPT"
LABEL = "LABEL"
OPENING = "HOW-TO-OPEN"
TYPING = "WHAT-TO-TYPE"


@dataclass(frozen=True)
class LaidOut:
    """One file that goes: of a package, or a page beside them (``evidence_id`` None)."""

    evidence_id: str | None
    name: str
    path: Path
    size: int
    sha256: str

    @property
    def piece_of(self) -> str | None:
        """The name of the file that this is a numbered piece of."""
        whole, _, number = self.name.rpartition(".")
        return whole if len(number) == 3 and number.isdecimal() else None


@dataclass(frozen=True)
class Page:
    """A page that was made: its name, and what it says, as HTML."""

    name: str
    text: str


def pages_of(consignment: Consignment, way: Way, files: Sequence[LaidOut], which: Sequence[str]) -> list[Page]:
    """The pages of these kinds, for these files."""
    environment = Environment(
        loader=PackageLoader("agent.deliveries", "templates"), autoescape=True, undefined=StrictUndefined
    )
    pieces: dict[str, list[str]] = {}
    for file in files:
        if file.piece_of is not None:
            pieces.setdefault(file.piece_of, []).append(file.name)
    known = {
        "what": consignment,
        "way": way,
        "files": files,
        "pieces": pieces,
        "total": sum(file.size for file in files),
        "by_passphrase": way.sealed_for is SealedFor.PASSPHRASE,
        "by_key": way.sealed_for is SealedFor.KEY,
        "unsealed": way.sealed_for is SealedFor.NOBODY,
        "recordings": way.form is Offered.RECORDINGS,
        "time": time_text,
        "count": lambda number: f"{number:,}",
    }
    made = []
    for kind in which:
        page = environment.get_template(f"{kind.lower()}.html").render(**known)
        made.append(Page(f"{kind}_{consignment.page_name}.html", page))
    return made


def write_page(folder: Path, name: str, content: bytes) -> Path:
    """Durably. Blocks."""
    with durable_file(folder / name) as file:
        file.write(content)
    return folder / name
