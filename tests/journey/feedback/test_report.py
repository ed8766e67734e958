"""How it went, over a year by month: counts and medians of what was kept, and plain words where there is nothing."""

import asyncio
import csv
import io
import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.cli.afterwards import report as command
from agent.owner.operations.afterwards.feedback import Rate
from agent.owner.operations.afterwards.report import ReportAsked, as_csv
from agent.records.report.figures import year_of
from exchange.clock import DAY, HOUR, MINUTE, SECOND, from_rfc3339
from exchange.documents.api import InboxKind
from exchange.documents.feedback import CannotPlay, CaseOutcome, PackageOpened
from tests.journey.feedback.test_arriving import bring
from tests.journey.home import ACTOR, NOON, Siege, besieged, owner_does

MONTH = f"{datetime.fromtimestamp(NOON / SECOND, UTC).astimezone():%Y-%m}"


async def told(at: Siege, year: int | None = None) -> dict[str, Any]:
    return await owner_does(at.agent, "report", ReportAsked(year=year), ACTOR)


async def test_where_nothing_came_there_is_nothing_to_tell(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        made = await told(at)
        assert (made["received"], len(made["months"]), made["requests"]) == (0, 12, [])
        assert {step["median_seconds"] for step in made["steps"].values()} == {None}
        assert made["ratings"]["median"] is None


async def test_each_step_has_its_time_and_what_failed_is_counted(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        first = await at.asked()
        at.clock.forward(2 * HOUR)
        await at.say(first, yes=True)
        at.clock.forward(10 * MINUTE)
        await at.agent.journey.settle()
        (package,) = await at.packages(first)
        at.clock.forward(HOUR)
        at.portal.put(at.receipt_for(first, package, verified=False), InboxKind.RECEIPT)
        await at.fetch_and_walk()
        at.clock.forward(30 * MINUTE)
        words = [at.feedback_for(first, package, model) for model in (PackageOpened, CannotPlay, CaseOutcome)]
        await bring(at, *words)
        await owner_does(at.agent, "rate", Rate(request_id=first, stars=3), ACTOR)
        second = await at.asked()
        at.clock.forward(4 * HOUR)
        await at.say(second, yes=False)
        await at.walk()
        await at.asked()

        made = await told(at)
        assert made["received"] == 3
        answers = {answer: count for answer, count in made["answers"].items() if count}
        assert answers == {"approved": 1, "declined": 1, "open": 1}
        steps = {name: (step["median_seconds"], step["count"]) for name, step in made["steps"].items()}
        assert steps["received-asked"] == (0, 3)
        assert steps["asked-decided"] == (3 * 3600, 2)
        assert steps["decided-delivered"] == (600, 1)
        assert steps["delivered-receipted"] == (3600, 1)
        assert steps["receipted-opened"] == (1800, 1)
        assert made["failures"] == {"not-verified": 1, "cannot-play": 1}
        assert (made["ratings"]["median"], made["ratings"]["stars"]["3"]) == (3, 1)
        assert made["outcomes"] == {"helped-identify": 1}
        (month,) = [each for each in made["months"] if each["received"]]
        assert (month["month"], month["received"], month["failures"]) == (MONTH, 3, 2)
        assert (await told(at, year=2020))["received"] == 0

        rows = list(csv.DictReader(io.StringIO(as_csv(made))))
        assert len(rows) == 12
        assert (rows[-1]["month"], rows[-1]["approved"], rows[-1]["median_seconds_asked-decided"]) == (
            MONTH,
            "1",
            "10800.0",
        )
        await asyncio.to_thread(for_people, made, tmp_path)


def for_people(made: dict[str, Any], folder: Path) -> None:
    """The command shows these very figures, in each form."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "ask_agent", lambda *_: made)
        run = CliRunner()
        shown = run.invoke(command.report, obj=folder).output
        assert f"{MONTH}  █▓░ 3" in shown
        assert "from then until your answer" in shown
        assert "3 h 0 min 0 s" in shown
        assert "1 package that the force could not verify" in shown
        assert "1 with 3 of 5" in shown
        assert "1: it helped to identify somebody" in shown
        assert json.loads(run.invoke(command.report, ["--as", "json"], obj=folder).output) == made
        drawn = run.invoke(command.report, ["--as", "svg", "--out", str(folder / "r.svg")], obj=folder)
        assert drawn.exit_code == 0, drawn.output
        picture = (folder / "r.svg").read_text()
        assert picture.count('class="part yes"') == picture.count('class="part no"') == 2  # a bar, and the legend
        again = run.invoke(command.report, ["--as", "csv", "--out", str(folder / "r.svg")], obj=folder)
        assert "is there already" in str(again.exception)
        empty = made | {"received": 0, "months": [month | {"received": 0} for month in made["months"]]}
        patch.setattr(command, "ask_agent", lambda *_: empty)
        assert "No request came in this time" in run.invoke(command.report, obj=folder).output


def test_a_year_is_twelve_whole_months_of_this_machine() -> None:
    months = year_of(None, from_rfc3339("2026-03-14T12:00:00Z"))
    assert len(months) == 12
    assert all(one.end == next_.start for one, next_ in pairwise(months))
    assert months[-1].start <= from_rfc3339("2026-03-14T12:00:00Z") < months[-1].end
    assert 27 * DAY < min(month.duration for month in months) < max(month.duration for month in months) < 32 * DAY
    whole = year_of(2024, NOON)
    assert datetime.fromtimestamp(whole[0].start / SECOND, UTC).astimezone().month == 1
    assert datetime.fromtimestamp(whole[-1].start / SECOND, UTC).astimezone().month == 12
