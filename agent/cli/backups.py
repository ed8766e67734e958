"""``handover backups`` and ``handover hold``: the owner's own copies, at a terminal.

Not for: keeping them (``agent.records.backups``).
"""

import asyncio
import logging
from pathlib import Path
from typing import Any

import click

from agent.cli.caller import Call, ask_agent
from agent.cli.requests import as_json, print_json
from agent.owner.terminal import prompt
from exchange.counted import counted

Json = dict[str, Any]
_LOOK = 0.5


@click.group(invoke_without_command=True)
@as_json
@click.pass_context
def backups(ctx: click.Context, plain: bool) -> None:
    """Your own copies of what you handed over: how they are, here and at second places."""
    if ctx.invoked_subcommand is not None:
        return
    reply = ask_agent(ctx.obj, lambda call: call("backups"))
    if plain:
        return print_json(reply)
    _show(reply)


def _show(reply: Json) -> None:
    own = reply["own"]
    click.echo(f"{counted(own['copies'], 'copy', 'copies')}, {prompt.size(own['size'])}, filed in {reply['filed']}")
    if own["damaged"]:
        click.echo(f"DAMAGED here: {', '.join(own['damaged'])}")
    if own["copies"]:
        since = prompt.local(own["oldest_check"]) if own["oldest_check"] else None
        click.echo(
            f"All were found good since {since}."
            if since
            else f"{counted(own['unchecked'], 'was', 'were')} not checked yet."
        )
    _show_due(own, "")
    for place in reply["places"]:
        _show_place(place)
    if not reply["places"]:
        click.echo('No second place: if this disk is lost, so are your copies. See "backups" in the settings.')
    for hold in reply["holds"]:
        click.echo(f"Held: {hold['request_id']}, since {prompt.local(hold['held_since'])}: {hold['reason']}")
    for copy in reply["copies"]:
        if copy["announced"]:
            click.echo(f"Goes on {prompt.local(copy['goes'])}: {copy['filed_as']} (to keep it: handover hold)")
    if reply["sheet"] is None:
        click.echo("The recovery sheet was never made: sudo handover recovery-sheet sheet.html")
    if reply["doing"]:
        click.echo(f"Now: {reply['doing']}")


def _show_place(place: Json) -> None:
    parts = [counted(place["copies"], "copy", "copies")] if place["packages"] else []
    if place["missing"]:
        parts.append(f"{place['missing']} still to come")
    if place["state"]:
        last = place["last_state"]
        parts.append(f"state of {prompt.local(last)}" if last else "no state yet")
    if place["damaged"]:
        parts.append(f"DAMAGED: {', '.join(place['damaged'])}")
    click.echo(f"{place['place']}: {', '.join(parts)}")
    if place["failure"]:
        click.echo(f"  NOT WORKING since {prompt.local(place['failing_since'])}: {place['failure']}")
    if place["doing"]:
        click.echo(f"  Now: {place['doing']}")
    if place["waits_until"]:
        click.echo(f"  Waits for its hours, until {prompt.local(place['waits_until'])}")
    _show_due(place, "  ")


def _show_due(health: Json, before: str) -> None:
    """The check that is put off, if one is."""
    if health["check_due_since"]:
        click.echo(f"{before}A check is due since {prompt.local(health['check_due_since'])}")


@backups.command()
@as_json
@click.pass_obj
def run(config: Path, plain: bool) -> None:
    """Bring what is missing to every second place now, whatever the hours."""
    _go(config, plain, check=False)


@backups.command()
@as_json
@click.pass_obj
def check(config: Path, plain: bool) -> None:
    """Read every copy again, here and at second places, and put right what is damaged."""
    _go(config, plain, check=True)


def _go(config: Path, plain: bool, *, check: bool) -> None:
    """Begin, and look how far it is until it ends; Ctrl+C ends the looking only, where a daemon runs."""

    async def work(call: Call) -> Json:
        await call("backups-run", check=check)
        shown = ""
        while True:
            reply = await call("backups")
            if reply["last"] is not None:
                return dict(reply["last"])
            if reply["doing"] != shown and not plain:
                shown = reply["doing"]
                click.echo(shown)
            await asyncio.sleep(_LOOK)

    log = logging.getLogger("agent.records.backups.backups")
    before, log.disabled = log.disabled, True  # what failed is told below, and of no log's reader
    try:
        done = ask_agent(config, work)
    finally:
        log.disabled = before
    if plain:
        print_json(done)
    else:
        for place, count in done["put"].items():
            click.echo(f"{place}: {counted(count, 'copy', 'copies')} put there.")
        if check:
            click.echo(f"{counted(done['checked'], 'copy', 'copies')} checked, {done['damaged']} damaged.")
        elif not done["put"] and not done["failures"]:
            click.echo("No second place is set up. Name one below `backups` in the settings (docs/backups.md).")
    for place, error in done["failures"].items():
        click.echo(f"{place + ': ' if place else ''}{error['what']} {error['do']}", err=True)
    if done["failures"] or done["damaged"]:
        raise SystemExit(1)


@backups.command()
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--now", "at_once", is_flag=True, help="Also what was not announced yet.")
@click.option("--yes", is_flag=True, help="Without asking.")
@as_json
@click.pass_obj
def prune(config: Path, dry_run: bool, at_once: bool, yes: bool, plain: bool) -> None:
    """Delete copies whose time is over, here and at second places; what was not announced yet is announced."""
    would = ask_agent(config, lambda call: call("backups-prune", dry_run=True, at_once=at_once))
    if dry_run:
        return print_json(would) if plain else _say(would, "would be deleted", "would be announced")
    if would["deleted"] and not yes:
        _say(would, "will be deleted", "will be announced")
        click.confirm("Delete them? This can't be undone.", abort=True)
    done = ask_agent(config, lambda call: call("backups-prune", at_once=at_once))
    return print_json(done) if plain else _say(done, "deleted", "announced: they go later")


def _say(reply: Json, deleted: str, announced: str) -> None:
    for word, copies in ((deleted, reply["deleted"]), (announced, reply["announced"])):
        for copy in copies:
            click.echo(f"  {copy['filed_as']} ({prompt.size(copy['size'])}): {word}")
    if not reply["deleted"] and not reply["announced"]:
        click.echo("No copy's time is over.")


@click.command()
@click.argument("request_id")
@click.option("--reason", help="Why: a trial, an appeal, a complaint, a letter that asks for it.")
@click.option("--as-asked", is_flag=True, help="Because the police ask for it; it ends when they say so.")
@click.option("--end", is_flag=True, help="End the hold: the usual time to keep it counts again.")
@click.pass_obj
def hold(config: Path, request_id: str, reason: str | None, as_asked: bool, end: bool) -> None:
    """Let nothing be deleted that was handed over for a request, whatever the time to keep it says."""
    if end:
        ask_agent(config, lambda call: call("end-hold", request_id=request_id))
        click.echo("It is not held any more.")
        return
    if as_asked:
        ask_agent(config, lambda call: call("hold-as-asked", request_id=request_id))
        click.echo(f"Held until the police say that it need not be. To end it before: handover hold {request_id} --end")
        return
    if reason is None:
        ask_agent(config, lambda call: call("show", request_id=request_id))  # there is such a request
    why = reason or click.prompt("Why")
    ask_agent(config, lambda call: call("hold", request_id=request_id, reason=why))
    click.echo(f"Held. To end it: handover hold {request_id} --end")
