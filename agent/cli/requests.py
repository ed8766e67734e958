"""``handover requests``, ``review``, ``approve``, ``decline``, ``show``, ``records``: officers' requests at a terminal.

Not for: deciding anything (the desk does, on the owner's word), or how a request is laid out (``prompt.py``).
"""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from agent.cli.caller import Call, ask_agent
from agent.cli.handing_over.chosen import COPY_HELP, chosen_copies
from agent.cli.typed import typed_time
from agent.owner.terminal import conversation, prompt, question, saved_pictures
from exchange.documents.exhibits import typed_prefix
from exchange.errors import DecisionRefused, InputInvalid, NoFootage, NotFound

Json = dict[str, Any]
CAPTION_HELP = "A line beneath the pictures of changed copies: that they are no evidence, and the time."

out = Console(highlight=False)
as_json = click.option("--json", "plain", is_flag=True, help="Print JSON, for scripts.")
by_name = click.option("--name", help="How the officer reads your name; your user name otherwise.")


def print_json(reply: Json) -> None:
    click.echo(json.dumps(reply, indent=2, ensure_ascii=False))


@click.command()
@as_json
@click.pass_obj
def requests(config: Path, plain: bool) -> None:
    """List requests, those that wait for you first."""
    reply = ask_agent(config, lambda call: call("requests"), needs_daemon=True)
    saved_pictures.remove_all_but(row["request_id"] for row in reply["requests"] if row["state"] == "asked")
    if plain:
        return print_json(reply)
    if not reply["requests"]:
        click.echo("No officer has asked for anything yet.")
    for row in sorted(reply["requests"], key=lambda row: (row["state"] != "asked", row["received"])):
        prompt.show_row(out, row)
    return None


@click.command()
@click.argument("request_id", required=False)
@click.option("--pictures", type=click.Path(path_type=Path), help="Put the first and last frame into this folder.")
@click.option("--copy", "copies", multiple=True, metavar="KIND[=…]", help=COPY_HELP)
@click.option("--no-copies", is_flag=True, help="No working copies at all.")
@click.option("--caption/--no-caption", default=None, help=CAPTION_HELP)
@by_name
@click.option("--wait", is_flag=True, help="Wait until a request comes.")
@click.pass_obj
def review(
    config: Path,
    request_id: str | None,
    pictures: Path | None,
    copies: tuple[str, ...],
    no_copies: bool,
    caption: bool | None,
    name: str | None,
    wait: bool,
) -> None:
    """Look at a request, and say yes, no or later.

    Without REQUEST_ID: the one that has waited longest. Nothing is decided unless you type a whole answer.
    """

    chosen = chosen_copies(copies, none=no_copies, caption=caption)

    async def show(call: Call) -> Json:
        return await call("show", request_id=request_id or await _next_waiting(call, wait=wait))

    reply = ask_agent(config, show, needs_daemon=True)
    prompt.show_request(out, reply)
    refuse_unless_open(reply)
    if pictures is not None:
        _save_pictures(config, reply["request_id"], pictures)
    try:
        answer = question.ask(out, reply, lambda: _save_pictures(config, reply["request_id"]))
    except click.Abort:
        click.echo("\nNothing was decided. The officer is told nothing.", err=True)
        raise
    if answer is None:
        return _say_decision({"status": "later"})
    if isinstance(answer, str):
        return _look_again(config, reply["request_id"])
    choices, note = answer
    _add_copies(choices, chosen)
    decision = {"plan_sha256": reply["plan_sha256"], "choices": choices, "observations": note, "name": name}
    return _say_decision(_decide(config, reply["request_id"], decision))


def _add_copies(choices: list[Json], chosen: list[Json] | None) -> None:
    """What was typed of working copies holds for every camera that is handed over."""
    for choice in choices:
        if choice["share"] and chosen is not None:
            choice["copies"] = chosen


async def _next_waiting(call: Call, *, wait: bool) -> str:
    shown = False
    while True:
        rows = (await call("requests"))["requests"]
        waiting = sorted((row["received"], row["request_id"]) for row in rows if row["state"] == "asked")
        if waiting:
            return str(waiting[0][1])
        if not wait:
            raise NotFound("No request waits for you.", do="handover requests lists all of them.")
        if not shown:
            click.echo("Waiting for a request. Ctrl-C ends this; the daemon goes on.", err=True)
            shown = True
        await asyncio.sleep(0.5)


def _save_pictures(config: Path, request_id: str, named: Path | None = None) -> None:
    """Into a folder that the owner named, which is theirs; or into one that goes when the request is decided."""
    made = ask_agent(config, lambda call: call("pictures", request_id=request_id), needs_daemon=True)
    try:
        folder = saved_pictures.folder_of(request_id) if named is None else named
        folder.mkdir(parents=True, exist_ok=True)
        for picture in made["pictures"]:
            path = saved_pictures.write(folder, picture["name"], base64.b64decode(picture["jpeg"]))
            click.echo(f"Picture: {path}")
        if named is None:
            click.echo("They are removed when the request is decided.")
    except OSError as error:
        click.echo(f"The pictures can't be saved: {error.strerror} ({error.filename}).", err=True)


def _remove_pictures(config: Path) -> None:
    """Those of requests that wait for no decision any more."""
    rows = ask_agent(config, lambda call: call("requests"), needs_daemon=True)["requests"]
    saved_pictures.remove_all_but(row["request_id"] for row in rows if row["state"] == "asked")


def _decide(config: Path, request_id: str, decision: Json) -> Json:
    reply = ask_agent(config, lambda call: call("decide", request_id=request_id, **decision), needs_daemon=True)
    _remove_pictures(config)
    return reply


def _say_decision(reply: Json) -> None:
    sent = "It is being cut, sealed and sent; follow it with: handover requests"
    click.echo(
        {
            "later": "Nothing was decided. The officer is told nothing.",
            "declined": "Declined. The officer is told that, and nothing else.",
            "unavailable": "The officer is told that you say there is no such footage.",
            "approved": f"Approved. {sent}",
            "partly-approved": f"Approved in part. {sent}",
            "waits-for-another": "You said yes. Nothing is sent until another person agrees: handover agree REQUEST",
        }[reply["status"]]
    )


@click.command()
@click.argument("request_id")
@click.option("--camera", "only", multiple=True, type=int, help="Only this number of the list (again for more).")
@click.option(
    "--none-recorded",
    is_flag=True,
    help="Tell the officer of cameras without footage that they have none; otherwise they read as declined.",
)
@click.option("--sound/--no-sound", default=False, help="Hand over the sound too, where the officer asks for it.")
@click.option("--copy", "copies", multiple=True, metavar="KIND[=…]", help=COPY_HELP)
@click.option("--no-copies", is_flag=True, help="No working copies at all.")
@click.option("--caption/--no-caption", default=None, help=CAPTION_HELP)
@click.option("--remark", help="A remark for the officer.")
@click.option("--exhibit-prefix", help="What exhibits are called by in court, such as ABC for ABC/1.")
@click.option("--note", "notes", multiple=True, metavar="CAMERA@TIME=TEXT", help="A note at a moment (again for more).")
@by_name
@click.option("--plan", "plan_sha256", help="Only if what would be sent is still this (plan_sha256 of 'show').")
@click.pass_obj
def approve(
    config: Path,
    request_id: str,
    only: tuple[int, ...],
    none_recorded: bool,
    sound: bool,
    copies: tuple[str, ...],
    no_copies: bool,
    caption: bool | None,
    remark: str | None,
    exhibit_prefix: str | None,
    notes: tuple[str, ...],
    name: str | None,
    plan_sha256: str | None,
) -> None:
    """Say yes without a prompt, for all of a request or some of its cameras.

    What would be sent is what "handover show" tells; look at it first.
    """
    reply = _to_decide(config, request_id)
    cameras = reply["plan"]["cameras"]
    if not any(camera.get("actual") for camera in cameras):
        raise NoFootage(
            "No footage was found: there is nothing to hand over.",
            meaning="Nothing was decided, and nobody was told.",
            do=f"Type handover look-again {request_id}; to tell the officer so, handover no-footage {request_id}.",
        )
    if unknown := set(only) - {camera["position"] + 1 for camera in cameras if camera.get("actual")}:
        raise NotFound(f"The request has no footage of a camera number {min(unknown)}.", meaning="Nothing was decided.")
    choices = [
        {
            "position": camera["position"],
            "share": not only or camera["position"] + 1 in only,
            "sound": bool(sound and camera["sound_asked"] and camera.get("sound_codec")),
        }
        for camera in cameras
        if camera.get("actual")
    ]
    _add_copies(choices, chosen_copies(copies, none=no_copies, caption=caption))
    if none_recorded:
        choices += _none_recorded(cameras)
    plan = plan_sha256 or reply["plan_sha256"]
    decision = {"plan_sha256": plan, "choices": choices, "observations": remark, "name": name}
    decision["exhibit_prefix"] = typed_prefix(exhibit_prefix)
    decision["notes"] = [_note(note, cameras) for note in notes]
    _say_decision(_decide(config, request_id, decision))


def _note(text: str, cameras: list[Json]) -> Json:
    """``1@18:41:05=the van stops`` of camera 1; the time as ``--from`` of narrow takes it."""
    number, _, rest = text.partition("@")
    moment, equals, words = rest.partition("=")
    camera = next((each for each in cameras if str(each["position"] + 1) == number.strip()), None)
    if not equals or camera is None:
        raise InputInvalid(
            f"The note {text!r} can't be used.",
            meaning="Nothing was decided.",
            do='Write the camera\'s number, the time and the words, such as --note "1@18:41:05=the van stops here"',
        )
    at = typed_time(moment, (camera.get("actual") or camera["requested"])["from"])
    return {"position": camera["position"], "at": at, "text": words.strip()}


@click.command()
@click.argument("request_id")
@click.option("--camera", "number", type=int, default=1, show_default=True, help="Which number of the list.")
@click.option("--from", "start", help="The new beginning, such as 18:40 or 2026-05-03T18:40:00+01:00.")
@click.option("--to", "end", help="The new end.")
@click.option("--whole", is_flag=True, help="All that the officer asked for, again.")
@click.pass_obj
def narrow(config: Path, request_id: str, number: int, start: str | None, end: str | None, whole: bool) -> None:
    """Shorten what would be sent of one camera. Nothing is decided by it."""
    reply = _to_decide(config, request_id)
    camera = next((each for each in reply["plan"]["cameras"] if each["position"] + 1 == number), None)
    if camera is None:
        raise NotFound(f"The request has no camera number {number}.", meaning="Nothing was changed.")
    if not (start or end or whole):
        raise InputInvalid("No beginning and no end was named.", do="Give --from, --to or both; or --whole.")
    before = camera.get("narrowed") or camera["requested"]
    window = None
    if not whole:
        asked = camera["requested"]["from"]
        window = {
            "from": typed_time(start, asked) if start else before["from"],
            "to": typed_time(end, asked) if end else before["to"],
        }
    wanted = {"plan_sha256": reply["plan_sha256"], "position": camera["position"], "window": window}
    ask_agent(config, lambda call: call("narrow", request_id=request_id, **wanted), needs_daemon=True)
    prompt.show_request(out, _to_decide(config, request_id))


@click.command()
@click.argument("request_id")
@by_name
@click.pass_obj
def agree(config: Path, request_id: str, name: str | None) -> None:
    """Say yes as the second person, where two must agree."""
    reply = _to_decide(config, request_id)
    agreed = {"plan_sha256": reply["plan_sha256"], "name": name}
    _say_decision(ask_agent(config, lambda call: call("agree", request_id=request_id, **agreed), needs_daemon=True))
    _remove_pictures(config)


@click.command()
@click.argument("request_id")
@click.pass_obj
def decline(config: Path, request_id: str) -> None:
    """Say no. The officer is told that you decline, and nothing else."""
    reply = _to_decide(config, request_id)
    _say_decision(_decide(config, request_id, {"plan_sha256": reply["plan_sha256"], "choices": []}))


@click.command("no-footage")
@click.argument("request_id")
@by_name
@click.pass_obj
def no_footage(config: Path, request_id: str, name: str | None) -> None:
    """Tell the officer that there is no such footage, where none was found. Nobody learns it otherwise."""
    reply = _to_decide(config, request_id)
    cameras = reply["plan"]["cameras"]
    if found := [camera["label"] for camera in cameras if camera.get("actual")]:
        raise DecisionRefused(
            f"There is footage of {found[0]}.", meaning="Nothing was decided.", do="Approve or decline it."
        )
    decision = {"plan_sha256": reply["plan_sha256"], "choices": _none_recorded(cameras), "name": name}
    _say_decision(_decide(config, request_id, decision))


@click.command()
@click.argument("request_id")
@click.option("--go-on", is_flag=True, help="Go on with what was paused.")
@click.pass_obj
def pause(config: Path, request_id: str, go_on: bool) -> None:
    """Pause what you said yes to, until you let it go on."""
    ask_agent(config, lambda call: call("pause", request_id=request_id, paused=not go_on), needs_daemon=True)
    click.echo("It goes on." if go_on else f"Paused. Let it go on with: handover pause {request_id} --go-on")


@click.command()
@click.argument("request_id")
@click.pass_obj
def stop(config: Path, request_id: str) -> None:
    """Take a yes back, as long as nothing of it was handed over. The officer is told that you withdrew it."""
    ask_agent(config, lambda call: call("stop", request_id=request_id), needs_daemon=True)
    click.echo("Stopped. Nothing of it is sent.")


@click.command("look-again")
@click.argument("request_id")
@click.pass_obj
def look_again(config: Path, request_id: str) -> None:
    """Look for the footage once more, where none or not all was found. Nobody is told anything."""
    _look_again(config, request_id)


def _look_again(config: Path, request_id: str) -> None:
    ask_agent(config, lambda call: call("look-again", request_id=request_id), needs_daemon=True)
    click.echo(f"It is being looked for. See what there is with: handover review {request_id}")


def _none_recorded(cameras: list[Json]) -> list[Json]:
    without = [camera for camera in cameras if not camera.get("actual")]
    return [{"position": camera["position"], "share": False, "none_recorded": True} for camera in without]


def _to_decide(config: Path, request_id: str) -> Json:
    reply = ask_agent(config, lambda call: call("show", request_id=request_id), needs_daemon=True)
    refuse_unless_open(reply)
    return reply


def refuse_unless_open(reply: Json) -> None:
    """Before a question that could not be answered."""
    if reply["state"] != "asked":
        raise DecisionRefused(f"This request is {prompt.STATES[reply['state']]}: there is nothing to decide.")
    if unclear := reply["unclear"]:
        raise DecisionRefused(unclear["what"], meaning=unclear["meaning"], do=unclear["do"])


@click.command()
@click.argument("request_id")
@as_json
@click.pass_obj
def show(config: Path, request_id: str, plain: bool) -> None:
    """Show one request: who asks, for what, what would be or was sent, and what was said of it afterwards."""

    async def both(call: Call) -> Json:
        entries = (await call("feedback", request_id=request_id))["feedback"]
        return await call("show", request_id=request_id) | {"feedback": entries}

    reply = ask_agent(config, both, needs_daemon=True)
    if plain:
        return print_json(reply)
    prompt.show_request(out, reply)
    prompt.show_progress(out, reply)
    for line in conversation.lines_of(reply["feedback"], request_id):
        click.echo(line)
    return None
