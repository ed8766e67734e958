"""``handover-officer search`` and ``request``: one device's cameras. Not for: everybody around a place (``area``)."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from exchange.age.files import Kind
from exchange.clock import to_rfc3339
from exchange.documents.copies import CHOSEN_KINDS
from exchange.documents.supervision import SupervisionLimits
from exchange.signing.authorisations import AuthorisationInvalid
from portal.console import FILE, json_option, one_line
from portal.officer import show
from portal.officer.asking import RequestForm, Signer, fields_of, read_form, sign_request
from portal.officer.nearby import nearby_options
from portal.officer.supervised import supervision_cli
from portal.officer.supervised.authorising import draft_of, why_beyond
from portal.officer.supervised.rules import rules_of
from portal.officer.teams.sealed_for import sealed_for
from portal.officer.times import HOW_TO_WRITE, read_zone, show_time
from portal.officer.tools import Tools, tz_option
from portal.officer.trust import check_known, remember
from portal.registry.search_query import SearchQuery


@click.command()
@nearby_options
@json_option
@click.pass_obj
def search(tools: Tools, query: SearchQuery, as_json: bool) -> None:
    """Cameras near a place, and whether they may have footage of the time."""
    result = tools.run(lambda client: client.search(query))
    remember(tools.state, result)
    if as_json:
        click.echo(result.model_dump_json())
    else:
        show.search_result(tools.console, result)


@click.command()
@click.option("--file", "path", type=FILE, help="YAML or JSON with the request's fields; flags go over it.")
@click.option("--device", help="From search.")
@click.option("--camera", "cameras", multiple=True, help="From search; again for more cameras of the same device.")
@click.option("--from", "start", help=HOW_TO_WRITE)
@click.option("--to", "end", help=HOW_TO_WRITE)
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
    "--owners",
    "owners_asked",
    type=click.IntRange(1, 10_000),
    help="How many owners, with this one, are asked for the same.",
)
@click.option("--authorisation", type=FILE, help="What a supervisor signed for it (handover-officer authorise).")
@click.option("--draft", type=FILE, help="Don't send it: write down here what a supervisor is to authorise.")
@click.option("--no-preserve", is_flag=True, help="Don't ask that the window be kept from being overwritten.")
@click.option("--case-key", type=click.Choice(["hybrid", "x25519"]), help="Kind of the case's key.  [default: hybrid]")
@click.option("--accept-changed-device", is_flag=True, help="The camera's owner confirmed the new device.")
@click.option("--yes", is_flag=True, help="Don't ask back where most owners' programs will refuse it.")
@tz_option
@json_option
@click.pass_obj
def request(
    tools: Tools, /, path: Path | None, case_key: Kind | None, accept_changed_device: bool, yes: bool, tz: str | None,
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
    if form.authorisation is None:
        _check_limits(tools, form, zone, yes=yes or as_json)
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


def _check_limits(tools: Tools, form: RequestForm, zone: ZoneInfo | None, *, yes: bool) -> None:
    """AuthorisationInvalid beyond the force's limits; beyond those that owners' programs usually have, ask back."""
    rules = tools.run(lambda client: rules_of(client, {(form.device, each.camera_id) for each in form.asked}))
    indoors = rules.of(form.device)
    if reasons := why_beyond(form, zone, indoors, rules.limits):
        raise AuthorisationInvalid(
            supervision_cli.must_allow(reasons),
            meaning="Nothing was sent.",
            do="Make a draft (--draft) for a supervisor, and send the request with what they sign (--authorisation).",
        )
    warnings = why_beyond(form, zone, indoors, SupervisionLimits())
    supervision_cli.warn_of_refusals(warnings)
    if warnings and not yes:
        click.confirm("Send it all the same?", abort=True)
