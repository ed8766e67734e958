"""The files that a way other than the portal takes: made once of the sealed packages, with the pages beside them.

Not for: bringing them anywhere (``agent.deliveries.by_place``).
"""

import asyncio
import hashlib
import shutil
from pathlib import Path

from agent.deliveries.contract import Consignment, Sealed
from agent.deliveries.secrets_of import RequestSecrets
from agent.deliveries.sheets import FORM, LABEL, OPENING, TYPING, LaidOut, pages_of, write_page
from agent.deliveries.way import Means, SealedFor, Way
from agent.services import Services
from agent.store.database import Transaction
from agent.workers.process import CLIP
from exchange.documents.noted import Offered
from exchange.errors import InputInvalid, NotFound

_PAGES: dict[Means, tuple[str, ...]] = {
    Means.MEDIUM: (FORM, LABEL, OPENING),
    Means.FOLDER: (FORM, OPENING, TYPING),
    Means.SFTP: (FORM, OPENING),
    Means.S3: (FORM, OPENING),
}
"""What lies beside the packages. Addresses that a force signed take the packages alone."""


async def laid_out(services: Services, consignment: Consignment, way: Way) -> list[LaidOut]:
    """The files of this way, from before or made now, and the store says which. InputInvalid when it can't be so."""
    before = await files_of(services, consignment.request_id)
    whole = await asyncio.to_thread(_all_there, before)
    if before and whole:
        return before
    folder = services.settings.outgoing_dir / consignment.request_id
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True)
    files: list[LaidOut] = []
    for package in consignment.packages:
        services.progress.doing[consignment.request_id] = "laying out the files"
        files += await _of_package(services, consignment, way, package, folder)
    if not way.signed_addresses:
        pages = await asyncio.to_thread(pages_of, consignment, way, files, _PAGES[way.means])
        for page in pages:
            content = page.text.encode()
            path = await asyncio.to_thread(write_page, folder, page.name, content)
            files.append(LaidOut(None, page.name, path, len(content), hashlib.sha256(content).hexdigest()))
    async with services.store.transaction() as tx:
        await forget(tx, consignment.request_id)
        for position, file in enumerate(files):
            await tx.insert(
                "handed_files", request_id=consignment.request_id, position=position, evidence_id=file.evidence_id,
                name=file.name, path=str(file.path), size=file.size, sha256=file.sha256,
            )  # fmt: skip
    return files


async def _of_package(
    services: Services, consignment: Consignment, way: Way, package: Sealed, folder: Path
) -> list[LaidOut]:
    name = consignment.file_name(package)
    as_it_is = way.form is Offered.PACKAGE and way.sealed_for is SealedFor.KEY
    if as_it_is and way.means is not Means.FOLDER and (way.most_bytes is None or package.size <= way.most_bytes):
        return [LaidOut(package.evidence_id, f"{name}.zip.age", package.path, package.size, package.sha256)]
    order = {
        "sealed": str(package.path),
        "identities": [str(identity) for identity in services.keys.archive],
        "folder": str(folder),
        "name": name,
        "form": way.form.value,
        "sealed_for": way.sealed_for.value,
        "most_bytes": way.most_bytes,
    }
    if way.sealed_for is SealedFor.PASSPHRASE:
        kept = RequestSecrets(services.settings.keys)
        order["passphrase"] = await asyncio.to_thread(kept.passphrase, consignment.request_id)
    made = await services.run_job("agent.deliveries.laying_out_job:job", order, limits=CLIP)
    files = [
        LaidOut(package.evidence_id, str(file), folder / str(file), int(size), str(sha256))
        for file, size, sha256 in made["files"]
    ]
    if way.form is Offered.RECORDINGS and way.most_bytes is not None:
        large = [file.name for file in files if file.size > way.most_bytes]
        if large:
            raise InputInvalid(
                f"{large[0]} is larger than the force takes.",
                meaning="Its key frames are too far apart to make smaller parts without losing pictures.",
                do="Hand the package over instead, in pieces or another way: handover deliver REQUEST --by …",
            )
    return files


def _all_there(files: list[LaidOut]) -> bool:
    return all(file.path.is_file() and file.path.stat().st_size == file.size for file in files)


async def files_of(services: Services, request_id: str) -> list[LaidOut]:
    """What was laid out of a request; nothing where it wasn't yet."""
    async with services.store.transaction() as tx:
        rows = await tx.all("SELECT * FROM handed_files WHERE request_id = ? ORDER BY position", [request_id])
    return [LaidOut(row["evidence_id"], row["name"], Path(row["path"]), row["size"], row["sha256"]) for row in rows]


async def undelivered(services: Services, consignment: Consignment) -> Consignment:
    """What of it was not handed over yet: all, or what goes again."""
    async with services.store.transaction() as tx:
        packages = await tx.packages(consignment.request_id)
    return consignment.waiting({package.evidence_id for package in packages if package.delivered_at is None})


async def forget(tx: Transaction, request_id: str) -> None:
    """It is to be laid out anew: the way is another one."""
    await tx.execute("DELETE FROM handed_files WHERE request_id = ?", [request_id])


async def ready_files(services: Services, request_id: str) -> list[LaidOut]:
    """The files that lie ready for the owner to take, the form first. NotFound when there are none."""
    found = await files_of(services, request_id)
    if not found:
        raise NotFound("No files lie ready for this request.", do="handover show tells how far it is.")
    return sorted(found, key=lambda file: not file.name.startswith(FORM))
