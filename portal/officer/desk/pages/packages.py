"""One package: fetched and checked while the page stays live, its report in plain words, and what is told its owner.

Not for: playing (``portal.officer.desk.pages.player``).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from exchange.documents.evidence import Evidence
from exchange.documents.feedback import (
    REASON_WORDS,
    RESULT_WORDS,
    CannotPlay,
    CannotPlayReason,
    CaseOutcome,
    CaseResult,
    OfficersFeedback,
    Question,
)
from exchange.documents.messages import Delivery
from exchange.errors import InputInvalid, NotFound
from exchange.package.clock_words import clock_sentences, display_sentences, host_warning
from exchange.package.report import Report
from exchange.verify.words import HEADINGS, conclusion, report_lines
from portal.officer.casework.correspondence import correspondence
from portal.officer.casework.standing import CaseStanding, PackageStanding, Standing
from portal.officer.desk.live import answer_part, moments
from portal.officer.desk.openings import OPENINGS, Opening, set_up
from portal.officer.desk.page import Page
from portal.officer.desk.site import Site, form_of, render, rendered, site_of
from portal.officer.desk.watch import WATCH, View, look
from portal.officer.feedback import send, tell_opened
from portal.officer.opening import Opened, send_receipt

_README_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
_SAID = {
    "receipt": "The receipt is sent.",
    "cannot-play": "The owner is told. If they send it again, it appears here.",
    "question": "The owner is asked. What they answer appears here.",
    "outcome": "The owner is told.",
    "told": "The owner is told that you opened it.",
    "untold": "The owner is not told.",
}


@dataclass(frozen=True, slots=True)
class _Meant:
    """The package that an address names."""

    view: View
    case: CaseStanding
    standing: Standing
    package: PackageStanding
    opening: Opening | None

    @property
    def path(self) -> str:
        return f"/packages/{self.package.delivery.request_id}/{self.package.delivery.delivery_id}"


async def _meant(request: web.Request) -> _Meant:
    view = await look(request)
    case, standing = view.request(request.match_info["request_id"])
    for package in standing.packages:
        if package.delivery.delivery_id == request.match_info["delivery_id"]:
            return _Meant(view, case, standing, package, request.config_dict[OPENINGS].of(package.delivery))
    raise NotFound("There is no such package.", do="If it was sent again, the case names the newer one.")


async def show(request: web.Request) -> web.Response:
    meant = await _meant(request)
    said = _SAID.get(request.query.get("done", ""), "")
    state, answer, delivery = site_of(request).state, meant.standing.answer, meant.package.delivery
    return render(
        request,
        "package.html",
        **await _values(request, meant),
        said=said,
        correspondence=await asyncio.to_thread(correspondence, state, answer, delivery),
        reasons=REASON_WORDS,
        results=RESULT_WORDS,
    )


async def part(request: web.Request) -> web.Response:
    """How far it is, for the page's script."""
    values = await _values(request, await _meant(request))
    return answer_part(request, rendered(request, "package_part.html", **values))


async def _values(request: web.Request, meant: _Meant) -> dict[str, Any]:
    site, opening = site_of(request), meant.opening
    if opening is not None:
        await opening.look()
    setup = await asyncio.to_thread(site.state.setup)
    opened = None if opening is None else opening.opened
    values = {"case": meant.case, "standing": meant.standing, "package": meant.package, "at": meant.path}
    values["moment"] = moments(request)
    values |= {"opening": opening, "opened": opened, "asks_whether_to_tell": setup.tell_opened is None}
    if opened is not None:
        values |= {"groups": _groups(opened.report), "conclusion": conclusion(opened.report)}
        values |= {"clock": _clock(opened.report.evidence)}
    return values


def _groups(report: Report) -> list[tuple[str, list[str]]]:
    """The report's lines by its headings, as the program for packages says them."""
    found: list[tuple[str, list[str]]] = []
    for line in report_lines(report, deep=False, width=10_000):
        if line in HEADINGS:
            found.append((line, []))
        elif found and line.startswith("  "):
            found[-1][1].append(line.strip())
    return found


def _clock(evidence: Evidence | None) -> list[str]:
    if evidence is None:
        return []
    warning = host_warning(evidence.clocks)
    sentences = [*display_sentences(evidence), *clock_sentences(evidence.clocks, evidence.windows.delivered.window)]
    return [*([warning] if warning else []), *sentences]


async def begin(request: web.Request) -> web.Response:
    meant = await _meant(request)
    assert meant.standing.answer is not None
    request.config_dict[OPENINGS].start(site_of(request), meant.standing.answer, meant.package.delivery)
    raise web.HTTPSeeOther(meant.path)


async def readme(request: web.Request) -> web.StreamResponse:
    """READ-ME-FIRST.html of the package, where the owner's device signed it; no script in it runs."""
    page = _opened(await _meant(request)).page
    if page is None:
        raise NotFound("The package has no page that its owner's device signed.", do="Rely on the report alone.")
    headers = {"Content-Security-Policy": _README_POLICY, "Content-Type": "text/html; charset=utf-8"}
    return web.FileResponse(page, headers=headers)


# -- what is told its owner --------------------------------------------------------------------------------------


async def receipt(request: web.Request) -> web.Response:
    """Signed as the checks ended; what did not verify is receipted only where the officer says so."""
    site, meant, form = site_of(request), await _meant(request), await form_of(request)
    opened = _opened(meant)
    if not opened.report.ok and form.get("not_verified") != "yes":
        raise InputInvalid(
            "Not everything of this package holds.",
            meaning="A receipt says whether it does.",
            do="Tick the box to say that it came, and did not verify.",
        )
    await send_receipt(site.state, site.client, opened, _text(form, "remarks") or None, site.now())
    raise _done(request, meant, "receipt")


async def choose_telling(request: web.Request) -> web.Response:
    """Whether owners are told that their packages were opened, now and from now on."""
    site, meant, form = site_of(request), await _meant(request), await form_of(request)
    opened, tells = _opened(meant), form.get("tell") == "yes"
    await asyncio.to_thread(lambda: site.state.save_choice(tell_opened=tells))
    if tells and meant.opening is not None:
        meant.opening.owner_knows = await tell_opened(site.state, site.client, opened, site.now())
    raise _done(request, meant, "told" if tells else "untold")


async def cannot_play(request: web.Request) -> web.Response:
    meant, form = await _meant(request), await form_of(request)
    reason, text = _one_of(form, "reason", CannotPlayReason), _text(form, "text") or None
    if reason is CannotPlayReason.OTHER and text is None:
        raise InputInvalid("Another reason must be said.", do="Write it.")
    await _say(request, meant.package.delivery, CannotPlay, reason=reason, text=text)
    raise _done(request, meant, "cannot-play")


async def ask(request: web.Request) -> web.Response:
    meant, text = await _meant(request), _text(await form_of(request), "text")
    if not text:
        raise InputInvalid("The question is empty.", do="Write it.")
    await _say(request, meant.package.delivery, Question, text=text)
    raise _done(request, meant, "question")


async def outcome(request: web.Request) -> web.Response:
    meant, form = await _meant(request), await form_of(request)
    result, text = _one_of(form, "result", CaseResult), _text(form, "text") or None
    await _say(request, meant.package.delivery, CaseOutcome, result=result, text=text)
    raise _done(request, meant, "outcome")


async def _say(request: web.Request, delivery: Delivery, model: type[OfficersFeedback], **fields: Any) -> None:
    site: Site = site_of(request)
    try:
        await send(site.state, site.client, delivery, model, site.now(), **fields)
    except ValidationError:
        raise InputInvalid("That text can't be sent.", do="Make it shorter, without unusual signs.") from None


def _opened(meant: _Meant) -> Opened:
    if meant.opening is None or meant.opening.opened is None:
        raise NotFound("The package is not open.", do="Fetch and check it first.")
    return meant.opening.opened


def opened_file(opened: Opened, path: str) -> Path:
    """A recording of an opened package, by its path in the manifest. NotFound for one that is not a file any more."""
    bag = opened.report.bag
    found = None if bag is None else bag / path
    if found is None or found.is_symlink() or not found.is_file():
        raise NotFound("The recording is not where it was left.", do="Fetch and check the package again.")
    return found


def _text(form: dict[str, str], name: str) -> str:
    return form.get(name, "").replace("\r\n", "\n").strip()


def _one_of(form: dict[str, str], name: str, kind: Any) -> Any:
    try:
        return kind(form.get(name, ""))
    except ValueError:
        raise InputInvalid("Nothing was chosen.", do="Choose one of the list.") from None


def _done(request: web.Request, meant: _Meant, what: str) -> web.HTTPSeeOther:
    request.config_dict[WATCH].forget()
    return web.HTTPSeeOther(f"{meant.path}?done={what}")


def _routes(below: Sequence[tuple[str, Any]]) -> tuple[web.RouteDef, ...]:
    top = "/packages/{request_id}/{delivery_id}"
    return tuple(web.post(top + path, handler) for path, handler in below)


PAGE = Page(
    routes=(
        web.get("/packages/{request_id}/{delivery_id}", show),
        web.get("/packages/{request_id}/{delivery_id}/part", part),
        web.get("/packages/{request_id}/{delivery_id}/read-me-first", readme),
        *_routes(
            (
                ("/open", begin),
                ("/receipt", receipt),
                ("/tell", choose_telling),
                ("/cannot-play", cannot_play),
                ("/ask", ask),
                ("/outcome", outcome),
            )
        ),
    ),
    set_up=set_up,
)
