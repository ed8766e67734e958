"""What was asked of many owners at once: whether all of it is sent, and sending what is not.

Not for: what owners answer.
"""

import asyncio
import json

from aiohttp import web

from portal.officer.casework.standing import case_id
from portal.officer.crime import batches
from portal.officer.crime.spoken_times import show_window
from portal.officer.desk.finds import FINDS
from portal.officer.desk.page import Link, Page
from portal.officer.desk.site import render, site_of
from portal.officer.desk.watch import WATCH

_EVERY = 0.3
_LONGEST = 2000
"""Looks; then the browser comes again by itself."""
_STILL_THERE = 50
"""Looks without news after which a comment tells that the line is open."""


async def show_all(request: web.Request) -> web.Response:
    site = site_of(request)
    found = await asyncio.to_thread(batches.all_batches, site.state)
    shown = [(each, show_window(each.batch.window.window, site.zone)) for each in found]
    return render(request, "batches.html", found=shown)


async def show(request: web.Request) -> web.Response:
    site, batch_id = site_of(request), request.match_info["batch_id"]
    progress, is_sent = await request.config_dict[FINDS].progress(site.state, batch_id)
    shown = show_window(progress.batch.window.window, site.zone)
    batch = progress.batch
    case = case_id(batch.crime_reference)
    return render(request, "batch.html", progress=progress, batch=batch, is_sent=is_sent, shown=shown, case_id=case)


async def send(request: web.Request) -> web.Response:
    """Send what is not sent yet."""
    site, batch_id = site_of(request), request.match_info["batch_id"]
    await request.config_dict[FINDS].send(site.state, site.client, batch_id, request.config_dict[WATCH].forget)
    raise web.HTTPSeeOther(f"/requests/{batch_id}")


async def leave(request: web.Request) -> web.Response:
    """Send no more of it."""
    site, batch_id = site_of(request), request.match_info["batch_id"]
    await request.config_dict[FINDS].leave(site.state, batch_id)
    raise web.HTTPSeeOther(f"/requests/{batch_id}")


async def events(request: web.Request) -> web.StreamResponse:
    """How far sending is, as server-sent events, until it has ended."""
    site, batch_id = site_of(request), request.match_info["batch_id"]
    finds = request.config_dict[FINDS]
    await finds.progress(site.state, batch_id)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    before = ""
    for look in range(_LONGEST):
        progress, is_sent = await finds.progress(site.state, batch_id)
        news = json.dumps(
            {
                "sent": sorted(progress.sent),
                "failed": progress.failed,
                "trouble": progress.trouble,
                "ended": not is_sent,
                "login": progress.needs_login,
            }
        )
        if news != before:
            await response.write(f"data: {news}\n\n".encode())
            before = news
        elif look % _STILL_THERE == 0:
            await response.write(b": still there\n\n")
        if not is_sent:
            break
        await asyncio.sleep(_EVERY)
    return response


PAGE = Page(
    routes=(
        web.get("/requests", show_all),
        web.get("/requests/{batch_id}", show),
        web.post("/requests/{batch_id}/send", send),
        web.post("/requests/{batch_id}/leave", leave),
        web.get("/requests/{batch_id}/events", events),
    ),
    link=Link("/requests", "Requests"),
)
