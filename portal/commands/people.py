"""``handover-portal people …``: people without an agent. Not for: what is kept of them (``portal.people.known``)."""

import asyncio
import json
from pathlib import Path

import click

from exchange.clock import SystemClock
from exchange.counted import counted
from exchange.durable import durable_file
from portal.commands.opened import opened, remove_uploads
from portal.console import FILE, Group, json_option, one_line, portal_folder
from portal.people import known


@click.group(cls=Group)
def people() -> None:
    """People without an agent, who registered by hand."""


@people.command("list")
@portal_folder
@json_option
def people_list(folder: Path, as_json: bool) -> None:
    """Everybody who registered, and whether they confirmed it."""
    with opened(folder) as (db, _):
        found = db.read_now(known.list_all)
    if as_json:
        one_line(found)
        return
    for entry in found:
        state = f"confirmed {entry['confirmed'][:10]}" if entry["confirmed"] else "not confirmed"
        click.echo(f"{entry['person']}  {entry['address']}  {counted(entry['cameras'], 'camera')}, {state}")
    if not found:
        click.echo("Nobody registered.")


@people.command("export")
@portal_folder
@click.argument("who")
@click.option("--out", type=FILE, required=True, help="A new file, which only you may read.")
@json_option
def people_export(folder: Path, who: str, out: Path, as_json: bool) -> None:
    """Write all that is kept of WHO (an id, e-mail address or number) as JSON: for somebody who asks for it."""
    with opened(folder) as (db, settings):
        found = db.read_now(lambda session: known.export(session, who, settings.people))
    with durable_file(out) as file:
        file.write((json.dumps(found, indent=2, ensure_ascii=False) + "\n").encode())
    if as_json:
        one_line({"person": found["person"], "written": str(out)})
        return
    click.echo(
        f"Written to {out}: the entry, {counted(len(found['cameras']), 'camera')}, and "
        f"{counted(len(found['asked']), 'request')}."
    )
    click.echo("What they sent is sealed for officers: only its sizes and hashes are known here.")


@people.command("erase")
@portal_folder
@click.argument("who")
@json_option
def people_erase(folder: Path, who: str, as_json: bool) -> None:
    """Erase WHO (an id, e-mail address or number), with their cameras, links and messages."""
    with opened(folder) as (db, settings):
        now = SystemClock().now()
        erased = db.write_now(lambda session: known.erase(session, who, settings.people, now))
        asyncio.run(db.forget_erased())
    if erased.uploads:
        remove_uploads(folder, settings, erased.uploads)
    if as_json:
        counts = {"cameras": erased.cameras, "links": erased.links, "messages": erased.messages}
        one_line({"person": erased.person, **counts, "uploads": len(erased.uploads), "requests_kept": erased.kept})
        return
    click.echo(
        f"Erased: the address and name, {counted(erased.cameras, 'camera')}, {counted(erased.links, 'link')}, "
        f"{counted(erased.messages, 'message')}, {counted(len(erased.uploads), 'unfinished upload')}."
    )
    click.echo(f"Kept: {counted(erased.kept, 'request')}, with what was answered; nothing there says who was asked.")
    click.echo("Backups have the entry until they are removed: see 'Backups' in docs/portal-guide.md.")
