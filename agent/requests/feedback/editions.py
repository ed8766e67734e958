"""A new edition of a package: the masters of the one before, byte for byte, and beside them a copy that plays.

The recorder is not asked, and no frame outside of what was approved is within reach. Not for: whether it goes
(``sending_again``), or sealing it.
"""

import asyncio
import json

from agent.requests.copies.entries import working_copies
from agent.requests.copies.making import make_copies
from agent.requests.decision import ApprovedCut
from agent.services import Job, Services
from agent.store.database import PackageRow
from agent.workers.process import CLIP
from exchange import VERSION
from exchange.custody.log import CustodyKind
from exchange.documents.api import MAX_BODY
from exchange.documents.evidence import Edition, Evidence
from exchange.documents.feedback import SendAgain
from exchange.documents.footage_facts import WorkingCopy
from exchange.documents.messages import Signed
from exchange.errors import ClipFailed
from exchange.signing.documents import document_sha256, open_document, parse_strictly, sign_document

MOST_NOTES = 50
JOB = "agent.requests.feedback.edition_job:job"


async def make_edition(services: Services, cut: ApprovedCut, package: PackageRow, word: SendAgain) -> None:
    """Lay the files out where sealing takes them from, make the copies, and fix the manifest; again after a crash."""
    async with services.store.transaction() as tx:
        former = await tx.one(
            "SELECT evidence, edition FROM former_sendings WHERE evidence_id = ? AND sending = ?",
            [package.evidence_id, package.sending - 1],
        )
    if former is None or word.evidence_id != cut.evidence_id:
        raise ClipFailed("What was sent before is not known.", meaning="Nothing is sent again.")
    signed = parse_strictly(former["evidence"].encode(), Signed, MAX_BODY)
    before = open_document(signed, Evidence, services.keys.device.public)
    services.progress.doing[package.request_id] = "opening your copy of what was sent"
    folder = services.settings.work_dir / package.request_id / package.evidence_id
    order = {
        "sealed": str(services.settings.package(package.evidence_id, former["edition"])),
        "identities": [str(identity) for identity in services.keys.archive],
        "folder": str(folder),
        "files": [[file.path, file.sha256] for file in before.files],
    }
    await services.run_job(JOB, order, limits=CLIP)
    clip = json.loads(package.clip) | {"folder": str(folder)}
    copies, notes = await _added(services, cut, package, word, clip)
    await _fix_manifest(services, package, word, signed, before, copies, notes)


async def _added(
    services: Services, cut: ApprovedCut, package: PackageRow, word: SendAgain, clip: Job
) -> tuple[list[WorkingCopy], list[str]]:
    """The copies that are added to those of before. ClipFailed when none could be made: it would help nobody."""
    first = clip.setdefault("added", {}).setdefault(str(word.edition), len(clip.get("copies", {})))
    key = {"evidence_id": package.evidence_id}
    async with services.store.transaction() as tx:
        await tx.update("packages", key, clip=json.dumps(clip))
    await make_copies(services, package.request_id, cut, word.copies, first)
    async with services.store.transaction() as tx:
        row = next(row for row in await tx.packages(package.request_id) if row.evidence_id == package.evidence_id)
    made = json.loads(row.clip)
    new = {number: each for number, each in made["copies"].items() if int(number) >= first}
    copies, notes = await asyncio.to_thread(working_copies, made | {"copies": new, "contact_sheet": None})
    if not copies:
        async with services.store.transaction() as tx:  # so that it is tried anew
            await tx.update("packages", key, clip=package.clip)
        raise ClipFailed(
            notes[0] if notes else "The copy could not be made.",
            meaning="Nothing was sent again.",
            do="Take it back, and choose another copy, or the same package.",
        )
    return copies, notes


async def _fix_manifest(
    services: Services,
    package: PackageRow,
    word: SendAgain,
    signed: Signed,
    before: Evidence,
    copies: list[WorkingCopy],
    notes: list[str],
) -> None:
    """All facts stay as they were signed; what is new are the copies, and that it is another edition."""
    edition = Edition(
        number=word.edition,
        previous_sha256=document_sha256(signed),
        complaint_id=word.complaint_id,
        copies=tuple(copy.kind for copy in word.copies),
        decided=word.issued,
        decided_by=word.decided_by,
    )
    evidence = before.model_copy(
        update={
            "issued": services.clock.now(),
            "edition": edition,
            "agent_version": VERSION,
            "working_copies": (*before.working_copies, *copies),
            "notes": (*before.notes, *notes)[:MOST_NOTES],
        }
    )
    made = sign_document(Evidence.model_validate(evidence.model_dump()), services.keys.device)
    async with services.store.transaction() as tx:
        details: dict[str, str | int | bool] = {
            "evidence_id": package.evidence_id,
            "evidence_sha256": document_sha256(made),
            "edition": word.edition,
        }
        await services.custody.record(
            tx, CustodyKind.SIGNED, "agent", package.request_id, camera_id=before.camera.camera_id, details=details
        )
        await tx.update("packages", {"evidence_id": package.evidence_id}, evidence=made.model_dump_json())
