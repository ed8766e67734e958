"""The map: where and when, which cameras may have seen it, and what their owners are asked.

The page's script calls these with JSON. Not for: sending, and how far it is (``portal.officer.desk.pages.requests``).
"""

import asyncio
import json
from typing import Any

from aiohttp import web

from exchange.documents.api import FoundCamera
from exchange.documents.letters import harmless
from exchange.documents.messages import Place, Signed
from exchange.errors import DocumentInvalid, InputInvalid
from exchange.signing.authorisations import AuthorisationInvalid
from exchange.signing.documents import parse_strictly
from portal.officer import trust
from portal.officer.crime import batches, texts
from portal.officer.crime.batches import Asking
from portal.officer.crime.shapes import find, read_shape
from portal.officer.crime.spoken_times import read_window, show_window
from portal.officer.desk.finds import FINDS, Finds, Found, set_up
from portal.officer.desk.page import Link, Page
from portal.officer.desk.site import Site, render, site_of
from portal.officer.desk.watch import WATCH
from portal.officer.supervised.asked import ask_supervisors
from portal.officer.supervised.rules import rules_for
from portal.officer.times import show_time

MOST_AUTHORISATION = 512 * 1024
Json = dict[str, Any]


async def show(request: web.Request) -> web.Response:
    site = site_of(request)
    begun = await asyncio.to_thread(_unfinished, site)
    given = {"has_addresses": site.geocoder is not None, "has_tiles": site.tiles is not None}
    return render(request, "search.html", unfinished=begun, tiles_by=site.settings.tiles_by, **given)


async def known_texts(request: web.Request) -> web.Response:
    """What was written before, and the templates, for the form to be filled from."""
    site = site_of(request)
    remembered = await asyncio.to_thread(texts.remembered, site.state)
    templates = await asyncio.to_thread(texts.templates, site.state)
    return web.json_response(
        {
            "crimes": [each.model_dump(mode="json", exclude_none=True) for each in remembered],
            "templates": [each.model_dump(mode="json", exclude_none=True) for each in templates],
        }
    )


async def read_times(request: web.Request) -> web.Response:
    """The window that a time means, said back."""
    site = site_of(request)
    window = read_window(_text(await _body(request), "time"), site.zone, site.now())
    return web.json_response({"shown": show_window(window, site.zone)})


async def find_places(request: web.Request) -> web.Response:
    """Places by what people call them, from the force's gazetteer."""
    site, said = site_of(request), request.query.get("q", "")
    found = [] if site.geocoder is None else await asyncio.to_thread(site.geocoder.find, said)
    return web.json_response(
        {"places": [{"text": each.text, "latitude": each.latitude, "longitude": each.longitude} for each in found]}
    )


async def search(request: web.Request) -> web.Response:
    site, body = site_of(request), await _body(request)
    crime = _text(body, "crime_reference")
    if not crime:
        raise InputInvalid(
            "The crime reference is missing.", do="Write it: each search is kept with it, your name and the place."
        )
    window = read_window(_text(body, "time"), site.zone, site.now())
    shape = read_shape(body.get("shape"))
    result = await find(site.client, shape, crime, window)
    await asyncio.to_thread(trust.remember, site.state, result)
    return web.json_response(
        {
            "search": _finds(request).keep(Found(result, shape, window)),
            "shown": show_window(window, site.zone),
            "truncated": result.truncated,
            "cameras": [_camera(site, camera) for camera in result.cameras],
        }
    )


async def summarise(request: web.Request) -> web.Response:
    """Whether a supervisor is needed for what is chosen, and why; or most owners' programs want one all the same."""
    body = await _body(request)
    found, cameras = _chosen(request, body)
    rules = await rules_for(site_of(request).client, cameras)
    return web.json_response(
        {
            "reasons": batches.why_supervised(cameras, found.window, rules),
            "warnings": batches.why_refused(cameras, found.window, rules),
        }
    )


async def ask(request: web.Request) -> web.Response:
    """Sign a request for each owner, and begin to send them."""
    site, body = site_of(request), await _body(request)
    asking, _ = _asking(request, body)
    await asyncio.to_thread(texts.remember, site.state, asking.text)
    try:
        batch = await batches.prepare(site.state, site.client, asking, site.now())
    except AuthorisationInvalid as error:
        do = "Press Ask a supervisor: those of your unit see it on their desk."
        raise AuthorisationInvalid(error.what, meaning=error.meaning, do=do) from None
    await _finds(request).send(site.state, site.client, batch.batch_id, request.config_dict[WATCH].forget)
    return web.json_response({"to": f"/requests/{batch.batch_id}"})


async def ask_supervisor(request: web.Request) -> web.Response:
    """Have the supervisors of the unit asked for the same; nothing of it goes to an owner."""
    site, body = site_of(request), await _body(request)
    asking, middle = _asking(request, body)
    await asyncio.to_thread(texts.remember, site.state, asking.text)
    await ask_supervisors(site.state, site.client, asking, middle, site.now())
    return web.json_response({"to": "/supervision"})


def _asking(request: web.Request, body: Json) -> tuple[Asking, tuple[float, float]]:
    """What is to be asked, and the middle of where."""
    text = texts.read_text(body.get("text"))
    found, cameras = _chosen(request, body)
    if not cameras:
        raise InputInvalid("No camera is chosen.", do="Choose one at least.")
    latitude, longitude = found.shape.middle
    asking = Asking(
        text=text,
        window=found.window,
        cameras=cameras,
        location=Place(latitude=latitude, longitude=longitude) if found.shape.kind == "circle" else None,
        authorisation=_authorisation(_text(body, "authorisation")),
        accept_changed=body.get("accept_changed") is True,
    )
    return asking, (latitude, longitude)


def _chosen(request: web.Request, body: Json) -> tuple[Found, tuple[FoundCamera, ...]]:
    found, chosen = _finds(request).search(body.get("search")), body.get("chosen")
    cameras = found.result.cameras
    if not isinstance(chosen, list) or not all(type(each) is int and 0 <= each < len(cameras) for each in chosen):
        raise InputInvalid("These cameras were not found.", do="Press Find cameras again.")
    return found, tuple(cameras[each] for each in sorted(set(chosen)))


def _authorisation(text: str) -> Signed | None:
    if not text:
        return None
    try:
        return parse_strictly(text.encode(), Signed, MOST_AUTHORISATION)
    except DocumentInvalid:
        raise InputInvalid(
            "This is no supervisor's authorisation.", do="Choose the file that your supervisor made for you."
        ) from None


def _camera(site: Site, camera: FoundCamera) -> Json:
    since = None if camera.recordings_since is None else show_time(camera.recordings_since, site.zone)[:10]
    heard = None if camera.last_seen is None else show_time(camera.last_seen, site.zone)[:16]
    return {
        "owner": camera.device,
        "kind": camera.owner_kind,
        "label": harmless(camera.label),
        "place": harmless(camera.place.description or ""),
        "latitude": camera.place.latitude,
        "longitude": camera.place.longitude,
        "direction": camera.direction,
        "field_of_view": camera.field_of_view,
        "range_m": camera.range_m,
        "distance_m": camera.distance_m,
        "looks": camera.looks_at_place,
        "sound": camera.sound,
        "footage": camera.footage,
        "since": since,
        "heard": heard,
    }


def _unfinished(site: Site) -> list[batches.Progress]:
    return [each for each in batches.all_batches(site.state)[:50] if not (each.is_done or each.is_left)]


def _finds(request: web.Request) -> Finds:
    return request.config_dict[FINDS]


def _text(body: Json, name: str) -> str:
    value = body.get(name, "")
    return value.strip() if isinstance(value, str) else ""


async def _body(request: web.Request) -> Json:
    try:
        found = await request.json()
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InputInvalid("The page's script sent what is not understood.", do="Reload the page.")
    return found


PAGE = Page(
    routes=(
        web.get("/", show),
        web.get("/texts", known_texts),
        web.get("/places", find_places),
        web.post("/times", read_times),
        web.post("/search", search),
        web.post("/summary", summarise),
        web.post("/ask", ask),
        web.post("/ask-supervisor", ask_supervisor),
    ),
    link=Link("/", "Map"),
    set_up=set_up,
)
