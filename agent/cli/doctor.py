"""``handover doctor`` and ``handover support``: what is wrong, what to do, and what a maintainer needs to help.

Not for: mending anything, or sending anything.
"""

import os
import subprocess
import zipfile
from pathlib import Path

import click
from rich.text import Text

from agent.cli.caller import ask_agent
from agent.cli.requests import as_json, out, print_json
from exchange.errors import InputInvalid

_STYLES = {"good": ("ok", "green"), "note": ("note", "yellow"), "bad": ("WRONG", "bold red")}
_LOG_LINES = "2000"


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
        from agent.owner.operations.support import cleaned

        files["log.txt"] = cleaned(log, reply["private"])
    with zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED) as packed:
        for name, text in files.items():
            packed.writestr(name, text)
    for name, text in files.items():
        click.echo(f"  {name} ({len(text.encode())} bytes)")
    click.echo(f"Packed into {target}. Read it before you give it to anybody: unzip -p {target} | less")


@click.command("recovery-sheet")
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--language", type=click.Choice(["en", "de"]), default="en", show_default=True, help="Of the sheet.")
@click.pass_obj
def recovery_sheet(config: Path, target: Path, language: str) -> None:
    """Write a page to print: the key that opens your own copies when this machine is gone."""
    if target.exists():
        raise InputInvalid(f"{target} is there already.", do="Name another file.")
    reply = ask_agent(config, lambda call: call("recovery-sheet", language=language))
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
