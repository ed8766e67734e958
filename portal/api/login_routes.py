"""The calls of logging in: rows of the table of calls. Not for: what they do (``portal.api.login_handlers``)."""

from exchange.documents import api
from exchange.signing.logins import SESSION_HEADER, LoginProof, LoginSession, LoginWanted
from portal.api import login_handlers as handlers
from portal.api.route import Route, Who

ROUTES: tuple[Route, ...] = (
    Route("GET", api.LOGIN, Who.ANYONE, handlers.wanted, "What login the force wants of officers", {200: LoginWanted}),
    Route(
        "POST", api.SESSION, Who.OFFICER, handlers.begin, "A session for a login with the force's account",
        {200: LoginSession}, body=LoginProof, headers=(SESSION_HEADER,), problems=(403, 404, 413, 415, 422),
        before_login=True,
    ),
    Route(
        "DELETE", api.SESSION, Who.OFFICER, handlers.end, "Log out", {204: None}, headers=(SESSION_HEADER,),
        before_login=True,
    ),
)  # fmt: skip
