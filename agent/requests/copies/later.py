"""Working copies that an owner wants later, for themselves: out of their own sealed package, which stays as it is.

The package is opened with the archive key in a worker that reads no pictures; the copy is made in another that has no
key. Nothing leaves the house by it. Not for: copies that are handed over (``making``).
"""

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path

from agent.requests.copies.making import NAMES
from agent.services import Job, Services
from agent.store.database import PackageRow
from agent.workers.process import CLIP, COPY
from exchange.clock import DAY, SECOND
from exchange.documents.api import MAX_BODY
from exchange.documents.copies import ChosenCopy
from exchange.documents.evidence import Evidence
from exchange.documents.footage_facts import Master
from exchange.documents.messages import Signed
from exchange.durable import durable_file
from exchange.errors import InputInvalid, NotFound
from exchange.signing.documents import open_document, parse_strictly

KEPT = 7 * DAY
"""Microseconds for which such copies stay."""
_FACTS = "about.json"


async def start(services: Services, evidence_id: str, chosen: ChosenCopy) -> None:
    """Begin to make one, in the background. NotFound; InputInvalid while another of this package is being made."""
    package, evidence = await _package(services, evidence_id)
    running = services.progress.copies.get(evidence_id)
    if running is not None and not running.done():
        raise InputInvalid("A copy of this package is being made.", do="Wait until it is there.")
    work = _make(services, package, evidence, chosen)
    services.progress.copies[evidence_id] = asyncio.create_task(work, name=f"a copy of {evidence_id}")


async def request_of(services: Services, evidence_id: str) -> str:
    """The request that a sealed package answers. NotFound."""
    package, _ = await _package(services, evidence_id)
    return package.request_id


async def state(services: Services, evidence_id: str) -> tuple[str | None, list[str], list[Path]]:
    """(what is being done, None when nothing is; notes of the last one; the files that are there).

    What the last one failed with is raised, once.
    """
    running = services.progress.copies.get(evidence_id)
    if running is not None and not running.done():
        return services.progress.doing.get(f"copies {evidence_id}", "opening your copy"), [], []
    notes: list[str] = []
    if running is not None:
        del services.progress.copies[evidence_id]
        notes = running.result()
    folder = services.settings.working_copies_dir / evidence_id
    files = await asyncio.to_thread(lambda: sorted(path for path in folder.glob("*") if path.name != _FACTS))
    return None, notes, files


async def _package(services: Services, evidence_id: str) -> tuple[PackageRow, Evidence]:
    async with services.store.transaction() as tx:
        rows = await tx.all("SELECT request_id FROM packages WHERE evidence_id = ?", [evidence_id])
        packages = [package for row in rows for package in await tx.packages(row["request_id"])]
    package = next((each for each in packages if each.evidence_id == evidence_id), None)
    if package is None or package.path is None or package.evidence is None:
        raise NotFound(f"There is no sealed package {evidence_id} here.", do="List them with: handover records")
    signed = parse_strictly(package.evidence.encode(), Signed, MAX_BODY)
    return package, open_document(signed, Evidence, services.keys.device.public)


async def _make(services: Services, package: PackageRow, evidence: Evidence, chosen: ChosenCopy) -> list[str]:
    """Its notes. The opened package is deleted again, whatever happens."""
    evidence_id = evidence.evidence_id
    name, doing = NAMES[chosen.kind], f"copies {evidence_id}"
    folder = services.settings.work_dir / f"own-copy-{evidence_id}"
    try:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        services.progress.doing[doing] = "opening your copy of what was handed over"
        order = {
            "sealed": package.path,
            "identities": [str(identity) for identity in services.keys.archive],
            "folder": str(folder),
            "files": [[master.path, master.sha256] for master in evidence.masters],
        }
        await services.run_job("agent.requests.feedback.edition_job:job", order, limits=CLIP)

        def show(report: Job) -> None:
            services.progress.doing[doing] = f"making the {name}, {report['done'] * 100 // report['total']} %"

        asked = evidence.windows.narrowed or evidence.windows.requested
        free = await asyncio.to_thread(lambda: shutil.disk_usage(folder).free)
        job = {
            "copy": chosen.model_dump(mode="json"),
            "masters": [_master(folder, master) for master in evidence.masters],
            "window": [asked.start, asked.end],
            "out_dir": str(folder),
            "room": free // 2,
        }
        longest = services.settings.copies.longest / SECOND
        limits = replace(COPY, wall=longest, cpu=int(longest * COPY.cpu))
        made = await services.run_job("agent.media.working.make:job", job, limits=limits, progress=show)
        await asyncio.to_thread(_lay_out, services.settings.working_copies_dir / evidence_id, folder, made)
        notes: list[str] = made["notes"]
        return notes
    finally:
        services.progress.doing.pop(doing, None)
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


def _master(folder: Path, master: Master) -> Job:
    file = master.path.removeprefix("data/")
    return {
        "file": file,
        "path": str(folder / file),
        "container": master.container,
        "codec": master.codec,
        "width": master.width,
        "height": master.height,
        "frames": master.frames,
        "first_us": master.first_frame,
        "end_us": master.end,
        "size": master.size,
        "sound": any(track.kind == "audio" for track in master.tracks),
    }


def _lay_out(target: Path, folder: Path, made: Job) -> None:
    """Move the files to where the owner finds them, and write down beside them what was done."""
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = target / _FACTS
    known = json.loads(facts.read_text()) if facts.exists() else []
    for file in made["files"]:
        (folder / file["file"]).replace(target / Path(file["file"]).name)
    names = {Path(file["file"]).name for file in made["files"]}
    known = [each for each in known if Path(each["file"]).name not in names]
    known += [file | {"tools": made["tools"]} for file in made["files"]]
    with durable_file(facts) as out:
        out.write((json.dumps(known, indent=1) + "\n").encode())


def delete_old(folder: Path, now: int) -> int:
    """Delete copies whose time is over, by their folders' age; how many. Blocks on the disk."""
    deleted = 0
    for path in folder.glob("*"):
        if path.is_dir() and path.stat().st_mtime * SECOND < now - KEPT:
            shutil.rmtree(path, ignore_errors=True)
            deleted += 1
    return deleted
