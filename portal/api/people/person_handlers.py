"""What each call about people without an agent does. Not for: their pages (``portal.public``)."""

import asyncio
import contextlib
import hmac
import re

from aiohttp import web
from sqlalchemy.orm import Session

from exchange.documents import api
from exchange.documents.messages import Signed
from exchange.documents.people import LINK_HEADER, LinkAnswer, LinkReceipt, PersonWord, ReceivedText
from portal.api.fetching import contents
from portal.api.tus import upload_id
from portal.people import asked, contributing, registered
from portal.people.addresses import read_number
from portal.people.secret_files import read_secret
from portal.problems import unauthenticated, unknown
from portal.registry import people_nearby, searches
from portal.registry.search_query import SearchQuery
from portal.service import Call, answer, done


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
    upload, size = await call.portal.db.write(lambda session: asked.begin_fetch(session, call.known, *names, call.now))
    return await contents.send(call, upload, size)


async def read_document(call: Call) -> web.StreamResponse:
    request_id = call.named("request_id")
    return answer(await call.portal.db.read(lambda session: asked.document(session, call.known, request_id)))


async def tell(call: Call) -> web.StreamResponse:
    word, portal, request_id = await call.body(PersonWord), call.portal, call.named("request_id")
    await portal.db.write(lambda session: asked.tell(session, call.known, request_id, word, call.now))
    if portal.outbox is not None:
        portal.outbox.wake()
    return done()


async def take_answer(call: Call) -> web.StreamResponse:
    """All files are here: the link's page says so."""
    body = await call.body(LinkAnswer)
    code = call.request.headers.get(LINK_HEADER, "")
    uploads = tuple(upload_id(sent.upload, call.portal.origin) for sent in body.files)

    def take(session: Session) -> LinkReceipt:
        contribution = contributing.find(session, code, call.now)
        if contribution is not None:
            return contributing.take_files(session, contribution, body, uploads, call.now)
        return asked.take_files(session, code, body, uploads, call.now)

    return answer(await call.portal.db.write(take))


async def take_text(call: Call) -> web.StreamResponse:
    """The provider passes on what somebody texted back: STOP, and they are erased. Other words go nowhere."""
    people, portal = call.portal.settings.people, call.portal
    texts = people.texts if people is not None else None
    if texts is None or texts.stop_file is None:
        raise unknown("call here")
    token = await asyncio.to_thread(read_secret, texts.stop_file, "texts-stop", "the token for what is texted back")
    given = call.request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not token or not hmac.compare_digest(given.encode(), token.encode()):
        raise unauthenticated()
    said = await call.body(ReceivedText)
    if re.match(r"\W*(stop|stopall|unsubscribe|end|quit|cancel)\b", said.message, re.IGNORECASE):
        with contextlib.suppress(ValueError):
            number = read_number(f"+{said.source_number.lstrip('+')}", texts.country)
            gone = await portal.db.write(lambda session: registered.stop(session, number, call.now))
            await portal.uploads.remove(gone)
            await portal.db.forget_erased()
    return done()
