"""``handover report``: how it went over a year, as text bars and tables, CSV, JSON, or a picture.

Not for: the figures (``agent.records.report``).
"""

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from agent.cli.caller import ask_agent
from agent.cli.requests import print_json
from agent.owner.operations.afterwards.report import as_csv
from agent.owner.terminal.prompt import duration
from agent.records.report.chart import SHOWN, bars
from agent.records.report.figures import STEPS, Month
from agent.records.report.journeys import Answer
from exchange.clock import Window, from_rfc3339
from exchange.counted import counted
from exchange.documents.feedback import RESULT_WORDS, CaseResult
from exchange.errors import InputInvalid

Json = dict[str, Any]

STEP_WORDS = dict(
    zip(
        STEPS,
        (
            "from its coming until you were asked",
            "from then until your answer",
            "from your yes until it was handed over",
            "from then until the receipt",
            "from then until they opened it",
            "from its coming until it was handed over",
        ),
        strict=True,
    )
)
FAILURE_WORDS = {
    "upload-interrupted": ("upload that broke off, and went on", "uploads that broke off, and went on"),
    "step-failed": ("step that failed", "steps that failed"),
    "approval-void": (
        "yes that became void, as the footage had changed",
        "yeses that became void, as the footage had changed",
    ),
    "not-verified": ("package that the force could not verify", "packages that the force could not verify"),
    "cannot-play": ("time that the force could not play it", "times that the force could not play it"),
    "no-receipt": ("package without a receipt after 90 days", "packages without a receipt after 90 days"),
}
PART_WORDS = ("approved", "declined, or none there", "unanswered, or open", "refused, or stopped")
_WIDE = 40


@click.command()
@click.option("--year", type=click.IntRange(2000, 2999), help="A calendar year; the last twelve months, without it.")
@click.option(
    "--as",
    "form",
    type=click.Choice(["text", "csv", "json", "svg"]),
    default="text",
    show_default=True,
    help="Bars and tables, a row a month for a spreadsheet, all of it for a script, or a picture.",
)
@click.option("--out", "target", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
@click.pass_obj
def report(config: Path, year: int | None, form: str, target: Path | None) -> None:
    """How it went: requests, answers, how long each step took, failures, ratings, outcomes."""
    given = {} if year is None else {"year": year}
    told = ask_agent(config, lambda call: call("report", **given))
    if form == "text":
        if target is None:
            _show(Console(highlight=False), told)
        else:
            with _made(target) as file:
                _show(Console(file=file, highlight=False, width=100), told)
            click.echo(f"Written: {target}")
        return
    if form == "json" and target is None:
        print_json(told)
        return
    content = {
        "csv": lambda: as_csv(told),
        "json": lambda: json.dumps(told, indent=2, ensure_ascii=False) + "\n",
        "svg": lambda: str(bars(_months(told), _title(told), PART_WORDS, lambda month: month.name[2:])) + "\n",
    }[form]()
    if target is None:
        sys.stdout.write(content)
        return
    with _made(target) as file:
        file.write(content)
    click.echo(f"Written: {target}")


def _made(target: Path) -> Any:
    try:
        return target.open("x", encoding="utf-8", newline="")
    except FileExistsError:
        raise InputInvalid(f"{target} is there already.", do="Name another file.") from None
    except OSError as error:
        raise InputInvalid(f"{target} can't be written ({error.strerror}).", do="Name another file.") from None


def _title(told: Json) -> str:
    return (
        f"Requests by month, {told['months'][0]['month']} to {told['months'][-1]['month']}: {told['received']} in all"
    )


def _months(told: Json) -> list[Month]:
    """As the chart takes them: names, counts and answers."""
    window = Window(from_rfc3339(told["from"]), from_rfc3339(told["to"]))
    return [
        Month(each["month"], window, each["received"], {a: each["answers"][a.value] for a in Answer}, {}, 0)
        for each in told["months"]
    ]


def _show(console: Console, told: Json) -> None:
    console.print(f"[bold]{_title(told)}[/]")
    if not told["received"]:
        console.print("No request came in this time: there is nothing to tell.")
        return
    most = max(month["received"] for month in told["months"])
    marks = "█▓░▒" if (console.encoding or "").lower().startswith("utf") else "#=.x"
    for month in told["months"]:
        counts = [sum(month["answers"][answer.value] for answer in answers) for _, answers in SHOWN]
        # A mark a request; where there are too many, each part is rounded up, so that none is hidden.
        drawn = "".join(
            mark * (count if most <= _WIDE else -(-count * _WIDE // most))
            for mark, count in zip(marks, counts, strict=True)
        )
        console.print(f"{month['month']}  {drawn} {month['received']}", markup=False)
    console.print("  ".join(f"{mark} {name}" for mark, name in zip(marks, PART_WORDS, strict=True)), markup=False)
    table = Table("How long it took", "median", "of requests", box=None, pad_edge=False)
    for step in STEPS:
        took = told["steps"][step]
        shown = (
            "nothing kept" if took["median_seconds"] is None else duration(round(took["median_seconds"] * 1_000_000))
        )
        table.add_row(STEP_WORDS[step], shown, str(took["count"]))
    console.print(table)
    answers = ", ".join(f"{count} {answer}" for answer, count in told["answers"].items() if count)
    console.print(f"Answers: {answers}.")
    failures = ", ".join(counted(count, *FAILURE_WORDS[kind]) for kind, count in told["failures"].items())
    console.print(f"Failures: {failures or 'none'}.")
    if told["sent_again"]:
        console.print(f"Sent again: {told['sent_again']}.")
    given = {stars: count for stars, count in told["ratings"]["stars"].items() if count}
    rated = ", ".join(f"{count} with {stars} of 5" for stars, count in given.items())
    console.print(f"Your ratings: {rated or 'none yet'}.")
    ended = ", ".join(f"{count}: {RESULT_WORDS[CaseResult(name)]}" for name, count in told["outcomes"].items())
    console.print(f"How it ended, as the force told: {ended or 'nothing yet'}.")
