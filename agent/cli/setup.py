"""``handover setup`` and ``handover withdraw``: joining a force's portal, and leaving it.

Not for: what is sent (``agent/membership``). Every question has a flag that answers it.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import click
from pydantic import BeforeValidator

from agent.cli.caller import ask_agent, daemon_listens
from agent.cli.guide import Answers, carry_out, guide, read_answers
from agent.cli.typed import answer, somebody_is_there
from agent.host.privileges import require_writable
from agent.settings.edit import fill_in, put_back
from agent.settings.model import Settings
from agent.settings.values import HttpsUrl
from agent.settings.yaml_file import parse, read_text
from exchange.counted import counted
from exchange.documents.messages import Line, OwnerKind
from exchange.errors import ForceKeyChanged, HandoverError

Json = dict[str, Any]


def _with_https(typed: object) -> object:
    """A bare host name, as one copies it from a letter, is one of a portal over HTTPS."""
    if isinstance(typed, str) and typed.strip() and "://" not in typed:
        return f"https://{typed.strip()}"
    return typed


TypedPortal = Annotated[HttpsUrl, BeforeValidator(_with_https)]


@click.command()
@click.option("--portal", help="The portal's address, such as https://portal.example.org")
@click.option("--no-portal", is_flag=True, help="Join none: requests are those that you write down yourself.")
@click.option(
    "--answers",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A YAML file with cameras, people and messages to add, without questions.",
)
@click.option("--guide/--no-guide", "guided", default=None, help="Ask for cameras, people and messages as well.")
@click.option("--kind", type=click.Choice(["household", "business"]), help="household or business")
@click.option("--name", help="Your name, or the business's, as officers read it.")
@click.option("--contact", help="How officers reach you: a telephone number or e-mail.")
@click.option("--confirm", "confirmed", metavar="FINGERPRINT", help="The force key's fingerprint, which you compared.")
@click.pass_obj
def setup(
    config: Path,
    portal: str | None,
    no_portal: bool,
    answers: Path | None,
    guided: bool | None,
    kind: str | None,
    name: str | None,
    contact: str | None,
    confirmed: str | None,
) -> None:
    """Write the settings, make this agent's keys, and join the force's portal."""
    require_writable(config, "the settings file")
    given = None if answers is None else read_answers(answers)
    url = None
    if not no_portal:
        url = answer(portal, "--portal", "The portal's address (from your police force)", TypedPortal)
        click.echo(f"Portal: {url}")
    owner = {
        "kind": answer(kind, "--kind", "Whose cameras are they, a household's or a business's?", OwnerKind),
        "name": answer(name, "--name", "Your name, or the business's", Line),
        "contact": answer(contact, "--contact", "How officers reach you (telephone or e-mail)", Line),
    }
    with _as_before_unless_joined(config):
        settings = fill_in(config, ({} if url is None else {"portal": {"url": url}}) | {"owner": owner})
        click.echo(f"Settings: {config}")
        if url is None:
            click.echo("No portal was joined. Write down what the police ask with: handover request new")
        else:
            _join(config, url, confirmed)
    _go_on(config, settings, given, guided=guided)


@contextmanager
def _as_before_unless_joined(config: Path) -> Iterator[None]:
    """Settings that name a portal read as before again where joining another fails or is stopped.

    A file without a portal keeps what was typed.
    """
    before = read_text(config) if config.exists() else ""
    try:
        yield
    except BaseException:
        if ("portal", "url") in parse(before).scalars:
            try:
                put_back(config, before.encode())
            except (OSError, HandoverError):
                click.echo(f"{config} could not be put back: correct the portal's address in it.", err=True)
        raise


def _join(config: Path, url: str, confirmed: str | None) -> None:
    """Join the portal, once the force's key is confirmed."""
    if confirmed is None:
        confirmed = _confirm(ask_agent(config, lambda call: call("introduce", url=url)))
    else:
        _show(ask_agent(config, lambda call: call("introduce", url=url)))
    reply = ask_agent(config, lambda call: call("enrol", url=url, fingerprint=confirmed))
    click.echo(f"This agent belongs to the portal of {reply['force']} now; its device key is {reply['device']}.")


def _go_on(config: Path, settings: Settings, given: Answers | None, *, guided: bool | None) -> None:
    """What else there is to set up: from a file, or by questions where somebody is there."""
    if given is not None:
        carry_out(config, given)
    elif guided or (guided is None and somebody_is_there() and sys.stdout.isatty()):
        guide(config)
    _say_next(settings)


def _say_next(settings: Settings) -> None:
    if daemon_listens(settings):
        click.echo("The daemon runs with the settings that it started with: sudo systemctl restart handover")
    else:
        click.echo("From now on, and after every start: sudo systemctl enable --now handover handover-recorder")
    click.echo("Next: sudo handover cameras discover")


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
    reply = ask_agent(config, lambda call: call("withdraw"))
    click.echo(
        f"You have left the portal. {counted(reply['stopped'], 'open request was', 'open requests were')} stopped."
    )
    click.echo("Recordings, packages and receipts on this machine are still here.")
