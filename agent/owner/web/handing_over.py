"""The page's part of how a request goes to the police: the way is chosen, the passphrase shown, the receipt noted.

Not for: saying yes (``review``), or setting up accounts and buckets, whose secrets are typed at a terminal.
"""

import re
from typing import Any

from aiohttp import web

from agent.deliveries.way import WARNING
from agent.owner.operations.context import Json
from agent.owner.people.roles import Role, allows
from agent.owner.web.login import prove
from agent.owner.web.site import form_of, operate, render, session_of
from agent.owner.words import Words
from exchange.errors import InputInvalid

WORDS = {
    "portal": "by the portal of the police",
    "medium": "on a stick, card or disk",
    "sftp": "to a server of the police",
    "s3": "to a bucket",
    "folder": "as files that you hand over yourself",
}
SEALED_WORDS = {
    "key": "locked for this case: only the police can open it",
    "passphrase": "locked with secret words that you tell the police",
    "nobody": "not locked: everybody who gets it can watch it",
}
_CHOOSABLE = ("asked", "approved", "clipped", "sealed", "delivered")
_DOING = re.compile(r"(uploading|writing|sealing), (\d+) %(?:, (?:about (\d+) (h|min)|(less than 2 min)) left)?")


def routes() -> list[web.RouteDef]:
    return [
        web.get("/requests/{request_id}/way", show),
        web.post("/requests/{request_id}/way", choose),
        web.post("/requests/{request_id}/passphrase", show_passphrase),
    ]


async def way_shown(request: web.Request, details: Json) -> Json | None:
    """What a page of a request says of how it goes; None where that is over, or was never to be."""
    if details["state"] not in _CHOOSABLE or details["officer"] is None:
        return None
    found: Json = await operate(request, "way", request_id=details["request_id"])
    may_act = allows(session_of(request).person.role, Role.APPROVER) and details["answers_for_all"]
    return found | {
        "words": WORDS[found["way"]["means"]],
        "sealed_words": SEALED_WORDS[found["way"]["sealed_for"]],
        "where": found["way"].get("folder") or found["way"].get("place"),
        "may_choose": may_act and _may_change(details, found),
        "may_see": may_act,
        "by_hand": found["way"]["means"] != "portal",
    }


def _may_change(details: Json, found: Json) -> bool:
    if any(package["receipt"] for package in details["packages"]):
        return False
    sent = any(package["delivered"] for package in details["packages"])
    return not (sent and found["way"]["means"] == "portal")


async def show(request: web.Request) -> web.Response:
    return await _page(request)


async def _page(request: web.Request, passphrase: str | None = None) -> web.Response:
    details = await operate(request, "show", request_id=request.match_info["request_id"])
    shown = await way_shown(request, details)
    if shown is None:
        raise InputInvalid("There is nothing of this request to hand over now.", do="Go back.")
    media = (await operate(request, "media"))["media"] if shown["may_choose"] else []
    places = (await operate(request, "places"))["places"]
    return render(
        request, "way.html", details=details, shown=shown, media=media, places=places, words_of_ways=WORDS,
        has_key=details["origin"] != "noted" or shown["way"]["sealed_for"] == "key", warning=WARNING,
        passphrase=passphrase,
    )  # fmt: skip


async def choose(request: web.Request) -> web.StreamResponse:
    form = await form_of(request)
    await prove(request, form)
    request_id = request.match_info["request_id"]
    now = (await operate(request, "way", request_id=request_id))["way"]
    await operate(request, "deliver", request_id=request_id, way=_way(form, now))
    raise web.HTTPSeeOther(f"/requests/{request_id}/way")


def _way(form: dict[str, str], now: Json) -> dict[str, Any]:
    means, _, target = form.get("to", "").partition(":")
    if means not in WORDS:
        raise InputInvalid("No way was chosen.", meaning="Nothing was changed.", do="Go back, and choose one.")
    seal = form.get("seal") or now["sealed_for"]
    if seal == "nobody" and now["sealed_for"] != "nobody" and not form.get("understood"):
        raise InputInvalid(
            "You did not say that you know what it means to leave it unlocked.", meaning="Nothing was changed.",
            do="Go back, and choose again.",
        )  # fmt: skip
    way: dict[str, Any] = {"means": means, "sealed_for": seal, "at_once": bool(form.get("at_once"))}
    if seal == "nobody" and now["form"] == "recordings":
        way["form"] = "recordings"
    if means in ("sftp", "s3"):
        way["place"] = target
    elif means == "medium":
        way["folder"] = target
    if form.get("most", "").strip().isdecimal():
        way["most_bytes"] = int(form["most"]) * 1_000_000
    return way


async def show_passphrase(request: web.Request) -> web.Response:
    """Shown to whoever proves who they are, now; it is in no page that is kept."""
    form = await form_of(request)
    await prove(request, form)
    told = await operate(request, "passphrase", request_id=request.match_info["request_id"])
    response = await _page(request, told["passphrase"])
    response.headers["Cache-Control"] = "no-store"
    return response


def doing(words: Words, text: str | None) -> str:
    """How far it is, in the reader's language."""
    found = _DOING.fullmatch(text or "")
    if found is None:
        return text or ""
    done = {
        "uploading": words("sending: %(percent)s %%", percent=found[2]),
        "writing": words("writing: %(percent)s %%", percent=found[2]),
        "sealing": words("locking: %(percent)s %%", percent=found[2]),
    }[found[1]]
    if found[3]:
        left = int(found[3])
        hours = words.counted("about %(count)s hour left", "about %(count)s hours left", left)
        minutes = words.counted("about %(count)s minute left", "about %(count)s minutes left", left)
        return f"{done}, {hours if found[4] == 'h' else minutes}"
    return f"{done}, {words('nearly done')}" if found[5] else done
