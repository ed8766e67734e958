"""``handover people``: who may look and decide, how they come to the page, and who did what.

Not for: what the roles mean (``agent.owner.people.roles``).
"""

import sys
from pathlib import Path

import click
import segno

from agent.cli.caller import ask_agent
from agent.cli.requests import as_json, print_json
from agent.owner.operations.deed_words import deed_line
from agent.owner.people.roles import GIVEN, WORDS
from agent.owner.terminal import prompt
from exchange.errors import InputInvalid

_ROLES = click.Choice([role.value for role in GIVEN])


@click.group()
def people() -> None:
    """Who may look at requests, and who may say yes."""


@people.command("list")
@as_json
@click.pass_obj
def list_people(config: Path, plain: bool) -> None:
    """List the people, and what each may do."""
    reply = ask_agent(config, lambda call: call("people"))
    if plain:
        return print_json(reply)
    for person in reply["people"]:
        known = [f"user {person['os_user']} of this machine"] if person["os_user"] else []
        known += ["a password"] if person["has_password"] else []
        known += [f"{person['passkeys']} passkey(s)"] if person["passkeys"] else []
        click.echo(f"{person['name']} ({person['person_id']}): {person['role']}, {WORDS[person['role']]}")
        click.echo(f"  known by: {', '.join(known) or 'nothing yet; invite them with: handover people invite'}")
        if person["cameras"] is not None:
            click.echo(f"  answers for: {', '.join(person['cameras']) or 'no camera'}")
    if not reply["people"]:
        click.echo("Nobody is written down yet: root and the daemon's own user may do everything.")
    if reply["needed"] > 1:
        click.echo(f"{reply['needed']} people must say yes before anything is sent.")
    return None


@people.command("add")
@click.argument("person_id")
@click.option("--name", required=True, help="Their name, as officers read it.")
@click.option("--role", type=_ROLES, default="approver", show_default=True, help="What they may do.")
@click.option("--user", "os_user", help="The user of this machine who is this person at a terminal.")
@click.option("--camera", "cameras", multiple=True, help="A camera that they answer for (again for more); else all.")
@click.pass_obj
def add_person(
    config: Path, person_id: str, name: str, role: str, os_user: str | None, cameras: tuple[str, ...]
) -> None:
    """Write down a person under a short name, such as "robin"."""
    new = {"person_id": person_id, "name": name, "role": role, "os_user": os_user, "cameras": cameras or None}
    ask_agent(config, lambda call: call("add-person", **new))
    click.echo(f"Added {name}. To let them use the page: handover people invite {person_id}")


@people.command("change")
@click.argument("person_id")
@click.option("--name", help="Their name, as officers read it.")
@click.option("--role", type=_ROLES, help="What they may do.")
@click.option("--user", "os_user", help="The user of this machine who is this person at a terminal.")
@click.option("--camera", "cameras", multiple=True, help="A camera that they answer for (again for more).")
@click.option("--all-cameras", is_flag=True, help="They answer for all cameras.")
@click.pass_obj
def change_person(
    config: Path,
    person_id: str,
    name: str | None,
    role: str | None,
    os_user: str | None,
    cameras: tuple[str, ...],
    all_cameras: bool,
) -> None:
    """Change what a person may do. Their open pages end."""
    if not (name or role or os_user or cameras or all_cameras):
        raise InputInvalid("Nothing to change was named.", do="The options are listed by --help.")
    wanted = {"person_id": person_id, "name": name, "role": role, "os_user": os_user, "cameras": cameras or None}
    ask_agent(config, lambda call: call("change-person", **wanted, all_cameras=all_cameras))
    click.echo("Changed.")


@people.command("remove")
@click.argument("person_id")
@click.pass_obj
def remove_person(config: Path, person_id: str) -> None:
    """Remove a person. What they decided stays decided."""
    ask_agent(config, lambda call: call("remove-person", person_id=person_id))
    click.echo("Removed.")


@people.command("invite")
@click.argument("person_id")
@click.pass_obj
def invite_person(config: Path, person_id: str) -> None:
    """Make a one-time code that lets a person use the page, and choose a password or passkey."""
    reply = ask_agent(config, lambda call: call("invite-person", person_id=person_id))
    click.echo(f"Code: {reply['code']}")
    click.echo(f"It counts once, within {reply['minutes']} minutes.")


@click.command()
@click.option("--invite", "person_id", help="Make a one-time code for this person, and show it as a QR code too.")
@as_json
@click.pass_obj
def page(config: Path, person_id: str | None, plain: bool) -> None:
    """Where the owner's page is, and how to let a phone in."""
    reply = ask_agent(config, lambda call: call("page"))
    if person_id is not None:
        reply |= ask_agent(config, lambda call: call("invite-person", person_id=person_id))
    if plain:
        return print_json(reply)
    if not reply["enabled"]:
        click.echo("The page is switched off (page.enabled in handover.yaml).")
        return None
    click.echo(f"The page: {reply['url']}")
    if reply["fingerprint"]:
        click.echo(
            "Your browser warns once, as it doesn't know the certificate. It is the right one if it shows, as SHA-256:"
        )
        click.echo(f"  {reply['fingerprint']}")
    else:
        click.echo("Only this machine reaches it. To open it to your network, set page.address in handover.yaml.")
    if person_id is not None:
        # Behind the #, which a browser sends to nobody.
        link = f"{reply['url']}/pair#{reply['code']}"
        click.echo(f"Code: {reply['code']}, good once, within {reply['minutes']} minutes. Or scan this:")
        segno.make(link, error="l", micro=False).terminal(out=sys.stdout, compact=True)
        click.echo(link)
    return None


@people.command("deeds")
@as_json
@click.pass_obj
def list_deeds(config: Path, plain: bool) -> None:
    """Who did what, the newest first."""
    reply = ask_agent(config, lambda call: call("deeds"))
    if plain:
        return print_json(reply)
    for deed in reply["deeds"]:
        click.echo(f"{prompt.local(deed['at'])}  {deed_line(deed)}")
    if not reply["deeds"]:
        click.echo("Nothing was done yet.")
    return None
