"""The page "How it went": a year by month, as a picture and the table beside it; it prints.

Not for: the figures (``agent.records.report``), or any one request.
"""

from datetime import UTC, datetime

from aiohttp import web
from babel.dates import format_skeleton

from agent.owner.operations.afterwards.report import ReportAsked, made_of
from agent.owner.web.site import now, operate, render, site_of, words_of
from agent.owner.words import Words
from agent.records.report.chart import SHOWN, bars
from agent.records.report.figures import Month
from agent.records.report.journeys import Answer, Failure
from exchange.clock import SECOND
from exchange.documents.feedback import RESULT_WORDS
from exchange.errors import InputInvalid

PART_WORDS = ("you said yes", "you said no", "not answered", "refused or stopped")
ANSWER_WORDS = {
    Answer.APPROVED: "you said yes",
    Answer.DECLINED: "you said no",
    Answer.UNAVAILABLE: "you said that there was nothing",
    Answer.REFUSED: "refused for you",
    Answer.UNANSWERED: "ended without an answer",
    Answer.STOPPED: "stopped by you",
    Answer.OPEN: "still open",
}
STEP_WORDS = {
    "received-asked": "until you were asked",
    "asked-decided": "then until your answer",
    "decided-delivered": "then until it was handed over",
    "delivered-receipted": "then until the police confirmed it",
    "receipted-opened": "then until they said that they opened it",
    "received-delivered": "in all, until it was handed over",
}
FAILURE_WORDS = {
    Failure.UPLOAD_INTERRUPTED: "sending broke off, and went on",
    Failure.STEP_FAILED: "something did not work",
    Failure.APPROVAL_VOID: "the recording had changed after your yes",
    Failure.NOT_VERIFIED: "the police could not check it",
    Failure.CANNOT_PLAY: "the police could not play it",
    Failure.NO_RECEIPT: "nobody confirmed it within 90 days",
}
_YEARS = 6


def routes() -> list[web.RouteDef]:
    return [web.get("/report", show)]


async def show(request: web.Request) -> web.Response:
    """Of a calendar year, or of the last twelve months."""
    typed = request.query.get("year", "")
    if typed and not (len(typed) == 4 and typed.isdecimal() and 2000 <= int(typed) < 3000):
        raise InputInvalid("That is no year.", do="Choose one of the list.")
    year = int(typed) if typed else None
    await operate(request, "report", year=year)  # whether this person may
    _, made = await made_of(site_of(request).agent, ReportAsked(year=year))
    words = words_of(request)
    this_year = datetime.fromtimestamp(now(request) / SECOND, UTC).astimezone().year
    title = words(
        "Requests by month, %(start)s to %(end)s", start=_long(made.months[0], words), end=_long(made.months[-1], words)
    )
    drawn = bars(made.months, title, [words(name) for name in PART_WORDS], lambda month: _short(month, words))
    return render(
        request, "report.html", made=made, chart=drawn, title=title, year=year, counts=_counts, parts=PART_WORDS,
        years=range(this_year, this_year - _YEARS, -1), month_name=lambda month: _long(month, words),
        steps=STEP_WORDS, answers=ANSWER_WORDS, failures=FAILURE_WORDS, results=RESULT_WORDS,
    )  # fmt: skip


def _counts(month: Month) -> list[int]:
    """Of each part of its bar."""
    return [sum(month.answers[answer] for answer in answers) for _, answers in SHOWN]


def _short(month: Month, words: Words) -> str:
    return format_skeleton("MMM", _first(month), locale=words.locale)


def _long(month: Month, words: Words) -> str:
    return format_skeleton("yMMM", _first(month), locale=words.locale)


def _first(month: Month) -> datetime:
    return datetime.fromtimestamp(month.window.start / SECOND, UTC).astimezone()
