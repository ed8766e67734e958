"""``handover-portal move`` and ``move-packages``. Not for: how it is done (``portal.moving``)."""

from dataclasses import asdict
from pathlib import Path

import click
import yaml
from pydantic import ValidationError

from exchange.complaints import complaint
from exchange.counted import counted
from exchange.documents.messages import Part
from exchange.errors import SettingsInvalid
from portal.console import FILE, for_its_user, json_option, one_line, portal_folder
from portal.moving import packages
from portal.moving import rows as moving
from portal.settings import MAX_SETTINGS, BucketSettings, PortalFolder
from portal.yaml_text import parse_settings


@click.command("move")
@portal_folder
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

    for_its_user(folder)
    moved = moving.move(PortalFolder(folder), database, database_password_file, say)
    if as_json:
        one_line(asdict(moved))
        return
    click.echo(f"The portal is moved: {counted(moved.rows, 'row')}, the same on both sides.")
    click.echo(f"Its log of use has {counted(moved.log_lines, 'line')}, with the root {moved.log_root}, as before.")
    click.echo(f"Start it with: handover-portal serve {folder}")
    click.echo(
        f"Its file is kept as {folder / moving.MOVED}: remove it once you are content, for it holds owners' data."
    )


class _Named(Part):
    """What is to stand in ``portal.yaml``."""

    bucket: BucketSettings


@click.command("move-packages")
@portal_folder
@click.option("--bucket", type=FILE, help="Into the bucket that this file describes, as portal.yaml will.")
@click.option("--to-folder", is_flag=True, help="Back into the portal's folder.")
@click.option("--finish", is_flag=True, help="All that is left too; the portal stands still.")
@json_option
def move_packages_command(folder: Path, bucket: Path | None, to_folder: bool, finish: bool, as_json: bool) -> None:
    """Move the packages of the portal in FOLDER from its folder into a bucket, or back.

    They are copied while it runs, and compared on both sides. Then stop it, and type the same with --finish.
    Nothing is taken away where it was, and portal.yaml stays as it is: it says what to change.
    """
    if (bucket is None) is not to_folder:
        raise click.UsageError("Say where to: --bucket FILE or --to-folder.")
    for_its_user(folder)
    named = None if bucket is None else _read(bucket)
    shown = -1

    def say(so_far: packages.Progress) -> None:
        nonlocal shown
        percent = 100 if not so_far.of_bytes else so_far.bytes * 100 // so_far.of_bytes
        if percent != shown and not as_json:
            click.echo(
                f"{so_far.packages} of {counted(so_far.of_packages, 'package')}, {percent} % of "
                f"{_size(so_far.of_bytes)}"
            )
        shown = percent

    moved = packages.move_packages(PortalFolder(folder), named, finish=finish, say=say)
    if as_json:
        one_line(asdict(moved))
        return
    click.echo(
        f"{counted(moved.packages, 'package is', 'packages are')} there, the same on both sides ({_size(moved.bytes)})."
    )
    if not moved.finished:
        click.echo(
            f"{counted(moved.on_their_way, 'is on its way', 'are on their way')} still. Stop the portal, "
            "and type it again with --finish."
        )
        return
    click.echo(f"What is on its way goes on from where it is: {counted(moved.on_their_way, 'package')}.")
    _tell_what_to_change(folder, named)


def _read(path: Path) -> BucketSettings:
    try:
        with path.open("rb") as file:
            return _Named.model_validate(parse_settings(file.read(MAX_SETTINGS))).bucket
    except OSError as error:
        raise SettingsInvalid(f"{path} can't be read ({error.strerror}).", do="Check its name.") from None
    except ValidationError as error:
        why = complaint(error)
        raise SettingsInvalid(f"{path} describes no bucket: {why}.", do="Write 'bucket' as in portal.yaml.") from None
    except ValueError as error:
        raise SettingsInvalid(f"{path} describes no bucket: {error}.", do="Write 'bucket' as in portal.yaml.") from None


def _tell_what_to_change(folder: Path, bucket: BucketSettings | None) -> None:
    if bucket is None:
        click.echo("Take 'bucket' and what stands below it out of portal.yaml, of each replica, and start the portal.")
        click.echo("What lies in the bucket stays there until you remove it.")
        return
    click.echo("Write this into portal.yaml, of each replica, and start the portal:\n")
    click.echo(yaml.safe_dump({"bucket": bucket.model_dump(mode="json", exclude_none=True)}, sort_keys=False))
    click.echo(f"What lies in {PortalFolder(folder).uploads} stays there until you remove it.")


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
