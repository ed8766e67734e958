"""What somebody without an agent sent: fetched, looked at for malware, shown; and what they are told of it.

Not for: appeals to everybody (``portal.officer.desk.pages.appeals``).
"""

import asyncio
from typing import Any

from aiohttp import web

from exchange.documents.feedback import RESULT_WORDS, CaseResult
from exchange.errors import InputInvalid, NotFound
from portal.officer.desk.brought import BROUGHT_OPENINGS, set_up
from portal.officer.desk.live import answer_part
from portal.officer.desk.page import Page
from portal.officer.desk.site import Site, form_of, render, rendered, site_of
from portal.officer.desk.watch import look
from portal.officer.people.brought import BROUGHT, BroughtFile, open_brought
from portal.officer.people.words import tell_if_reached
from portal.officer.supervised.log import say_if_reached

FILMS = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/mp4", ".webm": "video/webm"}
"""What the page plays; everything else is only saved."""
_ALONE = "default-src 'none'; media-src 'self'; sandbox"


async def show(request: web.Request) -> web.Response:
    view = await look(request)
    case, person = view.person(request.match_info["request_id"])
    opening = request.config_dict[BROUGHT_OPENINGS].found.get(person.case.request_id)
    told = request.query.get("done") == "told"
    values: dict[str, Any] = {"films": tuple(FILMS), "what": BROUGHT, "results": RESULT_WORDS, "told": told}
    return render(request, "person.html", case=case, person=person, opening=opening, **values)


async def part(request: web.Request) -> web.Response:
    """How far it is, for the page's script."""
    request_id = request.match_info["request_id"]
    opening = request.config_dict[BROUGHT_OPENINGS].found.get(request_id)
    text = rendered(request, "brought_part.html", opening=opening, name=request_id, films=tuple(FILMS), what=BROUGHT)
    return answer_part(request, text)


async def begin(request: web.Request) -> web.Response:
    site, view = site_of(request), await look(request)
    _, person = view.person(request.match_info["request_id"])
    name = person.case.request_id
    request.config_dict[BROUGHT_OPENINGS].start(name, lambda: _open(site, name))
    raise web.HTTPSeeOther(f"/people/{name}")


async def _open(site: Site, request_id: str) -> list[BroughtFile]:
    found = await open_brought(site.state, site.client, request_id)
    await say_if_reached(site.client, [request_id], "opened")
    if (await asyncio.to_thread(site.state.setup)).tell_opened:
        await tell_if_reached(site.client, request_id)
    return found


async def outcome(request: web.Request) -> web.Response:
    site, view, form = site_of(request), await look(request), await form_of(request)
    _, person = view.person(request.match_info["request_id"])
    try:
        result = CaseResult(form.get("result", ""))
    except ValueError:
        raise InputInvalid("Nothing was chosen.", do="Choose one of the list.") from None
    await site.client.tell_person(person.case.request_id, result)
    raise web.HTTPSeeOther(f"/people/{person.case.request_id}?done=told")


async def serve(request: web.Request) -> web.StreamResponse:
    """A stranger's file: a film to be played, anything else to be saved, and never as a page."""
    found = request.config_dict[BROUGHT_OPENINGS].file(request.match_info["name"], request.match_info["file_id"])
    assert found.path is not None
    if not await asyncio.to_thread(found.path.is_file):
        raise NotFound("The file is not where it was left.", do="Open it again.")
    kind = FILMS.get(found.path.suffix, "application/octet-stream")
    headers = {"Content-Type": kind, "Content-Security-Policy": _ALONE, "Cache-Control": "no-store"}
    if kind not in FILMS.values() or request.query.get("save") == "yes":
        headers["Content-Disposition"] = f'attachment; filename="{found.path.name}"'
    return web.FileResponse(found.path, headers=headers)


PAGE = Page(
    routes=(
        web.get("/people/{request_id}", show),
        web.get("/people/{request_id}/part", part),
        web.post("/people/{request_id}/open", begin),
        web.post("/people/{request_id}/outcome", outcome),
        web.get("/brought/{name}/{file_id}", serve),
    ),
    set_up=set_up,
)
