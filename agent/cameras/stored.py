"""A camera as it is added, and what its row in the store means.

Not for: adding it (``inventory``).
"""

import json
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from agent.cameras.footage_sources import KindName, Options
from agent.devices.address import CameraAddress, Password, UserName
from agent.devices.camera_facts import CameraFacts
from agent.sources.registry import RECORDER
from agent.store.database import CameraRow, Transaction
from exchange.documents.messages import CameraRegistration, Id, Line, Part


class NewCamera(Part):
    """What an owner says of a camera when adding it."""

    camera_id: Id
    address: Annotated[str, Field(max_length=512)]
    user: UserName | None = None
    password: Password | None = None
    certificate: Annotated[str, Field(max_length=128)] | None = None
    """SHA-256 of its TLS certificate, once the owner confirmed it."""
    profile: Annotated[str, Field(max_length=128)] | None = None
    """The token of the stream to record; the largest picture otherwise."""
    label: Line
    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
    description: Line | None = None
    direction: Annotated[float, Field(ge=0, lt=360)] | None = None
    field_of_view: Annotated[float, Field(gt=0, le=360)] | None = None
    range_m: Annotated[float, Field(gt=0, le=1000)] | None = None
    indoors: bool = False
    retention_days: Annotated[int, Field(ge=0, le=3650)] | None = None
    """Days that its footage is kept; as the recordings' setting says otherwise."""
    source: KindName = RECORDER
    """What records it: Handover's own recorder, or the kind of another; ``address`` is then that one's."""
    options: Options = Field(default_factory=dict)


def registrations(rows: Sequence[CameraRow]) -> tuple[CameraRegistration, ...]:
    """What officers may find, of the cameras that are registered."""
    return tuple(registration_of(row) for row in rows if row.registered)


def registration_of(row: CameraRow) -> CameraRegistration:
    return CameraRegistration.model_validate_json(row.registration)


def address_of(row: CameraRow) -> CameraAddress | None:
    """Where the camera itself is; None for one that is known only through another recorder."""
    kept = json.loads(row.address)
    return CameraAddress(**kept) if kept else None


def facts_of(row: CameraRow) -> CameraFacts:
    return CameraFacts.model_validate_json(row.facts)


async def change_registration(tx: Transaction, row: CameraRow, changed: dict[str, object]) -> None:
    """Say anew where a camera stands and looks, or what it is called; ``changed``: fields of its registration."""
    after = CameraRegistration.model_validate(registration_of(row).model_dump() | changed)
    await tx.update("cameras", {"camera_id": row.camera_id}, registration=after.model_dump_json())
