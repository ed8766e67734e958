"""``handover records``, ``log``, ``restored``: what was handed over, and the custody log, at a terminal.

Not for: keeping the log (``agent.store.custody``).
"""

from pathlib import Path

import click

from agent.cli.caller import ask_agent
from agent.cli.requests import as_json, print_json
from agent.owner.operations.custody_words import custody_line
from agent.owner.terminal import prompt
from exchange.counted import counted


@click.command()
@click.argument("what")
@click.option("--request", "request_id", help="Of this one it is: whether it was handed over before.")
@click.option("--handed-over/--not-handed-over", default=None, help="With --request: what you know of it.")
@click.pass_obj
def restored(config: Path, what: str, request_id: str | None, handed_over: bool | None) -> None:
    """Say what happened when the agent's records went back to an earlier state, as "status" told you.

    It goes into the custody log. Requests that were answered before then end here too; nothing of them is sent.
    """
    if (request_id is None) != (handed_over is None):
        raise click.UsageError("--request goes with --handed-over or --not-handed-over.")
    said = {} if request_id is None else {"request_id": request_id, "handed_over": handed_over}
    reply = ask_agent(config, lambda call: call("restored", what=what, **said), needs_daemon=True)
    if request_id is not None:
        return click.echo("Written into the custody log.")
    ended = reply["ended"]
    click.echo("Written into the custody log. Requests can be decided again.")
    if ended:
        click.echo(f"{ended} request{' was' if ended == 1 else 's were'} answered before, and ended here too.")
    return None


@click.command()
@as_json
@click.pass_obj
def records(config: Path, plain: bool) -> None:
    """What was handed over, when, for which crime, and the receipts."""
    reply = ask_agent(config, lambda call: call("records"))
    if plain:
        return print_json(reply)
    for package in reply["packages"]:
        delivered = prompt.local(package["delivered"]) if package["delivered"] else "not yet"
        receipt = prompt.local(package["receipt"]) if package["receipt"] else "none yet"
        called = f"{package['exhibit']}, " if package["exhibit"] else ""
        click.echo(f"{called}{package['crime_reference']}: delivered {delivered}; receipt {receipt}")
        if package["path"]:
            click.echo(f"  {package['path']} ({prompt.size(package['size'] or 0)})")
        click.echo(f"  SHA-256 {package['ciphertext_sha256']}")
    count, lines = len(reply["packages"]), counted(reply["custody_events"], "line")
    click.echo(
        f"{counted(count, 'package')}; the custody log has {lines}."
        if count
        else f"Nothing was handed over yet; the custody log has {lines}."
    )
    return None


@click.command("log")
@click.option("--request", "request_id", help="Only what happened to this request.")
@click.option("--most", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many lines.")
@as_json
@click.pass_obj
def custody_log(config: Path, request_id: str | None, most: int, plain: bool) -> None:
    """What happened to requests and footage, line by line, the newest first."""
    reply = ask_agent(config, lambda call: call("custody", request_id=request_id, most=most))
    if plain:
        return print_json(reply)
    for event in reply["events"]:
        click.echo(f"{prompt.local(event['at'])}  {custody_line(event)}")
    if not reply["events"]:
        click.echo("Nothing happened yet." if request_id is None else f"Nothing is noted of a request {request_id}.")
    return None
