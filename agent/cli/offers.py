"""``handover offer``: tell the police, unasked, that there is a recording that may help.

Not for: handing it over: an officer sends a request, which is reviewed like any other.
"""

from pathlib import Path

import click

from agent.cli.caller import ask_agent
from agent.cli.handing_over.noted import whole_time
from agent.cli.requests import as_json, print_json
from agent.owner.terminal import prompt


@click.group()
def offer() -> None:
    """Tell the police, unasked, that you have a recording that may help."""


@offer.command("new")
@click.option("--camera", "cameras", multiple=True, required=True, help="Which camera (again for more).")
@click.option("--from", "start", required=True, help="From when, such as 2026-05-03T18:40 (your time).")
@click.option("--to", "end", required=True, help="Until when.")
@click.option("--what", "incident", required=True, help="What happened.")
@click.option("--where", "place", required=True, help="Where it happened.")
@click.option("--saw", "seen", required=True, help="What you saw.")
@click.option("--by-mail", is_flag=True, help="Tell no portal: print a text that you send yourself.")
@click.pass_obj
def new_offer(
    config: Path, cameras: tuple[str, ...], start: str, end: str, incident: str, place: str, seen: str, by_mail: bool
) -> None:
    """Offer a recording. It is kept from being overwritten for 30 days; nothing of it is sent."""
    window = {"from": whole_time(start), "to": whole_time(end)}
    new = {
        "incident": incident,
        "place": place,
        "seen": seen,
        "offered": [{"camera_id": camera, "window": window} for camera in cameras],
        "send": not by_mail,
    }
    reply = ask_agent(config, lambda call: call("offer", **new), needs_daemon=True)
    if reply["sent"]:
        click.echo(f"The police were told: offer {reply['offer_id']}. When an officer asks, you review it as always.")
        return
    if not by_mail:
        click.echo(f"Not sent yet{': ' + reply['portal_trouble'] if reply['portal_trouble'] else ''}.")
    click.echo("To send by mail:\n")
    click.echo(reply["letter"])


@offer.command("list")
@as_json
@click.pass_obj
def list_offers(config: Path, plain: bool) -> None:
    """List what you offered."""
    reply = ask_agent(config, lambda call: call("offers"))
    if plain:
        return print_json(reply)
    for each in reply["offers"]:
        made = each["offer"]
        state = "over" if each["ended"] else "the police were told" if each["sent"] else "not sent"
        click.echo(f"{made['offer_id']}  {made['incident']}, {prompt.local(made['issued'])}: {state}")
        if each["failure"]:
            click.echo(f"  {each['failure']}")
    if not reply["offers"]:
        click.echo("Nothing was offered yet.")
    return None


@offer.command("end")
@click.argument("offer_id")
@click.pass_obj
def end_offer(config: Path, offer_id: str) -> None:
    """Take an offer back; its recording may be overwritten again."""
    reply = ask_agent(config, lambda call: call("end-offer", offer_id=offer_id))
    click.echo(reply["portal_trouble"] or "Taken back.")
