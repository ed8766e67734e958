"""``handover-officer cant-play``, ``ask``, ``outcome``, ``feedback``: what an officer types after they got a package.

Not for: telling that it was opened, which ``open`` does if the officer wants that.
"""

import json

import click

from exchange.documents.feedback import (
    REASON_WORDS,
    RESULT_WORDS,
    CannotPlay,
    CannotPlayReason,
    CaseOutcome,
    CaseResult,
    KeepAsked,
    OfficersFeedback,
    Question,
)
from exchange.errors import InputInvalid
from portal.console import json_option, one_line
from portal.officer import show
from portal.officer.client import OfficerClient
from portal.officer.feedback import OwnersReply, chosen, fetch_replies, send, the_one
from portal.officer.opening import read_answer
from portal.officer.people.questions import was_asked_of_a_person
from portal.officer.times import read_zone
from portal.officer.tools import Tools, tz_option

_evidence = click.option("--evidence", "evidence_id", help="Which package, where the request has more than one.")


@click.command("cant-play")
@click.argument("request_id")
@click.option(
    "--reason",
    type=click.Choice([each.value for each in CannotPlayReason]),
    required=True,
    help="; ".join(f"{reason.value}: {words}" for reason, words in REASON_WORDS.items()),
)
@click.option("--text", help="More, for the owner.")
@_evidence
@json_option
@click.pass_obj
def cant_play(
    tools: Tools, request_id: str, reason: str, text: str | None, evidence_id: str | None, as_json: bool
) -> None:
    """Tell the owner that a package of REQUEST_ID can't be played. They may send it again, or with another copy."""
    if reason == CannotPlayReason.OTHER and not text:
        raise InputInvalid("Another reason must be said.", do="Say it with --text.")

    async def work(client: OfficerClient) -> OfficersFeedback:
        answer = read_answer(tools.state, await client.case(request_id))
        fields = {"reason": CannotPlayReason(reason), "text": text}
        delivery = the_one(answer, evidence_id)
        return await send(tools.state, client, delivery, CannotPlay, tools.clock.now(), **fields)

    _show_sent(tools, [tools.run(work)], as_json, "The owner is told. If they send it again: handover-officer open")


@click.command()
@click.argument("request_id")
@click.option("--text", required=True, help="The question.")
@_evidence
@json_option
@click.pass_obj
def ask(tools: Tools, request_id: str, text: str, evidence_id: str | None, as_json: bool) -> None:
    """Ask the owner something about what they sent for REQUEST_ID. They may answer, once, or leave it."""

    async def work(client: OfficerClient) -> OfficersFeedback:
        answer = read_answer(tools.state, await client.case(request_id))
        delivery = the_one(answer, evidence_id)
        return await send(tools.state, client, delivery, Question, tools.clock.now(), text=text)

    _show_sent(tools, [tools.run(work)], as_json, "Asked. An answer stands in: handover-officer inbox")


@click.command()
@click.argument("request_id")
@click.option(
    "--result",
    type=click.Choice([each.value for each in CaseResult]),
    required=True,
    help="; ".join(f"{result.value}: {words}" for result, words in RESULT_WORDS.items()),
)
@click.option("--text", help="More, for the owner.")
@_evidence
@json_option
@click.pass_obj
def outcome(
    tools: Tools, request_id: str, result: str, text: str | None, evidence_id: str | None, as_json: bool
) -> None:
    """Tell the owner what became of what they sent for REQUEST_ID: of all of it, or of one package."""
    if tools.run(lambda client: was_asked_of_a_person(tools.state, client, request_id)):
        tools.run(lambda client: client.tell_person(request_id, CaseResult(result)))
        _show_sent(tools, [], as_json, "They are told, in the portal's words.")
        return

    async def work(client: OfficerClient) -> list[OfficersFeedback]:
        answer = read_answer(tools.state, await client.case(request_id))
        fields = {"result": CaseResult(result), "text": text}
        return [
            await send(tools.state, client, delivery, CaseOutcome, tools.clock.now(), **fields)
            for delivery in chosen(answer, evidence_id)
        ]

    _show_sent(tools, tools.run(work), as_json, "The owner is told.")


@click.command()
@click.argument("request_id")
@click.option("--reason", help="Why the owner should keep their own copy, such as a trial.")
@click.option("--no-longer", is_flag=True, help="It need not be kept any more.")
@json_option
@click.pass_obj
def keep(tools: Tools, request_id: str, reason: str | None, no_longer: bool, as_json: bool) -> None:
    """Ask the owner to keep their own copy of what they sent for REQUEST_ID. They may or not; nobody learns which."""
    if (reason is None) != no_longer:
        raise InputInvalid("It isn't clear what to tell.", do="Give --reason, or --no-longer.")

    async def work(client: OfficerClient) -> list[OfficersFeedback]:
        answer = read_answer(tools.state, await client.case(request_id))
        fields = {"keep": not no_longer, "text": reason}
        return [
            await send(tools.state, client, delivery, KeepAsked, tools.clock.now(), **fields)
            for delivery in chosen(answer, None)
        ]

    _show_sent(tools, tools.run(work), as_json, "The owner is told.")


@click.command()
@click.argument("request_id")
@tz_option
@json_option
@click.pass_obj
def feedback(tools: Tools, request_id: str, tz: str | None, as_json: bool) -> None:
    """What the owner answered and how they rated it, of REQUEST_ID."""
    zone = read_zone(tz)
    tools.state.request_folder(request_id)
    told = tools.run(lambda client: fetch_replies(tools.state, client, request_id))
    if as_json:
        one_line({"feedback": replies_as_json(told)})
        return
    if not told:
        tools.console.print("The owner has said nothing yet. That tells nothing of whether they read anything.")
    for each in told:
        show.owners_reply(tools.console, each, zone)


def replies_as_json(told: list[OwnersReply]) -> list[dict[str, object]]:
    return [json.loads(each.document.model_dump_json(exclude_none=True)) for each in told]


def _show_sent(tools: Tools, sent: list[OfficersFeedback], as_json: bool, words: str) -> None:
    if as_json:
        one_line({"sent": [json.loads(each.model_dump_json(exclude={"credential"})) for each in sent]})
        return
    tools.console.print(words)
