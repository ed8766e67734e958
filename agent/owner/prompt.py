"""The terminal's question: who asks, for what crime, why, what exactly would be sent; and the owner's yes or no.

Not for: recording the answer (``desk.py``). Works in 80 columns, without colour, and through a pipe.
"""

from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console, Group
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from exchange.clock import SECOND, from_rfc3339

Json = dict[str, Any]


def local(rfc3339: str, *, precise: bool = False) -> str:
    """A stored time as a person here reads it, with its offset."""
    moment = datetime.fromtimestamp(from_rfc3339(rfc3339) / SECOND, UTC).astimezone()
    fraction = f".{moment.microsecond // 1000:03d}" if precise else ""
    return f"{moment:%a %d %b %Y, %H:%M:%S}{fraction} {moment:%z}"


def clock_only(rfc3339: str) -> str:
    moment = datetime.fromtimestamp(from_rfc3339(rfc3339) / SECOND, UTC).astimezone()
    return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"


def size(count: int) -> str:
    """Bytes as a person reads them, in powers of 1000 as disks are sold."""
    amount = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError


def duration(microseconds: int) -> str:
    """``75_300_000`` as ``1 min 15.3 s``."""
    seconds = microseconds / SECOND
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min {seconds} s" if hours else f"{minutes} min {seconds} s"


def show_request(console: Console, told: Json) -> None:
    """All of a request on the screen, in the order that matters to a person deciding."""
    request, officer = told.get("request"), told.get("officer")
    if request is None or officer is None:
        console.print(f"Request {told['request_id']}: {told['state']}. {told.get('trouble') or ''}", markup=False)
        return
    who = Text()
    who.append(f"{officer['rank']} {officer['name']}", style="bold")
    who.append(f", collar number {officer['collar_number']}, {officer['unit']}, {told['force']}\n")
    who.append(f"Reach them: {officer['contact']}\n")
    who.append("Identity: signed by this officer, vouched for by the force key that you confirmed.")
    incident = request["incident"]
    why = _pairs(
        ("Crime", f"{incident['kind']} (reference {request['crime_reference']})"),
        ("Where", incident["place"]),
        ("When", f"{local(incident['happened']['from'])} to {local(incident['happened']['to'])}"),
        ("What happened", incident["description"]),
        ("Purpose", request["purpose"]),
        ("Legal basis", request["legal_basis"]),
        ("Why this footage", request["necessity"]),
        ("Answer until", local(request["expires"])),
    )
    console.print(Panel(who, title="Who asks", title_align="left"))
    console.print(Panel(why, title="For what", title_align="left"))
    for camera in (told.get("plan") or {}).get("cameras", []):
        console.print(Panel(_camera(camera), title=_camera_title(camera), title_align="left"))


def _camera_title(camera: Json) -> str:
    return escape(f"{camera['position'] + 1}. {camera['label']} ({camera['camera_id']})")


def _camera(camera: Json) -> Group:
    requested, actual = camera["requested"], camera.get("actual")
    rows = [("Asked for", f"{local(requested['from'])} to {clock_only(requested['to'])}")]
    if actual is None:
        rows.append(("There is", "no footage of this time"))
    else:
        last = camera["last_frame"]
        length = duration(from_rfc3339(actual["to"]) - from_rfc3339(actual["from"]))
        rows += [
            ("First frame", local(actual["from"], precise=True)),
            ("Last frame", local(last, precise=True)),
            ("Length", f"{length}, {camera['frames']} frames"),
            ("Picture", camera["picture"]),
            ("Size", size(camera["video_bytes"] + camera["sound_bytes"])),
            ("Sound", _sound(camera)),
        ]
        early = from_rfc3339(requested["from"]) - from_rfc3339(actual["from"])
        if early > 0:
            why = "a copy can only start at a key frame"
            rows.append(("Please note", f"it starts {duration(early)} earlier than asked: {why}"))
    rows += [
        ("Missing", f"{clock_only(gap['from'])} to {clock_only(gap['to'])}: {gap['reason']}") for gap in camera["gaps"]
    ]
    rows += [("Unreadable", name) for name in camera["unreadable"]]
    return Group(_pairs(*rows))


def _sound(camera: Json) -> str:
    if not camera.get("sound_codec"):
        return "none was recorded"
    asked = "the officer asks for it" if camera["sound_asked"] else "the officer does not ask for it; it stays out"
    return f"recorded ({camera['sound_codec']}); {asked}"


def _pairs(*rows: tuple[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, Text(str(value)))
    return table


def ask(console: Console, told: Json) -> tuple[list[Json], str | None] | None:
    """The owner's choices and observations; None when they want to think about it. Nothing is decided here."""
    cameras = [camera for camera in told["plan"]["cameras"] if camera.get("actual")]
    choices = []
    for camera in cameras:
        which = f"{camera['label']}: " if len(cameras) > 1 else ""
        answer = _yes_no_later(f"{which}Hand over exactly this? [y]es, [n]o, [l]ater")
        if answer == "l":
            return None
        sound = False
        if answer == "y" and camera.get("sound_codec") and camera["sound_asked"]:
            sound = _yes_no_later(f"{which}With its sound? [y]es, [n]o", later=False) == "y"
        choices.append({"position": camera["position"], "share": answer == "y", "sound": sound})
    if not any(choice["share"] for choice in choices):
        console.print("The officer will be told that you decline, and nothing else.")
        return choices, None
    note = click.prompt("A remark for the officer (optional)", default="", show_default=False).strip()
    return choices, note or None


def _yes_no_later(question: str, *, later: bool = True) -> str:
    allowed = "ynl" if later else "yn"
    while True:
        answer = str(click.prompt(question, default="", show_default=False)).strip().lower()[:1]
        if answer and answer in allowed:
            return answer
        click.echo("Please answer with " + ", ".join(allowed[:-1]) + f" or {allowed[-1]}.")
