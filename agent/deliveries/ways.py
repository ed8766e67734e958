"""The delivery for a way: what ``agent.requests.deliver`` is given for what the owner chose.

Not for: choosing (``agent.requests.on_the_way.choosing``).
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from agent.deliveries.by_place import PlaceDelivery, Takes
from agent.deliveries.contract import Consignment, Delivery
from agent.deliveries.laying_out import laid_out, undelivered
from agent.deliveries.line import pace_of
from agent.deliveries.portal import PortalDelivery
from agent.deliveries.secrets_of import RequestSecrets
from agent.deliveries.way import Means, Way
from agent.places.folder import FolderPlace
from agent.places.named import NamedPlaces
from agent.places.pace import Pace
from agent.places.presigned import SignedAddresses, read_addresses
from agent.services import Services
from exchange.errors import PlaceRefused


def delivery_of(services: Services, way: Way) -> Delivery:
    """How packages go this way."""
    if way.means is Means.PORTAL:
        return PortalDelivery(services, pace_of(services, at_once=way.at_once))
    if way.means is Means.FOLDER and way.folder is None and way.place is None:
        return LaidOutDelivery(services, way)
    return PlaceDelivery(services, way, opener(services, way))


class LaidOutDelivery:
    """Files that lie ready in the agent's own folder: the owner takes them from the page, or by a command."""

    def __init__(self, services: Services, way: Way) -> None:
        self._services = services
        self._way = way

    async def deliver(self, consignment: Consignment) -> None:
        """See ``agent.deliveries.contract``. Nothing leaves the house by it."""
        services = self._services
        consignment = await undelivered(services, consignment)
        files = await laid_out(services, consignment, self._way)
        async with services.store.transaction() as tx:
            for file in files:
                key = {"request_id": consignment.request_id, "name": file.name}
                await tx.update("handed_files", key, handed_at=services.clock.now())
            for package in consignment.packages:
                key = {"evidence_id": package.evidence_id}
                await tx.update("packages", key, delivered_at=services.clock.now())


def opener(services: Services, way: Way) -> Callable[[str], Awaitable[Takes]]:
    """What opens the place of a way, for a request id."""
    pace = pace_of(services, at_once=way.at_once)

    async def open_place(request_id: str) -> Takes:
        if way.goes_over_the_line:
            await pace(0)
        return await asyncio.to_thread(_open, services, way, request_id, pace)

    return open_place


def _open(services: Services, way: Way, request_id: str, pace: Pace) -> Takes:
    settings = services.settings
    if way.place is not None:
        return NamedPlaces(settings.places).of(way.place).open(pace=pace, clock=services.clock)
    if way.signed_addresses:
        kept = RequestSecrets(settings.keys)
        text = kept.addresses(request_id)
        if text is None:
            raise PlaceRefused("The addresses that the force gave are gone.", do="Give them again: handover deliver …")
        return SignedAddresses(read_addresses(text), kept.uploads(request_id), pace=pace, clock=services.clock)
    folder = way.path
    assert folder is not None
    title = f"the medium at {folder}" if way.means is Means.MEDIUM else None
    mount = Path(way.mount) if way.mount else None
    return FolderPlace(folder, mount=mount, file_system=way.file_system or None, title=title)
