"""Has the signatures that the camera put into a cut's masters checked, and says whose camera they show.

What can't be checked is told as that, and never holds up the evidence.
Not for: the checks themselves (``exchange.media_signing``).
"""

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

from agent.services import Job, Services
from agent.workers.process import CLIP
from exchange.documents.camera_signatures import CameraSignature, UserData
from exchange.errors import HandoverError, InputInvalid
from exchange.media_signing.chains import with_chain
from exchange.signing.timestamps import read_certificates

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Signing:
    """Of one master: what its signatures say, which other data are in it; ``why``: it could not be looked at."""

    signatures: tuple[CameraSignature, ...] = ()
    user_data: tuple[UserData, ...] = ()
    why: str | None = None

    def note(self, name: str) -> str | None:
        """For a manifest's notes."""
        if self.why is None:
            return None
        return f"{name}: whether the camera signed these pictures was not looked at: {self.why}."


async def look_for_signatures(services: Services, masters: list[Path]) -> list[Job]:
    """What was found in each master of a cut, to be kept with it until the manifest is made."""
    job = {"masters": [str(master) for master in masters]}
    try:
        found: list[Job] = (await services.run_job("agent.media.signing:job", job, limits=CLIP))["masters"]
    except HandoverError as error:
        log.warning("whether the camera signed its pictures was not looked at: %s", error)
        return [{"why": error.what[:500]} for _ in masters]
    return found


async def signing_of(services: Services, clip: Job) -> list[Signing]:
    """What a manifest says of each master's signatures, their certificates held against the owner's roots."""
    masters = clip["result"]["masters"]
    found = clip.get("signing") or [{} for _ in masters]
    roots = await asyncio.to_thread(_roots, services.settings.signing_roots)
    return [
        await asyncio.to_thread(_signing, each, roots, master["first_us"])
        for each, master in zip(found, masters, strict=True)
    ]


def _roots(path: Path | None) -> str | None:
    try:
        return None if path is None else read_certificates(path)
    except InputInvalid as error:
        log.warning("signing_roots: %s", error)
        return None


def _signing(found: Job, roots: str | None, at: int) -> Signing:
    signatures = tuple(
        with_chain(CameraSignature.model_validate(each["signature"]), each["certificates"], roots, at)
        for each in found.get("signatures", ())
    )
    user_data = tuple(UserData.model_validate(each) for each in found.get("user_data", ()))
    return Signing(signatures, user_data, found.get("why"))
