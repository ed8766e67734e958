"""What each call about people without an agent does. Not for: their pages (``portal.public``)."""

import re

from aiohttp import web

from exchange.documents import api
from exchange.documents.messages import Signed
from exchange.documents.people import LINK_HEADER, LinkAnswer
from portal.people import asked
from portal.problems import invalid
from portal.registry import people_nearby, searches
from portal.registry.search_query import SearchQuery
from portal.service import Call, answer


async def nearby(call: Call) -> web.StreamResponse:
    query, limits = call.query(SearchQuery), call.portal.settings.limits
    await call.portal.db.write(lambda session: searches.record(session, call.known, query, limits, call.now))
    return answer(await call.portal.db.read(lambda session: people_nearby.search(session, query)))


async def ask_person(call: Call) -> web.StreamResponse:
    signed = await call.body(Signed)
    portal = call.portal
    request_id, new = await portal.db.write(
        lambda session: asked.accept(session, call.known, signed, portal.settings, call.now)
    )
    if portal.outbox is not None:
        portal.outbox.wake()
    found = await portal.db.read(lambda session: asked.case(session, call.known, request_id))
    return answer(found, 201 if new else 200, {"Location": api.PERSON_REQUEST.format(request_id=request_id)})


async def list_asked(call: Call) -> web.StreamResponse:
    query = call.query(asked.PersonCasesQuery)
    return answer(await call.portal.db.read(lambda session: asked.cases(session, call.known, query)))


async def read_asked(call: Call) -> web.StreamResponse:
    request_id = call.named("request_id")
    return answer(await call.portal.db.read(lambda session: asked.case(session, call.known, request_id)))


async def read_file(call: Call) -> web.StreamResponse:
    names = call.named("request_id"), call.named("file_id")
    upload = await call.portal.db.read(lambda session: asked.file(session, call.known, *names))
    headers = {"Content-Type": "application/octet-stream", "Content-Disposition": "attachment"}
    return web.FileResponse(call.portal.uploads.path(upload), chunk_size=1024 * 1024, headers=headers)


async def take_answer(call: Call) -> web.StreamResponse:
    """All files are here: the link's page says so."""
    body = await call.body(LinkAnswer)
    code = call.request.headers.get(LINK_HEADER, "")
    uploads = tuple(_upload_id(sent.upload, call.portal.origin) for sent in body.files)
    return answer(await call.portal.db.write(lambda session: asked.take_files(session, code, body, uploads, call.now)))


def _upload_id(url: str, origin: str) -> str:
    path = url.removeprefix(origin) if url.startswith(f"{origin}/") else url
    found = re.fullmatch(f"{api.UPLOADS}/([0-9a-f]{{32}})", path)
    if found is None:
        raise invalid("The upload lies elsewhere.", f"Upload to {origin}{api.UPLOADS}.")
    return found[1]
