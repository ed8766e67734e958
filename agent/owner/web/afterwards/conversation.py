"""What the force says of a request afterwards, on the page: answering, rating and sending again, each in two steps.

Nothing goes that was not shown once more, with whom it goes to. Not for: what may be said (the operations), or the
request's other news (``review``).
"""

from aiohttp import web

from agent.owner.operations.context import Json
from agent.owner.people.roles import Role, allows
from agent.owner.web.login import prove
from agent.owner.web.site import form_of, operate, render, session_of
from exchange.documents.feedback import REASON_WORDS, RESULT_WORDS, CannotPlayReason, CaseResult
from exchange.errors import InputInvalid, NotFound, NotPermitted

COPY_WORDS = {
    "same": "the very same package",
    "playable": "with a copy that most players can show",
    "avi": "with a copy for old players",
}
CHECKED = ("answer", "rate", "send-again", "leave-it")


def routes() -> list[web.RouteDef]:
    return [
        web.post("/requests/{request_id}/say", look_again),
        web.post("/requests/{request_id}/say/now", say),
        web.post("/requests/{request_id}/note-feedback", note_feedback),
    ]


async def shown(request: web.Request, details: Json) -> Json:
    """What the request's page shows of it; nothing of a request of which nothing was handed over."""
    told = await operate(request, "feedback", request_id=details["request_id"])
    entries = told["feedback"]
    delivered = any(package["delivered"] or package["receipt"] for package in details["packages"])
    return {
        "entries": entries,
        "delivered": delivered or bool(entries),
        "rated": any(entry["kind"] == "rating" for entry in entries),
        "may_say": allows(session_of(request).person.role, Role.APPROVER) and details["answers_for_all"],
        "reasons": {reason.value: words for reason, words in REASON_WORDS.items()},
        "results": {result.value: words for result, words in RESULT_WORDS.items()},
        "copies": COPY_WORDS,
        "suggested": (told["suggested"] or ["same"])[0],
        "key": f"note-{len(entries)}-{details['request_id'][:50]}",
    }


async def look_again(request: web.Request) -> web.Response:
    """The second step: what goes to whom, before it goes."""
    return await _checked(request, await form_of(request))


async def _checked(request: web.Request, form: dict[str, str], wrong: NotPermitted | None = None) -> web.Response:
    details = await operate(request, "show", request_id=request.match_info["request_id"])
    what = form.get("what", "")
    if what not in CHECKED:
        raise InputInvalid("That button is not known.", do="Load the page again.")
    said = _said(form, what)
    question = await _question(request, details, said) if what == "answer" else None
    return render(
        request, "say.html", status_code=200 if wrong is None else 403, details=details, what=what, said=said,
        question=question, wrong=wrong, copies=COPY_WORDS, noted=question is not None and question["noted"],
        count=sum(not package["can_be_played"] for package in details["packages"]),
    )  # fmt: skip


def _said(form: dict[str, str], what: str) -> dict[str, str]:
    """The fields of one kind of word, as they were typed. InputInvalid when the needed one is missing."""
    text = form.get("text", "").replace("\r\n", "\n").strip()
    match what:
        case "answer":
            if not text:
                raise InputInvalid("The answer is empty.", meaning="Nothing was sent.", do="Go back, and type it.")
            return {"question": form.get("question", ""), "text": text}
        case "rate":
            if form.get("stars") not in ("1", "2", "3", "4", "5"):
                raise InputInvalid("No stars were chosen.", meaning="Nothing was sent.", do="Go back, and choose.")
            return {"stars": form["stars"], "text": text}
        case "send-again":
            return {"copy": form.get("copy", "same") if form.get("copy") in COPY_WORDS else "same"}
    return {}


async def _question(request: web.Request, details: Json, said: dict[str, str]) -> Json:
    entries = (await operate(request, "feedback", request_id=details["request_id"]))["feedback"]
    for entry in entries:
        if entry["kind"] == "question" and entry["feedback_id"] == said["question"]:
            return dict(entry)
    raise NotFound("There is no such question.", do="Load the page again.")


async def say(request: web.Request) -> web.StreamResponse:
    """It was confirmed, and whoever is there proved it anew."""
    form = await form_of(request)
    request_id, what = request.match_info["request_id"], form.get("what", "")
    try:
        proven_by = await prove(request, form)
    except NotPermitted as error:
        return await _checked(request, form, error)
    said = _said(form, what)
    named = {"request_id": request_id}
    match what:
        case "answer":
            text, question = said["text"], said["question"]
            await operate(request, "answer", proven_by=proven_by, **named, question_id=question, text=text)
        case "rate":
            stars, words = int(said["stars"]), said["text"] or None
            await operate(request, "rate", proven_by=proven_by, **named, stars=stars, text=words)
        case "send-again":
            copies = [] if said["copy"] == "same" else [said["copy"]]
            await operate(request, "send-again", proven_by=proven_by, **named, copies=copies)
        case "leave-it":
            await operate(request, "leave-it", proven_by=proven_by, **named)
        case _:
            raise InputInvalid("That button is not known.", do="Load the page again.")
    raise web.HTTPSeeOther(f"/requests/{request_id}#afterwards")


async def note_feedback(request: web.Request) -> web.StreamResponse:
    """What an officer told some other way: it stays here."""
    form = await form_of(request)
    await prove(request, form)
    request_id = request.match_info["request_id"]
    what, _, more = form.get("what", "").partition(" ")
    text = form.get("text", "").replace("\r\n", "\n").strip()
    await operate(
        request, "note-feedback", request_id=request_id, what=what, key=form.get("key") or None,
        officer=form.get("officer", "").strip(), how=form.get("how", "").strip(), text=text or None,
        verified={"held": True, "not-held": False}.get(more) if what == "opened" else None,
        reason=more if what == "cannot-play" and more in set(CannotPlayReason) else None,
        result=more if what == "outcome" and more in set(CaseResult) else None,
    )  # fmt: skip
    raise web.HTTPSeeOther(f"/requests/{request_id}#afterwards")
