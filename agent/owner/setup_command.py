"""``handover setup`` and ``handover withdraw``: joining a force's portal, and leaving it.

Not for: what is sent (``agent/membership.py``). Every question has a flag that answers it.
"""

from pathlib import Path
from typing import Any

import click

from agent.owner.caller import ask_desk
from agent.settings_edit import fill_in
from exchange.errors import ForceKeyChanged

Json = dict[str, Any]


@click.command()
@click.option(
    "--portal", prompt="The portal's address (from your police force)", help="Such as https://portal.example.org"
)
@click.option(
    "--kind",
    type=click.Choice(["household", "business"]),
    prompt="Whose cameras are they, a household's or a business's?",
    help="household or business",
)
@click.option("--name", prompt="Your name, or the business's", help="As officers read it.")
@click.option("--contact", prompt="How officers reach you (telephone or e-mail)", help="A telephone number or e-mail.")
@click.option("--confirm", "confirmed", metavar="FINGERPRINT", help="The force key's fingerprint, which you compared.")
@click.pass_obj
def setup(config: Path, portal: str, kind: str, name: str, contact: str, confirmed: str | None) -> None:
    """Write the settings, make this agent's keys, and join the force's portal."""
    sections: dict[str, dict[str, str]] = {
        "portal": {"url": portal},
        "owner": {"kind": kind, "name": name, "contact": contact},
    }
    fill_in(config, sections)
    click.echo(f"Settings: {config}")
    if confirmed is None:
        confirmed = _confirm(ask_desk(config, lambda call: call("introduce", url=portal)))
    else:
        _show(ask_desk(config, lambda call: call("introduce", url=portal)))
    told = ask_desk(config, lambda call: call("enrol", url=portal, fingerprint=confirmed))
    click.echo(f"This agent belongs to the portal of {told['force']} now; its device key is {told['device']}.")
    click.echo("Next: handover cameras discover")


def _show(shown: Json) -> None:
    click.echo(f"The portal says that it belongs to: {shown['force']}")
    click.echo(f"The force key's fingerprint:  {shown['fingerprint']}")
    click.echo(f"The same in words:            {shown['words']}")
    if shown["pinned"]:
        click.echo(f"WARNING: you confirmed another key before: {shown['pinned']}")


def _confirm(shown: Json) -> str:
    """The fingerprint, once the owner says that it is the force's. ForceKeyChanged otherwise."""
    _show(shown)
    click.echo("Compare it with what the force publishes elsewhere: on paper, by telephone, on its own website.")
    if not click.confirm("Is it the same?", default=False):
        raise ForceKeyChanged("The key was not confirmed.", meaning="Nothing was sent to the portal.")
    return str(shown["fingerprint"])


@click.command()
@click.confirmation_option(
    prompt="The portal erases your registration, open requests end, nothing more is sent. Withdraw?"
)
@click.pass_obj
def withdraw(config: Path) -> None:
    """Leave the portal: your registration is erased, open requests end. What you keep here stays yours."""
    told = ask_desk(config, lambda call: call("withdraw"))
    click.echo(f"You have left the portal. {told['stopped']} open requests were stopped.")
    click.echo("Recordings, packages and receipts on this machine are still here.")
