"""Handing over by putting files at a place: a medium, an SFTP account, a bucket, a folder.

Each file has its lines in the custody log, and is put there once: what lies there whole is found, not sent again.
Not for: how a place takes files (``agent.places``).
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from agent.deliveries.contract import Consignment, NotNow
from agent.deliveries.laying_out import laid_out, undelivered
from agent.deliveries.progress import Remaining
from agent.deliveries.sheets import LaidOut
from agent.deliveries.way import Way
from agent.places.place import Progress
from agent.services import Services
from agent.store.database import Transaction
from exchange.custody.log import CustodyKind
from exchange.errors import HandoverError, PlaceFull


class Takes(Protocol):
    """As much of a Place as handing over needs: addresses that a force signed take files, and no more."""

    @property
    def title(self) -> str: ...

    async def put(self, source: Path, name: str, sha256: str, show: Progress) -> None: ...

    async def free(self) -> int | None: ...


class PlaceDelivery:
    """``open_place`` opens the place, once per try."""

    def __init__(self, services: Services, way: Way, open_place: Callable[[str], Awaitable[Takes]]) -> None:
        self._services = services
        self._way = way
        self._open = open_place

    async def deliver(self, consignment: Consignment) -> None:
        """See ``agent.deliveries.contract``."""
        services = self._services
        consignment = await undelivered(services, consignment)
        files = await laid_out(services, consignment, self._way)
        place = await self._open(consignment.request_id)
        waiting = await self._waiting(consignment, files)
        await self._refuse_if_full(place, waiting)
        remaining = Remaining(services, consignment.request_id, sum(file.size for file in waiting), self._doing)
        for file in waiting:
            await self._put(place, consignment.request_id, file, remaining)
            remaining.next(file.size)
        async with services.store.transaction() as tx:  # of those whose last file lay there before a crash
            for package in consignment.packages:
                await self._note_if_whole(tx, consignment.request_id, package.evidence_id)

    @property
    def _doing(self) -> str:
        return "uploading" if self._way.goes_over_the_line else "writing"

    async def _waiting(self, consignment: Consignment, files: list[LaidOut]) -> list[LaidOut]:
        async with self._services.store.transaction() as tx:
            rows = await tx.all(
                "SELECT name FROM handed_files WHERE request_id = ? AND handed_at IS NOT NULL",
                [consignment.request_id],
            )
        done = {row["name"] for row in rows}
        return [file for file in files if file.name not in done]

    async def _refuse_if_full(self, place: Takes, files: list[LaidOut]) -> None:
        """Told before the first byte, of all of them together. Parts that lie there already count as room."""
        free = await place.free()
        if free is not None and len(files) > 1 and free < sum(file.size for file in files) // 2:
            needed = sum(file.size for file in files)
            raise PlaceFull(
                f"There is not enough room at {place.title}: {needed:,} bytes are needed, {free:,} are free.",
                meaning="Nothing was written.",
                do="Make room there, or take another.",
            )

    async def _put(self, place: Takes, request_id: str, file: LaidOut, remaining: Remaining) -> None:
        await self._begin(request_id, file)
        try:
            await place.put(file.path, file.name, file.sha256, remaining.show)
        except (HandoverError, NotNow) as error:
            async with self._services.store.transaction() as tx:
                reason = error.what if isinstance(error, HandoverError) else error.why
                await self._record(tx, CustodyKind.UPLOAD_INTERRUPTED, request_id, file, reason=reason)
            raise
        async with self._services.store.transaction() as tx:
            key = {"request_id": request_id, "name": file.name}
            await tx.update("handed_files", key, handed_at=self._services.clock.now())
            await self._record(tx, CustodyKind.UPLOAD_FINISHED, request_id, file)
            if file.evidence_id is not None:
                await self._note_if_whole(tx, request_id, file.evidence_id)

    async def _note_if_whole(self, tx: Transaction, request_id: str, evidence_id: str) -> None:
        """A package counts as handed over once all its files are there: from then on a yes can't be taken back."""
        left = await tx.one(
            "SELECT 1 FROM handed_files WHERE request_id = ? AND evidence_id = ? AND handed_at IS NULL",
            [request_id, evidence_id],
        )
        if left is None:
            await tx.execute(
                "UPDATE packages SET delivered_at = ?1, left_at = ifnull(left_at, ?1) "
                "WHERE evidence_id = ?2 AND delivered_at IS NULL",
                [self._services.clock.now(), evidence_id],
            )

    async def _begin(self, request_id: str, file: LaidOut) -> None:
        key = {"request_id": request_id, "name": file.name}
        async with self._services.store.transaction() as tx:
            row = await tx.one(
                "SELECT begun_at FROM handed_files WHERE request_id = ? AND name = ?", list(key.values())
            )
            begun = row is not None and row["begun_at"] is not None
            if not begun:
                await tx.update("handed_files", key, begun_at=self._services.clock.now())
            kind = CustodyKind.UPLOAD_RESUMED if begun else CustodyKind.UPLOAD_STARTED
            await self._record(tx, kind, request_id, file)

    async def _record(
        self, tx: Transaction, kind: CustodyKind, request_id: str, file: LaidOut, reason: str | None = None
    ) -> None:
        details: dict[str, str | int | bool] = {
            "means": self._way.means.value,
            "file": file.name,
            "size": file.size,
            "sha256": file.sha256,
        }
        await self._services.custody.record(tx, kind, "agent", request_id, details=details, reason=reason)
