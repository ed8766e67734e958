"""The time stamps of a package: what they are called in it, which lines of the log tell of each, when they may be of.

Not for: whether a stamp holds (``exchange.signing.timestamps``), or whether its authority's certificate was revoked.
"""

import hashlib
from collections.abc import Mapping, Sequence

from exchange.clock import MINUTE, Instant
from exchange.custody.log import CustodyEvent, CustodyKind
from exchange.documents.evidence import Evidence
from exchange.documents.human_time import time_text
from exchange.package.report import mismatch

MOST_STAMPS = 8
"""Authorities that may have stamped one package."""
STAMP_TOLERANCE = 5 * MINUTE
"""Microseconds by which a stamp may seem older than what it stamps, or younger than now: other clocks made them."""


def stamp_path(position: int) -> str:
    """The file of the stamp at a position from 0: ``data/evidence.json.tsr``, then ``data/evidence.json.2.tsr``, …"""
    return f"data/evidence.json.{position + 1}.tsr" if position else "data/evidence.json.tsr"


STAMPS = tuple(map(stamp_path, range(MOST_STAMPS)))
"""Not in every package; the custody lines tell which must be there."""


def logged_stamps(events: Sequence[CustodyEvent], evidence_id: str) -> list[tuple[str, str]]:
    """The file and the SHA-256 of each stamp that the lines say lies in this package, in their order.

    A line that names no file is of the time when there was one stamp at most. One that names a file by another name
    is of a stamp that came after the package was sealed. Of a package that is sent again with another manifest, the
    lines behind that one's signature count: those before are of stamps over the manifest before.
    """
    mine = [event for event in events if event.details.get("evidence_id") == evidence_id]
    signed = [number for number, event in enumerate(mine) if event.event is CustodyKind.SIGNED]
    return [
        (path, str(event.details.get("sha256")))
        for event in mine[signed[-1] if signed else 0 :]
        if event.event is CustodyKind.TIMESTAMPED
        if (path := str(event.details.get("file", STAMPS[0]))) in STAMPS
    ]


def check_stamps_logged(stamps: Mapping[str, bytes], events: Sequence[CustodyEvent], evidence_id: str) -> None:
    """EvidenceMismatch unless the stamps are, one for one, those that the custody lines tell of."""
    for path in STAMPS:
        check_stamp_logged(path, stamps.get(path), events, evidence_id)


def check_stamp_logged(path: str, stamp: bytes | None, events: Sequence[CustodyEvent], evidence_id: str) -> None:
    """EvidenceMismatch unless the stamp at ``path`` (None: there is none) is the one that the custody lines tell of."""
    logged = [digest for name, digest in logged_stamps(events, evidence_id) if name == path]
    name = "The time stamp" if path == STAMPS[0] else f"The time stamp {path}"
    if stamp is None and logged:
        raise mismatch(f"The custody lines tell of a time stamp {path}, and it is missing.")
    if stamp is not None and logged != [hashlib.sha256(stamp).hexdigest()]:
        raise mismatch(f"{name} is not the one that the custody lines tell of.")


def check_stamp_time(stamped: Instant, evidence: Evidence, now: Instant) -> None:
    """EvidenceMismatch when the manifest calls itself younger than a stamp over it, or the stamp is of the future."""
    if stamped < evidence.issued - STAMP_TOLERANCE:
        raise mismatch(
            f"The time stamp is of {time_text(stamped)}, before the manifest was made by its own word "
            f"({time_text(evidence.issued)})."
        )
    if stamped > now + STAMP_TOLERANCE:
        raise mismatch(f"The time stamp is of {time_text(stamped)}, and it is {time_text(now)} only, by this machine.")
