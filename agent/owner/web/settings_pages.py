"""Settings on the page: those of the file, who is told of requests, and joining a portal.

Not for: changing the file, which is the owner's own.
"""

from typing import Any

from aiohttp import web

from agent.owner.operations.context import Json
from agent.owner.people.roles import Role, allows
from agent.owner.web.login import prove
from agent.owner.web.site import form_of, operate, render, session_of, site_of, words_of
from exchange.errors import HandoverError, InputInvalid


def routes() -> list[web.RouteDef]:
    return [
        web.get("/settings", show),
        web.post("/settings/restart", restart),
        web.post("/settings/messages", change_messages),
        web.get("/portal", show_portal),
        web.post("/portal", join),
    ]


async def show(request: web.Request) -> web.Response:
    return await _page(request, None)


async def _page(request: web.Request, wrong: HandoverError | None, said: str = "") -> web.Response:
    settings = site_of(request).agent.services.settings
    shown: dict[str, Any] = settings.model_dump(mode="json")
    rows = [
        (section, name, _plain(value))
        for section, values in shown.items()
        for name, value in (values.items() if isinstance(values, dict) else [("", values)])
    ]
    told = await operate(request, "notify")
    return render(
        request, "settings.html", status_code=200 if wrong is None else 409, rows=rows, zone=words_of(request).zone(),
        recipients=told["recipients"], undelivered=told["undelivered"], wrong=wrong, said=said,
        may_change=allows(session_of(request).person.role, Role.ADMINISTRATOR),
    )  # fmt: skip


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_plain, value)) or "–"
    return "–" if value is None else str(value)


async def restart(request: web.Request) -> web.StreamResponse:
    await operate(request, "restart")
    return render(request, "restart.html")


async def change_messages(request: web.Request) -> web.Response:
    """Add, test or remove whoever is told. An address is a secret: it is typed, and never shown."""
    form = await form_of(request)
    await prove(request, form)
    recipient_id = form.get("recipient_id", "").strip().lower()
    try:
        match form.get("do"):
            case "add":
                new: Json = {"recipient_id": recipient_id, "name": form.get("name", "").strip() or recipient_id}
                new |= {"address": form.get("address", "").strip(), "detail": bool(form.get("detail"))}
                new["language"] = words_of(request).language
                await operate(request, "notify-add", **new)
                said = "A test message was delivered."
            case "test":
                await operate(request, "notify-test", recipient_id=recipient_id)
                said = "A test message was delivered."
            case "remove":
                await operate(request, "notify-remove", recipient_id=recipient_id)
                said = "Removed."
            case _:
                raise InputInvalid("That button is not known.", do="Load the page again.")
    except HandoverError as error:
        return await _page(request, error)
    return await _page(request, None, said)


async def show_portal(request: web.Request) -> web.Response:
    status = await operate(request, "status")
    return render(request, "portal.html", force=status["force"], introduced=None, url="")


async def join(request: web.Request) -> web.StreamResponse:
    """First the force's fingerprint, to be compared; then, with a proof, joining."""
    form = await form_of(request)
    url = form.get("url", "").strip()
    url = url if "://" in url or not url else f"https://{url}"
    if not form.get("fingerprint"):
        introduced = await operate(request, "introduce", url=url)
        return render(request, "portal.html", force=None, introduced=introduced, url=url)
    await prove(request, form)
    await operate(request, "enrol", url=url, fingerprint=form["fingerprint"])
    raise web.HTTPSeeOther("/cameras/known")
