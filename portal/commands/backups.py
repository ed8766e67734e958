"""``handover-portal backup`` and ``restore``. Not for: how they are made (``portal.backups``)."""

from pathlib import Path

import click

from exchange.clock import SystemClock
from exchange.counted import counted
from portal import backups
from portal.console import FILE, FOLDER, for_its_user, json_option, one_line, portal_folder
from portal.settings import PortalFolder


@click.command("backup")
@portal_folder
@click.argument("into", type=FOLDER)
@click.option("--keep", type=click.IntRange(min=1), help="Remove backups older than so many days.")
@json_option
def backup_command(folder: Path, into: Path, keep: int | None, as_json: bool) -> None:
    """Put the portal in FOLDER aside, while it runs, as a new folder in INTO."""
    made = backups.back_up(PortalFolder(folder), into, SystemClock().now(), keep)
    if as_json:
        one_line({"backup": str(made.path), "uploads": made.uploads, "removed": made.removed})
        return
    click.echo(f"The portal is put aside in {made.path}, with {counted(made.uploads, 'package')}.")
    if made.removed:
        click.echo(f"{counted(made.removed, 'older backup was', 'older backups were')} removed.")


@click.command("restore")
@click.argument("backup", type=FOLDER)
@portal_folder
@click.option("--keys", type=click.Path(dir_okay=False, path_type=Path), help="The newest copy of its keys.")
@click.option("--database", help="Of one on PostgreSQL: empty, or of other forces; if not its own.")
@click.option("--database-password-file", "password_file", type=FILE, help="A file of mode 0600 with its password.")
@json_option
def restore_command(
    backup: Path, folder: Path, keys: Path | None, database: str | None, password_file: Path | None, as_json: bool
) -> None:
    """Make a portal in FOLDER, where none is yet, of a BACKUP, checking every file."""
    for_its_user(folder)
    to = None if database is None else backups.To(database, password_file)
    count = backups.restore(backup, PortalFolder(folder), keys, to)
    if as_json:
        one_line({"folder": str(folder), "uploads": count})
        return
    click.echo(
        f"The portal is put back in {folder}, with {counted(count, 'package')}; start it with: "
        f"handover-portal serve {folder}"
    )
    click.echo(
        "The log of use lost what came after the backup: an auditor signs that (handover-officer audit restored)."
    )
    click.echo("Whoever left after the backup was erased again, as far as their keys were gone.")
