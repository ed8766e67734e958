"""``handover notify``: who is told when a request comes, and whether messages get there.

Not for: sending them. An address holds secrets: it is read from a file or typed unseen, and never shown.
"""

from pathlib import Path

import click

from agent.cli.caller import ask_agent
from agent.cli.requests import as_json, print_json
from agent.cli.typed import read_secret
from agent.owner.terminal import prompt


@click.group()
def notify() -> None:
    """Who is told when the police ask for something."""


@notify.command("list")
@as_json
@click.pass_obj
def list_recipients(config: Path, plain: bool) -> None:
    """List who is told, and which messages did not get there."""
    reply = ask_agent(config, lambda call: call("notify"))
    if plain:
        return print_json(reply)
    for each in reply["recipients"]:
        knows = "with what it is about" if each["detail"] else "only that there is something"
        rank = f", if nobody answers (rank {each['rank']})" if each["rank"] else ""
        click.echo(f"{each['name']} ({each['recipient_id']}): by {each['kind']}, {knows}{rank}")
    if not reply["recipients"]:
        click.echo("Nobody is told yet. Add somebody with: handover notify add")
    for row in reply["undelivered"]:
        state = "given up" if row["given_up_at"] else "tried again"
        click.echo(f"Not delivered ({state}), {prompt.local(row['made_at'])}: {row['subject']}: {row['failure']}")
    return None


@notify.command("add")
@click.argument("recipient_id")
@click.option("--name", help="Who that is; the short name otherwise.")
@click.option(
    "--address-file",
    type=click.Path(path_type=Path),
    help="A file that holds the Apprise address; asked for, unseen, without it.",
)
@click.option("--detail", is_flag=True, help="Messages may say what a request is about.")
@click.option("--rank", type=click.IntRange(0, 9), default=0, help="1 and above: only if nobody answers in time.")
@click.option("--language", type=click.Choice(("en", "de")), default="en", help="What messages are written in.")
@click.pass_obj
def add_recipient(
    config: Path, recipient_id: str, name: str | None, address_file: Path | None, detail: bool, rank: int, language: str
) -> None:
    """Add somebody who is told, after a test message reached them.

    The address is one of Apprise's, such as mailto://user:password@example.org, tgram://token/chat or ntfys://topic.
    """
    address = read_secret(address_file, "Address (not shown)")
    new = {
        "recipient_id": recipient_id,
        "name": name or recipient_id,
        "address": address,
        "detail": detail,
        "rank": rank,
        "language": language,
    }
    ask_agent(config, lambda call: call("notify-add", **new))
    click.echo(f"A test message was delivered to {name or recipient_id}, who is told from now on.")


@notify.command("test")
@click.argument("recipient_id")
@click.pass_obj
def test_recipient(config: Path, recipient_id: str) -> None:
    """Send a test message."""
    ask_agent(config, lambda call: call("notify-test", recipient_id=recipient_id))
    click.echo("It was delivered.")


@notify.command("remove")
@click.argument("recipient_id")
@click.pass_obj
def remove_recipient(config: Path, recipient_id: str) -> None:
    """Tell somebody no more."""
    ask_agent(config, lambda call: call("notify-remove", recipient_id=recipient_id))
    click.echo("Removed.")
