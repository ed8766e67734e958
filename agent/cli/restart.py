"""``handover restart``: changed settings count, and the command ends when the daemon answers again.

Not for: starting a daemon that doesn't run, which is systemd's.
"""

import time
from pathlib import Path

import click

from agent.cli.caller import ask_agent
from agent.settings.model import load_settings
from exchange.errors import DaemonNotRunning

_BEGINS_WITHIN = 90
"""Seconds: what is under way ends at a safe place first."""


@click.command()
@click.pass_obj
def restart(config: Path) -> None:
    """Let changed settings count now: the file is checked, and the daemon begins again with it."""
    before = _listens_since(config)
    reply = ask_agent(config, lambda call: call("restart"), needs_daemon=True)
    click.echo("The daemon begins again …" if reply["changed"] else "Nothing was changed; the daemon begins again …")
    by = time.monotonic() + _BEGINS_WITHIN
    while not _answers(config, before):
        if time.monotonic() > by:
            raise DaemonNotRunning(
                f"The daemon has not begun again within {_BEGINS_WITHIN} s.",
                do="See why: journalctl -u handover -e. What it was at is not lost.",
            )
        time.sleep(0.2)
    click.echo("It runs again.")


def _listens_since(config: Path) -> tuple[int, int] | None:
    """What tells one life of the daemon from the next: each makes its socket anew."""
    try:
        seen = load_settings(config).socket.stat()
    except OSError:
        return None
    return seen.st_ino, seen.st_ctime_ns


def _answers(config: Path, before: tuple[int, int] | None) -> bool:
    if _listens_since(config) in (None, before):
        return False
    try:
        ask_agent(config, lambda call: call("status"), needs_daemon=True)
    except DaemonNotRunning:
        return False
    return True
