"""How full a portal is, as it tells officers. Not for: how long what is kept (``exchange.documents.keeping.holds``)."""

from typing import Annotated

from pydantic import Field

from exchange.documents.messages import Part

SCARCE = 80
"""Percent, from which officers are told."""


class PortalRoom(Part):
    """``percent`` of the room that the force gave to packages; None where it set no limit, or it isn't known yet."""

    percent: Annotated[int, Field(ge=0)] | None = None
