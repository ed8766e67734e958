"""What a cut's masters show: whether their camera signed them, and a contact sheet.

Neither holds up the evidence: what can't be looked at or made is told as that.
Not for: how either is done, which are workers' jobs.
"""

import asyncio
import logging
from pathlib import Path

from agent.requests.camera_signing.looking import look_for_signatures
from agent.services import Job, Services
from agent.workers.process import PICTURE
from exchange.errors import HandoverError

log = logging.getLogger(__name__)

CONTACT_SHEET = "working/contact-sheet.jpg"


async def look_at(services: Services, folder: Path, result: Job) -> tuple[list[Job], str | None]:
    """What was found in each master of a cut in ``folder``, and the contact sheet's path there; None when there is
    none."""
    masters = [folder / master["file"] for master in result["masters"]]
    return await asyncio.gather(look_for_signatures(services, masters), _contact_sheet(services, folder, masters))


async def _contact_sheet(services: Services, folder: Path, masters: list[Path]) -> str | None:
    job = {"masters": [str(master) for master in masters], "target": str(folder / CONTACT_SHEET)}
    try:
        await services.run_job("agent.media.pictures:contact_sheet_job", job, limits=PICTURE)
    except HandoverError as error:
        log.warning("no contact sheet was made: %s", error)
        return None
    return CONTACT_SHEET
