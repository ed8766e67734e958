"""``handover-portal init`` and ``upgrade``: the portal's folder and its database. Not for: the force's key."""

from pathlib import Path
from urllib.parse import urlsplit

import click
from pydantic import ValidationError

from exchange.complaints import wrong
from exchange.errors import HandoverError, SettingsInvalid
from portal.console import FILE, FOLDER, for_its_user, json_option, one_line, portal_folder
from portal.force.keys import read_public
from portal.settings import PortalFolder, PortalSettings
from portal.storage.database import upgrade

_WANTED = {
    "short-name": "Give a word of small letters, digits and hyphens, such as kent.",
    "origin": "Give it as in https://share.example.police.uk.",
}


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--force", "name", required=True, help="The force's name, as in its credentials.")
@click.option("--force-key", type=FILE, required=True, help="The force's public key: force.pub.")
@click.option("--origin", help="What the portal is reached by, such as https://share.example.police.uk.")
@click.option("--short-name", help="Of a force that is not the only one on this portal, such as kent.")
@click.option("--database", help="PostgreSQL's address, without a password; the folder's portal.db unless given.")
@click.option("--database-password-file", "password_file", type=FILE, help="A file of mode 0600 with its password.")
@json_option
def init(
    folder: Path, name: str, force_key: Path, origin: str | None, short_name: str | None, database: str | None,
    password_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Make a portal in FOLDER."""
    for_its_user(folder)
    key = read_public(force_key)
    of_service = None if password_file is None else password_file.resolve()  # it is read from wherever the portal runs
    given = {"origin": origin, "short_name": short_name, "database": database, "database_password_file": of_service}
    if short_name is not None and origin is None:
        raise SettingsInvalid(
            "Of several forces on one portal, each needs an origin of its own.",
            do=f"Give --origin with another host or path, such as https://share.example.org/forces/{short_name}.",
        )
    try:
        settings = PortalSettings.model_validate({"force": name, "force_key": key.line, **given})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        option = str(first["loc"][0]).replace("_", "-")
        raise SettingsInvalid(f"--{option} can't be used: {wrong(first)}.", do=_WANTED.get(option, "")) from None
    portal = PortalFolder(folder) if settings.short_name is None else PortalFolder(folder).of_force(settings.short_name)
    _alone_at(PortalFolder(folder), portal, settings)
    portal.save(settings)
    try:
        upgrade(portal.where(settings), settings.database_password_file, settings.short_name)
    except HandoverError:  # there is no portal yet: the same command may be given again
        portal.settings_file.unlink()
        raise
    if as_json:
        one_line({"folder": str(portal.path), "force": name, "fingerprint": key.fingerprint})
        return
    click.echo(f"The portal of {name} is made in {portal.path}; start it with: handover-portal serve {folder}")


def _alone_at(whole: PortalFolder, wanted: PortalFolder, settings: PortalSettings) -> None:
    """SettingsInvalid when a force beside it has the same origin: nobody could be led to either of them."""
    for beside in whole.served():
        if beside == wanted or not beside.settings_file.exists():
            continue
        there = beside.load()
        if settings.origin is not None and there.origin == settings.origin:
            raise SettingsInvalid(
                f"{there.force} has the origin {there.origin} already.",
                meaning="Each force on a portal is told by its origin. Nothing was made.",
                do=f"Give --origin with another host or path, such as {_beside(settings.origin, wanted)}.",
            )


def _beside(origin: str, wanted: PortalFolder) -> str:
    parts = urlsplit(origin)
    return f"{parts.scheme}://{parts.netloc}/forces/{wanted.path.name}"


@click.command("upgrade")
@portal_folder
@json_option
def upgrade_command(folder: Path, as_json: bool) -> None:
    """Bring the database in FOLDER to this version ('serve' does it by itself)."""
    portal = PortalFolder(folder)
    settings = portal.load()
    before, after = upgrade(portal.where(settings), settings.database_password_file, settings.short_name)
    if as_json:
        one_line({"before": before, "after": after})
        return
    click.echo(f"The database is at {after}." if before == after else f"The database went from {before} to {after}.")
