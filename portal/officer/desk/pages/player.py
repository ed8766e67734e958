"""All opened packages of a case side by side on one line of time, and the files that the page plays.

Files go to this session only, by their number in the manifest, and only while they are as they were when checked.
Not for: opening (``portal.officer.desk.pages.packages``).
"""

import asyncio
import json
from dataclasses import asdict
from typing import Any

from aiohttp import web

from exchange.errors import EvidenceMismatch, NotFound
from portal.officer.casework.notes import read_notes
from portal.officer.casework.standing import CaseStanding
from portal.officer.casework.timeline import lanes
from portal.officer.desk.live import moments
from portal.officer.desk.openings import OPENINGS
from portal.officer.desk.page import Page
from portal.officer.desk.pages.packages import opened_file
from portal.officer.desk.site import render, site_of
from portal.officer.desk.watch import look
from portal.officer.opening import Opened

_KINDS = {".mp4": "video/mp4", ".mkv": "video/x-matroska", ".mov": "video/mp4"}


async def show(request: web.Request) -> web.Response:
    view = await look(request)
    case = view.case(request.match_info["case_id"])
    opened, closed = await _opened(request, case)
    found = await asyncio.to_thread(lanes, opened)
    notes = await asyncio.to_thread(read_notes, site_of(request).state, case.crime_reference)
    values: dict[str, Any] = {"lanes": found, "closed": closed, "unreadable": len(opened) - len(found), "notes": notes}
    return render(request, "player.html", case=case, moment=moments(request), **values)


async def timeline(request: web.Request) -> web.Response:
    """What the page's script plays: lanes with stretches, times in microseconds UTC."""
    case = (await look(request)).case(request.match_info["case_id"])
    opened, _ = await _opened(request, case)
    found = await asyncio.to_thread(lanes, opened)
    told = [asdict(each) | {"files": f"/files/{each.request_id}/{each.delivery_id}"} for each in found]
    return web.json_response({"zone": site_of(request).zone.key, "lanes": told}, dumps=_dumps)


async def serve(request: web.Request) -> web.StreamResponse:
    """Byte ranges of a recording. NotFound unless its package was opened in this run."""
    delivery_id, number = request.match_info["delivery_id"], int(request.match_info["number"])
    opening = request.config_dict[OPENINGS].found.get(delivery_id)
    opened = None if opening is None else opening.opened
    same = opened is not None and opened.delivery.request_id == request.match_info["request_id"]
    evidence = opened.report.evidence if opened is not None and same else None
    if opened is None or evidence is None or number >= len(evidence.files):
        raise NotFound("There is no such recording here.", do="Fetch and check its package first.")
    file = evidence.files[number]
    path = await asyncio.to_thread(opened_file, opened, file.path)
    if (await asyncio.to_thread(path.stat)).st_size != file.size and opened.report.ok:
        raise EvidenceMismatch("The recording was changed since it was checked.", do="Fetch and check it again.")
    kind = _KINDS.get(path.suffix.lower(), "application/octet-stream")
    return web.FileResponse(path, headers={"Content-Type": kind, "Cache-Control": "no-store"})


async def _opened(request: web.Request, case: CaseStanding) -> tuple[list[Opened], int]:
    """The packages of the case that are open in this run, and how many are not."""
    openings = request.config_dict[OPENINGS]
    found = [openings.opened(package.delivery) for package in case.packages]
    opened = [each for each in found if each is not None]
    return opened, len(found) - len(opened)


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


PAGE = Page(
    routes=(
        web.get("/cases/{case_id}/play", show),
        web.get("/cases/{case_id}/timeline", timeline),
        web.get(r"/files/{request_id}/{delivery_id}/{number:\d{1,4}}", serve),
    ),
)
