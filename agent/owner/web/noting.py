"""The page's form for a request that came by no portal, and the files that are made for it.

Not for: reviewing it, which is as with any other (``review``).
"""

from datetime import datetime

from aiohttp import web

from agent.deliveries.laying_out import ready_files
from agent.owner.web.forms import typed_window
from agent.owner.web.login import prove
from agent.owner.web.site import form_of, operate, render, site_of
from exchange.documents.exhibits import typed_prefix
from exchange.documents.noted import IDENTIFIED_WORDS, Identified, Offered
from exchange.errors import NotFound


def routes() -> list[web.RouteDef]:
    return [
        web.get("/new", show_form),
        web.post("/new", note_request),
        web.get("/requests/{request_id}/files/{name}", load_file),
        web.post("/requests/{request_id}/receipt", note_receipt),
    ]


async def show_form(request: web.Request) -> web.Response:
    cameras = (await operate(request, "cameras"))["cameras"]
    today = f"{datetime.now().astimezone():%Y-%m-%d}"
    return render(request, "new.html", cameras=cameras, identified=IDENTIFIED_WORDS, today=today)


async def note_request(request: web.Request) -> web.StreamResponse:
    posted = await request.post()
    form = await form_of(request)
    chosen = [str(each) for each in posted.getall("camera", [])]
    window = typed_window(form)
    sound = bool(form.get("sound"))
    way: dict[str, object] = {"form": form.get("form", Offered.PACKAGE)}
    if form.get("most", "").strip().isdecimal():
        way |= {"form": Offered.RECORDINGS, "most_bytes": int(form["most"]) * 1_000_000}
    named = {
        "name": form.get("who"),
        "force": form.get("force"),
        "collar_number": form.get("number"),
        "contact": form.get("contact"),
        "identified": form.get("identified", Identified.NOT_IDENTIFIED),
        "identified_note": form.get("identified_note"),
    }
    reply = await operate(
        request, "note-request",
        officer={name: value.strip() for name, value in named.items() if value and value.strip()},
        crime_reference=form.get("case", "").strip(),
        asked=[{"camera_id": camera, "window": window, "sound": sound} for camera in chosen],
        kind=form.get("kind", "").strip() or None,
        place=form.get("place", "").strip() or None,
        way=way,
        exhibit_prefix=typed_prefix(form.get("exhibit")),
    )  # fmt: skip
    raise web.HTTPSeeOther(f"/requests/{reply['request_id']}")


async def load_file(request: web.Request) -> web.StreamResponse:
    """One of the files that lie ready, to be handed on by the owner."""
    request_id, name = request.match_info["request_id"], request.match_info["name"]
    await operate(request, "files", request_id=request_id)
    files = await ready_files(site_of(request).agent.services, request_id)
    path = next((file.path for file in files if file.name == name), None)
    if path is None:
        raise NotFound("There is no such file.")
    response = web.FileResponse(path, headers={"Content-Disposition": f'attachment; filename="{name}"'})
    response.headers["Cache-Control"] = "no-store"
    return response


async def note_receipt(request: web.Request) -> web.StreamResponse:
    form = await form_of(request)
    await prove(request, form)
    request_id = request.match_info["request_id"]
    await operate(
        request, "note-receipt", request_id=request_id, taken_by=form.get("taken_by", ""), how=form.get("how", "")
    )
    raise web.HTTPSeeOther(f"/requests/{request_id}")
