"""The files of a disclosure: a bag for the defence, and a schedule of what is sensitive, which never lies in it.

Not for: what is which (``portal.officer.keeping.disclosure``), or where it is put.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import jinja2

from exchange import VERSION
from exchange.custody.log import line_leaf
from exchange.custody.merkle import included
from exchange.custody.uses import ProvenLine, Use, UsesAbout, log_broken
from exchange.documents.human_time import time_text
from exchange.documents.letters import harmless
from exchange.documents.messages import Credential
from exchange.errors import DocumentInvalid
from exchange.package.contents import README
from exchange.signing.documents import parse_strictly
from portal.officer.casework.case_folder import CaseFolder, folder_of, make_bag, package_files
from portal.officer.casework.notes import Note
from portal.officer.casework.standing import CaseStanding
from portal.officer.casework.timeline import moment_text
from portal.officer.keeping.disclosure import LOG, Category, Item, schedule_json
from portal.officer.opening import Opened
from portal.officer.state import OfficerState

MAX_LINE = 4096


@dataclass(frozen=True, slots=True)
class Disclosure:
    """All of a case, with what is which of it. ``uses``: from the log of use; None where it may not be seen."""

    case: CaseStanding
    opened: Sequence[Opened]
    notes: Sequence[Note]
    items: Sequence[Item]
    uses: Sequence[UsesAbout] | None
    officer: Credential
    zone: ZoneInfo
    given: frozenset[str] = field(init=False)
    """Ids of what the defence gets."""

    def __post_init__(self) -> None:
        given = (each.item_id for each in self.items if each.category is not Category.SENSITIVE)
        object.__setattr__(self, "given", frozenset(given))

    def of(self, category: Category) -> list[Item]:
        return [each for each in self.items if each.category is category]


def for_the_defence(state: OfficerState, disclosure: Disclosure, now: int) -> CaseFolder:
    """A bag with ``data/index.html`` to begin with. It says nothing of what is sensitive, not even that it is."""
    return make_bag(disclosure.case.crime_reference, _payload(state, disclosure, now), now, "-disclosure")


def for_the_prosecutor(disclosure: Disclosure, now: int) -> CaseFolder:
    """A bag with the schedule of what is sensitive, and why; what is on it stays where it is."""
    items = disclosure.of(Category.SENSITIVE)
    page = _page("sensitive.html", disclosure, now, sensitive=items)
    payload: list[tuple[str, bytes | Path]] = [
        ("data/index.html", page),
        ("data/schedule.json", schedule_json(items)),
    ]
    return make_bag(disclosure.case.crime_reference, payload, now, "-SENSITIVE-SCHEDULE")


def checked_lines(pages: Sequence[UsesAbout], crime_reference: str) -> list[tuple[ProvenLine, Use]]:
    """Lines of the log, each proven to be in it, and about this crime. CustodyBroken."""
    found = []
    for page in pages:
        for each in page.lines:
            proof = [bytes.fromhex(step) for step in each.proof]
            if not included(line_leaf(each.line), each.seq, page.size, proof, bytes.fromhex(page.root)):
                raise log_broken(f"Line {each.seq} is not in the log that the portal shows.")
            try:
                use = parse_strictly(each.line.encode(), Use, MAX_LINE, nulls=False)
            except DocumentInvalid:
                raise log_broken(f"Line {each.seq} is none of such a log.") from None
            if (use.seq, use.crime_reference) != (each.seq, crime_reference):
                raise log_broken(f"Line {each.seq} is about something else.")
            found.append((each, use))
    return found


def _payload(state: OfficerState, disclosure: Disclosure, now: int) -> Iterator[tuple[str, bytes | Path]]:
    given = disclosure.given
    yield "data/index.html", _page("disclosure.html", disclosure, now)
    shown = [each for each in disclosure.items if each.item_id in given]
    yield "data/schedule.json", schedule_json(shown)
    for each in disclosure.case.requests:
        if each.case.request_id in given:
            folder = state.request_folder(each.case.request_id)
            for path in sorted(folder.glob("*.json")):
                yield f"data/requests/{each.case.request_id}/{path.name}", path
    for note in disclosure.notes:
        if note.note_id in given:
            yield f"data/notes/{note.note_id}.json", (note.model_dump_json(indent=2, exclude_none=True) + "\n").encode()
    for one in disclosure.opened:
        if one.delivery.delivery_id in given:
            yield from package_files(one, sealed=False)
    if disclosure.uses is not None and LOG in given:
        yield f"data/{LOG}.json", _log(disclosure.uses)


def _log(pages: Sequence[UsesAbout]) -> bytes:
    """The pages as the portal gave them: with each line its proof, and the log's size and root that it leads to."""
    plain = [page.model_dump(mode="json", exclude={"more"}) for page in pages]
    return (json.dumps(plain, indent=1, ensure_ascii=False) + "\n").encode()


def _page(template: str, disclosure: Disclosure, now: int, **more: object) -> bytes:
    given, zone = disclosure.given, disclosure.zone
    uses = checked_lines(disclosure.uses or (), disclosure.case.crime_reference) if LOG in given else []
    values: dict[str, object] = {
        "case": disclosure.case,
        "officer": disclosure.officer,
        "version": VERSION,
        "made": time_text(now),
        "used": disclosure.of(Category.USED),
        "unused": disclosure.of(Category.UNUSED),
        "packages": [_package(one) for one in disclosure.opened if one.delivery.delivery_id in given],
        "notes": [(moment_text(each.at, zone), each) for each in disclosure.notes if each.note_id in given],
        "uses": [(time_text(use.at), use) for _, use in uses],
        "log": disclosure.uses is not None and LOG in given,
        "sent": [
            (time_text(each.case.issued), each) for each in disclosure.case.requests if each.case.request_id in given
        ],
    }
    return _templates().get_template(template).render(values | more).encode()


def _package(one: Opened) -> dict[str, object]:
    evidence = one.report.evidence
    bag = one.report.bag
    facts: dict[str, object] = {
        "id": one.delivery.delivery_id,
        "folder": folder_of(one),
        "ok": one.report.ok,
        "summary": one.report.summary(),
        "sha256": one.delivery.ciphertext_sha256,
        "exhibit": None,
        "custody": bag is not None and (bag / "data/custody.jsonl").is_file(),
        "readme": f"{folder_of(one)}/package/{README}" if one.page is not None else None,
        "films": [],
    }
    if evidence is not None:
        window = evidence.windows.delivered
        facts |= {
            "exhibit": evidence.exhibit_reference,
            "camera": evidence.camera.label,
            "start": time_text(window.start),
            "end": time_text(window.end),
            "films": [(each.path, each.sha256) for each in evidence.masters],
        }
    return facts


@cache
def _templates() -> jinja2.Environment:
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(str(files("portal.officer.keeping")))),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["plain"] = lambda text: harmless(str(text), 4000)
    return found
