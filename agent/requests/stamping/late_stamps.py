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
_OVER = """
UPDATE stamps SET due_at = NULL WHERE due_at IS NOT NULL AND evidence_id IN (
    SELECT evidence_id FROM packages JOIN requests USING (request_id)
    WHERE sealed_at < ? OR state = 'withdrawn' OR (state = 'closed' AND delivered_at IS NULL) OR request_id IN (
        SELECT request_id FROM decisions
        WHERE CASE WHEN json_valid(document) THEN json_extract(document, '$.status') = 'withdrawn' END
    )
)
"""
"""What is asked for no more: it is too old, or of a request whose yes was taken back; then not even a hash leaves."""
_SAME = (
    "evidence_id = ? AND url = ? AND response IS NULL AND evidence_id IN "
    "(SELECT evidence_id FROM packages WHERE evidence_id = ? AND evidence = ?)"
)
"""Of a stamp: it is still missing, and of the very manifest that was asked for: another edition has another."""


async def ask_for_late_stamps(services: Services) -> int:
    """Ask for every stamp that is due; how many came. One that does not come is due again later.

    Only of packages that were handed over, for a yes that was not taken back.
    """
    now, came = services.clock.now(), 0
    authorities = {authority.url: authority for authority in services.settings.timestamp_authorities}
    async with services.store.transaction() as tx:
        await tx.execute(_OVER, [now - _GIVE_UP])
        rows = await tx.all(
            "SELECT stamps.* FROM stamps JOIN packages USING (evidence_id) "
            "WHERE due_at <= ? AND delivered_at IS NOT NULL ORDER BY due_at",
            [now],
        )
        packages = {
            row["evidence_id"]: PackageRow(**dict(row))
            for row in await tx.all(
                "SELECT * FROM packages WHERE evidence_id IN (SELECT evidence_id FROM stamps WHERE due_at <= ?)", [now]
            )
        }
    for row in rows:
        package, key = packages[row["evidence_id"]], {"evidence_id": row["evidence_id"], "url": row["url"]}
        authority = authorities.get(row["url"])
        if authority is None:
            async with services.store.transaction() as tx:
                await tx.update("stamps", key, due_at=None, trouble="the settings name this authority no more")
            continue
        try:
            stamped = await ask_for_stamp(services, package, authority)
            came += await _keep(services, package, stamped)
        except HandoverError as error:
            pause = min(_LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(row["tries"] + 1, 10))
            async with services.store.transaction() as tx:
                await tx.execute(
                    f"UPDATE stamps SET tries = ?, due_at = ?, trouble = ? WHERE {_SAME}",  # noqa: S608
                    [row["tries"] + 1, now + pause, error.what[:1000], *_same(package, authority.url)],
                )
    return came


def _same(package: PackageRow, url: str) -> list[str | None]:
    """What ``_SAME`` compares with."""
    return [package.evidence_id, url, package.evidence_id, package.evidence]


async def _keep(services: Services, package: PackageRow, stamped: Stamped) -> bool:
    """The file first, then the row and the line that name it; False, and neither, when another edition took the place
    of the one that was asked for."""
    assert package.evidence is not None
    manifest = parse_strictly(package.evidence.encode(), Signed, MAX_BODY).document.encode()
    folder = stamps_folder(services, package.evidence_id, package.edition)
    async with services.store.transaction() as tx:
        if await tx.one(f"SELECT 1 FROM stamps WHERE {_SAME}", _same(package, stamped.authority.url)) is None:  # noqa: S608
            return False
        row = await tx.one(
            "SELECT count(*) AS n FROM stamps WHERE evidence_id = ? AND response IS NOT NULL", [package.evidence_id]
        )
    name = Path(stamp_path(0 if row is None else row["n"])).name
    await asyncio.to_thread(_write, folder, {_MANIFEST: manifest, name: stamped.response})
    details = custody_details(package.evidence_id, f"stamps/{folder.name}/{name}", stamped)
    async with services.store.transaction() as tx:
        kept = await tx.execute(
            f"UPDATE stamps SET response = ?, file = ?, stamped_at = ?, due_at = NULL, trouble = NULL WHERE {_SAME}",  # noqa: S608
            [stamped.response, name, stamped.stamp.at, *_same(package, stamped.authority.url)],
        )
        if kept:
            await services.custody.record(tx, CustodyKind.TIMESTAMPED, "agent", package.request_id, details=details)
    if not kept:
        await asyncio.to_thread((folder / name).unlink, missing_ok=True)
        return False
    log.info("request %s: a time stamp came after the package was sealed: %s", package.request_id, folder / name)
    return True


def stamps_folder(services: Services, evidence_id: str, edition: int = 1) -> Path:
    """Where a package's late stamps lie, with the manifest that they are over."""
    return services.settings.stamps_dir / (evidence_id if edition == 1 else f"{evidence_id}-{edition}")


def _write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in files.items():
        with durable_file(folder / name) as file:
            file.write(content)
