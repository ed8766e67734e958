"""The pages for people who were filmed and ask what the owner has of them.

Not for: finding anything, or the words of an answer (``agent.records.subjects``).
"""

from datetime import datetime
from typing import Any

from aiohttp import web

from agent.owner.people.roles import Role, allows
from agent.owner.web.forms import typed_moment, typed_window
from agent.owner.web.record_pages.downloads import made_file
from agent.owner.web.record_pages.register import ANSWERED, HAPPENED
from agent.owner.web.site import form_of, operate, render, session_of, words_of
from agent.records.correspondence import kept
from agent.records.subjects.kept import Answered, Wish
from exchange.errors import InputInvalid

WISHES = {
    Wish.ACCESS: "wants to know, and a copy",
    Wish.ERASURE: "wants it deleted",
    Wish.OBJECTION: "doesn't want to be filmed",
    Wish.RESTRICTION: "wants it kept but not used",
}
ANSWERS = {
    Answered.GIVEN: "they got all",
    Answered.PARTLY: "they got a part",
    Answered.WITHHELD: "it was kept from them",
    Answered.REFUSED: "it was refused",
}


def routes() -> list[web.RouteDef]:
    return [
        web.get("/subjects", show_subjects),
        web.post("/subjects", record),
        web.get("/subjects/{subject_id}", show_subject),
        web.get("/subjects/{subject_id}/draft", load_draft),
        web.post("/subjects/{subject_id}", change),
    ]


async def show_subjects(request: web.Request) -> web.Response:
    found = (await operate(request, "subject-requests"))["requests"]
    cameras = (await operate(request, "cameras"))["cameras"]
    return render(
        request, "subjects.html", found=found, cameras=cameras, wishes=WISHES, answers=ANSWERS,
        today=f"{datetime.now().astimezone():%Y-%m-%d}",
        may_add=allows(session_of(request).person.role, Role.APPROVER),
    )  # fmt: skip


async def record(request: web.Request) -> web.StreamResponse:
    posted = await request.post()
    form = await form_of(request)
    given: dict[str, Any] = {
        "wish": form.get("wish", ""),
        "person": form.get("person", "").strip(),
        "contact": form.get("contact", "").strip() or None,
        "described": form.get("described", "").replace("\r\n", "\n").strip(),
        "identified": form.get("identified", "").strip() or None,
        "windows": [typed_window(form)],
        "cameras": [str(each) for each in posted.getall("camera", [])],
    }
    if form.get("received", "").strip():
        given["received"] = typed_moment(f"{form['received']}T00:00")
    reply = await operate(request, "subject-record", **given)
    raise web.HTTPSeeOther(f"/subjects/{reply['subject_id']}")


async def show_subject(request: web.Request) -> web.Response:
    subject_id = request.match_info["subject_id"]
    shown = await operate(request, "subject-show", subject_id=subject_id)
    moments = (await operate(request, "correspondence", request_id=subject_id))["moments"]
    role = session_of(request).person.role
    return render(
        request, "subject.html", shown=shown, moments=moments, happened=HAPPENED, answered=ANSWERED, wishes=WISHES,
        answers=ANSWERS,
        may_add=allows(role, Role.APPROVER), may_remove=allows(role, Role.ADMINISTRATOR), about=subject_id,
        most=kept.MOST_BYTES,
    )  # fmt: skip


async def load_draft(request: web.Request) -> web.Response:
    query = request.query
    reply = await operate(
        request, "subject-draft", subject_id=request.match_info["subject_id"], form=query.get("form", "html"),
        paper=query.get("paper", "answer"), disclosures=query.get("disclosures") or None,
        language=words_of(request).language,
    )  # fmt: skip
    return made_file(reply)


async def change(request: web.Request) -> web.StreamResponse:
    """Say who it is, take more time, or how it was answered."""
    form, subject_id = await form_of(request), request.match_info["subject_id"]
    text = form.get("text", "").replace("\r\n", "\n").strip()
    match form.get("do"):
        case "identify":
            await operate(request, "subject-identify", subject_id=subject_id, how=text)
        case "extend":
            await operate(request, "subject-extend", subject_id=subject_id, why=text)
        case "close":
            answer = form.get("answer", "")
            await operate(request, "subject-answered", subject_id=subject_id, answer=answer, reasons=text or None)
        case _:
            raise InputInvalid("That button is not known.", do="Load the page again.")
    raise web.HTTPSeeOther(f"/subjects/{subject_id}")
