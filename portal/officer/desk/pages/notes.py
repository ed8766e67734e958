"""Notes at moments of a case's footage: written and struck in the player, taken away as a table; and the case on paper.

Not for: notes themselves (``portal.officer.casework.notes``).
"""

import asyncio
import re

from aiohttp import web

from exchange.documents.messages import Stretch
from exchange.errors import InputInvalid
from portal.officer.casework.notes import notes_as_csv, read_notes, strike_note, write_note
from portal.officer.casework.standing import CaseStanding
from portal.officer.casework.timeline import lanes
from portal.officer.crime.spoken_times import show_window
from portal.officer.desk.live import moments
from portal.officer.desk.openings import OPENINGS
from portal.officer.desk.page import Page
from portal.officer.desk.site import form_of, render, rendered, site_of
from portal.officer.desk.watch import look
from portal.officer.supervised.log import say_if_reached


async def show(request: web.Request) -> web.Response:
    """The list, for the player."""
    return await _list(request, await _case(request))


async def write(request: web.Request) -> web.Response:
    site, case, form = site_of(request), await _case(request), await form_of(request)
    at, delivery_id = form.get("at", ""), form.get("package", "")
    if not re.fullmatch(r"\d{1,17}", at):
        raise InputInvalid("That is no moment.", do="Reload the page.")
    opened = request.config_dict[OPENINGS].found.get(delivery_id)
    evidence = opened.opened.report.evidence if opened is not None and opened.opened is not None else None
    if delivery_id and evidence is None:
        raise InputInvalid("That package is not open.", do="Reload the page.")
    await asyncio.to_thread(
        write_note,
        site.state,
        case.crime_reference,
        form.get("text", "").replace("\r\n", "\n"),
        at=int(at),
        now=site.now(),
        by=f"{site.officer.rank} {site.officer.name}",
        evidence_id=None if evidence is None else evidence.evidence_id,
        camera=None if evidence is None else evidence.camera.label,
    )
    return await _list(request, case)


async def strike(request: web.Request) -> web.Response:
    site, case = site_of(request), await _case(request)
    await asyncio.to_thread(strike_note, site.state, case.crime_reference, request.match_info["note_id"], site.now())
    return await _list(request, case)


async def table(request: web.Request) -> web.Response:
    """All notes as CSV, to be kept as a file."""
    site, case = site_of(request), await _case(request)
    notes = await asyncio.to_thread(read_notes, site.state, case.crime_reference)
    headers = {"Content-Disposition": f'attachment; filename="notes-{case.case_id}.csv"'}
    return web.Response(text=notes_as_csv(notes, site.zone), content_type="text/csv", headers=headers)


async def paper(request: web.Request) -> web.Response:
    """The case as it is printed: requests, packages with their hashes and how their checks ended, notes."""
    site, case = site_of(request), await _case(request)
    notes = await asyncio.to_thread(read_notes, site.state, case.crime_reference)
    openings = request.config_dict[OPENINGS]
    opened = [found for each in case.packages if (found := openings.opened(each.delivery)) is not None]
    printed = [each.delivery.request_id for each in opened]
    printed += [each.case.request_id for each in case.people if each.has_files]
    await say_if_reached(site.client, dict.fromkeys(printed), "printed")
    clocks = {each.delivery_id: each for each in await asyncio.to_thread(lanes, opened)}

    def spoken(stretch: Stretch) -> str:
        return show_window(stretch.window, site.zone)

    return render(
        request,
        "paper.html",
        case=case,
        notes=notes,
        lanes=clocks,
        opened=opened,
        moment=moments(request),
        spoken=spoken,
    )


async def sheet(request: web.Request) -> web.Response:
    """What stands on top of every sheet of the case's pages: the policy allows no style in a page itself."""
    case = await _case(request)
    words = "".join(f"\\{ord(letter):06x}" for letter in case.crime_reference)
    style = f'@page {{ @top-left {{ content: "{words}"; font: 9pt system-ui, sans-serif; }} }}\n'
    return web.Response(text=style, content_type="text/css", charset="utf-8")


async def _case(request: web.Request) -> CaseStanding:
    return (await look(request)).case(request.match_info["case_id"])


async def _list(request: web.Request, case: CaseStanding) -> web.Response:
    notes = await asyncio.to_thread(read_notes, site_of(request).state, case.crime_reference)
    return web.Response(
        text=rendered(request, "notes_part.html", case=case, notes=notes, moment=moments(request)),
        content_type="text/html",
    )


PAGE = Page(
    routes=(
        web.get("/cases/{case_id}/notes", show),
        web.post("/cases/{case_id}/notes", write),
        web.post("/cases/{case_id}/notes/{note_id}/strike", strike),
        web.get("/cases/{case_id}/notes.csv", table),
        web.get("/cases/{case_id}/paper", paper),
        web.get("/cases/{case_id}/sheet.css", sheet),
    ),
)
