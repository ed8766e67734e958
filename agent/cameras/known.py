"""A camera that somebody named. Not for: what its row means (``stored``)."""

from agent.store.database import CameraRow, Transaction
from exchange.errors import NotFound


async def known_camera(tx: Transaction, camera_id: str) -> CameraRow:
    """NotFound where there is none of that id."""
    row = await tx.camera(camera_id)
    if row is None:
        raise NotFound(f"There is no camera {camera_id}.", do="List them with: handover cameras list")
    return row
