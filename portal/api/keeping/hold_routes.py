"""The calls of legal holds, retention and room: what each does, and their rows of the table of calls.

Not for: what a hold is (``portal.keeping.holds``).
"""

from aiohttp import web

from exchange.documents import api
from exchange.documents.keeping.holds import HoldLifted, HoldPlaced, Holds, HoldsQuery, HoldStands, Retention
from exchange.documents.keeping.room import PortalRoom
from exchange.documents.messages import Signed
from portal.api.route import Route, Who
from portal.keeping import holds
from portal.service import Call, answer, done


async def place(call: Call) -> web.StreamResponse:
    signed, hold_id = await call.body(Signed), call.named("hold_id")
    settings = call.portal.settings
    stands = await call.portal.db.write(
        lambda session: holds.place(session, call.known, hold_id, signed, settings, call.now)
    )
    return answer(stands)


async def lift(call: Call) -> web.StreamResponse:
    signed, hold_id = await call.body(Signed), call.named("hold_id")
    settings = call.portal.settings
    await call.portal.db.write(lambda session: holds.lift(session, call.known, hold_id, signed, settings, call.now))
    return done()


async def read(call: Call) -> web.StreamResponse:
    query = call.query(HoldsQuery)
    return answer(await call.portal.db.read(lambda session: holds.read(session, call.known, query)))


async def retention(call: Call) -> web.StreamResponse:
    return answer(call.portal.settings.retention)


async def room(call: Call) -> web.StreamResponse:
    return answer(PortalRoom(percent=call.portal.room.percent))


_SETTLED = (403, 404, 409, 413, 415, 422)
ROUTES: tuple[Route, ...] = (
    Route(
        "GET", api.HOLDS, Who.OFFICER, read, "Legal holds: what of a crime nobody deletes",
        {200: Holds}, query=HoldsQuery, problems=(400,),
    ),
    Route(
        "PUT", api.HOLD, Who.OFFICER, place, "Hold all that came for a crime",
        {200: HoldStands}, body=Signed, document=HoldPlaced, problems=_SETTLED,
    ),
    Route(
        "PUT", api.HOLD_LIFTED, Who.OFFICER, lift, "End a hold",
        {204: None}, body=Signed, document=HoldLifted, problems=_SETTLED,
    ),
    Route("GET", api.RETENTION, Who.OFFICER, retention, "How long what is kept", {200: Retention}),
    Route("GET", api.ROOM, Who.OFFICER, room, "How full the portal is", {200: PortalRoom}),
)  # fmt: skip
