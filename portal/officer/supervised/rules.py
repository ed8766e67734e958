"""The force's limits as the portal tells them, and which cameras are inside of buildings.

Not for: what goes beyond them (``exchange.documents.supervision``).
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from exchange.documents.api import FoundCamera
from exchange.documents.supervision import MOST_CAMERAS, CameraName, RulesQuestion, SupervisionLimits
from portal.officer.client import OfficerClient
from portal.officer.connection import NoSuchCall


@dataclass(frozen=True, slots=True)
class Rules:
    """``indoors``: device and camera id."""

    limits: SupervisionLimits = field(default_factory=SupervisionLimits)
    indoors: frozenset[tuple[str, str]] = frozenset()

    def of(self, device: str) -> frozenset[str]:
        """The ids of those cameras of a device that are indoors."""
        return frozenset(camera_id for owner, camera_id in self.indoors if owner == device)


async def rules_for(client: OfficerClient, cameras: Collection[FoundCamera]) -> Rules:
    """As ``rules_of``, for cameras as a search finds them."""
    return await rules_of(client, {(camera.device, camera.camera_id) for camera in cameras})


async def rules_of(client: OfficerClient, cameras: Collection[tuple[str, str]]) -> Rules:
    """For cameras by device and camera id. From an older portal, which doesn't tell, the usual limits: it judges the
    requests all the same."""
    names = [CameraName(device=device, camera_id=camera_id) for device, camera_id in sorted(cameras)]
    limits, indoors = SupervisionLimits(), set[tuple[str, str]]()
    try:
        for start in range(0, len(names) or 1, MOST_CAMERAS):
            told = await client.supervision_rules(RulesQuestion(cameras=tuple(names[start : start + MOST_CAMERAS])))
            limits = told.limits
            indoors |= {(each.device, each.camera_id) for each in told.cameras_indoors}
    except NoSuchCall:
        return Rules()
    return Rules(limits, frozenset(indoors))
