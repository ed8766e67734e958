"""Package, sign and seal each cut: the manifest is fixed first, then sealing is a function of what is stored.

Not for: what a package holds (``exchange/package/contents.py``), or the work on gigabytes (a worker, ``seal_job.py``).
"""

import asyncio
import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from agent.cameras.stored import facts_of, registration_of
from agent.host.machine import Machine, this_machine
from agent.media import facts
from agent.requests import manifest
from agent.requests.camera_signing.looking import signing_of
from agent.requests.clocks import clock_around
from agent.requests.copies.entries import working_copies
from agent.requests.decision import Approval, ApprovedCut, load_approval
from agent.requests.exhibits.case_file import with_case_file
from agent.requests.exhibits.references import exhibit_reference
from agent.requests.manifest import CameraKnown, SystemKnown
from agent.requests.on_the_way.sent_ahead import Ahead, sent_ahead
from agent.requests.stamping.stamp import stamp, stamps_of
from agent.requests.states import State
from agent.requests.step import Move
from agent.services import Job, Services
from agent.store.database import CameraRow, PackageRow, RequestRow, Transaction
from agent.workers.process import CLIP
from exchange.age.files import parse_recipient
from exchange.clock import Window
from exchange.custody.log import CustodyKind, ProvenLines
from exchange.documents.api import MAX_BODY
from exchange.documents.evidence import Evidence
from exchange.documents.messages import Signed
from exchange.errors import ClipFailed
from exchange.package.contents import bag_entries, bag_info, bag_name
from exchange.package.writing import PackageEntry
from exchange.signing.documents import PublicKey, open_document, parse_strictly, sign_document
from exchange.zones import zone_name


async def seal(services: Services, row: RequestRow) -> Move:
    """CLIPPED -> SEALED. A package that was sealed before a crash is found, not made again."""
    approval = await load_approval(services, row.request_id)
    async with services.store.transaction() as tx:
        packages = {package.evidence_id: package for package in await tx.packages(row.request_id)}
        force = await tx.force()
    if force is None and row.origin != "noted":
        raise ClipFailed("The agent left the portal.", meaning="Nothing is sealed.")
    force_key = None if force is None or row.origin == "noted" else PublicKey.parse(force.public_key)
    if set(packages) != {cut.evidence_id for cut in approval.cuts}:
        raise ClipFailed("What was cut is not what was approved.", meaning="Nothing is sealed.")
    for cut in approval.cuts:
        package = packages[cut.evidence_id]
        if package.sealed_at is None:
            if package.evidence is None:
                package = await _fix_manifest(services, approval, cut, package)
            if package.custody is None:
                package = await stamp(services, row, approval, package)
            async with sent_ahead(services, row, approval, package) as ahead:
                await _seal_one(services, approval, package, force_key, ahead)

    async def write(tx: Transaction) -> None:
        await services.custody.record(tx, CustodyKind.SEALED, "agent", row.request_id)

    return Move(State.SEALED, write)


async def _fix_manifest(services: Services, approval: Approval, cut: ApprovedCut, package: PackageRow) -> PackageRow:
    """Write down, once, all that the manifest will say: later tries stamp and seal these very bytes."""
    clip: Job = json.loads(package.clip)
    result = facts.cut_result(clip["result"])
    working = await asyncio.to_thread(working_copies, clip)
    signing = await signing_of(services, clip)
    host = await services.host_clock()
    zone, machine = await asyncio.to_thread(lambda: (zone_name(), this_machine()))
    async with services.store.transaction() as tx:
        camera = await tx.camera(cut.camera.camera_id)
        known = await _known(tx, camera, cut.camera.requested.window)
        evidence = manifest.build(
            approval,
            cut,
            result,
            working,
            signing,
            known,
            await _system(services, tx, clip, zone, machine),
            exhibit_reference=await exhibit_reference(services, tx, approval, cut.evidence_id),
            device=services.keys.device.public.fingerprint,
            host=host,
            issued=services.clock.now(),
        )
        if services.settings.exhibits.case_file:
            evidence = await asyncio.to_thread(with_case_file, approval, Path(clip["folder"]), evidence)
        signed = sign_document(evidence, services.keys.device)
        digest = hashlib.sha256(signed.document.encode()).hexdigest()
        await services.custody.record(
            tx,
            CustodyKind.SIGNED,
            "agent",
            package.request_id,
            camera_id=cut.camera.camera_id,
            details={
                "evidence_id": cut.evidence_id,
                "evidence_sha256": digest,
                "exhibit_reference": evidence.exhibit_reference,
            },
        )
        await tx.update("packages", {"evidence_id": package.evidence_id}, evidence=signed.model_dump_json())
        return next(row for row in await tx.packages(package.request_id) if row.evidence_id == package.evidence_id)


async def _known(tx: Transaction, camera: CameraRow | None, window: Window) -> CameraKnown:
    """The camera, with the comparisons around the window of its clock, or, of footage from a recorder, of that
    recorder's."""
    if camera is None:
        return CameraKnown(None, None)
    clock = await clock_around(tx, camera, window)
    return CameraKnown(registration_of(camera), facts_of(camera), clock, camera.stream_uri)


async def _system(services: Services, tx: Transaction, clip: Job, zone: str | None, machine: Machine) -> SystemKnown:
    """The owner's system. Cameras that officers can't find are not counted: that there are any is not for them."""
    owner = services.settings.owner
    began, ended = clip.get("cut_at", (None, None))
    return SystemKnown(
        owner=owner.name,
        contact=owner.contact,
        registered_cameras=sum(bool(camera.registered) for camera in await tx.cameras()),
        cut=None if began is None else (began, ended),
        machine=machine,
        zone=zone,
    )


async def _seal_one(
    services: Services, approval: Approval, package: PackageRow, force: PublicKey | None, ahead: Ahead
) -> None:
    """Seal into ``packages/``, durably, then write the row."""
    assert package.evidence is not None
    assert package.custody is not None
    assert package.checkpoint is not None
    request_id = package.request_id
    target = services.settings.package(package.evidence_id, package.edition)
    signed = parse_strictly(package.evidence.encode(), Signed, MAX_BODY)
    evidence = open_document(signed, Evidence, services.keys.device.public)
    clip: Job = json.loads(package.clip)
    folder = Path(clip["folder"])
    known = {f"data/{master['file']}": master["crc32"] for master in clip["result"]["masters"]}
    recordings = [
        PackageEntry(file.path, folder / file.path.removeprefix("data/"), crc32=known.get(file.path))
        for file in evidence.files
    ]
    async with services.store.transaction() as tx:
        stamps = await stamps_of(tx, package.evidence_id)
    entries = await asyncio.to_thread(
        bag_entries,
        evidence=signed,
        request=approval.signed_request,
        decision=approval.signed_decision,
        custody=ProvenLines(package.custody, package.checkpoint),
        recordings=recordings,
        device=services.keys.device,
        force=force,
        stamps=stamps,
    )
    case = approval.request.recipient
    kind = "hybrid" if case is None else parse_recipient(case).kind
    job: dict[str, Any] = {
        "target": str(target),
        "name": bag_name(evidence),
        "info": bag_info(evidence),
        "entries": [_as_json(entry) for entry in entries],
        "recipients": [*([case] if case else []), services.keys.archive_recipient(kind)],
    }

    def show(report: Job) -> None:
        services.progress.doing[request_id] = f"sealing, {min(100, report['bytes'] * 100 // report['size'])} %"
        ahead.report(report)

    sealed = await services.run_job("agent.requests.seal_job:job", job, limits=CLIP, progress=show)
    async with services.store.transaction() as tx:
        await tx.update(
            "packages",
            {"evidence_id": package.evidence_id},
            path=str(target),
            ciphertext_sha256=sealed["sha256"],
            size=sealed["size"],
            sealed_at=services.clock.now(),
        )
    ahead.sealed(target)


def _as_json(entry: PackageEntry) -> Job:
    content = entry.source
    if isinstance(content, bytes):
        return {"path": entry.path, "content": base64.b64encode(content).decode(), "sha256": entry.sha256}
    return {"path": entry.path, "file": str(content), "sha256": entry.sha256, "crc32": entry.crc32}
