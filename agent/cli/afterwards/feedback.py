"""What follows a receipt: ``handover feedback``, ``answer``, ``rate``, ``send-again``, ``note-feedback``.

Not for: sending anything that was not typed, shown once more, and confirmed.
"""

from pathlib import Path
from typing import Any

import click

from agent.cli.caller import Call, ask_agent
from agent.cli.requests import as_json, print_json
from agent.cli.typed import require_all, somebody_is_there
from agent.owner.terminal import conversation
from exchange.counted import counted
from exchange.documents.feedback import REASON_WORDS, RESULT_WORDS, CannotPlayReason, CaseResult, FeedbackKind
from exchange.documents.letters import quoted, quoted_lines
from exchange.errors import DecisionRefused, InputInvalid, NotFound

Json = dict[str, Any]

_yes = click.option("--yes", is_flag=True, help="Don't ask whether to send it.")
_COPIES = {"playable": "an MP4 that common players take", "avi": "an AVI for old players"}
_NOTED = (FeedbackKind.OPENED, FeedbackKind.CANNOT_PLAY, FeedbackKind.QUESTION, FeedbackKind.OUTCOME)


@click.command()
@click.argument("request_id")
@as_json
@click.pass_obj
def feedback(config: Path, request_id: str, plain: bool) -> None:
    """What the force said of what you sent, and what you answered."""
    reply = ask_agent(config, lambda call: call("feedback", request_id=request_id), needs_daemon=True)
    if plain:
        return print_json(reply)
    for line in conversation.lines_of(reply["feedback"], request_id):
        click.echo(line)
    if not reply["feedback"]:
        click.echo("Nothing was said of it yet.")
    return None


@click.command()
@click.argument("request_id")
@click.option("--question", "question_id", help="Which question, where more than one waits.")
@click.option("--text", help="Your answer; asked for otherwise.")
@_yes
@as_json
@click.pass_obj
def answer(config: Path, request_id: str, question_id: str | None, text: str | None, yes: bool, plain: bool) -> None:
    """Answer a question of the force. Your text is shown once more before it goes; the first answer is final."""
    details, entries = _of(config, request_id)
    question = _question(entries, question_id)
    if not (plain and yes):
        click.echo("The force asks:")
        click.echo(quoted_lines(question["text"], 100))
    if not somebody_is_there():
        require_all([flag for flag, given in (("--text", text), ("--yes", yes)) if not given])
    words = (text if text is not None else str(click.prompt("Your answer"))).strip()
    if not words:
        raise InputInvalid("The answer is empty.", meaning="Nothing was sent.")
    if not _confirmed(details, words, question["noted"], yes):
        return
    given = {"request_id": request_id, "question_id": question["feedback_id"], "text": words}
    reply = ask_agent(config, lambda call: call("answer", **given), needs_daemon=True)
    _say_sent(reply, plain)


@click.command()
@click.argument("request_id")
@click.option("--stars", type=click.IntRange(1, 5), required=True, help="1 (badly) to 5 (very well).")
@click.option("--text", help="What you want to say about it.")
@_yes
@as_json
@click.pass_obj
def rate(config: Path, request_id: str, stars: int, text: str | None, yes: bool, plain: bool) -> None:
    """Say how it went, once, of a request of which something was handed over. The officer gets it."""
    details, _ = _of(config, request_id)
    if not somebody_is_there():
        require_all([] if yes else ["--yes"])
    words = f"{stars} of 5" + (f"\n{text.strip()}" if text else "")
    if not _confirmed(details, words, details["origin"] == "noted", yes):
        return
    given = {"request_id": request_id, "stars": stars, "text": (text or "").strip() or None}
    reply = ask_agent(config, lambda call: call("rate", **given), needs_daemon=True)
    _say_sent(reply, plain)


@click.command("send-again")
@click.argument("request_id")
@click.option(
    "--copy",
    "kind",
    type=click.Choice(["same", *_COPIES]),
    help="What goes: the very same package, or its recordings with a copy beside them.  [default: what may help]",
)
@click.option("--leave-it", is_flag=True, help="Send nothing again. Nobody is told.")
@_yes
@click.pass_obj
def send_again(config: Path, request_id: str, kind: str | None, leave_it: bool, yes: bool) -> None:
    """Send what the force can't play again, under the yes that you gave: nothing outside of it goes."""
    if leave_it:
        ask_agent(config, lambda call: call("leave-it", request_id=request_id), needs_daemon=True)
        click.echo("It is left as it is. Nobody was told.")
        return
    details, _, suggested = _all_of(config, request_id)
    if details["state"] != "reopened":
        raise DecisionRefused(
            "Nothing of this request waits to be sent again.",
            meaning="Nothing was changed.",
            do="A package is sent again when the force told that it can't be played.",
        )
    if not somebody_is_there():
        require_all([] if yes else ["--yes"])
    count = sum(not package["can_be_played"] for package in details["packages"])
    click.echo(f"{counted(count, 'package')} of what you approved before, to {_whom(details)}.")
    copies = suggested if kind is None else [] if kind == "same" else [kind]
    click.echo("".join(f"Added to it: {_COPIES[copy]}." for copy in copies) or "The very same package goes.")
    if not yes and not click.confirm("Send it again?"):
        click.echo("Nothing was sent.")
        return
    ask_agent(config, lambda call: call("send-again", request_id=request_id, copies=copies), needs_daemon=True)
    click.echo("It is sent again; follow it with: handover requests")


@click.command("note-feedback")
@click.argument("request_id")
@click.option("--what", type=click.Choice([kind.value for kind in _NOTED]), required=True, help="What they told you.")
@click.option("--from", "officer", required=True, help="Who told you.")
@click.option("--how", required=True, help="How, such as: by telephone.")
@click.option("--package", "evidence_id", help="Which package; all that was handed over, without it.")
@click.option("--held/--not-held", "verified", default=None, help="Of opened: whether everything held.")
@click.option(
    "--reason",
    type=click.Choice([each.value for each in CannotPlayReason]),
    help="Of cannot-play: " + "; ".join(f"{each.value}: {words}" for each, words in REASON_WORDS.items()),
)
@click.option(
    "--result",
    type=click.Choice([each.value for each in CaseResult]),
    help="Of outcome: " + "; ".join(f"{each.value}: {words}" for each, words in RESULT_WORDS.items()),
)
@click.option("--text", help="Their words.")
@click.pass_obj
def note_feedback(config: Path, /, **given: Any) -> None:
    """Write down what an officer told you some other way. It stays here, and is sent to nobody."""
    reply = ask_agent(config, lambda call: call("note-feedback", **given), needs_daemon=True)
    count = reply["packages"]
    click.echo(f"Written down, of {counted(count, 'package')}.")
    if given["what"] == FeedbackKind.CANNOT_PLAY:
        click.echo(f"Hand it over again with: handover send-again {given['request_id']}")


def _of(config: Path, request_id: str) -> tuple[Json, list[Json]]:
    return _all_of(config, request_id)[:2]


def _all_of(config: Path, request_id: str) -> tuple[Json, list[Json], list[str]]:
    """The request, what was said of it, and which copies may help where it can't be played."""

    async def both(call: Call) -> Json:
        details = await call("show", request_id=request_id)
        return {"details": details} | await call("feedback", request_id=request_id)

    found = ask_agent(config, both, needs_daemon=True)
    return found["details"], found["feedback"], found["suggested"]


def _question(entries: list[Json], question_id: str | None) -> Json:
    asked = [entry for entry in entries if entry["kind"] == "question"]
    if question_id is not None:
        asked = [entry for entry in asked if entry["feedback_id"] == question_id]
    elif any(entry["answered_by"] is None for entry in asked):
        asked = [entry for entry in asked if entry["answered_by"] is None]
    if not asked:
        raise NotFound("There is no such question.", do="handover feedback shows what was asked.")
    if len(asked) > 1:
        raise InputInvalid(
            "More than one question waits.",
            meaning="Nothing was sent.",
            do=f"Name the one that you answer: --question {asked[0]['feedback_id']}",
        )
    return asked[0]


def _whom(details: Json) -> str:
    officer = details["officer"] or {}
    name = f"{officer.get('rank') or ''} {officer.get('name') or ''}".strip()
    return f"{quoted(name)} of {quoted(details['force'] or '')}"


def _confirmed(details: Json, words: str, noted: bool, yes: bool) -> bool:
    """The second step: what goes, to whom."""
    if yes:
        return True
    to = "is written down here, and sent to nobody" if noted else f"goes to {_whom(details)}"
    click.echo(f"This {to}:")
    click.echo(quoted_lines(words, 100))
    if click.confirm("Write it down?" if noted else "Send it?"):
        return True
    click.echo("Nothing was sent.")
    return False


def _say_sent(reply: Json, plain: bool) -> None:
    if plain:
        print_json(reply)
    elif reply["sent"]:
        click.echo("Sent.")
    elif reply["waits"]:
        click.echo(f"Kept; it is sent as soon as the portal answers. {reply['trouble'] or ''}".strip())
    else:
        click.echo(reply["trouble"] or "Written down.")
