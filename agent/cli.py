"""What an owner types: ``handover setup``, ``run``, ``cameras``, ``review`` … Each prompt is answerable by a flag.

Not for: doing any of it. A command calls the desk (``agent/owner``), shows the answer, and ends with an exit code.
"""

import asyncio
import base64
import json
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console
from rich.table import Table

from agent import VERSION
from agent.owner import prompt
from agent.owner.caller import Call, any_call, daemon_call
from agent.privileges import become_owner_of
from agent.settings import DEFAULT_PATH, Settings, load_settings
from exchange.errors import DecisionRefused, HandoverError, NotFound

Json = dict[str, Any]
Work = Callable[[Call], Awaitable[Json]]

out = Console(highlight=False)


class Commands(click.Group):
    """Shows a HandoverError as three sentences and ends with its code; nothing else is swallowed."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except HandoverError as error:
            _fail(error)


def _fail(error: HandoverError) -> NoReturn:
    for sentence in (error.what, error.meaning, error.do):
        if sentence:
            click.echo(sentence, err=True)
    sys.exit(error.exit_code)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="handover")
@click.option("--config", type=click.Path(path_type=Path), default=DEFAULT_PATH, help="The settings file.")
@click.pass_context
def main(ctx: click.Context, config: Path) -> None:
    """Help the police with your cameras' footage, without giving anyone access to a camera."""
    ctx.obj = config


def _settings(config: Path) -> Settings:
    settings = load_settings(config)
    if settings.data.exists():
        become_owner_of(settings.data)
    return settings


def _call(config: Path, work: Work, *, needs_daemon: bool = True) -> Json:
    """Run one command's calls: against the daemon, or, where that is allowed, without it."""
    settings = _settings(config)

    async def run() -> Json:
        async with (daemon_call if needs_daemon else any_call)(settings) as call:
            return await work(call)

    return asyncio.run(run())


def _print_json(told: Json) -> None:
    click.echo(json.dumps(told, indent=2, ensure_ascii=False))


as_json = click.option("--json", "plain", is_flag=True, help="Print JSON, for scripts.")


# -- the two processes -------------------------------------------------------------------------------------------


@main.command()
@click.pass_obj
def run(config: Path) -> None:
    """Run the daemon: fetch requests, ask, hand over what you approve."""
    from agent import daemon

    settings = _settings(config)
    _log_to_stderr(settings)
    asyncio.run(daemon.run(settings))


@main.command()
@click.pass_obj
def record(config: Path) -> None:
    """Run the recorder: for cameras without an NVR."""
    from agent.footage import recorder

    settings = load_settings(config)
    _log_to_stderr(settings)
    recorder.main(settings.recorder_config)


def _log_to_stderr(settings: Settings) -> None:
    logging.basicConfig(
        level=settings.log.level.value.upper(), format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    logging.getLogger("apscheduler").setLevel(logging.WARNING)


# -- requests ----------------------------------------------------------------------------------------------------


@main.command()
@as_json
@click.pass_obj
def requests(config: Path, plain: bool) -> None:
    """List requests, those that wait for you first."""
    told = _call(config, lambda call: call("requests"))
    if plain:
        return _print_json(told)
    if not told["requests"]:
        click.echo("No officer has asked for anything yet.")
        return None
    table = Table(box=None, pad_edge=False)
    for name in ("Request", "State", "Crime reference", "Asked by", "Answer until"):
        table.add_column(name, overflow="fold")
    for row in sorted(told["requests"], key=lambda row: (row["state"] != "asked", row["received"])):
        until = prompt.local(row["expires"]) if row["expires"] else ""
        table.add_row(row["request_id"], row["state"], row.get("crime_reference", ""), row.get("asked_by", ""), until)
    out.print(table, markup=False)
    for row in told["requests"]:
        if row["trouble"]:
            click.echo(f"{row['request_id']}: {row['trouble']}")
    return None


@main.command()
@click.argument("request_id", required=False)
@click.option("--pictures", type=click.Path(path_type=Path), help="Put the first and last frame into this folder.")
@click.option("--name", help="How the officer reads your name; your user name otherwise.")
@click.option("--wait", is_flag=True, help="Wait until a request comes.")
@click.pass_obj
def review(config: Path, request_id: str | None, pictures: Path | None, name: str | None, wait: bool) -> None:
    """Look at a request, and say yes, no or later."""

    async def work(call: Call) -> Json:
        chosen = request_id or await _next_waiting(call, wait=wait)
        told = await call("show", request_id=chosen)
        prompt.show_request(out, told)
        if told["state"] != "asked":
            raise DecisionRefused(f"This request is {told['state']}: there is nothing to decide.")
        if pictures is not None:
            _save_pictures(await call("pictures", request_id=chosen), pictures)
        answer = await asyncio.to_thread(prompt.ask, out, told)
        if answer is None:
            return {"status": "later"}
        choices, note = answer
        return await call(
            "decide",
            request_id=chosen,
            plan_sha256=told["plan_sha256"],
            choices=choices,
            observations=note,
            name=name,
        )

    _say_decision(_call(config, work))


async def _next_waiting(call: Call, *, wait: bool) -> str:
    while True:
        rows = (await call("requests"))["requests"]
        waiting = [row["request_id"] for row in rows if row["state"] == "asked"]
        if waiting:
            return str(waiting[0])
        if not wait:
            raise NotFound("No request waits for you.", do="handover requests lists all of them.")
        await asyncio.sleep(0.5)


def _save_pictures(made: Json, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for picture in made["pictures"]:
        path = folder / Path(picture["name"]).name
        path.write_bytes(base64.b64decode(picture["jpeg"]))
        click.echo(f"Picture: {path}")


def _say_decision(told: Json) -> None:
    click.echo(
        {
            "later": "Nothing was decided. The officer is told nothing.",
            "declined": "Declined. The officer is told that, and nothing else.",
            "approved": "Approved. It is being cut, sealed and sent; follow it with: handover status",
            "partly-approved": "Approved in part. It is being cut, sealed and sent; follow it with: handover status",
        }[told["status"]]
    )


@main.command()
@click.argument("request_id")
@click.option("--camera", "only", multiple=True, type=int, help="Only this number of the list (again for more).")
@click.option("--sound/--no-sound", default=False, help="Hand over the sound too, where the officer asks for it.")
@click.option("--remark", help="A remark for the officer.")
@click.option("--name", help="How the officer reads your name; your user name otherwise.")
@click.option("--plan", "plan_sha256", help="Only if what would be sent is still this (plan_sha256 of 'show').")
@click.pass_obj
def approve(
    config: Path,
    request_id: str,
    only: tuple[int, ...],
    sound: bool,
    remark: str | None,
    name: str | None,
    plan_sha256: str | None,
) -> None:
    """Say yes without a prompt, for all of a request or some of its cameras."""

    async def work(call: Call) -> Json:
        told = await call("show", request_id=request_id)
        if "plan" not in told:
            raise DecisionRefused(f"This request is {told['state']}: there is nothing to approve.")
        choices = [
            {
                "position": camera["position"],
                "share": not only or camera["position"] + 1 in only,
                "sound": bool(sound and camera["sound_asked"] and camera.get("sound_codec")),
            }
            for camera in told["plan"]["cameras"]
            if camera.get("actual")
        ]
        return await call(
            "decide",
            request_id=request_id,
            plan_sha256=plan_sha256 or told["plan_sha256"],
            choices=choices,
            observations=remark,
            name=name,
        )

    _say_decision(_call(config, work))


@main.command()
@click.argument("request_id")
@click.pass_obj
def decline(config: Path, request_id: str) -> None:
    """Say no. The officer is told that you decline, and nothing else."""

    async def work(call: Call) -> Json:
        told = await call("show", request_id=request_id)
        if "plan" not in told:
            raise DecisionRefused(f"This request is {told['state']}: there is nothing to decline.")
        return await call("decide", request_id=request_id, plan_sha256=told["plan_sha256"], choices=[])

    _say_decision(_call(config, work))


@main.command()
@click.argument("request_id")
@as_json
@click.pass_obj
def show(config: Path, request_id: str, plain: bool) -> None:
    """Show one request: who asks, for what, what would be or was sent."""
    told = _call(config, lambda call: call("show", request_id=request_id))
    if plain:
        return _print_json(told)
    prompt.show_request(out, told)
    _show_progress(told)
    return None


def _show_progress(told: Json) -> None:
    click.echo(f"State: {told['state']} since {prompt.local(told['since'])}")
    for word in ("doing", "trouble"):
        if told.get(word):
            click.echo(f"{word.capitalize()}: {told[word]}")
    for package in told.get("packages", []):
        delivered = f"delivered {prompt.local(package['delivered'])}" if package["delivered"] else "not delivered yet"
        receipt = f"receipt {prompt.local(package['receipt'])}" if package["receipt"] else "no receipt yet"
        click.echo(f"Package {package['evidence_id']}: {delivered}, {receipt}")


@main.command()
@as_json
@click.pass_obj
def status(config: Path, plain: bool) -> None:
    """How the agent is: cameras, portal, what waits for you."""
    told = _call(config, lambda call: call("status"))
    if plain:
        return _print_json(told)
    force = told["force"]
    click.echo(f"Portal: {force['portal']} of {force['name']}" if force else "Portal: not enrolled (handover setup)")
    if told["last_contact"]:
        click.echo(f"Last contact: {prompt.local(told['last_contact'])}")
    if told["portal_trouble"]:
        click.echo(f"Trouble: {told['portal_trouble']}")
    for camera in told["cameras"]:
        click.echo(f"Camera {camera['camera_id']} ({camera['label']}): {camera['recording']}")
    for state, count in told["requests"].items():
        click.echo(f"Requests {state}: {count}")
    for request_id in told["waiting_for_you"]:
        click.echo(f"Waiting for your yes or no: handover review {request_id}")
    return None


@main.command()
@as_json
@click.pass_obj
def records(config: Path, plain: bool) -> None:
    """What was handed over, when, for which crime, and the receipts."""
    told = _call(config, lambda call: call("records"), needs_daemon=False)
    if plain:
        return _print_json(told)
    for package in told["packages"]:
        delivered = prompt.local(package["delivered"]) if package["delivered"] else "not delivered"
        receipt = prompt.local(package["receipt"]) if package["receipt"] else "none yet"
        click.echo(f"{package['crime_reference']}: {delivered}; receipt: {receipt}")
        click.echo(f"  {package['path']} ({prompt.size(package['size'] or 0)}, SHA-256 {package['ciphertext_sha256']})")
    click.echo(f"{len(told['packages'])} packages; the custody log has {told['custody_events']} lines.")
    return None


def _register_rooms() -> None:
    """The commands of other rooms."""
    from agent.owner import camera_commands, setup_command

    main.add_command(camera_commands.cameras)
    main.add_command(setup_command.setup)
    main.add_command(setup_command.withdraw)


_register_rooms()
