"""Make the working copies that the owner chose of one approved cut, once its masters are there; each in a worker.

A copy that can't be made is named in the manifest's notes, and never holds up the evidence. Each is written down when
it is whole: after a crash only the one that was under way is made anew, to the same bytes. Not for: the masters
(``clip``), or any work on pictures (``agent.media.working``).
"""

import asyncio
import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from agent.media import facts
from agent.requests.decision import ApprovedCut
from agent.services import Job, Services
from agent.store.database import PackageRow
from agent.workers.process import COPY
from exchange.clock import SECOND
from exchange.custody.log import CustodyKind
from exchange.documents.copies import AviPictures, ChosenCopy, CopyKind
from exchange.errors import HandoverError

log = logging.getLogger(__name__)

NAMES = {
    CopyKind.PLAYABLE: "playable copy",
    CopyKind.AVI: "AVI copy",
    CopyKind.ENHANCED: "enhanced copy",
    CopyKind.TIGHT: "tight copy",
    CopyKind.SMALLER: "smaller copy",
    CopyKind.QUALITY: "report of quality",
}
_TIMES_LARGER = {CopyKind.AVI: 8, CopyKind.SMALLER: 1, CopyKind.QUALITY: 0}
_USUALLY_LARGER = 3
"""How many times a master's size a copy of it may be expected to have, at most: H.264 of H.265, with a line beneath."""
_SPARE = 64 * 1024 * 1024
_NOTE = 900
"""Characters of a note at most."""


async def make_copies(
    services: Services, request_id: str, cut: ApprovedCut, added: Sequence[ChosenCopy] = (), first: int = 0
) -> None:
    """Make what is missing of a cut's copies, and write each down in its package's row.

    ``added``: instead of them those that the owner adds when a package is sent again, numbered from ``first``.
    """
    deadline = services.clock.monotonic() + services.settings.copies.longest
    for number, chosen in enumerate(added or cut.copies, first):
        async with services.store.transaction() as tx:
            package = next(row for row in await tx.packages(request_id) if row.evidence_id == cut.evidence_id)
        clip: Job = json.loads(package.clip)
        if package.evidence is not None or str(number) in clip.get("copies", {}):
            continue
        left = (deadline - services.clock.monotonic()) / SECOND
        made = await _make(services, request_id, cut, clip, chosen, left)
        await _write_down(services, package, clip, number, chosen, made)


async def _make(
    services: Services, request_id: str, cut: ApprovedCut, clip: Job, chosen: ChosenCopy, left: float
) -> Job:
    """One copy: what the worker made; or why it made nothing, as a note."""
    name = NAMES[chosen.kind]
    label = cut.camera.label
    if left < 1:
        return _without(name, "the time that working copies may take was over")
    folder = Path(clip["folder"])
    result = facts.cut_result(clip["result"])
    size = sum(master.size for master in result.masters)
    room = await asyncio.to_thread(_room, folder, size)
    if room < size * _times_larger(chosen):
        return _without(name, "there was not enough free space")
    asked = cut.camera.narrowed or cut.camera.requested
    job = {
        "copy": chosen.model_dump(mode="json"),
        "masters": [_master(folder, master) for master in result.masters],
        "window": [asked.start, asked.end],
        "out_dir": str(folder),
        "room": room,
    }

    def show(report: Job) -> None:
        part = report["done"] * 100 // report["total"]
        services.progress.doing[request_id] = f"making the {name} of {label}, {part} %"

    services.progress.doing[request_id] = f"making the {name} of {label}"
    limits = replace(COPY, wall=left, cpu=max(1, int(left * COPY.cpu)))
    try:
        made = await services.run_job("agent.media.working.make:job", job, limits=limits, progress=show)
    except HandoverError as error:
        log.warning("request %s: no %s was made: %s", request_id, name, error)
        return _without(name, error.what.rstrip(".").rpartition("made: ")[2])
    return _within(made, result, cut, name)


def _within(made: Job, result: facts.CutResult, cut: ApprovedCut, name: str) -> Job:
    """What was made, unless it says of itself that it is of more than the masters: that would hold up the evidence."""
    start = min(master.first_us for master in result.masters)
    end = max(master.first_us + master.duration_us for master in result.masters)
    for file in made["files"]:
        first, behind = file.get("first_us"), file.get("end_us")
        if first is not None and (first < start or behind > end):
            return _without(name, "it was not of what was approved")
        if file.get("sound") and not cut.sound:
            return _without(name, "it held sound that was not approved")
    return made


def _master(folder: Path, master: facts.Master) -> Job:
    return {
        "file": master.file,
        "path": str(folder / master.file),
        "container": master.container,
        "codec": master.codec,
        "width": master.width,
        "height": master.height,
        "frames": master.frames,
        "first_us": master.first_us,
        "end_us": master.first_us + master.duration_us,
        "size": master.size,
        "sound": any(track.kind == "audio" for track in master.tracks),
    }


def _times_larger(chosen: ChosenCopy) -> int:
    if chosen.kind is CopyKind.AVI and chosen.pictures is AviPictures.MJPEG:
        return 30
    return _TIMES_LARGER.get(chosen.kind, _USUALLY_LARGER)


def _room(folder: Path, masters: int) -> int:
    """Bytes that a copy may take: it is sealed too, and so are the masters."""
    return max(0, (shutil.disk_usage(folder).free - masters - _SPARE) // 2)


def _without(name: str, why: str) -> Job:
    return {"files": [], "notes": [f"The {name} was not made: {why}."[:_NOTE]], "tools": {}}


async def _write_down(
    services: Services, package: PackageRow, clip: Job, number: int, chosen: ChosenCopy, made: Job
) -> None:
    clip.setdefault("copies", {})[str(number)] = made | {"kind": chosen.kind.value}
    async with services.store.transaction() as tx:
        await tx.update("packages", {"evidence_id": package.evidence_id}, clip=json.dumps(clip))
        for file in made["files"]:
            details: dict[str, str | int | bool] = {"working_copy": file["file"], "sha256": file["sha256"]}
            await services.custody.record(tx, CustodyKind.HASHED, "agent", package.request_id, details=details)
