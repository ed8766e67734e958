"""``handover correspondence``: what was said about a request, in one place: mails, notes, files, the portal's messages.

Not for: reading a mail (a worker of the daemon does).
"""

import base64
import hashlib
import os
import sys
import uuid
from pathlib import Path
from typing import Any

import click

from agent.cli.caller import Call, ask_agent
from agent.cli.handing_over.noted import whole_time
from agent.cli.record_keeping.files import refuse_taken
from agent.cli.requests import as_json, print_json
from agent.owner.operations.record_keeping.correspondence import PIECE
from agent.owner.terminal import prompt
from exchange.documents.letters import harmless, quoted, quoted_lines
from exchange.errors import InputInvalid

Json = dict[str, Any]

WORDS = {
    "asked": "asked, through the portal",
    "written-down": "asked; the owner wrote it down",
    "answered": "answered",
    "handed-over": "handed over",
    "receipt": "confirmed that they have it",
    "closed": "over",
    "opened": "opened and checked it",
    "cannot-play": "can't play it",
    "question": "asked a question",
    "outcome": "told what became of it",
    "answer": "answered their question",
    "rating": "rated how it went",
    "mail": "mail",
    "note": "note",
    "file": "file",
}
ANSWERED = {
    "approved": "said yes",
    "partly-approved": "said yes to a part",
    "declined": "said no",
    "unavailable": "said that there is no such footage",
    "withdrawn": "took the yes back",
}
_WHEN = "When it was sent or said, such as 2026-05-03T18:40 (your time)."
_FROM = "Whom it is from, such as PC 4711 on the telephone."


@click.group()
def correspondence() -> None:
    """What was said about a request, in one place."""


@correspondence.command("list")
@click.argument("request_id")
@as_json
@click.pass_obj
def list_correspondence(config: Path, request_id: str, plain: bool) -> None:
    """Show mails, notes, files and the portal's messages in the order of time."""
    reply = ask_agent(config, lambda call: call("correspondence", request_id=request_id))
    if plain:
        return print_json(reply)
    for moment in reply["moments"]:
        show(moment)
    if not reply["moments"]:
        click.echo("Nothing was written down yet.")
    return None


def show(moment: Json) -> None:
    """One moment; what others wrote stands in quotes, or behind ``>``."""
    item = moment["item"]
    head = f"{prompt.local(moment['at'])}  {WORDS[moment['what']]}"
    if moment["who"]:
        head += f", {quoted(moment['who'], 200) if moment['theirs'] else harmless(moment['who'], 200)}"
    click.echo(head)
    if item is None:
        if moment["what"] == "answered":
            click.echo(f"    {ANSWERED.get(moment['text'], moment['text'])}")
        elif moment["text"]:
            click.echo(f"    {quoted(moment['text']) if moment['theirs'] else harmless(moment['text'])}")
        return
    if item["subject"]:
        click.echo(f"    {quoted(item['subject'])}")
    text = item["text"]
    for line in (quoted_lines(text, 20, "handover correspondence save") if moment["theirs"] else text).splitlines():
        click.echo(f"    {line}")
    for part in item["attached"]:
        click.echo(f"    attached: {quoted(part['name'] or part['kind'], 100)} ({prompt.size(part['bytes'])})")
    if item["sha256"]:
        click.echo(f"    {quoted(item['name'], 100)} ({prompt.size(item['size'])}), SHA-256 {item['sha256']}")
    click.echo(f"    {item['item_id']}, added by {item['added_by']} on {prompt.local(item['added_at'])}")


@correspondence.command("add")
@click.argument("request_id")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--from", "sender", help=_FROM)
@click.option("--when", help=_WHEN)
@click.pass_obj
def add(config: Path, request_id: str, file: Path, sender: str | None, when: str | None) -> None:
    """Add a mail (FILE ends with .eml), a letter that was scanned, or another file, up to 50 MB."""
    given: Json = {"request_id": request_id, "name": file.name, "upload_id": uuid.uuid4().hex}
    given |= _said(sender, when)

    async def send(call: Call) -> Json:
        with file.open("rb") as content:
            offset = 0
            while piece := content.read(PIECE):
                data = base64.b64encode(piece).decode()
                reply = await call("correspondence-piece", upload_id=given["upload_id"], offset=offset, data=data)
                offset = reply["bytes"]
        return await call("correspondence-add", **given)

    try:
        reply = ask_agent(config, send)
    except OSError as error:
        raise InputInvalid(f"{file} can't be read ({error.strerror}).", do="Name another file.") from error
    if reply["kind"] == "mail":
        click.echo(f"Added: mail {quoted(reply['subject'] or file.name, 100)} from {quoted(reply['sender'], 100)}")
    else:
        click.echo(f"Added: {file.name}")
        if file.suffix.lower() == ".eml":
            click.echo("It could not be read as a mail; it is kept as a file, as it came.", err=True)


def _said(sender: str | None, when: str | None) -> Json:
    said: Json = {} if sender is None else {"sender": sender}
    return said if when is None else said | {"at": whole_time(when)}


@correspondence.command("note")
@click.argument("request_id")
@click.argument("text", required=False)
@click.option("--from", "sender", help=_FROM)
@click.option("--when", help=_WHEN)
@click.pass_obj
def note(config: Path, request_id: str, text: str | None, sender: str | None, when: str | None) -> None:
    """Write a note to a request; without TEXT it is read from standard input."""
    words = (sys.stdin.read() if text is None else text).strip()
    if not words:
        raise InputInvalid("The note is empty.", do="Type it behind the command, in quotes.")
    ask_agent(
        config, lambda call: call("correspondence-note", request_id=request_id, text=words, **_said(sender, when))
    )
    click.echo("Written down.")


@correspondence.command("save")
@click.argument("item_id")
@click.option(
    "--out", "target", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The file to write."
)
@click.pass_obj
def save(config: Path, item_id: str, target: Path) -> None:
    """Write a kept mail or file to a place of yours, as it came. Look before you open it: others made it."""
    refuse_taken(target)

    async def load(call: Call) -> Json:
        content = bytearray()
        while True:
            reply = await call("correspondence-load", item_id=item_id, offset=len(content))
            content += base64.b64decode(reply["data"])
            if not reply["data"] or len(content) >= reply["size"]:
                return reply | {"content": bytes(content)}

    reply = ask_agent(config, load)
    if hashlib.sha256(reply["content"]).hexdigest() != reply["sha256"]:
        raise InputInvalid("What is kept is not what was added.", meaning="Nothing was written.", do="See your backup.")
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(reply["content"])
    click.echo(f"Written: {target}")


@correspondence.command("remove")
@click.argument("item_id")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.pass_obj
def remove(config: Path, item_id: str, yes: bool) -> None:
    """Delete a mail, note or file for good; that it was deleted is written down."""
    if not yes:
        click.confirm("Delete it for good?", abort=True)
    ask_agent(config, lambda call: call("correspondence-remove", item_id=item_id))
    click.echo("Deleted.")
