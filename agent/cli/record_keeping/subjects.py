"""``handover subject-request``: what somebody who was filmed asks of the owner, at a terminal.

Not for: the words of an answer (``agent.records.subjects``).
"""

from pathlib import Path
from typing import Any

import click

from agent.cli.caller import ask_agent
from agent.cli.handing_over.noted import whole_time
from agent.cli.record_keeping.files import in_language, refuse_taken, write_file
from agent.cli.requests import as_json, print_json
from agent.owner.terminal import prompt
from exchange.counted import counted
from exchange.documents.letters import harmless, quoted
from exchange.errors import InputInvalid

Json = dict[str, Any]


@click.group("subject-request")
def subject_request() -> None:
    """What somebody who was filmed asks of you: a copy, erasure, an objection."""


@subject_request.command("new")
@click.option("--who", "person", required=True, help="Their name.")
@click.option("--contact", help="How they are reached.")
@click.option(
    "--wants",
    "wish",
    type=click.Choice(["access", "erasure", "objection", "restriction"]),
    default="access",
    show_default=True,
    help="To know and have a copy, to have it erased, not to be recorded, or to have its use restricted.",
)
@click.option("--what", "described", required=True, help="How they are known in the pictures, in their words.")
@click.option("--identified", help="How you made sure that it is them; can be said later.")
@click.option(
    "--from", "starts", multiple=True, required=True, help="From when they were there (again for more times)."
)
@click.option("--to", "ends", multiple=True, required=True, help="Until when; one for each --from.")
@click.option("--camera", "cameras", multiple=True, help="At which camera (again for more); all, without it.")
@click.option("--received", help="When it came, such as 2026-05-03T18:40 (your time); now, without it.")
@click.pass_obj
def new(config: Path, /, starts: tuple[str, ...], ends: tuple[str, ...], **given: Any) -> None:
    """Write it down. You are told by which day they must have an answer."""
    if len(starts) != len(ends):
        raise InputInvalid("There is a --from without its --to.", meaning="Nothing was written down.")
    asked = {name: value for name, value in given.items() if value}
    if given["received"]:
        asked["received"] = whole_time(given["received"])
    asked["windows"] = [
        {"from": whole_time(start), "to": whole_time(end)} for start, end in zip(starts, ends, strict=True)
    ]
    reply = ask_agent(config, lambda call: call("subject-record", **asked))
    click.echo(f"Written down. They must have an answer by {prompt.local(reply['due_at'])}.")
    click.echo(f"What concerns them: handover subject-request show {reply['subject_id']}")


@subject_request.command("list")
@as_json
@click.pass_obj
def list_all(config: Path, plain: bool) -> None:
    """List them, the most urgent first."""
    reply = ask_agent(config, lambda call: call("subject-requests"))
    if plain:
        return print_json(reply)
    for each in reply["requests"]:
        click.echo(f"{each['subject_id']}  {harmless(each['person'], 80)}: {each['wish']}; {_stands(each)}")
    if not reply["requests"]:
        click.echo("Nobody has asked.")
    return None


def _stands(each: Json) -> str:
    if each["answered_at"]:
        return f"answered on {prompt.local(each['answered_at'])} ({each['answer']})"
    if each["days_left"] < 0:
        return f"OVERDUE since {prompt.local(each['due_at'])}"
    return f"due by {prompt.local(each['due_at'])} ({counted(each['days_left'], 'day')} left)"


@subject_request.command("show")
@click.argument("subject_id")
@as_json
@click.pass_obj
def show(config: Path, subject_id: str, plain: bool) -> None:
    """Show one: what was given to the police of their times, which recordings are still there, and what to do."""
    reply = ask_agent(config, lambda call: call("subject-show", subject_id=subject_id))
    if plain:
        return print_json(reply)
    click.echo(f"{harmless(reply['person'], 80)}: {reply['wish']}; {_stands(reply)}")
    click.echo(f"  {reply['counted']}")
    click.echo(f"  known by: {quoted(reply['described'])}")
    click.echo(f"  who it is: {harmless(reply['identified'] or 'NOT MADE SURE YET')}")
    for each in reply["disclosures"]:
        click.echo(
            f"  GIVEN TO THE POLICE: {harmless(each['camera'])}, {prompt.local(each['from'])} to "
            f"{prompt.local(each['to'])}, to {harmless(each['force'])}, case {harmless(each['case'])}"
        )
    if not reply["disclosures"]:
        click.echo("  Nothing of these times was given to the police.")
    for held in reply["held"]:
        where = f"{harmless(held['camera'])}, {prompt.local(held['from'])} to {prompt.local(held['to'])}"
        if held["trouble"]:
            click.echo(f"  {where}: not known: {held['trouble']}")
            continue
        there = ", ".join(f"{prompt.local(span['from'])} to {prompt.local(span['to'])}" for span in held["there"])
        click.echo(f"  {where}: {f'there is {there}' if there else 'nothing is left'}")
    for number, line in enumerate(reply["guide"], 1):
        click.echo(f"  {number}. {line}")
    return None


@subject_request.command("identify")
@click.argument("subject_id")
@click.argument("how")
@click.pass_obj
def identify(config: Path, subject_id: str, how: str) -> None:
    """Write down how you made sure that it is them."""
    ask_agent(config, lambda call: call("subject-identify", subject_id=subject_id, how=how))
    click.echo("Written down.")


@subject_request.command("extend")
@click.argument("subject_id")
@click.option("--why", required=True, help="Why it takes longer; the person must be told, within the first month.")
@click.pass_obj
def extend(config: Path, subject_id: str, why: str) -> None:
    """Take the longer time that the law gives where it is complex."""
    reply = ask_agent(config, lambda call: call("subject-extend", subject_id=subject_id, why=why))
    click.echo(
        f"They must have an answer by {prompt.local(reply['due_at'])}. Tell them why, before the first month is over."
    )


@subject_request.command("answer")
@click.argument("subject_id")
@click.option(
    "--disclosures", type=click.Choice(["tell", "withhold"]), help="Tell them what the police got, or withhold it."
)
@click.option("--reasons", "paper", flag_value="reasons", help="The note of why it is withheld, for your records only.")
@click.option(
    "--as", "form", type=click.Choice(["html", "pdf"]), default="html", show_default=True, help="A page, or a document."
)
@click.option("--out", "target", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
@in_language
@click.pass_obj
def answer(config: Path, /, target: Path | None, **asked: str | None) -> None:
    """Draft the answer, to be checked, filled in and sent by you."""
    refuse_taken(target)
    given = {name: value for name, value in asked.items() if value is not None}
    write_file(ask_agent(config, lambda call: call("subject-draft", **given)), target)


@subject_request.command("close")
@click.argument("subject_id")
@click.option(
    "--as",
    "how",
    type=click.Choice(["given", "partly", "withheld", "refused"]),
    required=True,
    help="They got all, a part, nothing as it is withheld, or nothing as it was refused.",
)
@click.option("--why", "reasons", help="Why not all; needed unless they got all.")
@click.pass_obj
def close(config: Path, subject_id: str, how: str, reasons: str | None) -> None:
    """Write down how you answered."""
    given = {"subject_id": subject_id, "answer": how} | ({} if reasons is None else {"reasons": reasons})
    ask_agent(config, lambda call: call("subject-answered", **given))
    click.echo("Written down.")
