"""What needs a supervisor: asked by an officer, signed or refused by a supervisor, then sent by the officer.

Not for: whether it needs one (``portal.officer.desk.pages.search``).
"""

import asyncio

from aiohttp import web

from exchange.documents.messages import Role, Stretch
from exchange.errors import NotFound, PortalRefused
from exchange.signing.documents import PublicKey
from portal.officer.connection import NoSuchCall
from portal.officer.crime import batches
from portal.officer.crime.spoken_times import show_window
from portal.officer.desk.finds import FINDS
from portal.officer.desk.page import Link, Page
from portal.officer.desk.site import form_of, render, site_of
from portal.officer.desk.watch import WATCH
from portal.officer.supervised import asked
from portal.officer.supervised.asked import Asked

_ROLES = (Role.OFFICER, Role.SUPERVISOR)
_SAID = {
    "signed": "You signed it. The officer may send the requests now.",
    "refused": "You refused it. The officer is told why.",
}


async def show(request: web.Request) -> web.Response:
    site, found = site_of(request), await _found(request)
    own = PublicKey.parse(site.officer.public_key)
    mine = [each for each in found if PublicKey.parse(each.officer.public_key) == own]
    waiting = [each for each in found if each not in mine] if site.officer.may(Role.SUPERVISOR) else []
    said = _SAID.get(request.query.get("done", ""), "")

    def spoken(stretch: Stretch) -> str:
        return show_window(stretch.window, site.zone)

    return render(request, "supervision.html", mine=mine, waiting=waiting, spoken=spoken, said=said)


async def sign(request: web.Request) -> web.Response:
    site, found = site_of(request), await _meant(request)
    await asked.sign(site.state, site.client, found, site.now())
    raise web.HTTPSeeOther("/supervision?done=signed")


async def refuse(request: web.Request) -> web.Response:
    found, form = await _meant(request), await form_of(request)
    await asked.refuse(site_of(request).client, found, form.get("reason", ""))
    raise web.HTTPSeeOther("/supervision?done=refused")


async def send(request: web.Request) -> web.Response:
    """What a supervisor signed, signed by the officer too, one request for each owner."""
    site, found = site_of(request), await _meant(request)
    signed = found.word.authorisation
    if found.waiting is None or signed is None or found.authorisation is None:
        raise NotFound("There is nothing here to send.", do="Look whether it is sent already: Requests.")
    batch = await batches.prepare(site.state, site.client, found.waiting.asking(signed), site.now())
    await asyncio.to_thread(asked.forget_waiting, site.state, found.asked.asked_id)
    await request.config_dict[FINDS].send(site.state, site.client, batch.batch_id, request.config_dict[WATCH].forget)
    raise web.HTTPSeeOther(f"/requests/{batch.batch_id}")


async def _found(request: web.Request) -> list[Asked]:
    site = site_of(request)
    try:
        items = await site.client.asked_authorisations()
    except NoSuchCall:
        raise PortalRefused(
            "This portal carries nothing to supervisors.",
            do="Give them a file: handover-officer area --draft FILE; they sign it with handover-officer authorise.",
        ) from None
    return await asyncio.to_thread(asked.read_asked, site.state, items, site.now())


async def _meant(request: web.Request) -> Asked:
    for each in await _found(request):
        if each.asked.asked_id == request.match_info["asked_id"]:
            return each
    raise NotFound("That does not wait any more.", do="Look at the list: another supervisor may have been first.")


PAGE = Page(
    routes=(
        web.get("/supervision", show),
        web.post("/supervision/{asked_id}/sign", sign),
        web.post("/supervision/{asked_id}/refuse", refuse),
        web.post("/supervision/{asked_id}/send", send),
    ),
    link=Link("/supervision", "Supervision", _ROLES),
)
