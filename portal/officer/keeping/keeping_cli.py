"""``handover-officer hold …`` and ``keeping …``: what must stay, and what may go from this machine.

Not for: giving a case's file to somebody (``portal.officer.keeping.disclosure_cli``).
"""

import click

from exchange.clock import to_rfc3339
from exchange.counted import counted
from exchange.documents.keeping.holds import HoldPlaced
from exchange.documents.letters import harmless
from exchange.signing.documents import PublicKey, read_unverified
from portal.console import Group, json_option, one_line
from portal.officer.client import OfficerClient
from portal.officer.keeping.due import KeptCase, kept_cases, remove_case
from portal.officer.keeping.holding import ShownHold, find_hold, held, read_hold, sign_end, sign_hold
from portal.officer.times import read_zone, show_time
from portal.officer.tools import Tools, tz_option


@click.group(cls=Group)
def hold() -> None:
    """Legal holds: what came for a crime is deleted by nobody until it is lifted."""


@hold.command("place")
@click.argument("crime_reference")
@click.option("--reason", required=True, help="Why; it is signed with your name, and stays on record.")
@json_option
@click.pass_obj
def place(tools: Tools, crime_reference: str, reason: str, as_json: bool) -> None:
    """Hold all that came, and will come, for CRIME_REFERENCE. Needs the role disclosure or supervisor."""
    placed, signed = sign_hold(tools.state, crime_reference, reason, tools.clock.now())
    stands = tools.run(lambda client: client.place_hold(placed.hold_id, signed))
    if as_json:
        one_line({"hold_id": placed.hold_id, "packages": stands.packages, "files": stands.files})
        return
    tools.console.print(
        f"Held: {placed.hold_id}. At the portal for this crime: {counted(stands.packages, 'package')} and "
        f"{counted(stands.files, 'file')}."
    )
    tools.console.print("What is there stays, and so does what comes.")


@hold.command("lift")
@click.argument("hold_id")
@click.option("--reason", required=True, help="Why; it is signed with your name, and stays on record.")
@json_option
@click.pass_obj
def lift(tools: Tools, hold_id: str, reason: str, as_json: bool) -> None:
    """End the hold HOLD_ID. What passed its time is deleted within minutes, unless another hold stands."""

    async def work(client: OfficerClient) -> str:
        found = find_hold(await client.all_holds(), hold_id)
        await client.lift_hold(hold_id, sign_end(tools.state, found, reason, tools.clock.now()))
        return read_unverified(found.placed, HoldPlaced).crime_reference

    crime_reference = tools.run(work)
    if as_json:
        one_line({"hold_id": hold_id, "crime_reference": crime_reference})
        return
    tools.console.print(
        f"Lifted. {crime_reference} is kept as its class says, unless another hold stands.", markup=False
    )


@hold.command("list")
@click.option("--all", "every", is_flag=True, help="Those that were lifted, too.")
@tz_option
@json_option
@click.pass_obj
def show_holds(tools: Tools, every: bool, tz: str | None, as_json: bool) -> None:
    """Holds that you may see, each checked: who placed it, when and why."""
    zone = read_zone(tz)
    key = PublicKey.parse(tools.state.setup().force_key)
    found = [read_hold(each, key) for each in tools.run(lambda client: client.all_holds())]
    shown = [each for each in found if every or each.stands]
    if as_json:
        one_line([_facts(each) for each in shown])
        return
    for each in shown:
        who = f"{each.placed_by.rank} {each.placed_by.name}"
        line = f"{each.placed.hold_id}  {each.placed.crime_reference}  {show_time(each.placed.issued, zone)}  {who}: "
        tools.console.print(harmless(line + each.placed.reason, 2000), soft_wrap=True, markup=False)
        if each.lifted is not None and each.lifted_by is not None:
            line = f"    lifted {show_time(each.lifted.issued, zone)} by {each.lifted_by.name}: {each.lifted.reason}"
            tools.console.print(harmless(line, 2000), soft_wrap=True, markup=False)
    if not shown:
        tools.console.print("No hold stands.")


@click.group(cls=Group)
def keeping() -> None:
    """How long cases stay on this machine."""


@keeping.command("list")
@tz_option
@json_option
@click.pass_obj
def show_cases(tools: Tools, tz: str | None, as_json: bool) -> None:
    """Every case here: until when it is kept, and whether it is held. Nothing is deleted."""
    zone, now = read_zone(tz), tools.clock.now()
    cases = tools.run(lambda client: _cases(tools, client))
    if as_json:
        one_line(
            [
                {
                    "crime_reference": each.crime_reference,
                    "retention_class": each.retention_class,
                    "until": to_rfc3339(each.until),
                    "due": each.is_due(now),
                    "held": each.held,
                }
                for each in cases
            ]
        )
        return
    for each in cases:
        state = f"kept until {show_time(each.until, zone)} ({each.retention_class})"
        if each.is_due(now):
            state = f"DUE since {show_time(each.until, zone)}: handover-officer keeping remove {each.crime_reference}"
        if each.held is not None:
            state = f"HELD: {each.held}"
        tools.console.print(harmless(f"{each.crime_reference}  {state}", 2000), soft_wrap=True, markup=False)
    if not cases:
        tools.console.print("No case is on this machine.")


@keeping.command("remove")
@click.argument("crime_reference")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
@click.pass_obj
def remove(tools: Tools, crime_reference: str, yes: bool, as_json: bool) -> None:
    """Delete a case that is due from this machine: requests, packages, notes, and its keys. Asks the portal first
    whether it is held, and deletes nothing while that can't be asked."""
    cases = tools.run(lambda client: _cases(tools, client))
    if not yes:
        click.confirm(f"Delete all of {crime_reference} from this machine, with its keys?", abort=True)
    gone = remove_case(tools.state, cases, crime_reference, tools.clock.now())
    if as_json:
        one_line({"crime_reference": crime_reference, "requests": len(gone.requests)})
        return
    tools.console.print(f"{crime_reference} is gone from this machine; exports of it are not touched.", markup=False)


async def _cases(tools: Tools, client: OfficerClient) -> list[KeptCase]:
    """NoSuchCall where the portal knows neither classes nor holds: then nothing is known to be due."""
    stands = held(await client.all_holds(), PublicKey.parse(tools.state.setup().force_key))
    return list(kept_cases(tools.state, await client.retention(), stands))


def _facts(each: ShownHold) -> dict[str, str | None]:
    return {
        "hold_id": each.placed.hold_id,
        "crime_reference": each.placed.crime_reference,
        "placed": to_rfc3339(each.placed.issued),
        "placed_by": each.placed_by.name,
        "reason": each.placed.reason,
        "lifted": None if each.lifted is None else to_rfc3339(each.lifted.issued),
        "lifted_by": None if each.lifted_by is None else each.lifted_by.name,
        "lifted_because": None if each.lifted is None else each.lifted.reason,
    }
