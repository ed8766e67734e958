"""How it went: requests, answers, the time of each step, failures, ratings and outcomes, over a year by month.

Not for: any one request, or anything that leaves the house.
"""

import asyncio
import csv
import io
from typing import Annotated, Any

from pydantic import Field

from agent.owner.operations.context import Actor, Json, Owned
from agent.records.report.figures import STEPS, Figures, Step, figures, year_of
from agent.records.report.journeys import Answer, RequestJourney, journeys
from exchange.clock import Instant, Window, to_rfc3339
from exchange.documents.messages import Part


class ReportAsked(Part):
    """Of a calendar year; without one, the twelve months that end with this one."""

    year: Annotated[int, Field(ge=2000, le=2999)] | None = None


async def report(agent: Owned, asked: ReportAsked, actor: Actor) -> Json:
    """Counts and medians; times in seconds, None where nothing was kept."""
    found, made = await made_of(agent, asked)
    return {
        "from": to_rfc3339(made.window.start),
        "to": to_rfc3339(made.window.end),
        "received": made.received,
        "answers": {answer.value: count for answer, count in made.answers.items()},
        "steps": _steps(made.steps),
        "failures": {kind.value: count for kind, count in made.failures.items()},
        "sent_again": made.sent_again,
        "ratings": {"stars": {str(n): count for n, count in made.stars.items()}, "median": made.median_stars},
        "outcomes": made.results,
        "months": [
            {
                "month": month.name,
                "received": month.received,
                "answers": {answer.value: count for answer, count in month.answers.items()},
                "steps": _steps(month.steps),
                "failures": month.failures,
            }
            for month in made.months
        ],
        "requests": [_request(one) for one in found],
    }


async def made_of(agent: Owned, asked: ReportAsked) -> tuple[list[RequestJourney], Figures]:
    """The requests and their figures, for a door that draws them."""
    now = agent.services.clock.now()
    months = await asyncio.to_thread(year_of, asked.year, now)
    async with agent.services.store.transaction() as tx:
        found = await journeys(tx, Window(months[0].start, months[-1].end), now)
    return found, await asyncio.to_thread(figures, found, months)


def as_csv(told: Json) -> str:
    """A row a month, for a spreadsheet; medians in seconds, empty where there are none."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\r\n")
    writer.writerow(["month", "received", *Answer, "failures", *(f"median_seconds_{step}" for step in STEPS)])
    for month in told["months"]:
        medians = ["" if (m := month["steps"][step]["median_seconds"]) is None else m for step in STEPS]
        answers = [month["answers"][answer] for answer in Answer]
        writer.writerow([month["month"], month["received"], *answers, month["failures"], *medians])
    return table.getvalue()


def _steps(steps: dict[str, Step]) -> dict[str, Any]:
    return {
        name: {
            "median_seconds": None if step.median is None else round(step.median / 1_000_000, 1),
            "count": step.count,
        }
        for name, step in steps.items()
    }


def _request(one: RequestJourney) -> Json:
    return {
        "request_id": one.request_id,
        "received": to_rfc3339(one.received),
        "asked": _time(one.asked),
        "decided": _time(one.decided),
        "delivered": _time(one.delivered),
        "receipted": _time(one.receipted),
        "opened": _time(one.opened),
        "answer": one.answer.value,
        "failures": {kind.value: count for kind, count in one.failures.items()},
        "sent_again": one.sent_again,
        "stars": one.stars,
        "outcomes": list(one.results),
    }


def _time(at: Instant | None) -> str | None:
    return None if at is None else to_rfc3339(at)
