"""What each call of ``exchange.documents.api`` does: read the body, do the work of one transaction, answer.

Not for: who may call (``portal.api.app``), or uploads (``portal.api.tus``).
"""

import functools

from aiohttp import web
from sqlalchemy.orm import Session

from exchange.clock import SECOND
from exchange.documents import api
from exchange.documents.messages import Signed
from portal.api.fetching import contents
from portal.api.tus import upload_id
from portal.problems import unauthenticated
from portal.registry import cameras as registry
from portal.registry import checkpoints, devices, hours, offers, searches
from portal.registry.nearest import GlobeGaveUp
from portal.registry.search_query import SearchQuery
from portal.requests import deliveries, feedback, inbox, requests
from portal.service import Call, answer, done
from portal.tokens import devices_key

_JSON = {"Content-Type": "application/json; charset=utf-8"}


# -- agents ------------------------------------------------------------------------------------------------------


async def force(call: Call) -> web.StreamResponse:
    settings = call.portal.settings
    return answer(
        api.ForceInfo(
            force=settings.force,
            public_key=settings.force_key,
            portal=call.portal.origin,
            uploads=call.portal.origin + api.UPLOADS,
        )
    )


async def enrol(call: Call) -> web.StreamResponse:
    portal = call.portal
    portal.enrolments.count(call.address, portal.clock.monotonic())
    signed = await call.body(Signed)
    fingerprint, new = await portal.db.write(
        lambda session: devices.enrol(session, signed, portal.settings, portal.origin, call.now)
    )
    return answer(api.Enrolled(device=fingerprint), 201 if new else 200)


async def register(call: Call) -> web.StreamResponse:
    signed = await call.body(Signed)
    await call.portal.db.write(lambda session: devices.register(session, call.known, signed))
    return done()


async def withdraw(call: Call) -> web.StreamResponse:
    signed = await call.body(Signed)
    erased = await call.portal.db.write(lambda session: devices.withdraw(session, call.known, signed, call.now))
    await call.portal.uploads.remove(erased.uploads)
    await call.portal.db.forget_erased()
    call.portal.bell.ring(call.known.fingerprint)
    return done()


async def keep_offer(call: Call) -> web.StreamResponse:
    signed = await call.body(Signed)
    await call.portal.db.write(lambda session: offers.keep(session, call.known, signed, call.now))
    return done()


async def take_offer_back(call: Call) -> web.StreamResponse:
    offer_id = call.named("offer_id")
    await call.portal.db.write(lambda session: offers.take_back(session, call.known, offer_id))
    return done()


async def read_offers(call: Call) -> web.StreamResponse:
    return answer(await call.portal.db.read(lambda session: offers.read(session, call.now)))


async def heartbeat(call: Call) -> web.StreamResponse:
    beat = await call.body(api.Heartbeat)
    await call.portal.db.write(lambda session: devices.beat(session, call.known, beat), durable=False)
    return done()


async def keep_hours(call: Call) -> web.StreamResponse:
    signed = await call.body(Signed)
    await call.portal.db.write(lambda session: hours.keep(session, call.known, signed, call.now), durable=False)
    return done()


async def read_inbox(call: Call) -> web.StreamResponse:
    """Held while there is nothing; whether anything was fetched is written nowhere."""
    query = call.query(inbox.InboxQuery)
    device, bell, quiet = call.known.fingerprint, call.portal.bell, call.portal.quiet
    deadline = call.portal.clock.monotonic() + int(call.portal.turns.held_for(query.wait) * SECOND)
    kinds = inbox.kinds_of(call.request.headers.get(api.KINDS_HEADER))
    asked = (query.after, kinds)
    event = bell.listen(device)
    try:
        while not bell.closing:
            if not query.wait or event.is_set() or not quiet.holds(device, asked):
                rung = event.is_set()
                found = await _find(call, query.after, kinds, rung=rung)
                if found.items or rung:
                    return answer(found)
                if not event.is_set():
                    quiet.note(device, asked)
            left = (deadline - call.portal.clock.monotonic()) / SECOND
            if left <= 0:
                break
            if not await event.wait(left):
                break
            # something came, or the portal closes: one more look
        return _nothing(query.after)
    finally:
        bell.leave(device, event)


def _nothing(after: int) -> web.Response:
    """``answer`` with an empty ``api.Inbox``, which is what most calls get."""
    return web.Response(body=b'{"cursor":%d,"items":[]}' % after, headers=_JSON)


async def _find(call: Call, after: int, kinds: frozenset[api.InboxKind], *, rung: bool) -> api.Inbox:
    """What came. Whether there is anything is asked for many devices together, unless it is known that there is."""
    if not rung:
        has_any = await call.portal.inboxes.ask(call.known.fingerprint)
        if has_any is None:  # its owner left, and word of it has not come here yet
            raise unauthenticated()
        if not has_any:
            return api.Inbox(items=(), cursor=after)
    return await call.portal.db.read(lambda session: _look(session, call, after, kinds))


def _look(session: Session, call: Call, after: int, kinds: frozenset[api.InboxKind]) -> api.Inbox:
    device = call.known.fingerprint
    if devices_key(session, device) is None:
        raise unauthenticated()
    return inbox.read(session, device, after, call.now, kinds)


async def decide(call: Call) -> web.StreamResponse:
    signed = await call.body(Signed)
    request_id = call.named("request_id")
    await call.portal.db.write(lambda session: requests.decide(session, call.known, request_id, signed, call.now))
    return done()


async def refuse(call: Call) -> web.StreamResponse:
    signed = await call.body(Signed)
    request_id = call.named("request_id")
    await call.portal.db.write(lambda session: requests.refuse(session, call.known, request_id, signed, call.now))
    return done()


async def deliver(call: Call) -> web.StreamResponse:
    body = await call.body(api.SignedDelivery)
    upload = upload_id(body.upload, call.portal.origin)
    names = call.named("request_id"), call.named("delivery_id")
    await call.portal.db.write(
        lambda session: deliveries.deliver(session, call.known, *names, body.signed, upload, call.now)
    )
    return done()


async def read_deliveries(call: Call) -> web.StreamResponse:
    request_id, query = call.named("request_id"), call.query(deliveries.HeldQuery)
    return answer(await call.portal.db.read(lambda session: deliveries.held(session, call.known, request_id, query)))


async def owners_word(call: Call) -> web.StreamResponse:
    signed = await call.body(Signed)
    names = call.named("request_id"), call.named("feedback_id")
    await call.portal.db.write(lambda session: feedback.from_owner(session, call.known, names, signed, call.now))
    return done()


async def checkpoint(call: Call) -> web.StreamResponse:
    body = await call.body(api.Checkpoint)
    most = call.portal.settings.limits.checkpoints_per_device
    await call.portal.db.write(lambda session: checkpoints.keep(session, call.known, body.note, most, call.now))
    return done()


async def witnessed(call: Call) -> web.StreamResponse:
    return answer(await call.portal.db.read(lambda session: checkpoints.witnessed(session, call.known)))


# -- officers ----------------------------------------------------------------------------------------------------


async def search(call: Call) -> web.StreamResponse:
    query, limits = call.query(SearchQuery), call.portal.settings.limits
    await call.portal.db.write(lambda session: searches.record(session, call.known, query, limits, call.now))

    def look(session: Session, *, on_globe: bool) -> api.SearchResult:
        return registry.search(session, query, call.now, on_globe=on_globe)

    try:
        return answer(await call.portal.db.read(functools.partial(look, on_globe=True)))
    except GlobeGaveUp:
        return answer(await call.portal.db.read(functools.partial(look, on_globe=False)))


async def send_request(call: Call) -> web.StreamResponse:
    signed = await call.body(Signed)
    portal = call.portal
    accepted = await portal.db.write(
        lambda session: requests.accept(session, call.known, signed, portal.settings, call.now)
    )
    portal.bell.ring(accepted.device)
    found = await portal.db.read(lambda session: deliveries.case(session, call.known, accepted.request_id, call.now))
    location = api.OFFICER_REQUEST.format(request_id=accepted.request_id)
    return answer(found, 201 if accepted.new else 200, {"Location": location})


async def list_cases(call: Call) -> web.StreamResponse:
    query = call.query(deliveries.CasesQuery)
    return answer(await call.portal.db.read(lambda session: deliveries.cases(session, call.known, query, call.now)))


async def read_case(call: Call) -> web.StreamResponse:
    request_id = call.named("request_id")
    return answer(await call.portal.db.read(lambda session: deliveries.case(session, call.known, request_id, call.now)))


async def content(call: Call) -> web.StreamResponse:
    delivery_id, limits = call.named("delivery_id"), call.portal.settings.limits
    found = await call.portal.db.write(
        lambda session: deliveries.begin_fetch(session, call.known, delivery_id, limits, call.now)
    )
    portal = call.portal

    async def note(first: int, end: int, whole: bool) -> None:
        """When all of it was sent, in however many ranges, that the officer has it is noted."""
        if portal.fetching.note(delivery_id, first, end, found.size, sent=whole):
            await portal.db.write(lambda session: deliveries.mark_fetched(session, delivery_id, call.now))

    return await contents.send(call, found.upload, found.size, note)


async def receipt(call: Call) -> web.StreamResponse:
    signed = await call.body(Signed)
    portal, delivery_id = call.portal, call.named("delivery_id")
    device = await portal.db.write(
        lambda session: deliveries.receipt(session, call.known, delivery_id, signed, portal.settings, call.now)
    )
    if device is not None:
        portal.bell.ring(device)
    return done()


async def officers_word(call: Call) -> web.StreamResponse:
    signed = await call.body(Signed)
    portal, names = call.portal, (call.named("request_id"), call.named("feedback_id"))
    device = await portal.db.write(
        lambda session: feedback.from_officer(session, call.known, names, signed, portal.settings, call.now)
    )
    if device is not None:
        portal.bell.ring(device)
    return done()


async def owners_words(call: Call) -> web.StreamResponse:
    query = call.query(feedback.FeedbackQuery)
    return answer(await call.portal.db.read(lambda session: feedback.of_owners(session, call.known, query)))
