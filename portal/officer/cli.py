"""``handover-officer``: what an officer types. Not for: the force's administrator (``portal.cli``)."""

import os
from pathlib import Path

import click
from rich.console import Console

from exchange.clock import SystemClock
from portal.console import FILE, FOLDER, HandoverGroup
from portal.officer.commands.passphrase import ask_for
from portal.officer.safe import ask_at_terminal, from_file
from portal.officer.state import OfficerState
from portal.officer.tools import Tools

ELSEWHERE = {
    "portal.officer.casework.export_cli": ("export",),
    "portal.officer.commands.area": ("area",),
    "portal.officer.commands.asking": ("request", "search"),
    "portal.officer.commands.desk": ("desk",),
    "portal.officer.commands.feedback": ("ask", "cant-play", "feedback", "keep", "outcome"),
    "portal.officer.commands.inbox": ("inbox", "offers"),
    "portal.officer.commands.login": ("login", "logout"),
    "portal.officer.commands.opening": ("open", "receipt"),
    "portal.officer.commands.passphrase": ("case-key", "passphrase"),
    "portal.officer.commands.setup": ("setup",),
    "portal.officer.commands.team": ("cases", "handover", "restore", "team"),
    "portal.officer.keeping.disclosure_cli": ("disclosure",),
    "portal.officer.keeping.keeping_cli": ("hold", "keeping"),
    "portal.officer.people.appeal_cli": ("appeal",),
    "portal.officer.people.people_cli": ("ask-person", "asked", "people"),
    "portal.officer.supervised.log_cli": ("audit",),
    "portal.officer.supervised.supervision_cli": ("authorise",),
}
"""Which module holds which commands. Only the one that is typed is loaded: all of them take a second."""


def _default_state() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(os.environ.get("HANDOVER_OFFICER_STATE") or Path(base) / "handover-officer")


@click.group(cls=HandoverGroup, elsewhere=ELSEWHERE, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="handover")
@click.option("--state", type=FOLDER, help="The officer's folder. [default: ~/.local/share/handover-officer]")
@click.option("--passphrase-file", type=FILE, help="For scripts: a file with the passphrase of your keys.")
@click.option("--pin-file", type=FILE, help="For scripts: a file with the PIN of your token.")
@click.pass_context
def main(ctx: click.Context, state: Path | None, passphrase_file: Path | None, pin_file: Path | None) -> None:
    """Find who may have footage, ask for it, open and check what comes. The keys stay on this machine."""
    folder = state or _default_state()
    ask = ask_for(folder, passphrase_file)
    ask_pin = from_file(pin_file) if pin_file is not None else ask_at_terminal
    ctx.obj = Tools(OfficerState(folder, ask, ask_pin), SystemClock(), Console(highlight=False))
