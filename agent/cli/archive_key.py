"""``handover archive-key``: the key that opens your own copies, put back from the recovery sheet or made anew.

Not for: the sheet itself (``agent.cli.doctor``).
"""

from pathlib import Path

import click

from agent.cli.caller import ask_agent
from agent.cli.typed_key import typed_key

_KINDS = {"x25519": "for any age program", "hybrid": "for age 1.3 and newer"}
"""As the recovery sheet calls them."""


@click.group("archive-key")
def archive_key() -> None:
    """The key that opens your own copies."""


@archive_key.command()
@click.option("--key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A file with keys in it.")
@click.pass_obj
def put(config: Path, key: Path | None) -> None:
    """Put keys of a recovery sheet back, where this machine lost them. Type the letters of both, not the words."""
    keys = "\n".join(str(identity) for identity in typed_key(key, by_words=False))
    reply = ask_agent(config, lambda call: call("archive-key-put", secret_keys=keys))
    for kind in reply["kinds"]:
        click.echo(f"Put back: the key {_KINDS[kind]}.")
    if reply["missing"]:
        click.echo(f"Still missing of the sheet's: {reply['missing']}. Put it back too: sudo handover archive-key put")
    click.echo("What is here counts from the next start on: sudo handover restart")


@archive_key.command()
@click.confirmation_option(prompt="New keys need a new recovery sheet, and the old one stays needed. Make them?")
@click.pass_obj
def new(config: Path) -> None:
    """Make new keys, where a sheet was lost or seen by others: for what is handed over from now on."""
    ask_agent(config, lambda call: call("archive-key-new"))
    click.echo("New keys were made. They count from the next start on: sudo handover restart")
    click.echo(
        "Then print a new sheet: sudo handover recovery-sheet sheet.html. Keep the old one: it opens what was before."
    )
