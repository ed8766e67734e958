"""``handover doctor`` and ``handover support``: what is wrong, what to do, and what a maintainer needs to help.

Not for: mending anything, or sending anything.
"""

import os
import subprocess
import time
import zipfile
from pathlib import Path

import click
from rich.text import Text

from agent.cli.caller import ask_agent
from agent.cli.requests import as_json, out, print_json
from agent.owner.operations.support import cleaned
from agent.settings.model import load_settings
from exchange.errors import DaemonNotRunning, InputInvalid

_STYLES = {"good": ("ok", "green"), "note": ("note", "yellow"), "bad": ("WRONG", "bold red")}
_LOG_LINES = "2000"
_BEGINS_WITHIN = 90
"""Seconds: what is under way ends at a safe place first."""


@click.command()
@click.option("--cameras", is_flag=True, help="Ask every camera's source for a piece of footage too (takes a while).")
@as_json
@click.pass_obj
def doctor(config: Path, cameras: bool, plain: bool) -> None:
    """Find what is wrong (disk, clock, cameras, portal, permissions …), and say what to do."""
    reply = ask_agent(config, lambda call: call("doctor", cameras=cameras))
    findings = reply["findings"]
    if plain:
        return print_json(reply)
    for each in findings:
        word, style = _STYLES[each["state"]]
        out.print(Text(f"{word:>5}  ", style=style) + Text(each["text"], style=""))
        if each["do"]:
            out.print(Text(f"       {each['do']}"))
    wrong = sum(each["state"] == "bad" for each in findings)
    click.echo("Nothing is wrong." if not wrong else f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong.")
    if wrong:
        raise SystemExit(1)
    return None


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


@click.command()
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def support(config: Path, target: Path) -> None:
    """Pack what a maintainer needs into a zip, without secrets, places or pictures. Nothing is sent."""
    if target.exists():
        raise InputInvalid(f"{target} is there already.", do="Name another file.")
    reply = ask_agent(config, lambda call: call("support"))
    files = dict(reply["files"])
    log = _log()
    if log:
        files["log.txt"] = cleaned(log, reply["private"])
    with zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED) as packed:
        for name, text in files.items():
            packed.writestr(name, text)
    for name, text in files.items():
        click.echo(f"  {name} ({len(text.encode())} bytes)")
    click.echo(f"Packed into {target}. Read it before you give it to anybody: unzip -p {target} | less")


@click.command("recovery-sheet")
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def recovery_sheet(config: Path, target: Path) -> None:
    """Write a page to print: the key that opens your own copies when this machine is gone."""
    if target.exists():
        raise InputInvalid(f"{target} is there already.", do="Name another file.")
    reply = ask_agent(config, lambda call: call("recovery-sheet"))
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(reply["page"])
    click.echo(f"Written: {target}. Print it, keep the paper safe, and delete the file: it opens your copies.")


def _log() -> str:
    """The last lines of both services' logs; empty without systemd."""
    command = ["journalctl", "-u", "handover", "-u", "handover-recorder", "-n", _LOG_LINES, "--no-pager", "-o", "cat"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
