"""``handover-portal officer …``: who is served. Not for: the force's word for them (``portal.commands.force``)."""

import functools
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from exchange.clock import SystemClock, to_rfc3339
from exchange.counted import counted
from portal.commands.opened import opened
from portal.console import FILE, Group, json_option, one_line, portal_folder
from portal.force import officers
from portal.force.keys import (
    read_signed,
)
from portal.registry import searches
from portal.storage.database import Database


@click.group(cls=Group)
def officer() -> None:
    """The officers that the portal serves. These work beside a portal that runs."""


@officer.command("add")
@portal_folder
@click.argument("credential", type=FILE)
@json_option
def officer_add(folder: Path, credential: Path, as_json: bool) -> None:
    """Let in the officer whose CREDENTIAL file the force signed; again with a newer one renews."""
    signed = read_signed(credential)
    with opened(folder) as (db, settings):
        added = db.write_now(lambda session: officers.add(session, signed, settings, SystemClock().now()))
    if as_json:
        one_line({"name": added.name, "collar_number": added.collar_number, "valid_to": to_rfc3339(added.valid_to)})
        return
    click.echo(f"{added.rank} {added.name} ({added.collar_number}) is served until {to_rfc3339(added.valid_to)[:10]}.")


@officer.command("list")
@portal_folder
@json_option
def officer_list(folder: Path, as_json: bool) -> None:
    """Who is served, and until when."""
    with opened(folder) as (db, _):
        found = db.read_now(officers.list_officers)
    for entry in found:
        for name in ("valid_from", "valid_to", "revoked"):
            instant = entry[name]
            entry[name] = to_rfc3339(instant) if isinstance(instant, int) else None
    if as_json:
        one_line(found)
        return
    if not found:
        click.echo(f"No officer is served yet. Let one in: handover-portal officer add {folder} CREDENTIAL")
    for entry in found:
        until = f"revoked {_day(entry['revoked'])}" if entry["revoked"] else f"until {_day(entry['valid_to'])}"
        click.echo(f"{entry['collar_number']}  {entry['rank']} {entry['name']}, {entry['unit']}  {until}")
        click.echo(f"    {entry['fingerprint']}")


def _day(instant: object) -> str:
    return str(instant)[:10]


@officer.command("searches")
@portal_folder
@click.option("--crime", help="Only those for this crime reference.")
@click.option("--before", type=int, help="With --json, which gives 500: go on after the entry with this number.")
@json_option
def officer_searches(folder: Path, crime: str | None, before: int | None, as_json: bool) -> None:
    """Who searched for cameras, where, of what time, and for which crime; the newest first, piece by piece."""
    with opened(folder) as (db, _):
        pieces = _pieces(db, crime, before)
        if as_json:
            one_line(next(pieces, []))
            return
        empty = True
        for entry in itertools.chain.from_iterable(pieces):
            empty = False
            click.echo(
                f"{entry['made'][:19]}Z  {entry['collar_number']} {entry['name']} for {entry['crime_reference']}"
            )
            click.echo(
                f"    {entry['south']:.5f},{entry['west']:.5f} to {entry['north']:.5f},{entry['east']:.5f}; "
                f"{entry['from'][:19]}Z to {entry['to'][:19]}Z"
            )
    if empty:
        click.echo("No officer has searched.")


def _pieces(db: Database, crime: str | None, before: int | None) -> Iterator[list[dict[str, Any]]]:
    while found := db.read_now(functools.partial(searches.list_searches, crime_reference=crime, before=before)):
        yield found
        before = found[-1]["number"]


@officer.command("revoke")
@portal_folder
@click.argument("who")
@json_option
def officer_revoke(folder: Path, who: str, as_json: bool) -> None:
    """Shut out the officer WHO (a fingerprint or collar number), and take their open requests from the inboxes."""
    with opened(folder) as (db, _):
        name, count = db.write_now(lambda session: officers.revoke(session, who, SystemClock().now()))
    if as_json:
        one_line({"name": name, "requests_taken_back": count})
        return
    click.echo(
        f"{name} is shut out; {counted(count, 'unanswered request was', 'unanswered requests were')} "
        "taken out of owners' inboxes."
    )
    click.echo("An agent that fetched one before may still put it to its owner: the credential runs until its end.")
