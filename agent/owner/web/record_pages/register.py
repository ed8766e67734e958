"""The pages of the register: every request with what was decided, its papers, and what was said about it.

Not for: what stands in an entry (``agent.records.register``), or answering a request (``review``).
"""

import base64
from typing import Any

from aiohttp import BodyPartReader, MultipartReader, web

from agent.owner.operations.context import Json
from agent.owner.people.roles import Role, allows
from agent.owner.web.forms import typed_moment
from agent.owner.web.login import prove
from agent.owner.web.record_pages.downloads import kept_file, made_file
from agent.owner.web.site import form_of, operate, render, session_of, site_of, words_of
from agent.records.correspondence import kept
from exchange.errors import InputInvalid, NotFound

HAPPENED = {
    "asked": "asked, through the portal",
    "written-down": "asked; it was written down here",
    "answered": "answered",
    "handed-over": "handed over",
    "receipt": "said that they have it",
    "closed": "over",
    "mail": "mail",
    "note": "note",
    "file": "file",
    "opened": "opened and checked it",
    "cannot-play": "can't play it",
    "question": "asked a question",
    "outcome": "told what became of it",
    "answer": "you answered their question",
    "rating": "you said how it went",
}
"""What a moment is called, by its kind."""
ANSWERED = {
    "approved": "said yes",
    "partly-approved": "said yes to a part",
    "declined": "said no",
    "unavailable": "said that there is nothing",
    "withdrawn": "took the yes back",
}
"""What an answer was."""
_FIELDS = 100_000
"""Bytes of a form beside its file."""
_MADE = ("html", "pdf", "csv", "txt")


def routes() -> list[web.RouteDef]:
    return [
        web.get("/records", show_register),
        web.get("/records/register.{form}", load_register),
        web.get("/records/notice", show_notice),
        web.get("/records/{paper:notice|sign}.{form}", load_notice),
        web.get("/records/{request_id}", show_entry),
        web.get("/records/{request_id}/statement", load_statement),
        web.post("/records/{request_id}/basis", choose_basis),
        web.post("/records/{request_id}/note", add_note),
        web.post("/records/{request_id}/file", add_file),
        web.get("/records/items/{item_id}", load_item),
        web.post("/records/items/{item_id}/remove", remove_item),
    ]


def _days(request: web.Request) -> dict[str, str]:
    return {name: day for name in ("first", "last") if (day := request.query.get(name, "").strip())}


async def show_register(request: web.Request) -> web.Response:
    language = words_of(request).language
    register = await operate(request, "register", language=language, **_days(request))
    subjects = (await operate(request, "subject-requests"))["requests"]
    wanted = request.query.get("state", "")
    entries = [each for each in register["entries"] if not wanted or each["state"] == wanted]
    states = {each["state"]: each["fields"]["state"][0] for each in register["entries"]}
    return render(
        request, "records.html", register=register, entries=list(reversed(entries)), days=_days(request),
        states=states, wanted=wanted, waiting=sum(each["answered_at"] is None for each in subjects),
    )  # fmt: skip


async def load_register(request: web.Request) -> web.Response:
    """The register as a file; of the days that were chosen."""
    form = request.match_info["form"]
    if form not in ("html", "csv", "pdf"):
        raise NotFound("There is no such file.")
    language = words_of(request).language
    return made_file(await operate(request, "register", form=form, language=language, **_days(request)))


async def show_notice(request: web.Request) -> web.Response:
    language = words_of(request).language
    made = await operate(request, "notice", form="txt", language=language)
    text = base64.b64decode(made["content"]).decode()
    return render(request, "notice.html", text=text)


async def load_notice(request: web.Request) -> web.Response:
    form = request.match_info["form"]
    if form not in _MADE:
        raise NotFound("There is no such file.")
    language = words_of(request).language
    return made_file(await operate(request, request.match_info["paper"], form=form, language=language))


async def show_entry(request: web.Request) -> web.Response:
    return await _entry(request)


async def _entry(request: web.Request) -> web.Response:
    request_id, language = request.match_info["request_id"], words_of(request).language
    register = await operate(request, "register", request_id=request_id, language=language)
    if not register["entries"]:
        raise NotFound("There is no such request.")
    (entry,) = register["entries"]
    moments = (await operate(request, "correspondence", request_id=request_id))["moments"]
    role = session_of(request).person.role
    return render(
        request, "record.html", register=register, entry=entry, moments=moments, happened=HAPPENED, answered=ANSWERED,
        may_add=allows(role, Role.APPROVER), may_remove=allows(role, Role.ADMINISTRATOR), about=request_id,
        most=kept.MOST_BYTES,
    )  # fmt: skip


async def load_statement(request: web.Request) -> web.Response:
    given = {name: text for name in ("name", "occupation", "position") if (text := request.query.get(name, "").strip())}
    form = request.query.get("form", "html")
    language = words_of(request).language
    reply = await operate(
        request, "statement", request_id=request.match_info["request_id"], form=form, language=language, **given
    )
    return made_file(reply)


async def choose_basis(request: web.Request) -> web.StreamResponse:
    form, request_id = await form_of(request), request.match_info["request_id"]
    why = form.get("why", "").strip() or None
    await operate(request, "basis", request_id=request_id, basis=form.get("basis", ""), why=why)
    raise web.HTTPSeeOther(f"/records/{request_id}")


async def add_note(request: web.Request) -> web.StreamResponse:
    form, about = await form_of(request), request.match_info["request_id"]
    text = form.get("text", "").replace("\r\n", "\n").strip()
    if not text:
        raise InputInvalid("The note is empty.", meaning="Nothing was written down.", do="Go back, and type it.")
    await operate(request, "correspondence-note", request_id=about, text=text, **_said(form))
    raise web.HTTPSeeOther(f"{_back(form, about)}#said")


async def add_file(request: web.Request) -> web.StreamResponse:
    """A mail or a file, taken as it comes: it may be larger than any form."""
    if not allows(session_of(request).person.role, Role.APPROVER):
        raise InputInvalid("You may not add anything here.", do="Ask an administrator.")
    services, about = site_of(request).agent.services, request.match_info["request_id"]
    form: dict[str, str] = {}
    upload_id, name = None, ""
    try:
        async for part in MultipartReader(request.headers, request.content, client_max_size=kept.MOST_BYTES + _FIELDS):
            if not isinstance(part, BodyPartReader):
                continue
            if part.name == "file" and upload_id is None and part.filename:
                name = part.filename
                upload_id = await kept.take_all(services, part)
            elif part.name in ("sender", "when", "back"):
                form[part.name] = bytes(await part.read())[:1000].decode("utf-8", "replace")
    except (ValueError, AssertionError) as error:
        raise InputInvalid("That is no file.", meaning="Nothing was added.", do="Choose it again.") from error
    if upload_id is None:
        raise InputInvalid("No file was chosen.", meaning="Nothing was added.", do="Go back, and choose one.")
    try:
        await operate(
            request, "correspondence-add", request_id=about, upload_id=upload_id, name=name[:500], **_said(form)
        )
    finally:
        await kept.drop(services, upload_id)
    raise web.HTTPSeeOther(f"{_back(form, about)}#said")


def _said(form: dict[str, str]) -> dict[str, Any]:
    """Whom it is of, and when it was said, where that was typed."""
    said: dict[str, Any] = {}
    if form.get("sender", "").strip():
        said["sender"] = form["sender"].strip()
    if form.get("when", "").strip():
        said["at"] = typed_moment(form["when"])
    return said


def _back(form: dict[str, str], about: str) -> str:
    return f"/subjects/{about}" if form.get("back") == "subjects" else f"/records/{about}"


async def load_item(request: web.Request) -> web.Response:
    """A kept mail or file, as it came."""
    item_id, content = request.match_info["item_id"], bytearray()
    while True:
        piece: Json = await operate(request, "correspondence-load", item_id=item_id, offset=len(content))
        content += base64.b64decode(piece["data"])
        if not piece["data"] or len(content) >= piece["size"]:
            return kept_file(bytes(content), piece["name"])


async def remove_item(request: web.Request) -> web.StreamResponse:
    form = await form_of(request)
    await prove(request, form)
    await operate(request, "correspondence-remove", item_id=request.match_info["item_id"])
    about = form.get("about", "")
    raise web.HTTPSeeOther(_back(form, about) if about.replace("-", "").isalnum() else "/records")
