"""An owner tells their force, unasked, that they have footage: which cameras and time, and what they saw. No footage.

Not for: a request, which an officer signs (``exchange.documents.messages``).
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from exchange.clock import Instant
from exchange.documents.messages import (
    CameraRegistration,
    Document,
    Fingerprint,
    Id,
    Line,
    Owner,
    Part,
    PublicKeyLine,
    Signed,
    Stretch,
    Text,
)


class OfferedCamera(Part):
    """One camera and the time of it that is offered, as its registration tells of it."""

    camera: CameraRegistration
    window: Stretch


class Offer(Document):
    """The owner's notice. Device key. Sending it is their decision to tell so much; the footage stays with them."""

    kind: Literal["offer.v1"] = "offer.v1"
    offer_id: Id
    device: Fingerprint
    owner: Owner
    incident: Line
    """What kind of thing it is about, in the owner's words."""
    place: Line
    seen: Text
    """What they saw."""
    offered: Annotated[tuple[OfferedCamera, ...], Field(min_length=1, max_length=64)]
    issued: Instant
    expires: Instant
    """Until then the footage is kept from being overwritten."""

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.expires <= self.issued:
            raise ValueError("'expires' must be later than 'issued'")
        return self


class StoredOffer(Part):
    """As a portal gives it to an officer, with the key that signed it."""

    device_key: PublicKeyLine
    signed: Signed


class Offers(Part):
    """The newest first."""

    offers: Annotated[tuple[StoredOffer, ...], Field(max_length=200)]
