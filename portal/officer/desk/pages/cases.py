"""All cases and what is new in them; one case with all its requests, and how each stands.

Not for: one package (``portal.officer.desk.pages.packages``), or playing (``portal.officer.desk.pages.player``).
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from exchange.documents.messages import Stretch
from portal.officer.casework.seen import News, all_news, mark_seen
from portal.officer.casework.standing import CaseStanding, case_id
from portal.officer.crime.batches import all_batches
from portal.officer.crime.spoken_times import show_window
from portal.officer.desk.brought import BROUGHT_OPENINGS, BroughtOpening
from portal.officer.desk.live import answer_part
from portal.officer.desk.openings import OPENINGS, Opening
from portal.officer.desk.page import Link, Page
from portal.officer.desk.site import render, rendered, site_of
from portal.officer.desk.watch import View, look, news_of, set_up


async def show_all(request: web.Request) -> web.Response:
    view = await look(request)
    news = await asyncio.to_thread(news_of, site_of(request), view)
    return render(request, "cases.html", view=view, news=_grouped(news))


async def part_of_all(request: web.Request) -> web.Response:
    """What is live of the list, or 304 for a page that shows it already."""
    view = await look(request)
    news = await asyncio.to_thread(news_of, site_of(request), view)
    return answer_part(request, rendered(request, "cases_part.html", view=view, news=_grouped(news)))


async def see_all(request: web.Request) -> web.Response:
    site, view = site_of(request), await look(request)
    await asyncio.to_thread(mark_seen, site.state, view.news)
    raise web.HTTPSeeOther("/cases")


async def show(request: web.Request) -> web.Response:
    """Looking at a case, its news are seen; this one time they are still marked."""
    site, view = site_of(request), await look(request)
    case, values = await _case(request, view)
    facts = all_news(case.requests, view.replies, case.people)
    fresh = {each.request_id for each in await asyncio.to_thread(news_of, site, view)}
    await asyncio.to_thread(mark_seen, site.state, facts)
    return render(
        request, "case.html", view=view, fresh=fresh, openings=_openings(request), brought=_brought(request), **values
    )


async def part_of_case(request: web.Request) -> web.Response:
    view = await look(request)
    _, values = await _case(request, view)
    openings = _openings(request)
    for opening in openings.values():
        await opening.look()
    return answer_part(
        request,
        rendered(
            request, "case_part.html", view=view, fresh=(), openings=openings, brought=_brought(request), **values
        ),
    )


async def open_all(request: web.Request) -> web.Response:
    """Fetch and check every package of the case that isn't open in this run."""
    site, view = site_of(request), await look(request)
    case = view.case(request.match_info["case_id"])
    openings = request.config_dict[OPENINGS]
    for each in case.requests:
        for package in each.packages if each.answer is not None else ():
            assert each.answer is not None
            if openings.opened(package.delivery) is None:
                openings.start(site, each.answer, package.delivery)
    raise web.HTTPSeeOther(f"/cases/{case.case_id}")


async def _case(request: web.Request, view: View) -> tuple[CaseStanding, dict[str, Any]]:
    """The case, or what of it was asked at once (``?area=``), and what its templates need for it."""
    site, case = site_of(request), view.case(request.match_info["case_id"])
    found = await asyncio.to_thread(all_batches, site.state)
    areas = [each.batch for each in found if each.batch.crime_reference == case.crime_reference]
    chosen = next((area for area in areas if area.batch_id == request.query.get("area")), None)
    if chosen is not None:
        wanted = {each.request_id for each in chosen.sendings}
        requests = tuple(each for each in case.requests if each.case.request_id in wanted)
        case = replace(case, requests=requests, people=())
    asked = {each.request_id: each for area in areas for each in area.sendings}
    windows = {area.batch_id: show_window(area.window.window, site.zone) for area in areas}
    spoken = _spoken(site.zone)
    return case, {"spoken": spoken, "case": case, "areas": areas, "area": chosen, "asked": asked, "windows": windows}


def _spoken(zone: ZoneInfo) -> Callable[[Stretch], str]:
    return lambda stretch: show_window(stretch.window, zone)


def _openings(request: web.Request) -> dict[str, Opening]:
    return dict(request.config_dict[OPENINGS].found)


def _brought(request: web.Request) -> dict[str, BroughtOpening]:
    return dict(request.config_dict[BROUGHT_OPENINGS].found)


def _grouped(news: list[News]) -> list[tuple[str, str, list[str]]]:
    """By request: the case's id, its crime reference, and what is new in words."""
    found: dict[str, tuple[str, str, list[str]]] = {}
    for each in news:
        found.setdefault(each.request_id, (case_id(each.crime_reference), each.crime_reference, []))[2].append(
            each.text
        )
    return list(found.values())


PAGE = Page(
    routes=(
        web.get("/cases", show_all),
        web.get("/cases/part", part_of_all),
        web.post("/cases/seen", see_all),
        web.get("/cases/{case_id}", show),
        web.get("/cases/{case_id}/part", part_of_case),
        web.post("/cases/{case_id}/open", open_all),
    ),
    link=Link("/cases", "Cases"),
    set_up=set_up,
)
