"""``handover doctor`` and ``handover support``: what is wrong, what to do, and what a maintainer needs to help.

Not for: mending anything, or sending anything.
"""

import io
import subprocess
import zipfile
from pathlib import Path

import click
from rich.text import Text

from agent.cli.caller import ask_agent, daemon_listens
from agent.cli.record_keeping.files import refuse_taken, write_new
from agent.cli.requests import as_json, out, print_json
from agent.settings.model import load_settings

_STYLES = {"good": ("ok", "green"), "note": ("note", "yellow"), "bad": ("WRONG", "bold red")}
_LOG_LINES = "2000"
_NO_DAEMON = {
    "about": "daemon",
    "state": "bad",
    "text": "The daemon is not running.",
    "do": "sudo systemctl start handover",
}


@click.command()
@click.option("--cameras", is_flag=True, help="Ask every camera's source for a piece of footage too (takes a while).")
@as_json
@click.pass_obj
def doctor(config: Path, cameras: bool, plain: bool) -> None:
    """Find what is wrong (disk, clock, cameras, portal, permissions …), and say what to do."""
    runs = daemon_listens(load_settings(config))
    reply = ask_agent(config, lambda call: call("doctor", cameras=cameras))
    findings = reply["findings"]
    if not runs:  # nor does what it would do then
        findings[:] = [_NO_DAEMON, *(each for each in findings if each["about"] != "page" or each["state"] != "good")]
    wrong = sum(each["state"] == "bad" for each in findings)
    if plain:
        print_json(reply)
        raise SystemExit(1 if wrong else 0)
    for each in findings:
        word, style = _STYLES[each["state"]]
        out.print(Text(f"{word:>5}  ", style=style) + Text(each["text"], style=""))
        if each["do"]:
            out.print(Text(f"       {each['do']}"))
    click.echo("Nothing is wrong." if not wrong else f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong.")
    if wrong:
        raise SystemExit(1)
    return None


@click.command()
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def support(config: Path, target: Path) -> None:
    """Pack what a maintainer needs into a zip, without secrets, places or pictures. Nothing is sent."""
    refuse_taken(target)
    reply = ask_agent(config, lambda call: call("support"))
    files = dict(reply["files"])
    log = _log()
    if log:
        from agent.owner.operations.support import cleaned

        files["log.txt"] = cleaned(log, reply["private"])
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in files.items():
            packed.writestr(name, text)
    write_new(target, whole.getvalue())
    for name, text in files.items():
        click.echo(f"  {name} ({len(text.encode())} bytes)")
    click.echo(f"Packed into {target}. Read it before you give it to anybody: unzip -p {target} | less")


@click.command("recovery-sheet")
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--language", type=click.Choice(["en", "de"]), default="en", show_default=True, help="Of the sheet.")
@click.pass_obj
def recovery_sheet(config: Path, target: Path, language: str) -> None:
    """Write a page to print: the key that opens your own copies when this machine is gone."""
    refuse_taken(target)
    reply = ask_agent(config, lambda call: call("recovery-sheet", language=language))
    write_new(target, reply["page"].encode())
    click.echo(f"Written: {target}. Print it, keep the paper safe, and delete the file: it opens your copies.")


def _log() -> str:
    """The last lines of both services' logs; empty without systemd."""
    command = ["journalctl", "-u", "handover", "-u", "handover-recorder", "-n", _LOG_LINES, "--no-pager", "-o", "cat"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
