"""The terminal's question: the owner's yes, no or later to each camera, typed whole.

Not for: showing what is asked (``prompt``), or recording the answer (``agent.owner.operations.requests``).
"""

from collections.abc import Callable
from typing import Any

import click
from rich.console import Console

from agent.owner.terminal.prompt import pairs

Json = dict[str, Any]

LOOK_AGAIN = "again"
"""What ``ask`` returns when the owner wants the footage looked for once more."""
Answer = tuple[list[Json], str | None]


def ask(console: Console, details: Json, save_pictures: Callable[[], None]) -> Answer | str | None:
    """The owner's choices and observations; LOOK_AGAIN; None when they want to think. Nothing is decided here.

    click.Abort when the input ends or is interrupted.
    """
    cameras = [camera for camera in details["plan"]["cameras"] if camera.get("actual")]
    without = [camera for camera in details["plan"]["cameras"] if not camera.get("actual")]
    if not cameras:
        return _ask_of_none(console, without)
    console.print(
        pairs(
            ("yes", f"copied as it is, sealed so that only this case's key opens it, and sent to {details['force']}"),
            ("no", "nothing is sent; the officer is told that you decline, no more"),
            ("later", "nothing is decided, and nobody is told anything"),
            ("pictures", "look at the first and the last frame before you answer"),
        )
    )
    choices = []
    for camera in cameras:
        which = f"{camera['label']}: " if len(cameras) > 1 else ""
        answer = _answer(f"{which}Hand over exactly this?", "yes", "no", "later", "pictures")
        while answer == "pictures":
            save_pictures()
            answer = _answer(f"{which}Hand over exactly this?", "yes", "no", "later", "pictures")
        if answer == "later":
            return None
        sound = False
        if answer == "yes" and camera.get("sound_codec") and camera["sound_asked"]:
            sound = _answer(f"{which}With its sound?", "yes", "no") == "yes"
        choices.append({"position": camera["position"], "share": answer == "yes", "sound": sound})
    if not any(choice["share"] for choice in choices):
        return choices, None
    for camera in without:
        tell = f"{camera['label']} has no footage of this time. Tell the officer so? With no, it reads as declined."
        choices.append(_without(camera, _answer(tell, "yes", "no") == "yes"))
    note = click.prompt("A remark for the officer (optional)", default="", show_default=False).strip()
    return choices, note or None


def _ask_of_none(console: Console, without: list[Json]) -> Answer | str | None:
    """No footage was found: whether anybody learns that is the owner's to say."""
    console.print("No footage was found. Nobody was told, and nobody is unless you say so.")
    console.print(
        pairs(
            ("tell", "the officer is told, as your word, that there is no such footage"),
            ("again", "it is looked for once more, and you are asked again; nobody is told anything"),
            ("no", "the officer is told that you decline, no more"),
            ("later", "nothing is decided, and nobody is told anything"),
        )
    )
    answer = _answer("What shall be said?", "tell", "again", "no", "later")
    if answer == "later":
        return None
    if answer == "again":
        return LOOK_AGAIN
    return [_without(camera, answer == "tell") for camera in without], None


def _without(camera: Json, details: bool) -> Json:
    return {"position": camera["position"], "share": False, "none_recorded": details}


def _answer(question: str, *allowed: str) -> str:
    """One of ``allowed``, typed whole or as its first letter; nothing else is taken for an answer, Enter least."""
    known = {word: word for word in allowed} | {word[0]: word for word in allowed}
    while True:
        typed = str(click.prompt(f"{question} ({', '.join(allowed)})", default="", show_default=False)).strip().lower()
        if typed in known:
            return known[typed]
        click.echo(f"Please type one of: {', '.join(allowed)}.")
