"""``handover archive-key``: the key that opens your own copies, put back from the recovery sheet or made anew.

Not for: the sheet itself (``agent.cli.doctor``).
"""

from pathlib import Path

import click

from agent.cli.caller import ask_agent
from agent.cli.typed_key import typed_key


@click.group("archive-key")
def archive_key() -> None:
    """The key that opens your own copies."""


@archive_key.command()
@click.option("--key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A file with keys in it.")
@click.pass_obj
def put(config: Path, key: Path | None) -> None:
    """Put keys of a recovery sheet back, where this machine lost them. Type the letters of both, not the words."""
    keys = "\n".join(str(identity) for identity in typed_key(key))
    reply = ask_agent(config, lambda call: call("archive-key-put", secret_keys=keys))
    click.echo(f"{reply['keys']} keys were put back. They count from the next start on: sudo handover restart")


@archive_key.command()
@click.confirmation_option(prompt="New keys need a new recovery sheet, and the old one stays needed. Make them?")
@click.pass_obj
def new(config: Path) -> None:
    """Make new keys, where a sheet was lost or seen by others: for what is handed over from now on."""
    ask_agent(config, lambda call: call("archive-key-new"))
    click.echo("New keys were made. They count from the next start on: sudo handover restart")
    click.echo("Then print a new sheet: handover recovery-sheet. Keep the old one: it opens what was before.")
