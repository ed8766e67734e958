"""Cut exactly what was approved, a package's worth a camera and window: copied, never re-encoded.

Not for: the copying itself, which a worker does (``agent/media/cut/cut.py``).
"""

import asyncio
import json

from agent.requests.copies.looks import look_at
from agent.requests.copies.making import make_copies
from agent.requests.decision import Approval, ApprovedCut, load_approval, void
from agent.requests.states import State
from agent.requests.step import Move
from agent.services import Job, Services
from agent.store.database import RequestRow, Transaction
from agent.workers.process import CLIP
from exchange.clock import to_rfc3339
from exchange.custody.log import CustodyKind
from exchange.errors import ClipFailed, FootageChanged

_TRIES = 6
"""Some five minutes: a disk or a recorder that is away for a moment comes back within."""


async def clip(services: Services, row: RequestRow) -> Move:
    """APPROVED -> CLIPPED. What was cut before a crash is cut again to the same bytes, or found done.

    APPROVED -> PRESERVED when the footage is, after some tries, no longer what was approved.
    """
    approval = await load_approval(services, row.request_id)
    async with services.store.transaction() as tx:
        packages = await tx.packages(row.request_id)
    done = {package.evidence_id for package in packages}
    gone = {package.evidence_id for package in packages if package.delivered_at is not None}
    try:
        for cut in approval.cuts:
            if cut.evidence_id in gone:  # before the records were put back: nothing more is made of it
                continue
            if cut.evidence_id not in done:
                await _clip_one(services, approval, cut)
            await make_copies(services, row.request_id, cut)
    except FootageChanged as why:
        if row.failures < _TRIES:
            raise
        return void(services, row, why)

    async def write(tx: Transaction) -> None:
        await services.custody.record(
            tx, CustodyKind.CLIPPED, "agent", row.request_id, details={"cuts": len(approval.cuts)}
        )

    return Move(State.CLIPPED, write)


async def _clip_one(services: Services, approval: Approval, cut: ApprovedCut) -> None:
    request_id, began = approval.request.request_id, services.clock.now()
    folder = services.settings.work_dir / request_id / cut.evidence_id
    await asyncio.to_thread((folder / "working").mkdir, mode=0o700, parents=True, exist_ok=True)
    total = max(1, cut.camera.video_bytes + (cut.camera.sound_bytes if cut.sound else 0))

    def show(report: Job) -> None:
        services.progress.doing[request_id] = f"cutting {cut.camera.label}, {report['bytes'] * 100 // total} %"

    async with services.footage.open_window(request_id, cut.camera.camera_id, cut.camera.requested.window):
        stretches = await services.footage.as_planned(cut.camera.camera_id, cut.camera.stretches)
        plan = {"stretches": stretches, "sound": cut.sound, "name": "master"}
        result = await services.run_job(
            "agent.media.cut.cut:job", {"plan": plan, "out_dir": str(folder)}, limits=CLIP, progress=show
        )
    _check_window(cut, result)
    cut_at = [began, services.clock.now()]
    signing, sheet = await look_at(services, folder, result)
    async with services.store.transaction() as tx:
        await tx.insert(
            "packages",
            evidence_id=cut.evidence_id,
            request_id=request_id,
            position=cut.camera.position,
            clip=json.dumps(
                {
                    "folder": str(folder),
                    "result": result,
                    "contact_sheet": sheet,
                    "cut_at": cut_at,
                    "signing": signing,
                }
            ),
        )
        for master in result["masters"]:
            details: dict[str, str | int | bool] = {"master": master["file"], "sha256": master["sha256"]}
            await services.custody.record(
                tx, CustodyKind.HASHED, "agent", request_id, camera_id=cut.camera.camera_id, details=details
            )


def _check_window(cut: ApprovedCut, result: Job) -> None:
    """The cut's first and last frames are those that were approved, or nothing goes on."""
    masters, actual = result["masters"], cut.camera.actual
    if not masters or actual is None:
        raise ClipFailed("Nothing was cut.")
    first, last = (min(master["first_us"] for master in masters), max(master["last_us"] for master in masters))
    if first < actual.start or last >= actual.end:
        raise ClipFailed(
            f"The cut runs from {to_rfc3339(first)} to {to_rfc3339(last)}, which is not what was approved.",
            meaning="It is not sent.",
        )
