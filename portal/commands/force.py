"""``handover-portal force …``: the force's own key. Not for: the portal's machine, which has its public half."""

from pathlib import Path

import click

from exchange.clock import SystemClock, to_rfc3339
from exchange.documents.messages import Role
from exchange.errors import InputInvalid
from portal.console import FILE, FOLDER, Group, json_option, one_line
from portal.force.keys import (
    Force,
    OfficerDetails,
    make_recovery_key,
    read_public,
    read_recipient,
    validity,
    write_signed,
)


@click.group(cls=Group)
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
    "--role", "roles", multiple=True, type=click.Choice([role.value for role in Role], case_sensitive=False),
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
