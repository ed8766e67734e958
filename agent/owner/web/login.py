"""Coming in and going out: a one-time code, a password, a passkey; and proving oneself anew before a decision.

Not for: the proofs themselves (``agent.owner.people.proofs``), or who may do what.
"""

import json
from typing import Any

from aiohttp import web

from agent.owner.people import sessions
from agent.owner.people.proofs import has_proof
from agent.owner.web.gate import COOKIE
from agent.owner.web.site import form_of, render, session_of, site_of
from agent.owner.words import LANGUAGES
from exchange.errors import InputInvalid, NotPermitted

WRONG = "That is not right."


def routes() -> list[web.RouteDef]:
    return [
        web.get("/login", show_login),
        web.post("/login", log_in),
        web.get("/login/options", login_options),
        web.get("/pair", show_pair),
        web.post("/pair", pair),
        web.get("/welcome", show_welcome),
        web.post("/welcome/password", set_password),
        web.get("/welcome/options", passkey_options),
        web.post("/welcome/passkey", add_passkey),
        web.post("/logout", log_out),
        web.post("/language", choose_language),
    ]


async def show_login(request: web.Request) -> web.Response:
    return render(request, "login.html", to=_inside(request.query.get("to", "/")), wrong=False)


async def log_in(request: web.Request) -> web.StreamResponse:
    form = await form_of(request)
    site, to = site_of(request), _inside(form.get("to", "/"))
    person, address = form.get("person", "").strip().lower()[:64], f"address {request.remote}"
    site.brake.check(f"person {person}", address)
    if form.get("passkey"):
        found = await site.proofs.passkey_holds(_answer(form["passkey"]), _host(request), _origin(request))
        proven_by = "passkey"
    else:
        held = await site.proofs.password_holds(person, form.get("password", ""))
        found, proven_by = (person if held else None), "password"
    if found is None:
        site.brake.wrong(f"person {person}", address)
        return render(request, "login.html", status_code=403, to=to, wrong=True)
    site.brake.right(f"person {person}", address)
    return await _open(request, found, proven_by, to)


async def login_options(request: web.Request) -> web.Response:
    """What a browser needs for a passkey; of the person who is there, if one is."""
    return web.json_response(await site_of(request).proofs.login_options(_host(request)))


async def show_pair(request: web.Request) -> web.Response:
    return render(request, "pair.html", wrong=False)


async def pair(request: web.Request) -> web.StreamResponse:
    code, site = (await form_of(request)).get("code", "").strip(), site_of(request)
    address = f"address {request.remote}"
    site.brake.check(address)
    services = site.agent.services
    async with services.store.transaction() as tx:
        person_id = await sessions.redeem(tx, code[:100], services.clock.now())
    if person_id is None:
        site.brake.wrong(address)
        return render(request, "pair.html", status_code=403, wrong=True)
    return await _open(request, person_id, "one-time code", "/welcome")


async def show_welcome(request: web.Request) -> web.Response:
    async with site_of(request).agent.services.store.transaction() as tx:
        proven = await has_proof(tx, session_of(request).person.person_id)
    return render(request, "welcome.html", proven=proven)


async def set_password(request: web.Request) -> web.StreamResponse:
    form = await form_of(request)
    person_id, site = session_of(request).person.person_id, site_of(request)
    await _prove_if_known(request, form)
    if form.get("new", "") != form.get("again", ""):
        raise InputInvalid("The two passwords differ.", meaning="It was not changed.", do="Type the same one twice.")
    await site.proofs.set_password(person_id, form.get("new", ""))
    raise web.HTTPSeeOther("/")


async def passkey_options(request: web.Request) -> web.Response:
    person = session_of(request).person
    return web.json_response(
        await site_of(request).proofs.passkey_options(person.person_id, person.name, _host(request))
    )


async def add_passkey(request: web.Request) -> web.StreamResponse:
    form = await form_of(request)
    await _prove_if_known(request, form)
    await site_of(request).proofs.add_passkey(
        session_of(request).person.person_id, _answer(form.get("passkey", "")), _host(request), _origin(request)
    )
    raise web.HTTPSeeOther("/")


async def _prove_if_known(request: web.Request, form: dict[str, str]) -> None:
    """A new password or passkey needs the old one: a session alone, which may be stolen, makes none."""
    async with site_of(request).agent.services.store.transaction() as tx:
        known = await has_proof(tx, session_of(request).person.person_id)
    if known and session_of(request).proven_by != "one-time code":
        await prove(request, {"password": form.get("password", ""), "passkey": form.get("proof", "")})


async def prove(request: web.Request, form: dict[str, str]) -> str:
    """Who is there proves it anew, for what they are about to do; by what they did. NotPermitted."""
    site, person_id = site_of(request), session_of(request).person.person_id
    site.brake.check(f"proof {person_id}")
    if form.get("passkey"):
        holds = person_id == await site.proofs.passkey_holds(_answer(form["passkey"]), _host(request), _origin(request))
        proven_by = "passkey"
    else:
        holds, proven_by = await site.proofs.password_holds(person_id, form.get("password", "")), "password"
    if not holds:
        site.brake.wrong(f"proof {person_id}")
        raise NotPermitted(WRONG, meaning="Nothing was done.", do="Type your password again.")
    site.brake.right(f"proof {person_id}")
    return proven_by


async def log_out(request: web.Request) -> web.StreamResponse:
    async with site_of(request).agent.services.store.transaction() as tx:
        await sessions.end_session(tx, request.cookies.get(COOKIE, ""))
    response = web.HTTPSeeOther("/login")
    response.del_cookie(COOKIE, path="/")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    raise response


async def choose_language(request: web.Request) -> web.StreamResponse:
    form = await form_of(request)
    response = web.HTTPSeeOther(_inside(form.get("to", "/")))
    if form.get("language") in LANGUAGES:
        response.set_cookie("language", form["language"], max_age=365 * 86400, samesite="Lax", httponly=True)
    raise response


async def _open(request: web.Request, person_id: str, proven_by: str, to: str) -> web.StreamResponse:
    site = site_of(request)
    services = site.agent.services
    async with services.store.transaction() as tx:
        token = await sessions.open_session(tx, person_id, proven_by, services.clock.now())
    response = web.HTTPSeeOther(to)
    response.set_cookie(
        COOKIE,
        token,
        max_age=sessions.LONGEST // 1_000_000,
        path="/",
        httponly=True,
        secure=site.secure,
        samesite="Lax",
    )
    raise response


def _answer(text: str) -> dict[str, Any]:
    try:
        answer = json.loads(text[:20_000])
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise InputInvalid("That is no answer of a passkey.", do="Try it again.")
    return answer


def _inside(to: str) -> str:
    """A path of this site; nothing leads to another."""
    return to if to.startswith("/") and not to.startswith(("//", "/\\")) and to.isprintable() else "/"


def _host(request: web.Request) -> str:
    return request.host.rsplit(":", 1)[0]


def _origin(request: web.Request) -> str:
    return f"{'https' if site_of(request).secure else 'http'}://{request.host}"
