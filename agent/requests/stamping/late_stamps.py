"""Time stamps that were missing when a package was sealed: asked for again and again, and kept beside the package.

The sealed package stays as it was sent. A stamp that comes later is a file of its own, which the owner can hand over as
it is: it is signed by its authority, over the manifest that the package holds.

Not for: the stamps in a package (``stamp.py``).
"""

import asyncio
import logging
from pathlib import Path

from agent.requests.stamping.stamp import FIRST_PAUSE, Stamped, ask_for_stamp, custody_details
from agent.services import Services
from agent.store.database import PackageRow
from exchange.clock import DAY, HOUR
from exchange.custody.log import CustodyKind
from exchange.documents.api import MAX_BODY
from exchange.documents.messages import Signed
from exchange.durable import durable_file
from exchange.errors import HandoverError
from exchange.package.stamps import stamp_path
from exchange.signing.documents import parse_strictly

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 6 * HOUR
_GIVE_UP = 30 * DAY
"""After the sealing. A stamp shows that the manifest existed at its own time; a month later that says little."""
_MANIFEST = "evidence.json"


async def ask_for_late_stamps(services: Services) -> int:
    """Ask for every stamp that is due; how many came. One that does not come is due again later."""
    now, came = services.clock.now(), 0
    authorities = {authority.url: authority for authority in services.settings.timestamp_authorities}
    async with services.store.transaction() as tx:
        await tx.execute(
            "UPDATE stamps SET due_at = NULL WHERE due_at IS NOT NULL AND evidence_id IN "
            "(SELECT evidence_id FROM packages WHERE sealed_at < ?)",
            [now - _GIVE_UP],
        )
        rows = await tx.all(
            "SELECT stamps.* FROM stamps JOIN packages USING (evidence_id) "
            "WHERE due_at <= ? AND sealed_at IS NOT NULL ORDER BY due_at",
            [now],
        )
        packages = {
            row["evidence_id"]: PackageRow(**dict(row))
            for row in await tx.all(
                "SELECT * FROM packages WHERE evidence_id IN (SELECT evidence_id FROM stamps WHERE due_at <= ?)", [now]
            )
        }
    for row in rows:
        key = {"evidence_id": row["evidence_id"], "url": row["url"]}
        authority = authorities.get(row["url"])
        if authority is None:
            async with services.store.transaction() as tx:
                await tx.update("stamps", key, due_at=None, trouble="the settings name this authority no more")
            continue
        try:
            stamped = await ask_for_stamp(services, packages[row["evidence_id"]], authority)
            await _keep(services, packages[row["evidence_id"]], stamped)
            came += 1
        except HandoverError as error:
            pause = min(_LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(row["tries"] + 1, 10))
            async with services.store.transaction() as tx:
                await tx.update("stamps", key, tries=row["tries"] + 1, due_at=now + pause, trouble=error.what[:1000])
    return came


async def _keep(services: Services, package: PackageRow, stamped: Stamped) -> None:
    """The file first, then the row and the line that name it."""
    assert package.evidence is not None
    manifest = parse_strictly(package.evidence.encode(), Signed, MAX_BODY).document.encode()
    folder = stamps_folder(services, package.evidence_id, package.edition)
    async with services.store.transaction() as tx:
        row = await tx.one(
            "SELECT count(*) AS n FROM stamps WHERE evidence_id = ? AND response IS NOT NULL", [package.evidence_id]
        )
    name = Path(stamp_path(0 if row is None else row["n"])).name
    await asyncio.to_thread(_write, folder, {_MANIFEST: manifest, name: stamped.response})
    details = custody_details(package.evidence_id, f"stamps/{folder.name}/{name}", stamped)
    async with services.store.transaction() as tx:
        await services.custody.record(tx, CustodyKind.TIMESTAMPED, "agent", package.request_id, details=details)
        key = {"evidence_id": package.evidence_id, "url": stamped.authority.url}
        await tx.update(
            "stamps",
            key,
            response=stamped.response,
            file=name,
            stamped_at=stamped.stamp.at,
            due_at=None,
            trouble=None,
        )
    log.info("request %s: a time stamp came after the package was sealed: %s", package.request_id, folder / name)


def stamps_folder(services: Services, evidence_id: str, edition: int = 1) -> Path:
    """Where a package's late stamps lie, with the manifest that they are over."""
    return services.settings.stamps_dir / (evidence_id if edition == 1 else f"{evidence_id}-{edition}")


def _write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in files.items():
        with durable_file(folder / name) as file:
            file.write(content)
