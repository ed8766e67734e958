"""``handover-officer audit``: what officers did, for auditors. Not for: how it is checked (``…supervised.log``)."""

import click

from exchange.clock import to_rfc3339
from exchange.documents.letters import harmless
from portal.console import json_option, one_line
from portal.officer.supervised.log import read_log, say_restored, sign_log
from portal.officer.times import read_time, read_zone, show_time
from portal.officer.tools import Tools, tz_option


@click.group("audit")
def log_of_use() -> None:
    """For auditors: what officers did at the portal, and that nothing of it was taken away."""


@log_of_use.command("log")
@click.option("--crime", "crime_reference", help="Only what was done about this crime.")
@tz_option
@json_option
@click.pass_obj
def show_log(tools: Tools, crime_reference: str | None, tz: str | None, as_json: bool) -> None:
    """Every search, request, fetch, opening and print, checked from the first one, oldest first."""
    zone = read_zone(tz)
    now = tools.clock.now()
    uses, _ = tools.run(lambda client: read_log(tools.state, client, now))
    wanted = [use for use in uses if crime_reference in (None, use.crime_reference)]
    if as_json:
        one_line({"lines": len(uses), "uses": [use.model_dump(mode="json", exclude={"previous"}) for use in wanted]})
        return
    for use in wanted:
        who = f"{use.name} ({use.collar_number})"
        line = f"{show_time(use.at, zone)}  {use.deed:<8}  {use.crime_reference}  {who}  {use.request_id or ''}"
        tools.console.print(harmless(line.rstrip(), 1000), soft_wrap=True, markup=False)
    tools.console.print(f"{len(wanted)} of {len(uses)} lines; all of them follow each other.")


@log_of_use.command("sign")
@json_option
@click.pass_obj
def sign(tools: Tools, as_json: bool) -> None:
    """Read and check the whole log, then sign how long it is: from then on nobody can cut it back unseen."""
    now = tools.clock.now()
    size = tools.run(lambda client: sign_log(tools.state, client, now))
    if as_json:
        one_line({"lines": size, "signed": to_rfc3339(now)})
        return
    tools.console.print(f"Signed: the log had {size} lines.")


@log_of_use.command("restored")
@click.option("--at", required=True, help="When the portal answered again, such as 2026-11-29T14:00:00Z.")
@click.option("--reason", required=True, help="Why it was put back; every officer reads it.")
@click.option(
    "--lost", type=click.IntRange(min=1), help="How many lines there were, if another machine saw more than yours."
)
@tz_option
@click.option("--yes", is_flag=True, help="Sign without being asked once more.")
@json_option
@click.pass_obj
def put_back(tools: Tools, at: str, reason: str, lost: int | None, tz: str | None, yes: bool, as_json: bool) -> None:
    """Sign that the portal was put back to an earlier state, and lost what was written after it.

    Every officer's program then goes on with the log as it is, and says so from then on.
    """
    now, when = tools.clock.now(), read_time(at, read_zone(tz))
    if not (yes or as_json):
        click.confirm("Sign, in your name, that the log lost lines because of this?", abort=True)
    said = tools.run(lambda client: say_restored(tools.state, client, when, lost, reason, now))
    if as_json:
        one_line({"kept": said.kept.size, "lost": said.lost - said.kept.size, "signed": to_rfc3339(now)})
        return
    tools.console.print(f"Signed: the log goes on from {said.kept.size} lines; {said.lost - said.kept.size} are lost.")
