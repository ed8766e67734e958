"""A case exported from the page: to a folder of the officer's own, or by a connector that is set up.

Not for: packages that are not open (they are named in the export as left out).
"""

import asyncio

from aiohttp import web

from exchange.errors import InputInvalid
from portal.officer.casework.case_folder import CaseContent
from portal.officer.casework.connectors.connector import Connector
from portal.officer.casework.connectors.folder import FolderConnector
from portal.officer.casework.connectors.settings import connector_named, read_connectors
from portal.officer.casework.notes import read_notes
from portal.officer.casework.standing import CaseStanding
from portal.officer.desk.exports import EXPORTS, set_up
from portal.officer.desk.live import answer_part
from portal.officer.desk.openings import OPENINGS
from portal.officer.desk.page import Page
from portal.officer.desk.site import Site, form_of, render, rendered, site_of
from portal.officer.desk.watch import look
from portal.officer.opening import Opened


async def show(request: web.Request) -> web.Response:
    site, case = site_of(request), (await look(request)).case(request.match_info["case_id"])
    names = list(await asyncio.to_thread(read_connectors, site.state))
    opened, export = _opened(request, case), request.config_dict[EXPORTS].found.get(case.case_id)
    closed = len(case.packages) - len(opened)
    return render(request, "export.html", case=case, names=names, opened=opened, closed=closed, export=export)


async def part(request: web.Request) -> web.Response:
    """How far it is, for the page's script."""
    case = (await look(request)).case(request.match_info["case_id"])
    export = request.config_dict[EXPORTS].found.get(case.case_id)
    return answer_part(request, rendered(request, "export_part.html", export=export))


async def begin(request: web.Request) -> web.Response:
    site, case = site_of(request), (await look(request)).case(request.match_info["case_id"])
    form, opened = await form_of(request), _opened(request, case)
    if not opened:
        raise InputInvalid("No package of the case is open.", do="Fetch and check them first.")
    connector = await asyncio.to_thread(_connector, site, case, form.get("to", ""))
    notes = await asyncio.to_thread(read_notes, site.state, case.crime_reference)
    content = CaseContent(case, opened, notes, site.officer, site.zone, form.get("sealed") == "yes")
    request.config_dict[EXPORTS].start(site, content, connector)
    raise web.HTTPSeeOther(f"/cases/{case.case_id}/export")


def _connector(site: Site, case: CaseStanding, name: str) -> tuple[str, Connector]:
    """With its name."""
    if name:
        return name, connector_named(site.state, name)
    return "folder", FolderConnector(site.state.make_case_folder(case.crime_reference, "exports"))


def _opened(request: web.Request, case: CaseStanding) -> list[Opened]:
    openings = request.config_dict[OPENINGS]
    return [found for each in case.packages if (found := openings.opened(each.delivery)) is not None]


PAGE = Page(
    routes=(
        web.get("/cases/{case_id}/export", show),
        web.get("/cases/{case_id}/export/part", part),
        web.post("/cases/{case_id}/export", begin),
    ),
    set_up=set_up,
)
