"""``handover register`` and ``handover basis``: the register of requests, and the lawful basis of an entry.

Not for: what is in it (``agent.records.register``).
"""

from datetime import date
from pathlib import Path

import click

from agent.cli.caller import ask_agent
from agent.cli.record_keeping.files import in_language, refuse_taken, write_file
from agent.cli.requests import print_json
from exchange.errors import InputInvalid

_LANGUAGES = {"en": "English", "de": "German"}


@click.command()
@click.option("--from", "first", help="The first day on which requests came, such as 2026-01-01.")
@click.option("--to", "last", help="The last one.")
@click.option(
    "--as",
    "form",
    type=click.Choice(["html", "csv", "pdf", "json"]),
    default="html",
    show_default=True,
    help="A page, a table for a spreadsheet, a document to print, or what a script can read.",
)
@click.option("--out", "target", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
@in_language
@click.pass_obj
def register(
    config: Path, first: str | None, last: str | None, form: str, target: Path | None, language: str | None
) -> None:
    """Every request, granted or not: who asked, why, what was decided, left out and handed over."""
    for flag, day in (("--from", first), ("--to", last)):
        if day is not None:
            _require_day(flag, day)
    refuse_taken(target)
    asked = {"first": first, "last": last, "form": form, "language": language}
    given = {name: value for name, value in asked.items() if value is not None}
    reply = ask_agent(config, lambda call: call("register", **given))
    if form == "json":
        print_json(reply)
    else:
        write_file(reply, target)
        if language is not None and reply["language"] != language:
            name = _LANGUAGES[language]
            click.echo(
                f"{reply['jurisdiction']} has no {name} wording: it is in {_LANGUAGES[reply['language']]}.", err=True
            )


def _require_day(flag: str, day: str) -> None:
    try:
        if date.fromisoformat(day).isoformat() == day:
            return
    except ValueError:
        pass
    raise InputInvalid(f"The day {day!r} given with {flag} can't be used.", do="Type it as 2026-05-03.")


@click.command()
@click.argument("request_id")
@click.argument("basis", required=False)
@click.option("--why", help="Why this one, in your words.")
@click.pass_obj
def basis(config: Path, request_id: str, basis: str | None, why: str | None) -> None:
    """Choose the lawful basis by which a request's footage was shared; without BASIS: list them."""
    if basis is None:
        reply = ask_agent(config, lambda call: call("register", request_id=request_id))
        for each in reply["bases"]:
            click.echo(f"{each['key']}: {each['title']}")
        return
    arguments = {"request_id": request_id, "basis": basis} | ({} if why is None else {"why": why})
    ask_agent(config, lambda call: call("basis", **arguments))
    click.echo("Written down.")
