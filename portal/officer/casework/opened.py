"""What was opened on this machine: where it lies and how its checks ended, so that it need not be unsealed anew.

What is written down here is never believed for playing: the folder is checked again first. Not for: fetching and
unsealing (``portal.officer.opening``).
"""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from exchange.clock import Instant
from exchange.documents.messages import Delivery, Id, Line, Part, Sha256
from exchange.durable import durable_file
from exchange.errors import DocumentInvalid
from exchange.signing.documents import PublicKey, parse_strictly
from exchange.verify.checking import verify_package
from portal.officer.opening import Answer, Opened, check_is_the_one
from portal.officer.state import OfficerState

MOST_BYTES = 64 * 1024


class OpenedBefore(Part):
    """How a package's checks ended. ``folder`` and ``bag`` are names below the request's packages."""

    delivery_id: Id
    ciphertext_sha256: Sha256
    checked: Instant
    ok: bool
    summary: Line
    folder: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$")]
    bag: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$")] | None = None
    """None when it could not be opened."""


def packages_folder(state: OfficerState, request_id: str) -> Path:
    """Where packages of a request lie."""
    return state.request_folder(request_id) / "packages"


def remember_opened(state: OfficerState, opened: Opened, now: int) -> OpenedBefore:
    """Write down how the checks ended. ``now`` in microseconds."""
    delivery, bag = opened.delivery, opened.report.bag
    record = OpenedBefore(
        delivery_id=delivery.delivery_id,
        ciphertext_sha256=delivery.ciphertext_sha256,
        checked=now,
        ok=opened.report.ok,
        summary=opened.report.summary(),
        folder=opened.folder.name,
        bag=None if bag is None else bag.name,
    )
    with durable_file(_record(state, delivery)) as file:
        file.write(record.model_dump_json(indent=2, exclude_none=True).encode() + b"\n")
    return record


def opened_before(state: OfficerState, delivery: Delivery) -> OpenedBefore | None:
    """What was written down of exactly this delivery; None when there is nothing that can be read."""
    path = _record(state, delivery)
    if not path.exists():
        return None
    try:
        with path.open("rb") as file:
            record = parse_strictly(file.read(MOST_BYTES + 1), OpenedBefore, MOST_BYTES)
    except DocumentInvalid:
        return None
    same = (record.delivery_id, record.ciphertext_sha256) == (delivery.delivery_id, delivery.ciphertext_sha256)
    return record if same else None


def check_again(state: OfficerState, answer: Answer, delivery: Delivery) -> Opened | None:
    """Check the folder that was opened before as if it came from a stranger. None unless it is whole as it was."""
    record = opened_before(state, delivery)
    if record is None or record.bag is None:
        return None
    place = packages_folder(state, delivery.request_id)
    bag = place / record.folder / record.bag
    if bag.is_symlink() or not bag.is_dir():
        return None
    report = verify_package(bag, force_key=PublicKey.parse(state.setup().force_key), device_key=answer.device)
    if report.failure() is not None:
        return None
    check_is_the_one(report, answer, delivery)
    return Opened(delivery, place / f"{delivery.delivery_id}.zip.age", place / record.folder, report)


def _record(state: OfficerState, delivery: Delivery) -> Path:
    return packages_folder(state, delivery.request_id) / f"{delivery.delivery_id}.opened.json"
