"""``handover-portal``: what a force's administrator types. Not for: officers (``portal.officer.cli``)."""

import asyncio
import json
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import sdnotify
from pydantic import ValidationError

from exchange.clock import SystemClock, to_rfc3339
from exchange.documents.messages import Role
from exchange.durable import durable_file
from exchange.errors import InputInvalid, SettingsInvalid
from portal.api import logs
from portal.commands.backups import backup_command, restore_command
from portal.commands.devices import device, logs_command
from portal.commands.opened import FOLDER, opened
from portal.console import HandoverGroup, json_option, one_line
from portal.force import officers
from portal.force.keys import (
    Force,
    OfficerDetails,
    make_recovery_key,
    read_public,
    read_recipient,
    read_signed,
    validity,
    write_signed,
)
from portal.registry import searches
from portal.server import DEFAULT_LISTEN, Listen, running, stop_signals, tls_context
from portal.settings import PortalFolder, PortalSettings
from portal.storage.database import upgrade

F = TypeVar("F", bound=Callable[..., Any])
FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(cls=HandoverGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="handover")
def main() -> None:
    """The reference portal: a courier between officers who ask for footage and owners who may hand it over.

    The force's private key has no place in the portal's folder: make it with 'force new' on another machine, and give
    the portal its public half.
    """


# -- the force's key: offline ------------------------------------------------------------------------------------


@main.group()
def force() -> None:
    """The force's own key. Run these on a machine that is not the portal's."""


@force.command("new")
@click.argument("folder", type=FOLDER)
@click.option("--name", required=True, help="The force's name, as owners read it.")
@json_option
def force_new(folder: Path, name: str, as_json: bool) -> None:
    """Make the force's key in FOLDER: force.key (keep it secret), force.pub (give it to the portal)."""
    made = Force.create(folder, name)
    if as_json:
        one_line({"force": name, "fingerprint": made.key.public.fingerprint, "public": str(folder / "force.pub")})
        return
    click.echo(f"The key of {name} is made: {folder / 'force.key'}. Keep it off the portal, and a copy of it safe.")
    click.echo(f"Publish its fingerprint, so that owners can compare it:\n  {made.key.public.fingerprint}")
    click.echo(f"  {made.key.public.words}")


@force.command("credential")
@click.argument("folder", type=FOLDER)
@click.option("--officer", "public", type=FILE, required=True, help="The officer's public key file (officer.pub).")
@click.option("--name", required=True)
@click.option("--rank", required=True, help="Rank or role.")
@click.option("--collar", required=True, help="Collar number.")
@click.option("--unit", required=True)
@click.option("--contact", required=True, help="How an owner reaches the officer.")
@click.option(
    "--role", "roles", multiple=True, type=click.Choice([*Role]),
    help="What the bearer may do, once for each; an officer's unless given.",
)  # fmt: skip
@click.option("--recipient", help="The officer's own age recipient, for keys of cases: age1…, or officer.recipient.")
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True)
@click.option("--out", type=FILE, required=True, help="Where to write the credential.")
@json_option
def force_credential(
    folder: Path, public: Path, name: str, rank: str, collar: str, unit: str, contact: str, roles: tuple[str, ...],
    recipient: str | None, days: int, out: Path, as_json: bool,
) -> None:  # fmt: skip
    """Sign an officer's credential with the force's key in FOLDER."""
    signer = Force.load(folder)
    key = read_public(public)
    valid = validity(SystemClock().now(), days)
    given = tuple(dict.fromkeys(Role(role) for role in roles)) or None
    own = None if recipient is None else read_recipient(recipient)
    details = OfficerDetails(name, rank, collar, unit, contact, given, own)
    write_signed(out, signer.credential(key, details, valid))
    if as_json:
        one_line({"credential": str(out), "fingerprint": key.fingerprint, "valid_to": to_rfc3339(valid.end)})
        return
    click.echo(f"{out}: {rank} {name} ({collar}) holds the key {key.fingerprint} until {to_rfc3339(valid.end)[:10]}.")
    click.echo("Give it to the portal (handover-portal officer add) and to the officer (handover-officer setup).")


@force.command("unit")
@click.argument("folder", type=FOLDER)
@click.option("--name", required=True, help="The unit's name, as credentials of its officers have it.")
@click.option("--recipient", help="Its recovery key's public half: age1pq1…, or a file with it.")
@click.option("--new-key", type=FILE, help="Or make its recovery key, into this file.")
@click.option("--days", type=click.IntRange(1, 3650), default=1825, show_default=True)
@click.option("--out", type=FILE, required=True, help="Where to write the unit.")
@json_option
def force_unit(
    folder: Path, name: str, recipient: str | None, new_key: Path | None, days: int, out: Path, as_json: bool
) -> None:
    """Sign a unit, whose recovery key opens the cases of its teams when no officer can."""
    signer = Force.load(folder)
    if recipient is not None and new_key is None:
        public = read_recipient(recipient)
    elif recipient is None and new_key is not None:
        public = make_recovery_key(new_key, name)
    else:
        raise InputInvalid("A unit needs one recovery key.", do="Give --recipient, or --new-key FILE to make one.")
    write_signed(out, signer.unit(name, public, validity(SystemClock().now(), days)))
    if as_json:
        one_line({"unit": str(out), "recipient": public})
        return
    click.echo(f"{out}: the unit {name}. Give it to its officers (handover-officer setup --unit).")
    click.echo("Keep its recovery key off every machine that is on a network, and a copy of it elsewhere.")


# -- the portal --------------------------------------------------------------------------------------------------


@main.command()
@click.argument("folder", type=FOLDER)
@click.option("--force", "name", required=True, help="The force's name, as in its credentials.")
@click.option("--force-key", type=FILE, required=True, help="The force's public key: force.pub.")
@click.option("--origin", help="What the portal is reached by, such as https://share.example.police.uk.")
@click.option("--database", help="PostgreSQL's address, without a password; the folder's portal.db unless given.")
@click.option("--database-password-file", "password_file", type=FILE, help="A file of mode 0600 with its password.")
@json_option
def init(
    folder: Path, name: str, force_key: Path, origin: str | None, database: str | None, password_file: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Make a portal in FOLDER."""
    key = read_public(force_key)
    given = {"origin": origin, "database": database, "database_password_file": password_file}
    try:
        settings = PortalSettings.model_validate({"force": name, "force_key": key.line, **given})
    except ValidationError as error:
        complaint = error.errors(include_url=False, include_input=False)[0]
        option = str(complaint["loc"][0]).replace("_", "-")
        raise SettingsInvalid(f"--{option} can't be used: {complaint['msg']}.") from None
    portal = PortalFolder(folder)
    portal.save(settings)
    upgrade(portal.where(settings), settings.database_password_file)
    if as_json:
        one_line({"folder": str(folder), "force": name, "fingerprint": key.fingerprint})
        return
    click.echo(f"The portal of {name} is made in {folder}; start it with: handover-portal serve {folder}")


@main.command("upgrade")
@click.argument("folder", type=FOLDER)
@json_option
def upgrade_command(folder: Path, as_json: bool) -> None:
    """Bring the database in FOLDER to this version ('serve' does it by itself)."""
    portal = PortalFolder(folder)
    settings = portal.load()
    before, after = upgrade(portal.where(settings), settings.database_password_file)
    if as_json:
        one_line({"before": before, "after": after})
        return
    click.echo(f"The database is at {after}." if before == after else f"The database went from {before} to {after}.")


@main.command()
@click.argument("folder", type=FOLDER)
@click.option("--listen", default=DEFAULT_LISTEN, show_default=True, help="Address and port; port 0 is a free one.")
@click.option("--origin", help="Instead of the origin in portal.yaml.")
@click.option("--tls-cert", type=FILE, help="The certificate and its chain, PEM.")
@click.option("--tls-key", type=FILE, help="Its key, PEM.")
@click.option("--behind-proxy", is_flag=True, help="Allow plain HTTP beyond loopback: a proxy in front has TLS.")
@click.option("--metrics", help="Where Prometheus finds figures, such as 127.0.0.1:9470; nowhere unless given.")
@click.option("--log-format", type=click.Choice([logs.TEXT, logs.JSON]), default=logs.TEXT, show_default=True,
              help="json: an object a line, without who called and where cameras are.")  # fmt: skip
@click.option("--ready-file", type=FILE, help="Write the ready line into this file too.")
@click.option("--verbose", is_flag=True, help="A line a call on standard error; no bodies, tokens or ids in it.")
def serve(
    folder: Path, listen: str, origin: str | None, tls_cert: Path | None, tls_key: Path | None, behind_proxy: bool,
    metrics: str | None, log_format: str, ready_file: Path | None, verbose: bool,
) -> None:  # fmt: skip
    """Serve the portal in FOLDER until SIGTERM. Prints one line of JSON once it listens."""
    portal = PortalFolder(folder)
    settings = portal.load()
    if origin is not None:
        try:
            settings = PortalSettings.model_validate({**settings.model_dump(), "origin": origin})
        except ValidationError:
            raise SettingsInvalid(f"{origin!r} is no origin.", do="Give one like https://share.example.org.") from None
    address = Listen.parse(listen)
    tls = _tls(tls_cert, tls_key)
    if tls is None and not address.is_loopback and not behind_proxy:
        raise SettingsInvalid(
            f"Beyond this machine ({listen}) the portal listens with TLS only.",
            meaning="Anybody on the way could read who is asked for what.",
            do="Give --tls-cert and --tls-key, or --behind-proxy when a proxy in front of it has TLS.",
        )
    logs.set_up(log_format, verbose=verbose)
    shown = Listen.parse(metrics) if metrics is not None else None
    asyncio.run(_serve(portal, settings, address, tls, ready_file, shown))


async def _serve(
    folder: PortalFolder, settings: PortalSettings, listen: Listen, tls: ssl.SSLContext | None, ready: Path | None,
    metrics: Listen | None,
) -> None:  # fmt: skip
    with stop_signals() as reported:
        async with running(folder, settings, listen, tls, metrics=metrics) as now:
            line = {
                "listening": now.address,
                "origin": now.portal.origin,
                "force": settings.force,
                "fingerprint": settings.key.fingerprint,
                **({"metrics": now.metrics} if now.metrics else {}),
            }
            text = json.dumps(line) + "\n"
            if ready is not None:
                await asyncio.to_thread(_write, ready, text)
            await asyncio.to_thread(_say, text)
            systemd = sdnotify.SystemdNotifier()
            systemd.notify("READY=1")
            await reported.wait()
            systemd.notify("STOPPING=1")


# -- officers ----------------------------------------------------------------------------------------------------


@main.group()
def officer() -> None:
    """The officers that the portal serves. These work beside a portal that runs."""


@officer.command("add")
@click.argument("folder", type=FOLDER)
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
@click.argument("folder", type=FOLDER)
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
    for entry in found:
        until = f"revoked {entry['revoked']}" if entry["revoked"] else f"until {entry['valid_to']}"
        click.echo(f"{entry['collar_number']}  {entry['rank']} {entry['name']}, {entry['unit']}  {until}")
        click.echo(f"    {entry['fingerprint']}")


@officer.command("searches")
@click.argument("folder", type=FOLDER)
@click.option("--crime", help="Only those for this crime reference.")
@json_option
def officer_searches(folder: Path, crime: str | None, as_json: bool) -> None:
    """Who searched for cameras, where, of what time, and for which crime; the newest first."""
    with opened(folder) as (db, _):
        found = db.read_now(lambda session: searches.list_searches(session, crime))
    if as_json:
        one_line(found)
        return
    for entry in found:
        click.echo(f"{entry['made'][:19]}Z  {entry['collar_number']} {entry['name']} for {entry['crime_reference']}")
        click.echo(
            f"    {entry['south']:.5f},{entry['west']:.5f} to {entry['north']:.5f},{entry['east']:.5f}; "
            f"{entry['from'][:19]}Z to {entry['to'][:19]}Z"
        )
    if not found:
        click.echo("No officer has searched.")


@officer.command("revoke")
@click.argument("folder", type=FOLDER)
@click.argument("who")
@json_option
def officer_revoke(folder: Path, who: str, as_json: bool) -> None:
    """Shut out the officer WHO (a fingerprint or collar number), and take their open requests from the inboxes."""
    with opened(folder) as (db, _):
        name, count = db.write_now(lambda session: officers.revoke(session, who, SystemClock().now()))
    if as_json:
        one_line({"name": name, "requests_taken_back": count})
        return
    click.echo(f"{name} is shut out; {count} unanswered requests were taken out of owners' inboxes.")
    click.echo("An agent that fetched one before may still put it to its owner: the credential runs until its end.")


main.add_command(device)
main.add_command(logs_command)
main.add_command(backup_command)
main.add_command(restore_command)


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if (certificate is None) != (key is None):
        raise SettingsInvalid("A certificate needs its key, and a key its certificate.", do="Give both.")
    return tls_context(certificate, key) if certificate is not None and key is not None else None


def _write(path: Path, text: str) -> None:
    with durable_file(path) as file:
        file.write(text.encode())


def _say(text: str) -> None:
    click.echo(text, nl=False)
