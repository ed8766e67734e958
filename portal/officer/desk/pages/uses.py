"""For auditors: the log of use, checked from its first line; its head, signed; and how much of their quotas is used.

Not for: how it is checked (``portal.officer.supervised.reading``).
"""

from collections import deque
from collections.abc import Sequence

from aiohttp import web

from exchange.custody.uses import Use
from exchange.documents.messages import Role
from exchange.documents.supervision import Quotas
from exchange.errors import CustodyBroken, DocumentInvalid, NotPermitted, SignatureInvalid
from portal.officer.connection import NoSuchCall
from portal.officer.desk.page import Link, Page
from portal.officer.desk.site import Site, render, site_of
from portal.officer.supervised.log import signed_log
from portal.officer.supervised.reading import read_log, sign_log

MOST_LINES = 500
"""Shown at once, the newest first."""


async def show(request: web.Request) -> web.Response:
    site, crime = _auditors(request), request.query.get("crime", "").strip()
    shown: deque[Use] = deque(maxlen=MOST_LINES)
    lines, count, signed, broken = 0, 0, None, None

    def take(uses: Sequence[Use]) -> None:
        nonlocal count
        found = [use for use in uses if crime in ("", use.crime_reference)]
        count += len(found)
        shown.extend(found)

    try:
        first = 0 if crime else -MOST_LINES
        lines, _ = await read_log(site.state, site.client, site.now(), take, first=first)
        signed = await signed_log(site.state, site.client)
    except (CustodyBroken, SignatureInvalid, DocumentInvalid) as error:
        broken = error
    return render(
        request,
        "audit.html",
        uses=list(reversed(shown)),
        count=count if crime else lines,
        lines=lines,
        crime=crime,
        broken=broken,
        signed=signed,
        quotas=await _quotas(site),
        done=request.query.get("done") == "signed",
    )


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
    routes=(web.get("/audit", show), web.post("/audit/sign", sign)),
    link=Link("/audit", "Log of use", (Role.AUDITOR,)),
)
