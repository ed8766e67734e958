"""What each call about public appeals does. Not for: their pages (``portal.public``)."""

from aiohttp import web

from exchange.documents import api
from exchange.documents.messages import Signed
from exchange.documents.people.appeals import AppealCode, MarkOf
from portal.api.fetching import contents
from portal.people import appeals, contributing
from portal.problems import ProblemError, forbidden
from portal.service import Call, answer, done


async def make(call: Call) -> web.StreamResponse:
    signed, portal = await call.body(Signed), call.portal
    name, new = await portal.db.write(
        lambda session: appeals.accept(session, call.known, signed, portal.settings, call.now)
    )
    found = await portal.db.read(lambda session: appeals.case(session, call.known, name, portal.origin))
    return answer(found, 201 if new else 200, {"Location": api.APPEAL.format(appeal_id=name)})


async def list_appeals(call: Call) -> web.StreamResponse:
    query, portal = call.query(appeals.AppealsQuery), call.portal
    return answer(await portal.db.read(lambda session: appeals.cases(session, call.known, query, portal.origin)))


async def read(call: Call) -> web.StreamResponse:
    name, portal = call.named("appeal_id"), call.portal
    return answer(await portal.db.read(lambda session: appeals.case(session, call.known, name, portal.origin)))


async def close(call: Call) -> web.StreamResponse:
    name = call.named("appeal_id")
    await call.portal.db.write(lambda session: appeals.close(session, call.known, name, call.now))
    return done()


async def queue(call: Call) -> web.StreamResponse:
    name, query = call.named("appeal_id"), call.query(appeals.QueueQuery)
    return answer(await call.portal.db.read(lambda session: appeals.queue(session, call.known, name, query)))


async def mark(call: Call) -> web.StreamResponse:
    named, what = (call.named("appeal_id"), call.named("contribution_id")), (await call.body(MarkOf)).mark
    await call.portal.db.write(lambda session: appeals.mark(session, call.known, named, what, call.now))
    return done()


async def read_file(call: Call) -> web.StreamResponse:
    named = call.named("appeal_id"), call.named("contribution_id"), call.named("file_id")
    upload, size = await call.portal.db.write(lambda session: appeals.begin_fetch(session, call.known, named, call.now))
    return await contents.send(call, upload, size)


async def begin(call: Call) -> web.StreamResponse:
    """Somebody of the public begins to send: as often from one network as may be, and to one appeal."""
    portal, name = call.portal, call.named("appeal_id")
    if call.request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise forbidden("That came from another site.", "Open the appeal's own page.")
    try:
        portal.contributions.count(call.address, portal.clock.monotonic())
    except ProblemError as error:
        title = "This page takes nothing more from your network just now."
        raise ProblemError(429, title, "Try again in an hour, or call.", error.headers) from None
    limits = portal.settings.limits
    code = await portal.db.write(lambda session: contributing.begin(session, name, limits, call.now))
    return answer(AppealCode(code=code), 201)
