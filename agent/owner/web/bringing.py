"""Files that the owner brings: the words to type into the other app, and taking the file in pieces.

Not for: what becomes of them (``agent.cameras.brought``).
"""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from agent.cameras import brought
from agent.owner.people.roles import Role, allows
from agent.owner.web.forms import typed_moment
from agent.owner.web.site import form_of, operate, render, session_of, site_of
from agent.requests.states import State
from agent.sources.registry import BY_HAND, setting_of
from exchange.errors import InputInvalid, NotPermitted

MOST_PIECE = 8 * 1024 * 1024

APPS = {
    "ring": "Open the Ring app: Menu, History, the camera, then the day. Choose the event, and Download.",
    "nest": "Open the Google Home app: the camera, History, the day. Choose the clip, the three dots, and Download.",
    "blink": "Open the Blink app: Clips, the camera, then the day. Choose the clip, Share, and save it.",
    "arlo": "Open the Arlo app: Feed, then the day. Choose the recording, the three dots, and Download.",
}
"""Where an app keeps its recordings; its makers may have moved it since."""
OTHER = "Open the app or recorder that has this recording, find the time, and save (or export) it as a file."


def routes() -> list[web.RouteDef]:
    return [
        web.get("/brought/{camera_id}", show),
        web.get("/brought/{camera_id}/piece", how_much),
        web.put("/brought/{camera_id}/piece", take),
        web.post("/brought/{camera_id}/done", done),
    ]


async def brought_cameras(request: web.Request) -> dict[str, str]:
    """The cameras whose footage is brought, and the words for each one's app."""
    async with site_of(request).agent.services.store.transaction() as tx:
        rows = [row for row in await tx.cameras() if setting_of(row).kind == BY_HAND]
    return {row.camera_id: APPS.get(str(setting_of(row).options.get("app", "")).lower(), OTHER) for row in rows}


async def show(request: web.Request) -> web.Response:
    found = await _brought(request)
    cameras = (await operate(request, "cameras"))["cameras"]
    (camera,) = [each for each in cameras if each["camera_id"] == found.camera_id]
    words = (await brought_cameras(request))[found.camera_id]
    back = request.query.get("request", "")
    return render(request, "bring.html", camera=camera, app_words=words, back=back if back.isprintable() else "")


async def _brought(request: web.Request) -> brought.Brought:
    if not allows(session_of(request).person.role, Role.APPROVER):
        raise NotPermitted("You may not bring recordings.", do="Ask an administrator.")
    return await brought.brought_of(site_of(request).agent.services, request.match_info["camera_id"])


async def how_much(request: web.Request) -> web.Response:
    """How many bytes of a file are here."""
    found = await _brought(request)
    name, upload_id = request.query.get("name", ""), request.query.get("id", "")
    return web.json_response({"bytes": await asyncio.to_thread(found.have, name, upload_id)})


async def take(request: web.Request) -> web.Response:
    """The next piece of a file, as the body."""
    found = await _brought(request)
    numbers = [request.query.get(name, "") for name in ("offset", "total")]
    if not all(number.isdecimal() and len(number) < 16 for number in numbers):
        raise InputInvalid("That is no piece of a file.", do="Load the page again.")
    offset, total = map(int, numbers)

    async def content() -> AsyncIterator[bytes]:
        async for piece, _ in request.content.iter_chunks():
            yield piece

    here = await found.take(
        request.query.get("name", ""), request.query.get("id", ""), offset, total, content(), MOST_PIECE
    )
    return web.json_response({"bytes": here})


async def done(request: web.Request) -> web.StreamResponse:
    """The whole file is here: when it begins, if the owner says so; and requests that wait look for it again."""
    found, form = await _brought(request), await form_of(request)
    agent = site_of(request).agent
    name = found.name_of(form.get("name", ""), form.get("id", ""))
    if form.get("start", "").strip():
        await brought.say_start(agent.inventory, found.camera_id, name, typed_moment(form["start"]))
    rows = (await operate(request, "requests"))["requests"]
    for row in rows:
        if row["state"] == State.ASKED:
            details = await operate(request, "show", request_id=row["request_id"])
            if any(camera["camera_id"] == found.camera_id for camera in details["plan"]["cameras"]):
                await operate(request, "look-again", request_id=row["request_id"])
    back = form.get("back", "")
    raise web.HTTPSeeOther(f"/requests/{back}" if back and back in {row["request_id"] for row in rows} else "/cameras")
