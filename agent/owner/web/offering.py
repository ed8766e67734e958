"""The page's form for telling the police, unasked, of a recording.

Not for: what becomes of it (``agent.requests.review.offering``).
"""

from datetime import datetime

from aiohttp import web

from agent.owner.web.forms import typed_window
from agent.owner.web.login import prove
from agent.owner.web.site import form_of, operate, render


def routes() -> list[web.RouteDef]:
    return [web.get("/offer", show), web.post("/offer", offer), web.post("/offer/end", end)]


async def show(request: web.Request) -> web.Response:
    return await _page(request, None)


async def _page(request: web.Request, made: dict[str, object] | None) -> web.Response:
    cameras = (await operate(request, "cameras"))["cameras"]
    offers = (await operate(request, "offers"))["offers"]
    today = f"{datetime.now().astimezone():%Y-%m-%d}"
    return render(request, "offer.html", cameras=cameras, offers=offers, made=made, today=today)


async def offer(request: web.Request) -> web.Response:
    posted, form = await request.post(), await form_of(request)
    await prove(request, form)
    window = typed_window(form)
    made = await operate(
        request, "offer",
        incident=form.get("kind", "").strip(), place=form.get("place", "").strip(),
        seen=form.get("seen", "").replace("\r\n", "\n").strip(),
        offered=[{"camera_id": str(camera), "window": window} for camera in posted.getall("camera", [])],
        send=not form.get("by_mail"),
    )  # fmt: skip
    return await _page(request, made)


async def end(request: web.Request) -> web.StreamResponse:
    await operate(request, "end-offer", offer_id=(await form_of(request)).get("offer_id", ""))
    raise web.HTTPSeeOther("/offer")
