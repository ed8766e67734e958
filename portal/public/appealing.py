"""The page of a public appeal, which everybody may see: what is looked for, and how to send it.

Not for: what is sent (``portal.people.contributing``), or the script that seals it (``portal/public/script``).
"""

from aiohttp import web

from portal.people import contributing
from portal.public.link_script import LINK_SCRIPT
from portal.public.site import render
from portal.service import Call


async def show(call: Call) -> web.StreamResponse:
    """The same for everybody, whatever was sent by now."""
    name = call.named("appeal_id")
    found = await call.portal.db.read(lambda session: contributing.shown(session, name, call.now))
    script = call.request.app[LINK_SCRIPT]
    return render(call.portal, "appeal.html", found=found, script=script)
