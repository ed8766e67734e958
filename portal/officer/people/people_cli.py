"""``handover-officer people``, ``ask-person``, ``asked``: people without an agent, as an officer types it.

Not for: the work itself (``portal.officer.people``).
"""

from typing import Any

import click
from rich.console import Console

from exchange.age.files import Kind
from exchange.clock import Window, to_rfc3339
from exchange.documents.letters import quoted
from exchange.documents.people import PersonCase
from exchange.errors import InputInvalid
from portal.console import json_option, one_line
from portal.officer.asking import Signer
from portal.officer.client import OfficerClient
from portal.officer.nearby import nearby_options
from portal.officer.people.brought import BROUGHT, BroughtFile, open_brought
from portal.officer.people.questions import KEPT_AS, PersonQuestion, person_word, sign_question
from portal.officer.people.words import tell_if_reached
from portal.officer.supervised.log import say_opened
from portal.officer.teams.sealed_for import sealed_for
from portal.officer.times import HOW_TO_WRITE, read_time, read_zone, show_time
from portal.officer.tools import Tools, tz_option
from portal.registry.search_query import SearchQuery


@click.command()
@nearby_options
@json_option
@click.pass_obj
def people(tools: Tools, query: SearchQuery, as_json: bool) -> None:
    """Cameras near a place whose owners have no agent, and can be asked by a message."""
    found = tools.run(lambda client: client.people_nearby(query))
    if as_json:
        click.echo(found.model_dump_json())
        return
    for each in found.cameras:
        what = "doorbell" if each.doorbell else "camera"
        words = f"{each.distance_m:.0f} m  {quoted(each.label)}, a {each.person_kind.value}'s {what}"
        tools.console.print(f"{words}\n    --person {each.person} --camera {each.camera_id}", markup=False)
    if not found.cameras:
        tools.console.print("There is none.")


@click.command("ask-person")
@click.option("--person", required=True, help="From people.")
@click.option("--camera", "cameras", multiple=True, required=True, help="From people; again for more of the same.")
@click.option("--from", "start", required=True, help=HOW_TO_WRITE)
@click.option("--to", "end", required=True, help=HOW_TO_WRITE)
@click.option("--crime", "crime_reference", required=True, help="Crime reference.")
@click.option("--incident", "incident_kind", required=True, help="What kind of crime or incident.")
@click.option("--place", required=True, help="Where it happened, as a person says it.")
@click.option("--description", required=True, help="What happened: those who are asked read it.")
@click.option("--purpose", required=True)
@click.option("--legal-basis", required=True)
@click.option("--necessity", required=True, help="Why this footage is necessary.")
@click.option("--answer-days", type=click.IntRange(1, 90), default=14, show_default=True)
@click.option("--case-key", type=click.Choice(["hybrid", "x25519"]), help="Kind of the case's key.  [default: hybrid]")
@tz_option
@json_option
@click.pass_obj
def ask_person(
    tools: Tools, /, start: str, end: str, case_key: Kind | None, tz: str | None, as_json: bool, **fields: Any
) -> None:
    """Sign a request to somebody without an agent; the portal sends them a link by e-mail or text."""
    zone, now = read_zone(tz), tools.clock.now()
    first, last = read_time(start, zone), read_time(end, zone)
    if last <= first:
        raise InputInvalid("The window ends before it starts.", do="Correct --from or --to.")
    question = PersonQuestion(window=Window(first, last), **fields)
    credential, _ = tools.state.credential(now)
    signer = Signer(tools.state.key(), credential, tools.state.setup().force)
    sealed = tools.run(lambda client: sealed_for(tools.state, client, question.crime_reference, case_key, now))
    made, signed = sign_question(question, signer, sealed, now)
    tools.state.keep(made.request_id, KEPT_AS, signed)
    case = tools.run(lambda client: client.ask_person(signed))
    if as_json:
        one_line({"request_id": made.request_id, "expires": to_rfc3339(made.expires), "message": case.message.value})
        return
    tools.console.print(f"Asked: {made.request_id}. The link works until {show_time(made.expires, zone)}.")
    tools.console.print("Silence tells nothing. What comes: handover-officer asked, and open.")


@click.command()
@json_option
@click.pass_obj
def asked(tools: Tools, as_json: bool) -> None:
    """What you and your teams asked people without an agent, newest first, and how it stands."""
    cases: list[PersonCase] = tools.run(lambda client: client.all_person_cases())
    if as_json:
        one_line([case.model_dump(mode="json", exclude_none=True) for case in cases])
        return
    for case in cases:
        word = person_word(case)
        tools.console.print(f"{case.request_id}  {quoted(case.crime_reference)}: {word}", markup=False, soft_wrap=True)
        if case.message_trouble is not None:
            tools.console.print(f"    {quoted(case.message_trouble)}", markup=False)
    if not cases:
        tools.console.print("Nobody was asked yet.")


def open_person(tools: Tools, request_id: str, tells: bool, *, as_json: bool) -> None:
    """What ``open`` does for such a request. ``tells``: whether they may hear that it was opened."""

    async def work(client: OfficerClient) -> list[BroughtFile]:
        found = await open_brought(tools.state, client, request_id)
        await say_opened(client, request_id)
        if tells:
            await tell_if_reached(client, request_id)
        return found

    found = tools.run(work)
    if as_json:
        one_line({"request_id": request_id, **files_as_json(found)})
        return
    show_files(tools.console, found)


def files_as_json(found: list[BroughtFile]) -> dict[str, object]:
    files = [
        {
            "opened": None if each.path is None else str(each.path),
            "sha256": each.sha256,
            "ciphertext_sha256": each.ciphertext_sha256,
            "name_by_the_sender": each.sender_name,
            "scanned": each.scanned,
            "malware": each.malware,
        }
        for each in found
    ]
    return {"what": BROUGHT, "files": files}


def show_files(console: Console, found: list[BroughtFile]) -> None:
    console.print(f"{BROUGHT[0].upper()}{BROUGHT[1:]}.")
    for each in found:
        console.print(f"{each.path or 'not opened'}\n    SHA-256 {each.sha256}", markup=False, soft_wrap=True)
        console.print(f"    called by its sender: {quoted(each.sender_name)}", markup=False, soft_wrap=True)
        console.print(f"    {each.safety}", markup=False, soft_wrap=True)
