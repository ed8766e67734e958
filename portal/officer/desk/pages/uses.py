"""For auditors: the log of use, checked from its first line; its head, signed; and how much of their quotas is used.

Not for: how it is checked (``portal.officer.supervised.reading``).
"""

from aiohttp import web

from exchange.documents.messages import Role
from exchange.documents.supervision import Quotas
from exchange.errors import CustodyBroken, DocumentInvalid, NotPermitted, SignatureInvalid
from portal.officer.connection import NoSuchCall
from portal.officer.desk.live import answer_part
from portal.officer.desk.page import Link, Page
from portal.officer.desk.readings import READINGS, Reading, set_up
from portal.officer.desk.site import Site, render, rendered, site_of
from portal.officer.supervised.reading import sign_log


async def show(request: web.Request) -> web.Response:
    site, crime = _auditors(request), request.query.get("crime", "").strip()
    reading, broken = Reading(crime), None
    try:
        reading = await request.config_dict[READINGS].of(site, crime)
    except (CustodyBroken, SignatureInvalid, DocumentInvalid) as error:
        broken = error
    return render(
        request,
        "audit.html",
        reading=reading,
        uses=list(reversed(reading.shown)),
        count=reading.count if crime else reading.lines,
        lines=reading.lines,
        crime=crime,
        broken=broken,
        signed=reading.signed,
        quotas=await _quotas(site),
        done=request.query.get("done") == "signed",
    )


async def part(request: web.Request) -> web.Response:
    """How far it is, for the page's script."""
    _auditors(request)
    reading = request.config_dict[READINGS].running(request.query.get("crime", "").strip())
    return answer_part(request, rendered(request, "audit_part.html", reading=reading))


async def sign(request: web.Request) -> web.Response:
    """What was not checked here yet is, before all of it is signed."""
    site = _auditors(request)
    await sign_log(site.state, site.client, site.now())
    raise web.HTTPSeeOther("/audit?done=signed")


def _auditors(request: web.Request) -> Site:
    site = site_of(request)
    if not site.officer.may(Role.AUDITOR):
        raise NotPermitted("The log of use is for auditors.", do="Ask the force for that role.")
    return site


async def _quotas(site: Site) -> Quotas | None:
    try:
        return await site.client.quotas()
    except NoSuchCall:
        return None


PAGE = Page(
    routes=(web.get("/audit", show), web.get("/audit/part", part), web.post("/audit/sign", sign)),
    link=Link("/audit", "Log of use", (Role.AUDITOR,)),
    set_up=set_up,
)
