"""What a person without an agent hears of what they sent, by the portal's message. Not for: what owners with an agent
hear (``portal.officer.feedback``)."""

import contextlib

from exchange.errors import PortalRefused, PortalUnreachable
from portal.officer.client import OfficerClient


async def tell_if_reached(client: OfficerClient, request_id: str) -> None:
    """That it was opened: told once, however often this is called; where the portal can't now, another time."""
    with contextlib.suppress(PortalRefused, PortalUnreachable):
        await client.tell_person(request_id, None)
