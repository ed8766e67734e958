"""``handover restore``: a lost agent back onto a fresh machine, from a second place and the recovery sheet.

Not for: putting anything back itself (``agent.records.backups.restore``). No daemon runs meanwhile.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

import click

from agent.cli.typed_key import typed_key
from agent.host.lock import state_lock
from agent.host.privileges import require_writable
from agent.owner.terminal import prompt
from agent.places.folder import FolderPlace
from agent.places.named import NamedPlaces
from agent.places.place import Place
from agent.records.backups import restore as putting_back
from agent.records.backups import state_file
from agent.settings.folders import make_folders
from agent.settings.model import DEFAULT_DATA, load_settings
from exchange.clock import SystemClock, to_rfc3339
from exchange.counted import counted
from exchange.errors import InputInvalid


@click.command()
@click.argument("place")
@click.option("--key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A file with a key in it.")
@click.option("--device", metavar="FINGERPRINT", help="The machine's own key on the sheet, which you compared.")
@click.option("--data", type=click.Path(path_type=Path), help="Another folder for the data than the settings name.")
@click.option("--state", "wanted", default="", help="The first letters of an older state's name, to take that one.")
@click.option("--new-device", is_flag=True, help="The machine was stolen: make a new device key, and join anew.")
@click.option("--without-copies", is_flag=True, help="Leave the copies of what was handed over where they are.")
@click.pass_obj
def restore(
    config: Path,
    place: str,
    key: Path | None,
    device: str | None,
    data: Path | None,
    wanted: str,
    new_device: bool,
    without_copies: bool,
) -> None:
    """Put a lost machine's state and copies back onto this one, which is fresh.

    PLACE is a folder (mounted, in full), or the name of a place that was added here with "handover places".
    """
    require_writable(config, "the settings file")
    if data is not None and not data.is_absolute():
        raise InputInvalid("--data wants a path in full, such as /var/lib/handover.")
    source = _place(config, place)
    asyncio.run(state_file.require_state(source, wanted))
    identities = typed_key(key)
    with tempfile.TemporaryDirectory(prefix="handover-restore-") as work:  # 0700
        opened = asyncio.run(state_file.open_newest(source, identities, Path(work), lambda _: None, wanted))
        click.echo(f"Found: the state of {prompt.local(to_rfc3339(opened.made_at))}.")
        _confirm(opened, device)
        _put_back(config, source, opened, data, new_device=new_device, without_copies=without_copies)
    _say_next(new_device=new_device)


def _place(config: Path, named: str) -> Place:
    if named.startswith("/"):
        folder = Path(named)
        if not folder.is_dir():
            raise InputInvalid(f"There is no folder {folder}.", do="Plug in or mount what it is on.")
        return FolderPlace(folder.parent if folder.name == "handover" else folder)
    places = load_settings(config).places if config.exists() else DEFAULT_DATA / "keys" / "places.json"
    return NamedPlaces(places).of(named).open()


def _put_back(
    config: Path, place: Place, opened: state_file.Opened, data: Path | None, *, new_device: bool, without_copies: bool
) -> None:
    text, settings = putting_back.settings_of(opened, config, data)
    putting_back.refuse_if_used(settings)
    putting_back.room_for(opened, settings.data)
    require_writable(settings.data, "the agent's state")
    make_folders(settings)
    with state_lock(settings.lock):
        putting_back.put_state(opened, settings, new_device=new_device)
        made = putting_back.tell_records(opened, settings, SystemClock(), place.title, new_device=new_device)
        asyncio.run(made)
        aside = putting_back.write_settings(text, config)
        click.echo(f"The records, keys, passwords and settings are in {settings.data} and {config}.")
        if aside is not None:
            click.echo(f"The settings that were here are in {aside}.")
        if not without_copies:
            fetched, missing = asyncio.run(putting_back.fetch_copies(settings, place, _show))
            _show("")
            click.echo(f"{counted(fetched, 'of your copies was', 'of your copies were')} fetched.")
            if missing:
                click.echo(f"{counted(missing, 'of them is', 'of them are')} not there, or could not be fetched.")
    owner = settings.data.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        putting_back.give_to(owner, settings.data)


def _confirm(opened: state_file.Opened, device: str | None) -> None:
    """The state's device key is the sheet's: nobody else could have made it."""
    if device is not None:
        return putting_back.compare_device(opened, device.strip())
    click.echo(f"Its device key:  {opened.device}")
    if not click.confirm('Does the sheet say the same ("To know this machine by")?', default=False):
        raise InputInvalid(
            "The device key was not confirmed.",
            meaning="Nothing was put back.",
            do="Without a sheet: the portal, or any package that you handed over, names it too.",
        )
    return None


def _show(text: str) -> None:
    if sys.stdout.isatty():
        click.echo(f"\r\x1b[K{text}", nl=False)


def _say_next(*, new_device: bool) -> None:
    if new_device:
        click.echo("This is a new device: tell the force that the old one was stolen, and join again: handover setup")
        click.echo("Change the passwords of your cameras: whoever has the old machine can read them.")
    click.echo("Start it: sudo systemctl enable --now handover handover-recorder")
    click.echo('When it says that its records went back, say why: handover restored "what happened"')
