"""Cases on this machine whose class's time is over, and taking them away; never what is held.

Not for: what the portal deletes by itself (``portal.keeping``).
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from exchange.clock import DAY
from exchange.counted import counted
from exchange.documents.keeping.holds import Retention
from exchange.documents.messages import Receipt, Request
from exchange.durable import sync_folder
from exchange.errors import InputInvalid, NotFound
from exchange.signing.documents import read_unverified
from portal.officer.casework.notes import read_notes
from portal.officer.state import OfficerState


@dataclass(frozen=True, slots=True)
class KeptCase:
    """``last``: when something last happened; ``until``: when its class's time is over. ``held``: why it is held."""

    crime_reference: str
    requests: tuple[str, ...]
    retention_class: str
    last: int
    until: int
    held: str | None

    def is_due(self, now: int) -> bool:
        return self.held is None and now >= self.until


def kept_cases(state: OfficerState, retention: Retention, held: Mapping[str, str]) -> Sequence[KeptCase]:
    """What lies on this machine, the one that is due first at the front. A case is in the longest of its classes."""
    found: dict[str, list[Request]] = {}
    for path in sorted((state.folder / "requests").glob("*/request.json")):
        request = state.request(path.parent.name, Request)
        found.setdefault(request.crime_reference, []).append(request)
    return sorted((_kept(state, retention, held, *each) for each in found.items()), key=lambda case: case.until)


def remove_case(state: OfficerState, cases: Sequence[KeptCase], crime_reference: str, now: int) -> KeptCase:
    """Requests, packages, notes and the case's keys. NotFound; InputInvalid while it is held, or not due."""
    case = next((each for each in cases if each.crime_reference == crime_reference), None)
    if case is None:
        raise NotFound(f"Nothing of {crime_reference} is on this machine.", do="handover-officer keeping list")
    if case.held is not None:
        raise InputInvalid(
            f"{crime_reference} is under a legal hold: {case.held}",
            do="Whoever placed it, or another with that role, lifts it: handover-officer hold lift",
        )
    if not case.is_due(now):
        raise InputInvalid(
            f"{crime_reference} is kept for {counted(-(-(case.until - now) // DAY), 'day')} more.",
            do="Wait, or ask the force whether its classes are right.",
        )
    for request_id in case.requests:
        _remove(state.request_folder(request_id))
    _remove(state.case_folder(crime_reference))
    return case


def _kept(
    state: OfficerState, retention: Retention, held: Mapping[str, str], crime: str, requests: list[Request]
) -> KeptCase:
    kind = max((retention.of_kind(each.incident.kind) for each in requests), key=lambda one: one.record_days)
    moments = [each.expires for each in requests]
    moments += [note.written for note in read_notes(state, crime)]
    for each in requests:
        for path in state.request_folder(each.request_id).glob("*.receipt.json"):
            signed = state.kept(each.request_id, path.name.removesuffix(".json"))
            if signed is not None:
                moments.append(read_unverified(signed, Receipt).issued)
    last = max(moments)
    ids = tuple(each.request_id for each in requests)
    return KeptCase(crime, ids, kind.name, last, last + kind.record_days * DAY, held.get(crime))


def _remove(folder: Path) -> None:
    """By another name first: after a crash nothing looks like a whole case that is none."""
    if not folder.exists():
        return
    going = folder.with_name(f".going-{folder.name}")
    shutil.rmtree(going, ignore_errors=True)
    folder.rename(going)
    sync_folder(folder.parent)
    shutil.rmtree(going)
