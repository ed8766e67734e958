"""Send a package while it is being sealed: sealing and the line then work at the same time.

Not for: handing it over. Only the step ``deliver`` announces a package, and it does the whole of this by itself where
nothing was sent ahead. What goes wrong here costs time, never the package.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agent.deliveries.line import pace_of
from agent.deliveries.portal import PortalDelivery
from agent.deliveries.way import Means
from agent.places.pace import Pace
from agent.portal.growing import GrowingFile
from agent.requests import answer
from agent.requests.decision import Approval
from agent.requests.on_the_way.choosing import way_of
from agent.services import Job, Services
from agent.store.database import PackageRow, RequestRow

log = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds that the upload may still take when the package is sealed: a slow line's rest is the next step's, which
keeps no other request from being cut."""


class Ahead:
    """One package on its way. ``report`` is told by the sealing job, ``sealed`` when its row is written."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._growing: asyncio.Future[GrowingFile] = asyncio.get_running_loop().create_future()

    @property
    def begun(self) -> bool:
        """Whether there is anything to send."""
        return self._growing.done()

    def report(self, told: Job) -> None:
        if self._growing.cancelled():
            return
        if not self.begun:
            self._growing.set_result(GrowingFile(Path(told["file"]), told["size"]))
        # The last byte stays here until the package is durable and its row is written.
        self._growing.result().grew(min(told["bytes"], told["size"] - 1))

    def sealed(self, path: Path) -> None:
        if self.begun and not self._growing.cancelled():
            self._growing.result().finished(path)

    async def send(self, services: Services, row: RequestRow, package: PackageRow) -> None:
        await answer.tell(services, row)
        growing = await self._growing
        with services.limit.evidence():
            await PortalDelivery(services, self._pace).upload(package, growing.size, growing)


@asynccontextmanager
async def sent_ahead(
    services: Services, row: RequestRow, approval: Approval, package: PackageRow
) -> AsyncIterator[Ahead]:
    """While the block runs, what its job reports as final of an approved package is uploaded.

    What was uploaded of an earlier try to seal is forgotten first: those bytes are no part of this one.
    """
    approval.cut(package.evidence_id)
    if not await asyncio.to_thread(services.settings.package(package.evidence_id, package.edition).exists):
        package = await PortalDelivery(services).forget_upload(package)
    async with services.store.transaction() as tx:
        way = await way_of(tx, row)
    ahead = Ahead(pace_of(services, at_once=way.at_once))
    sending = None if way.means is not Means.PORTAL else asyncio.create_task(ahead.send(services, row, package))
    try:
        yield ahead
        if sending is not None and ahead.begun:
            await asyncio.wait([sending], timeout=PATIENCE)
    finally:
        if sending is not None:
            sending.cancel()
            (how,) = await asyncio.gather(sending, return_exceptions=True)
            if isinstance(how, Exception):
                log.info("request %s: not all of its package was sent ahead: %s", row.request_id, how)
