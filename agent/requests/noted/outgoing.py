"""A noted request's footage as files for the force: the package's own zip, or its recordings, with a form to sign.

Not for: what may be handed over (the ``Approval`` says). The files lie in a folder of the request until it is closed.
"""

import asyncio
import hashlib
import re
import shutil
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from agent.requests.decision import Approval, load_approval
from agent.requests.noted.noting import NOTED
from agent.requests.states import State
from agent.requests.step import Move
from agent.services import Services
from agent.store.database import PackageRow, RequestRow, Transaction
from agent.workers.process import CLIP
from exchange.custody.log import CustodyKind
from exchange.documents.human_time import time_text
from exchange.documents.messages import Decision
from exchange.documents.noted import NotedReceipt, NotedRequest, Offered
from exchange.durable import durable_file
from exchange.errors import ClipFailed, DecisionRefused, InputInvalid, NotFound
from exchange.signing.documents import sign_document

FORM = "RECEIPT.html"


def folder_of(services: Services, request_id: str) -> Path:
    return services.settings.outgoing_dir / request_id


async def lay_out(services: Services, row: RequestRow) -> Move:
    """SEALED -> DELIVERED: the files lie ready. Only what was approved is opened, by the owner's own archive key."""
    approval = await load_approval(services, row.request_id)
    noted = approval.request
    if row.origin != NOTED or not isinstance(noted, NotedRequest):
        raise ClipFailed("This request is not one to be handed over by hand.", meaning="Nothing was laid out.")
    async with services.store.transaction() as tx:
        packages = await tx.packages(row.request_id)
    if {package.evidence_id for package in packages} != {cut.evidence_id for cut in approval.cuts}:
        raise ClipFailed("What was sealed is not what was approved.", meaning="Nothing is laid out.")
    folder = folder_of(services, row.request_id)
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True)
    found: list[tuple[str, int, str]] = []
    for package in packages:
        services.progress.doing[row.request_id] = "laying out the files"
        found += await _lay_out(services, approval, noted, package, folder)
    await asyncio.to_thread(_write_form, folder, noted, approval.decision, found)

    async def write(tx: Transaction) -> None:
        for package in packages:
            await tx.update("packages", {"evidence_id": package.evidence_id}, delivered_at=services.clock.now())
        details: dict[str, str | int | bool] = {"files": len(found)}
        await services.custody.record(tx, CustodyKind.DELIVERED, "agent", row.request_id, details=details)
        await services.custody.checkpoint(tx)

    return Move(State.DELIVERED, write)


async def _lay_out(
    services: Services, approval: Approval, noted: NotedRequest, package: PackageRow, folder: Path
) -> list[tuple[str, int, str]]:
    """(name, bytes, SHA-256) of the files that were made of one package."""
    cut = approval.cut(package.evidence_id)
    job = {
        "sealed": str(services.settings.package(package.evidence_id, package.edition)),
        "identities": [str(identity) for identity in services.keys.archive],
        "folder": str(folder),
        "name": f"{_plain(noted.crime_reference)}_{_plain(cut.camera.label)}_{package.evidence_id[:8]}",
        "form": noted.way.form.value,
        "sealed_for_force": noted.recipient is not None,
    }
    made = await services.run_job("agent.requests.noted.outgoing_job:job", job, limits=CLIP)
    if noted.way.form is Offered.RECORDINGS and noted.way.most_bytes is not None:
        large = [name for name, size, _ in made["files"] if size > noted.way.most_bytes]
        if large:
            raise InputInvalid(
                f"{large[0]} is larger than the force takes.",
                meaning="Its key frames are too far apart to make smaller parts without losing pictures.",
                do="Ask the officer for another way, and write the request down anew.",
            )
    return [(str(name), int(size), str(digest)) for name, size, digest in made["files"]]


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:40] or "x"


def _write_form(folder: Path, noted: NotedRequest, decision: Decision, files: list[tuple[str, int, str]]) -> None:
    environment = Environment(
        loader=PackageLoader("agent.requests.noted", "."), autoescape=True, undefined=StrictUndefined
    )
    page = environment.get_template("receipt_form.html").render(
        noted=noted, decision=decision, files=files, time=time_text, size=lambda count: f"{count:,}"
    )
    with durable_file(folder / FORM) as file:
        file.write(page.encode())


def files_in(services: Services, request_id: str) -> list[Path]:
    """The files that lie ready, the form first. NotFound when there are none."""
    folder = folder_of(services, request_id)
    found = sorted(path for path in folder.glob("*") if path.is_file()) if folder.is_dir() else []
    if not found:
        raise NotFound("No files lie ready for this request.", do="handover show tells how far it is.")
    return sorted(found, key=lambda path: path.name != FORM)


def copy_to(files: list[Path], target: Path) -> list[Path]:
    """Copy the files onto a medium, and read them again from there. InputInvalid when a copy is not the same."""
    if not target.is_dir():
        raise InputInvalid(f"There is no folder {target}.", do="Plug the medium in, and name its folder.")
    made = []
    for path in files:
        copy = target / path.name
        with path.open("rb") as source, durable_file(copy) as file:
            shutil.copyfileobj(source, file, 1 << 20)
        if _sha256(copy) != _sha256(path):
            raise InputInvalid(
                f"{copy} is not what was written.", meaning="The medium may be broken.", do="Take another."
            )
        made.append(copy)
    return made


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def note_receipt(services: Services, request_id: str, taken_by: str, how: str, by: str) -> int:
    """The owner writes down that the force has it; how many packages. DecisionRefused unless it lies ready."""
    async with services.store.transaction() as tx:
        row = await tx.request(request_id)
        if row is None:
            raise NotFound(f"There is no request {request_id}.", do="List them with: handover requests")
        if row.origin != NOTED or row.state != State.DELIVERED:
            raise DecisionRefused(
                "Nothing of this request waits to be confirmed.",
                meaning="Nothing was written down.",
                do="A receipt of the portal comes by itself.",
            )
        count = 0
        for package in await tx.packages(request_id):
            if package.receipt is not None:
                continue
            document = NotedReceipt(
                request_id=request_id,
                evidence_id=package.evidence_id,
                sha256=package.ciphertext_sha256 or "",
                taken_by=taken_by,
                how=how,
                issued=services.clock.now(),
            )
            signed = sign_document(document, services.keys.device)
            key = {"evidence_id": package.evidence_id}
            await tx.update("packages", key, receipt=signed.model_dump_json(), receipt_at=services.clock.now())
            details: dict[str, str | int | bool] = {"taken_by": taken_by, "how": how}
            await services.custody.record(tx, CustodyKind.RECEIPT, by, request_id, details=details)
            count += 1
        await tx.execute("UPDATE requests SET retry_at = retry_at = 0 WHERE request_id = ?", [request_id])
    return count
