"""What each call between officers and supervisors does, and of quotas.

Not for: other calls (``portal.api.handlers``).
"""

from aiohttp import web

from exchange.documents.messages import Signed
from exchange.documents.supervision import RulesQuestion, SupervisorsWord
from portal.audit import quotas as officers_quotas
from portal.requests import authorisations, supervision
from portal.service import Call, answer, done


async def rules(call: Call) -> web.StreamResponse:
    asked, limits = await call.body(RulesQuestion), call.portal.settings.limits
    return answer(await call.portal.db.read(lambda session: supervision.rules(session, asked, limits)))


async def ask(call: Call) -> web.StreamResponse:
    signed, settings = await call.body(Signed), call.portal.settings
    await call.portal.db.write(lambda session: authorisations.put(session, call.known, signed, settings, call.now))
    return done()


async def read(call: Call) -> web.StreamResponse:
    return answer(await call.portal.db.read(lambda session: authorisations.read(session, call.known, call.now)))


async def decide(call: Call) -> web.StreamResponse:
    word, asked_id = await call.body(SupervisorsWord), call.named("asked_id")
    settings = call.portal.settings
    await call.portal.db.write(
        lambda session: authorisations.decide(session, call.known, asked_id, word, settings, call.now)
    )
    return done()


async def quotas(call: Call) -> web.StreamResponse:
    limits, officer = call.portal.settings.limits, call.known.fingerprint
    return answer(await call.portal.db.read(lambda session: officers_quotas.read(session, officer, limits, call.now)))
