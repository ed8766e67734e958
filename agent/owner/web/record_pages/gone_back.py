"""The owner says on the page why the agent's records went back, and what became of a request that may have gone.

Not for: noticing it (``agent.requests.restored_records``), or what their word does (``agent.requests.restored``).
"""

from aiohttp import web

from agent.owner.people.roles import Role, allows
from agent.owner.web.login import prove
from agent.owner.web.site import form_of, operate, session_of
from exchange.errors import InputInvalid


def routes() -> list[web.RouteDef]:
    return [
        web.post("/gone-back", explain),
        web.post("/requests/{request_id}/gone-back", say),
    ]


def may_say(request: web.Request) -> bool:
    """Whether it is this person's to say."""
    return allows(session_of(request).person.role, Role.ADMINISTRATOR)


async def explain(request: web.Request) -> web.StreamResponse:
    """Why the records went back: everything goes on after it."""
    form = await form_of(request)
    what = _typed(form)
    await prove(request, form)
    await operate(request, "restored", what=what)
    raise web.HTTPSeeOther("/")


async def say(request: web.Request) -> web.StreamResponse:
    """Whether one request was handed over before the records went back."""
    form = await form_of(request)
    what, request_id = _typed(form), request.match_info["request_id"]
    if form.get("gone") not in ("yes", "no"):
        raise InputInvalid("No answer was chosen.", meaning="Nothing was written down.", do="Go back, and choose one.")
    await prove(request, form)
    await operate(request, "restored", what=what, request_id=request_id, handed_over=form["gone"] == "yes")
    raise web.HTTPSeeOther(f"/requests/{request_id}")


def _typed(form: dict[str, str]) -> str:
    what = form.get("what", "").strip()
    if not what:
        raise InputInvalid("Nothing was typed.", meaning="Nothing was written down.", do="Go back, and type it.")
    return what
