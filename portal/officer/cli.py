"""``handover-officer``: what an officer types. Not for: the force's administrator (``portal.cli``)."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError
from rich.console import Console

from exchange.age.files import Kind
from exchange.clock import SystemClock, to_rfc3339
from exchange.documents.api import Cases
from exchange.documents.copies import CHOSEN_KINDS
from exchange.documents.letters import harmless
from exchange.documents.messages import Signed
from exchange.documents.offer import Offer
from exchange.errors import ForceKeyChanged, InputInvalid, PortalAnswerInvalid
from exchange.signing.credentials import open_credential
from exchange.signing.documents import PublicKey, open_document
from exchange.signing.teams import open_unit
from portal.console import HandoverGroup, json_option, one_line
from portal.force.keys import read_public, read_signed
from portal.officer import area_cli, desk_cli, feedback_cli, opening_cli, passphrase_cli, show, team_cli
from portal.officer.asking import Signer, fields_of, read_form, read_place, sign_request
from portal.officer.casework import export_cli
from portal.officer.client import OfficerClient
from portal.officer.feedback import OwnersReply, fetch_replies, rating_of
from portal.officer.people import people_cli
from portal.officer.safe import ask_at_terminal, from_file
from portal.officer.state import OfficerState, Setup
from portal.officer.supervised import log_cli, supervision_cli
from portal.officer.supervised.authorising import draft_of
from portal.officer.supervised.log import log_trouble
from portal.officer.teams.sealed_for import sealed_for
from portal.officer.times import read_time, read_zone, show_time
from portal.officer.token import TokenPlace
from portal.officer.tools import FILE, FOLDER, Tools, tz_option
from portal.officer.trust import check_known, remember
from portal.registry.search_query import SearchQuery


def _default_state() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(os.environ.get("HANDOVER_OFFICER_STATE") or Path(base) / "handover-officer")


@click.group(cls=HandoverGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="handover")
@click.option("--state", type=FOLDER, help="The officer's folder. [default: ~/.local/share/handover-officer]")
@click.option("--passphrase-file", type=FILE, help="For scripts: a file with the passphrase of your keys.")
@click.option("--pin-file", type=FILE, help="For scripts: a file with the PIN of your token.")
@click.pass_context
def main(ctx: click.Context, state: Path | None, passphrase_file: Path | None, pin_file: Path | None) -> None:
    """Find who may have footage, ask for it, open and check what comes. The keys stay on this machine."""
    folder = state or _default_state()
    ask = passphrase_cli.ask_for(folder, passphrase_file)
    ask_pin = from_file(pin_file) if pin_file is not None else ask_at_terminal
    ctx.obj = Tools(OfficerState(folder, ask, ask_pin), SystemClock(), Console(highlight=False))


@main.command()
@click.option("--portal", help="The portal's address, such as https://share.example.police.uk.")
@click.option("--force-key", type=FILE, help="The force's public key (force.pub), from the force itself.")
@click.option("--credential", type=FILE, help="What the force signed for this officer's key.")
@click.option("--unit", type=FILE, help="The unit that the force signed: its recovery key opens your new cases too.")
@click.option("--token", "token_label", help="Have your key on a PKCS#11 token with this label; its PIN is asked for.")
@click.option("--token-module", type=FILE, help="The PKCS#11 library of the token's maker.")
@json_option
@click.pass_obj
def setup(
    tools: Tools, portal: str | None, force_key: Path | None, credential: Path | None, unit: Path | None,
    token_label: str | None, token_module: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Make the officer's key; with the force's credential for it, set up the portal too.

    First without options: give officer.pub to the force. Then with all three.
    """
    if (token_label is None) != (token_module is None):
        raise InputInvalid("A token has a label and a library.", do="Give --token and --token-module together.")
    if token_label is not None and token_module is not None:
        tools.state.use_token(TokenPlace(module=str(token_module), token=token_label))
    key = tools.state.make_key()
    tools.state.make_identity()
    public = tools.state.folder / "officer.pub"
    given = (portal, force_key, credential)
    if any(given) and not all(given):
        flags = zip(("--portal", "--force-key", "--credential"), given, strict=True)
        missing = " and ".join(flag for flag, value in flags if not value)
        raise InputInvalid(f"Missing: {missing}.", do="Give --portal, --force-key and --credential together.")
    ready = False
    if portal is not None and force_key is not None and credential is not None:
        _set_up(tools, portal, read_public(force_key), credential)
        ready = True
    if unit is not None:
        tools.state.keep_unit(_checked_unit(tools, unit))
    if as_json:
        recipient = str(tools.state.recipient_file)
        named = {"public_key": str(public), "recipient": recipient, "fingerprint": key.public.fingerprint}
        one_line({**named, "ready": ready})
        return
    tools.console.print(f"Your key: {key.public.fingerprint}  ({public})", soft_wrap=True)
    tools.console.print(
        "Set up."
        if ready
        else f"Give {public} and {tools.state.recipient_file} to the force; it signs a credential for both.",
        soft_wrap=True,
    )


def _checked_unit(tools: Tools, path: Path) -> Signed:
    """TeamInvalid when the force of this setup did not sign it."""
    signed = read_signed(path)
    open_unit(signed, PublicKey.parse(tools.state.setup().force_key), tools.clock.now())
    return signed


def _set_up(tools: Tools, portal: str, force_key: PublicKey, credential: Path) -> None:
    signed = read_signed(credential)
    reply = open_credential(signed, force_key, tools.clock.now())
    if reply.public_key != tools.state.key().public.line:
        raise InputInvalid("The credential is for another key.", do="Have the force sign one for your officer.pub.")
    try:
        found = Setup(portal=portal, force=reply.force, force_key=force_key.line)
    except ValidationError:
        raise InputInvalid(
            f"{portal!r} is no portal's address.", do="Give one like https://share.example.org."
        ) from None

    async def compare() -> None:
        async with OfficerClient(found.portal, tools.state.key(), tools.clock) as client:
            info = await client.force()
            if info.public_key != found.force_key:
                raise ForceKeyChanged(
                    "The portal names another force key than the one that you gave.",
                    meaning=f"It names {PublicKey.parse(info.public_key).fingerprint}.",
                    do="Check the address and the key with the force, by another way.",
                )
            if info.portal != found.portal:
                raise PortalAnswerInvalid(
                    f"The portal calls itself {info.portal}, and not {found.portal}.",
                    do=f"If that is right, set up with --portal {info.portal}.",
                )
            await client.cases()  # the portal knows this officer

    asyncio.run(compare())
    tools.state.save_setup(found, signed)


@main.command()
@click.option("--near", required=True, metavar="LAT,LON", help="WGS 84 degrees.")
@click.option("--crime", required=True, help="The crime reference; it is kept with your name and the place.")
@click.option("--radius", type=click.FloatRange(1, 20_000), default=100.0, show_default=True, help="Metres.")
@click.option("--from", "start", required=True)
@click.option("--to", "end", required=True)
@tz_option
@json_option
@click.pass_obj
def search(
    tools: Tools, near: str, crime: str, radius: float, start: str, end: str, tz: str | None, as_json: bool
) -> None:
    """Cameras near a place, and whether they may have footage of the time."""
    zone = read_zone(tz)
    latitude, longitude = read_place(near)
    first, last = read_time(start, zone), read_time(end, zone)
    try:
        query = SearchQuery(lat=latitude, lon=longitude, radius_m=radius, crime_reference=crime, start=first, end=last)
    except ValidationError as error:
        raise InputInvalid(f"This can't be searched: {error.errors()[0]['msg']}.", do="Correct it.") from None
    result = tools.run(lambda client: client.search(query))
    remember(tools.state, result)
    if as_json:
        click.echo(result.model_dump_json())
    else:
        show.search_result(tools.console, result)


@main.command()
@click.option("--file", "path", type=FILE, help="YAML or JSON with the request's fields; flags go over it.")
@click.option("--device", help="From search.")
@click.option("--camera", "cameras", multiple=True, help="From search; again for more cameras of the same device.")
@click.option("--from", "start")
@click.option("--to", "end")
@click.option("--sound", is_flag=True, help="Ask for sound too.")
@click.option("--crime", "crime_reference", help="Crime reference.")
@click.option("--incident", "kind", help="What kind of crime or incident.")
@click.option("--place", help="Where it happened, as a person says it.")
@click.option("--at", "at_place", help="Where it happened, as LAT,LON, for the owner's plan.")
@click.option("--description", help="What happened.")
@click.option("--exhibit-prefix", help="What the exhibits are to be called by, such as your initials: ABC makes ABC/1.")
@click.option("--offer", "answers_offer", help="The owner's offer that this answers.")
@click.option("--purpose")
@click.option("--legal-basis")
@click.option("--necessity", help="Why this footage is necessary.")
@click.option("--answer-days", type=click.IntRange(1, 90), help="How long the owner has to answer.  [default: 14]")
@click.option(
    "--copy",
    "copies",
    multiple=True,
    type=click.Choice([kind.value for kind in CHOSEN_KINDS]),
    help="A working copy that would help; again for more. The owner decides.",
)
@click.option("--largest-mb", type=float, help="The largest file that the force takes, for --copy smaller.")
@click.option(
    "--owners", "owners_asked", type=click.IntRange(1, 10_000), help="How many owners are asked for the same."
)
@click.option("--authorisation", type=FILE, help="What a supervisor signed for it (handover-officer authorise).")
@click.option("--draft", type=FILE, help="Don't send it: write down here what a supervisor is to authorise.")
@click.option("--no-preserve", is_flag=True, help="Don't ask that the window be kept from being overwritten.")
@click.option("--case-key", type=click.Choice(["hybrid", "x25519"]), help="Kind of the case's key.  [default: hybrid]")
@click.option("--accept-changed-device", is_flag=True, help="The camera's owner confirmed the new device.")
@tz_option
@json_option
@click.pass_obj
def request(
    tools: Tools, /, path: Path | None, case_key: Kind | None, accept_changed_device: bool, tz: str | None,
    as_json: bool, draft: Path | None, **flags: Any,
) -> None:  # fmt: skip
    """Sign a request for footage and send it."""
    zone = read_zone(tz)
    form = read_form(path, fields_of(flags))
    if draft is not None:
        supervision_cli.write_draft(tools, draft_of(form, tools.state.key().public, zone), draft, as_json=as_json)
        return
    setup_, now = tools.state.setup(), tools.clock.now()
    credential, _ = tools.state.credential(now)
    signer = Signer(tools.state.key(), credential, setup_.force)
    sealed = tools.run(lambda client: sealed_for(tools.state, client, form.crime_reference, case_key, now))
    made, signed = sign_request(form, signer, sealed[0], zone, now, sealed[1])

    check_known(tools.state, made, accept_changed=accept_changed_device)
    tools.state.keep(made.request_id, "request", signed)
    tools.run(lambda client: client.send(signed))
    if as_json:
        key_file = tools.state.case_key_file(made.crime_reference)
        one_line({"request_id": made.request_id, "expires": to_rfc3339(made.expires), "case_key": str(key_file)})
        return
    tools.console.print(f"Sent: {made.request_id}. The owner may answer until {show_time(made.expires, zone)}.")
    tools.console.print("Silence tells nothing: the portal doesn't know whether it was read.")


@main.command()
@tz_option
@json_option
@click.pass_obj
def inbox(tools: Tools, tz: str | None, as_json: bool) -> None:
    """How the requests stand, newest first, and what their owners answered."""
    zone = read_zone(tz)

    async def work(client: OfficerClient) -> tuple[Cases, list[OwnersReply], str | None]:
        trouble = await log_trouble(tools.state, client)
        return await client.all_cases(), await fetch_replies(tools.state, client), trouble

    found, told, trouble = tools.run(work)
    if as_json:
        feedback = feedback_cli.replies_as_json(told)
        one_line(json.loads(found.model_dump_json()) | {"feedback": feedback, "log_trouble": trouble})
        return
    if trouble is not None:
        tools.console.print(f"PLEASE NOTE: {harmless(trouble, 1000)}", soft_wrap=True, markup=False)
    if not found.cases:
        tools.console.print("No request was sent yet.")
    for case in found.cases:
        show.case_line(tools.console, case, zone, rating_of(told, case.request_id))
        for each in told:
            if each.request_id == case.request_id:
                show.owners_reply(tools.console, each, zone)


@main.command()
@tz_option
@json_option
@click.pass_obj
def offers(tools: Tools, tz: str | None, as_json: bool) -> None:
    """What owners offer unasked, newest first."""
    zone = read_zone(tz)
    found = tools.run(lambda client: client.offers())
    if as_json:
        click.echo(found.model_dump_json())
        return
    if not found.offers:
        tools.console.print("Nobody offers anything.")
    for each in found.offers:
        offer = open_document(each.signed, Offer, PublicKey.parse(each.device_key))
        show.offer(tools.console, offer, zone)


for _command in (
    opening_cli.open_command,
    opening_cli.receipt,
    feedback_cli.cant_play,
    feedback_cli.ask,
    feedback_cli.outcome,
    feedback_cli.feedback,
    desk_cli.desk,
    area_cli.area,
    export_cli.export,
    team_cli.team,
    team_cli.cases,
    team_cli.handover,
    team_cli.restore,
    passphrase_cli.passphrase,
    passphrase_cli.case_key,
    supervision_cli.authorise,
    log_cli.log_of_use,
    people_cli.people,
    people_cli.ask_person,
    people_cli.asked,
):
    main.add_command(_command)
