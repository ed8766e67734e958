"""What each call of logging in does. Not for: what a login is worth (``portal.logins``)."""

from aiohttp import web

from exchange.signing.logins import SESSION_HEADER, LoginIssuer, LoginProof, LoginWanted
from portal.logins import sessions
from portal.problems import unknown
from portal.service import Call, answer, done


async def wanted(call: Call) -> web.StreamResponse:
    settings = call.portal.settings.login
    if settings is None:
        return answer(LoginWanted())
    accounts = LoginIssuer(issuer=settings.issuer, client_id=settings.client_id, scope=settings.scope)
    return answer(LoginWanted(accounts=accounts, required=settings.required))


async def begin(call: Call) -> web.StreamResponse:
    """A session for a login; with a session in the header and no secret, one in its place."""
    settings, issuer = call.portal.settings.login, call.portal.logins
    if settings is None or issuer is None:
        raise unknown("login")
    proof = await call.body(LoginProof)
    identity = await issuer.identity(proof.id_token)
    officer, now, before = call.known.fingerprint, call.now, call.request.headers.get(SESSION_HEADER)
    if proof.secret is None and before is not None:
        given = await call.portal.db.write(
            lambda session: sessions.go_on(session, officer, before, proof, identity, settings, now)
        )
    else:
        given = await call.portal.db.write(
            lambda session: sessions.begin(session, officer, proof, identity, settings, now)
        )
    return answer(given)


async def end(call: Call) -> web.StreamResponse:
    text = call.request.headers.get(SESSION_HEADER)
    await call.portal.db.write(lambda session: sessions.end(session, call.known.fingerprint, text))
    return done()
