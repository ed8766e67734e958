"""Setting cameras up on the page: found or by their address, placed on the plan, turned beside their picture; and what
officers may find of them.

Not for: the work (``agent.cameras``), or a recorder's many channels (``recorder_pages``).
"""

import base64

from aiohttp import web

from agent.cameras.stored import registration_of
from agent.owner.operations.context import Json
from agent.owner.web.login import prove
from agent.owner.web.site import form_of, operate, render, site_of, words_of
from exchange.documents.messages import CameraRegistration
from exchange.errors import HandoverError, InputInvalid, NotFound
from exchange.package.drawing import plan


def routes() -> list[web.RouteDef]:
    return [
        web.get("/cameras/add", show_add),
        web.post("/cameras/find", find),
        web.post("/cameras/add", add),
        web.get("/cameras/known", show_known),
        web.get("/cameras/{camera_id}", show_camera),
        web.post("/cameras/{camera_id}", change),
        web.post("/cameras/{camera_id}/remove", remove),
        web.get("/cameras/{camera_id}/now.jpg", now_picture),
    ]


async def show_add(request: web.Request) -> web.Response:
    return await _add_page(request, {"address": request.query.get("address", "")}, None, [])


async def _add_page(
    request: web.Request, form: dict[str, str], wrong: HandoverError | None, found: list[Json]
) -> web.Response:
    empty = dict.fromkeys(("looked", "address", "camera_id", "label", "user", "latitude", "longitude", "source"), "")
    unconfirmed = wrong is not None and "--certificate " in wrong.do
    return render(
        request, "add_camera.html", status_code=200 if wrong is None else 409, wrong=wrong, found=found,
        form=empty | await near_the_last(request) | form,
        certificate=wrong.do.rpartition(" ")[2] if wrong is not None and unconfirmed else "",
    )  # fmt: skip


async def near_the_last(request: web.Request) -> dict[str, str]:
    """Where the next camera probably stands: near the one before."""
    last = (await _registrations(request))[-1:]
    return {"latitude": str(last[0].place.latitude), "longitude": str(last[0].place.longitude)} if last else {}


async def _registrations(request: web.Request) -> list[CameraRegistration]:
    async with site_of(request).agent.services.store.transaction() as tx:
        return [registration_of(row) for row in await tx.cameras()]


async def find(request: web.Request) -> web.Response:
    found = (await operate(request, "discover", seconds=4.0))["cameras"]
    return await _add_page(request, {"looked": "yes"}, None, [each for each in found if not each["added"]])


async def add(request: web.Request) -> web.StreamResponse:
    form = await form_of(request)
    new: Json = {name: form.get(name, "").strip() for name in ("camera_id", "address", "label")}
    new |= {name: number(form, name) for name in ("latitude", "longitude")}
    new |= {name: form[name] for name in ("user", "password", "certificate", "source") if form.get(name)}
    try:
        await operate(request, "add-camera", **new)
    except HandoverError as error:
        return await _add_page(request, {name: value for name, value in form.items() if name != "password"}, error, [])
    raise web.HTTPSeeOther(f"/cameras/{new['camera_id']}")


def number(form: dict[str, str], name: str) -> float:
    try:
        return float(form.get(name, "").replace(",", "."))
    except ValueError:
        raise InputInvalid("A number is missing, or is none.", do="Go back, and type it again.") from None


async def show_camera(request: web.Request) -> web.Response:
    camera_id = request.match_info["camera_id"]
    registrations = await _registrations(request)
    camera = next((each for each in registrations if each.camera_id == camera_id), None)
    if camera is None:
        raise NotFound("There is no such camera.", do="Go back.")
    drawn = plan(registrations, frozenset({camera_id}), None, words_of(request))
    async with site_of(request).agent.services.store.transaction() as tx:
        row = await tx.camera(camera_id)
    live = row is not None and bool(row.stream_uri)
    trouble = site_of(request).agent.inventory.footage_sources.trouble(camera_id)
    return render(request, "camera.html", camera=camera, plan=drawn, live=live, trouble=trouble)


async def change(request: web.Request) -> web.StreamResponse:
    form, camera_id = await form_of(request), request.match_info["camera_id"]
    numbers: Json = {
        name: number(form, name)
        for name in ("latitude", "longitude", "direction", "field_of_view")
        if form.get(name, "").strip()
    }
    if "direction" in numbers:
        numbers["direction"] %= 360
    label = form.get("label", "").strip() or None
    await operate(request, "change-camera", camera_id=camera_id, label=label, **numbers)
    raise web.HTTPSeeOther(f"/cameras/{camera_id}")


async def remove(request: web.Request) -> web.StreamResponse:
    await prove(request, await form_of(request))
    await operate(request, "remove-camera", camera_id=request.match_info["camera_id"])
    raise web.HTTPSeeOther("/cameras")


async def now_picture(request: web.Request) -> web.Response:
    """What the camera sees now."""
    shot = await operate(request, "snapshot", camera_id=request.match_info["camera_id"])
    return web.Response(body=base64.b64decode(shot["jpeg"]), content_type="image/jpeg")


async def show_known(request: web.Request) -> web.Response:
    return render(request, "known.html", known=await operate(request, "known-to-officers"))
