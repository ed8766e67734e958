"""A case as one BagIt folder: packages as they were checked, reports, signed papers, notes, and what to read first.

Nothing is written here: connectors put the files where they belong (``portal.officer.casework.connectors``).
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from exchange import VERSION
from exchange.clock import to_rfc3339
from exchange.documents.human_time import time_text
from exchange.documents.messages import Credential
from exchange.package import bag
from exchange.verify.words import report_lines
from portal.officer.casework.notes import Note, notes_as_csv, notes_as_json
from portal.officer.casework.standing import CaseStanding
from portal.officer.casework.timeline import clock_sentence, display_sentence
from portal.officer.opening import Opened
from portal.officer.people.brought import BROUGHT, brought_files
from portal.officer.state import OfficerState


@dataclass(frozen=True, slots=True)
class CaseFile:
    """``path`` is below the folder; ``sha256`` is what the content must have where it is put."""

    path: str
    source: bytes | Path
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class CaseFolder:
    """``name``: of the folder, new for each export. The files make a whole BagIt bag (RFC 8493)."""

    name: str
    crime_reference: str
    files: tuple[CaseFile, ...]
    info: Mapping[str, str] = field(default_factory=dict)
    """What stands in bag-info.txt, but for the sum of the files."""

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class CaseContent:
    """What is exported of a case. ``sealed``: the packages as they came, too."""

    case: CaseStanding
    opened: Sequence[Opened]
    notes: Sequence[Note]
    officer: Credential
    zone: ZoneInfo
    sealed: bool = False


def gather(state: OfficerState, content: CaseContent, now: int) -> CaseFolder:
    """Read and hash all of it. ``now`` in microseconds."""
    return make_bag(content.case.crime_reference, _payload(state, content, now), now)


def make_bag(
    crime_reference: str, payload: Iterable[tuple[str, bytes | Path]], now: int, purpose: str = ""
) -> CaseFolder:
    """A whole bag of these files, each with its path below ``data``; ``purpose`` goes into its name."""
    files = [_file(path, source) for path, source in payload]
    bag.check_names(file.path for file in files)
    info = {
        "Bag-Software-Agent": f"Handover {VERSION}",
        "Bagging-Date": to_rfc3339(now)[:10],
        "External-Description": f"Crime {crime_reference}",
    }
    tags = {
        bag.BAGIT: bag.DECLARATION,
        bag.INFO: bag.write_info(info, sum(file.size for file in files), len(files)),
        bag.MANIFEST: bag.write_manifest((file.path, file.sha256) for file in files),
    }
    first = [_file(path, source) for path, source in tags.items()]
    last = _file(bag.TAG_MANIFEST, bag.write_manifest((file.path, file.sha256) for file in first))
    readable = re.sub(r"[^A-Za-z0-9]+", "-", crime_reference).strip("-")[:60] or "case"
    moment = re.sub(r"[^0-9T]", "", to_rfc3339(now)[:19])
    return CaseFolder(f"{readable}{purpose}-{moment}Z", crime_reference, (*files, *first, last), info)


def _payload(state: OfficerState, content: CaseContent, now: int) -> Iterator[tuple[str, bytes | Path]]:
    has_brought = bool(brought_files(state, content.case.crime_reference))
    yield "data/READ-ME-FIRST.txt", _read_me_first(content, now, has_brought).encode()
    yield "data/case.json", _facts(content, now).encode()
    if content.notes:
        yield "data/notes.json", notes_as_json(content.notes).encode()
        yield "data/notes.csv", notes_as_csv(content.notes, content.zone).encode()
    asked = [each.case.request_id for each in content.case.requests]
    asked += [each.case.request_id for each in content.case.people]
    for request_id in asked:
        for path in sorted(state.request_folder(request_id).glob("*.json")):
            yield f"data/requests/{request_id}/{path.name}", path
    for path in brought_files(state, content.case.crime_reference):
        yield f"data/brought/{path.name}", path
    for one in content.opened:
        yield from package_files(one, content.sealed)


def package_files(one: Opened, sealed: bool) -> Iterator[tuple[str, bytes | Path]]:
    """The package as it was checked, and its reports; ``sealed``: as it came, too."""
    folder = f"data/{folder_of(one)}"
    yield f"{folder}/report.txt", ("\n".join(report_lines(one.report, deep=False)) + "\n").encode()
    yield f"{folder}/report.json", one.report.to_json().encode()
    if one.report.bag is not None:
        for path in sorted(one.report.bag.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield f"{folder}/package/{path.relative_to(one.report.bag).as_posix()}", path
    if sealed and one.sealed.is_file():
        yield f"{folder}/{one.sealed.name}", one.sealed


def folder_of(one: Opened) -> str:
    """Where a package lies in the payload: what did not verify never lies among what did."""
    return f"{'packages' if one.report.ok else 'not-verified'}/{one.delivery.delivery_id}"


def _read_me_first(content: CaseContent, now: int, has_brought: bool) -> str:
    case, officer = content.case, content.officer
    closed = len(case.packages) - len(content.opened)
    lines = [
        f"Crime {case.crime_reference}",
        f"Exported {time_text(now)} by {officer.rank} {officer.name}, {officer.force}, with Handover {VERSION}.",
        "",
        "Each package lies in a folder of its own: 'report.txt' says what holds and what does not, 'package' is what",
        "the owner's device packed. 'data/master' in it is the footage as recorded; 'data/working' are copies for",
        "convenience, and no evidence. Begin with READ-ME-FIRST.html there.",
        "",
    ]
    for one in content.opened:
        lines += _package_lines(one)
    if has_brought:
        lines += [f"What lies in 'brought' was {BROUGHT}.", "Beside each file stands where it came from.", ""]
    for each in case.requests:
        if each.trouble:
            lines += [f"What came for the request {each.case.request_id} does not hold: {each.trouble}", ""]
    if closed:
        lines += [f"{closed} more came and {'was' if closed == 1 else 'were'} not open: not in this folder.", ""]
    lines += ["To check that every file is as it was exported:  sha256sum -c manifest-sha256.txt", ""]
    return "\n".join(lines)


def _package_lines(one: Opened) -> list[str]:
    evidence = one.report.evidence
    lines = [folder_of(one)]
    if evidence is not None:
        window = evidence.windows.delivered
        lines += [
            f"  Exhibit {evidence.exhibit_reference}: {evidence.camera.label}",
            f"  {time_text(window.start)} to {time_text(window.end)}",
            f"  {clock_sentence(evidence)} {display_sentence(evidence)}",
        ]
    return [*lines, f"  {one.report.summary()}", f"  Sealed file, SHA-256: {one.delivery.ciphertext_sha256}", ""]


def _facts(content: CaseContent, now: int) -> str:
    """``case.json``: the same for a program."""
    document = {
        "kind": "case.v1",
        "crime_reference": content.case.crime_reference,
        "exported": to_rfc3339(now),
        "officer": {"name": content.officer.name, "rank": content.officer.rank, "force": content.officer.force},
        "requests": [
            {"request_id": each.case.request_id, "status": each.case.status, "sent": to_rfc3339(each.case.issued)}
            for each in content.case.requests
        ],
        "packages": [_package_facts(one) for one in content.opened],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _package_facts(one: Opened) -> dict[str, object]:
    evidence, delivery = one.report.evidence, one.delivery
    facts: dict[str, object] = {
        "folder": folder_of(one),
        "request_id": delivery.request_id,
        "delivery_id": delivery.delivery_id,
        "evidence_id": delivery.evidence_id,
        "sealed_sha256": delivery.ciphertext_sha256,
        "verified": one.report.ok,
        "exit_code": one.report.exit_code,
    }
    if evidence is not None:
        window = evidence.windows.delivered
        facts |= {
            "exhibit_reference": evidence.exhibit_reference,
            "camera": evidence.camera.label,
            "from": to_rfc3339(window.start),
            "to": to_rfc3339(window.end),
            "files": [{"path": file.path, "sha256": file.sha256, "size": file.size} for file in evidence.files],
        }
    return facts


def _file(path: str, source: bytes | Path) -> CaseFile:
    if isinstance(source, bytes):
        return CaseFile(path, source, len(source), hashlib.sha256(source).hexdigest())
    with source.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return CaseFile(path, source, file.tell(), digest)
