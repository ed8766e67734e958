"""``handover-portal move``. Not for: how it is done (``portal.moving``)."""

from dataclasses import asdict
from pathlib import Path

import click

from portal import moving
from portal.console import FOLDER, json_option, one_line
from portal.settings import PortalFolder


@click.command("move")
@click.argument("folder", type=FOLDER)
@click.option("--database", required=True, help="An empty one: postgresql://user@host/name, without a password.")
@click.option(
    "--database-password-file", type=click.Path(path_type=Path), help="A file of mode 0600 with the password."
)
@json_option
def move_command(folder: Path, database: str, database_password_file: Path | None, as_json: bool) -> None:
    """Move the portal in FOLDER, which does not run, from its file to PostgreSQL.

    All of it goes in one transaction, and is compared on both sides before that is committed.
    """

    def say(table: str, rows: int) -> None:
        if rows and not as_json:
            click.echo(f"{table}: {rows}")

    moved = moving.move(PortalFolder(folder), database, database_password_file, say)
    if as_json:
        one_line(asdict(moved))
        return
    click.echo(f"The portal is moved: {moved.rows} rows, the same on both sides.")
    click.echo(f"Its log of use has {moved.log_lines} lines, with the root {moved.log_root}, as before.")
    click.echo(f"Start it with: handover-portal serve {folder}")
    click.echo(
        f"Its file is kept as {folder / moving.MOVED}: remove it once you are content, for it holds owners' data."
    )
