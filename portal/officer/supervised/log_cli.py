"""``handover-officer audit``: what officers did, for auditors. Not for: how it is checked (``…supervised.log``)."""

import click

from exchange.clock import to_rfc3339
from exchange.documents.letters import harmless
from portal.console import json_option, one_line
from portal.officer.supervised.log import read_log, sign_log
from portal.officer.times import read_zone, show_time
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
    uses, _ = tools.run(lambda client: read_log(tools.state, client))
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
