"""``handover stamps``: who countersigned the time of what was handed over, and files of the stamps that came later.

Not for: asking for time stamps (``agent.requests.stamping``).
"""

import base64
from pathlib import Path

import click

from agent.cli.caller import ask_agent
from agent.cli.record_keeping.files import refuse_taken
from agent.cli.requests import as_json, print_json
from agent.owner.terminal import prompt
from exchange.durable import durable_file


@click.command()
@click.argument("request_id", required=False)
@click.option(
    "--into", type=click.Path(path_type=Path, file_okay=False, exists=True), help="Folder to write late stamps into."
)
@as_json
@click.pass_obj
def stamps(config: Path, request_id: str | None, into: Path | None, plain: bool) -> None:
    """Which authorities countersigned the time of each package; with REQUEST_ID and --into, stamps that came later."""
    if (request_id is None) != (into is None):
        raise click.UsageError("Name a request and --into a folder, or neither.")
    if request_id is not None and into is not None:
        return _write(config, request_id, into)
    reply = ask_agent(config, lambda call: call("stamps"))
    if plain:
        return print_json(reply)
    for package in reply["packages"]:
        click.echo(f"request {package['request_id']}, package {package['evidence_id']}")
        for stamp in package["stamps"]:
            who = stamp["authority"] or "the authority"
            if stamp["state"] == "missing":
                again = f"asked again {prompt.local(stamp['asked_again'])}" if stamp["asked_again"] else "asked no more"
                click.echo(f"  missing: {who}; {again}. {stamp['trouble'] or ''}".rstrip())
                continue
            at = prompt.local(stamp["stamped"]) if stamp["stamped"] else "at a time that the stamp tells"
            where = "in the package" if stamp["state"] != "late" else f"came later: {stamp['file']}"
            click.echo(f"  {who}, {at}; {where}")
    if not reply["packages"]:
        click.echo("No package has a time stamp, and none is asked for.")
    return None


def _write(config: Path, request_id: str, into: Path) -> None:
    files = ask_agent(config, lambda call: call("late-stamps", request_id=request_id))["files"]
    targets = [into / Path(file["name"]).name for file in files]
    for target in targets:
        refuse_taken(target)
    for target, file in zip(targets, files, strict=True):
        with durable_file(target) as stream:
            stream.write(base64.b64decode(file["content"]))
        click.echo(str(target))
    click.echo(
        "Send them to the officer as they are, by any way: each is signed by its authority, and holds no footage. "
        "They are checked with: handover-verify PACKAGE --late-stamp FILE"
    )
