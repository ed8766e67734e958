"""Public appeals: made, closed, put on posters; and what came in answer, looked through from the oldest on.

Not for: how a stranger's file is shown (``portal.officer.desk.pages.people``).
"""

from typing import Any

from aiohttp import web

from exchange.clock import Window, to_rfc3339
from exchange.documents.people.appeals import Mark
from exchange.errors import InputInvalid
from portal.officer.connection import NoSuchCall
from portal.officer.crime.spoken_times import read_window, show_window
from portal.officer.desk.brought import BROUGHT_OPENINGS
from portal.officer.desk.live import answer_part
from portal.officer.desk.page import Link, Page
from portal.officer.desk.pages.people import FILMS
from portal.officer.desk.site import Site, form_of, render, rendered, site_of
from portal.officer.people.appealing import (
    AppealQueue,
    AppealText,
    make_appeal,
    open_contribution,
    poster_code,
    read_queue,
    title_of,
)
from portal.officer.people.brought import BROUGHT, BroughtFile
from portal.officer.supervised.log import say_if_reached

_MARKS = {Mark.RELEVANT: "Relevant", Mark.NOT_RELEVANT: "Not relevant", Mark.DUPLICATE: "We have it already"}
_FIELDS = ("crime_reference", "title", "area", "description", "when", "days")


async def show_all(request: web.Request) -> web.Response:
    return await _list(request, {})


async def _list(request: web.Request, fields: dict[str, str], wrong: str = "") -> web.Response:
    try:
        found = await site_of(request).client.all_appeals()
    except NoSuchCall:
        found = []
    listed = [(each.address.rpartition("/")[2], title_of(each), each.closed) for each in found]
    shown = {"days": "28"} | fields
    return render(request, "appeals.html", 422 if wrong else 200, appeals=listed, fields=shown, wrong=wrong)


async def make(request: web.Request) -> web.Response:
    site, form = site_of(request), await form_of(request)
    fields = {name: form.get(name, "").replace("\r\n", "\n").strip() for name in _FIELDS}
    try:
        made = await make_appeal(site.state, site.client, _text(site, fields), site.now())
    except InputInvalid as error:
        return await _list(request, fields, f"{error.what} {error.do}")
    raise web.HTTPSeeOther(f"/appeals/{made.address.rpartition('/')[2]}")


def _text(site: Site, fields: dict[str, str]) -> AppealText:
    days = fields["days"]
    if not days.isdecimal() or not 1 <= int(days) <= 365:
        raise InputInvalid("How many days the page is there can't be read.", do="Write a number, such as 28.")
    window: Window = read_window(fields["when"], site.zone, site.now())
    texts = (fields["crime_reference"], fields["title"], fields["area"], fields["description"])
    return AppealText(*texts, window, int(days))


async def show(request: web.Request) -> web.Response:
    """The queue: what nobody marked yet first, or everything (``?all=yes``)."""
    site, queue = site_of(request), await _queue(request)
    every = request.query.get("all") == "yes"
    queued = [each for each in queue.queued if every or each.contribution.mark is None]
    values: dict[str, Any] = {
        "queue": queue,
        "queued": queued,
        "every": every,
        "marks": _MARKS,
        "openings": request.config_dict[BROUGHT_OPENINGS].found,
        "when": show_window(queue.appeal.happened.window, site.zone),
        "films": tuple(FILMS),
        "what": BROUGHT,
    }
    return render(request, "appeal.html", **values)


async def part(request: web.Request) -> web.Response:
    """How far one contribution is, for the page's script."""
    name = request.match_info["contribution_id"]
    opening = request.config_dict[BROUGHT_OPENINGS].found.get(name)
    text = rendered(request, "brought_part.html", opening=opening, name=name, films=tuple(FILMS), what=BROUGHT)
    return answer_part(request, text)


async def begin(request: web.Request) -> web.Response:
    site, queue, name = site_of(request), await _queue(request), request.match_info["contribution_id"]
    queue.named(name)
    request.config_dict[BROUGHT_OPENINGS].start(name, lambda: _open(site, queue, name))
    raise web.HTTPSeeOther(_at(request, name))


async def _open(site: Site, queue: AppealQueue, contribution_id: str) -> list[BroughtFile]:
    found = await open_contribution(site.state, site.client, queue, contribution_id)
    await say_if_reached(site.client, [queue.appeal.appeal_id], "opened")
    return found


async def mark(request: web.Request) -> web.Response:
    site, said = site_of(request), (await form_of(request)).get("mark", "")
    chosen = next((each for each in Mark if each.value == said), None)
    if chosen is None and said != "none":
        raise InputInvalid("Nothing was chosen.", do="Choose one of the buttons.")
    name = request.match_info["contribution_id"]
    await site.client.mark_contribution(request.match_info["appeal_id"], name, chosen)
    raise web.HTTPSeeOther(_at(request, name if chosen is None else ""))


async def close(request: web.Request) -> web.Response:
    await site_of(request).client.close_appeal(request.match_info["appeal_id"])
    raise web.HTTPSeeOther(_at(request))


async def poster(request: web.Request) -> web.Response:
    site, queue = site_of(request), await _queue(request)
    when = show_window(queue.appeal.happened.window, site.zone)
    return render(request, "poster.html", queue=queue, when=when, until=to_rfc3339(queue.appeal.expires)[:10])


async def code(request: web.Request) -> web.Response:
    """The QR code as a picture."""
    found = await site_of(request).client.appeal(request.match_info["appeal_id"])
    return web.Response(text=poster_code(found.address), content_type="image/svg+xml")


async def _queue(request: web.Request) -> AppealQueue:
    site = site_of(request)
    return await read_queue(site.state, site.client, request.match_info["appeal_id"])


def _at(request: web.Request, contribution_id: str = "") -> str:
    every = "?all=yes" if request.query.get("all") == "yes" else ""
    anchor = f"#c-{contribution_id}" if contribution_id else ""
    return f"/appeals/{request.match_info['appeal_id']}{every}{anchor}"


_ID = r"{contribution_id:[a-z0-9][a-z0-9-]{0,63}}"
PAGE = Page(
    routes=(
        web.get("/appeals", show_all),
        web.post("/appeals", make),
        web.get("/appeals/{appeal_id}", show),
        web.post("/appeals/{appeal_id}/close", close),
        web.get("/appeals/{appeal_id}/poster", poster),
        web.get("/appeals/{appeal_id}/code.svg", code),
        web.get(f"/appeals/{{appeal_id}}/{_ID}/part", part),
        web.post(f"/appeals/{{appeal_id}}/{_ID}/open", begin),
        web.post(f"/appeals/{{appeal_id}}/{_ID}/mark", mark),
    ),
    link=Link("/appeals", "Appeals"),
)
