"""The guided part of ``handover setup``: cameras, people, messages and the recovery sheet, from questions or a file.

Not for: the portal (``setup``). Each answer goes the way of the command that takes it alone.
"""

from pathlib import Path
from typing import Annotated, Any

import click
import yaml
from pydantic import Field, ValidationError

from agent.cameras.stored import NewCamera
from agent.cli.caller import ask_agent
from agent.cli.cameras import CameraName, PlaceText, known_text
from agent.cli.typed import answer
from agent.owner.notify.recipients import Recipient
from agent.owner.people.register import NewPerson
from exchange.complaints import complaint
from exchange.documents.messages import Line, Part
from exchange.errors import CameraRefused, HandoverError, InputInvalid

Json = dict[str, Any]
MAX_FILE = 256 * 1024


class Answers(Part):
    """What a file for ``handover setup --answers`` may hold: each entry as the command for one of them takes it."""

    cameras: Annotated[tuple[NewCamera, ...], Field(max_length=256)] = ()
    people: Annotated[tuple[NewPerson, ...], Field(max_length=50)] = ()
    messages: Annotated[tuple[Recipient, ...], Field(max_length=30)] = ()


def read_answers(path: Path) -> Answers:
    """The file's answers, all checked before any is used. InputInvalid names the first that doesn't fit."""
    try:
        text = path.read_text()
        if len(text) > MAX_FILE:
            raise InputInvalid(f"{path} is larger than any such file.", do="Check its name.")
        return Answers.model_validate(yaml.safe_load(text) or {})
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputInvalid(f"{path} can't be read: {error}.", do="It is YAML; docs/commands.md shows one.") from error
    except ValidationError as error:
        raise InputInvalid(f"{path}: {complaint(error)}.", meaning="Nothing was done.", do="Correct it.") from None


def carry_out(config: Path, answers: Answers) -> None:
    """Add what isn't there yet, one after the other; what fails is said, and the others are added all the same.

    The first error is raised at the end.
    """
    first: HandoverError | None = None
    there = {each["camera_id"] for each in ask_agent(config, lambda call: call("cameras"))["cameras"]}
    known = {each["person_id"] for each in ask_agent(config, lambda call: call("people"))["people"]}
    told = {each["recipient_id"] for each in ask_agent(config, lambda call: call("notify"))["recipients"]}
    work: list[tuple[str, str, Part]] = [
        ("add-camera", each.camera_id, each) for each in answers.cameras if each.camera_id not in there
    ]
    work += [("add-person", each.person_id, each) for each in answers.people if each.person_id not in known]
    work += [("notify-add", each.recipient_id, each) for each in answers.messages if each.recipient_id not in told]
    for number, (operation, name, each) in enumerate(work, 1):
        click.echo(f"[{number} of {len(work)}] {operation} {name} …")
        arguments = each.model_dump(mode="json", exclude_none=True)
        try:
            _call(config, operation, arguments)
        except HandoverError as error:
            click.echo(f"  {error}", err=True)
            first = first or error
    if first is not None:
        raise first


def _call(config: Path, operation: str, arguments: Json) -> Json:
    return ask_agent(config, lambda call: call(operation, **arguments))


def guide(config: Path) -> None:
    """Ask for cameras, people, messages and the sheet, in the order in which they are needed. Enter leaves one out."""
    _cameras(config)
    _say_what_is_known(config)
    _person(config)
    _messages(config)
    target = str(click.prompt("A file for the recovery sheet (Enter for none)", default="", show_default=False)).strip()
    if target:
        reply = ask_agent(config, lambda call: call("recovery-sheet"))
        Path(target).touch(0o600, exist_ok=False)
        Path(target).write_text(reply["page"])
        click.echo(f"Written: {target}. Print it, keep the paper safe, and delete the file.")


def _cameras(config: Path) -> None:
    click.echo("\nLooking for cameras …")
    found = ask_agent(config, lambda call: call("discover", seconds=4.0))["cameras"]
    new = [camera for camera in found if not camera["added"]]
    click.echo(f"{len(new)} found that {'was' if len(new) == 1 else 'were'} not added yet.")
    place, login = "", ("", "")
    for camera in new:
        name = camera.get("name") or camera["address"]
        if click.confirm(f"Add {name} at {camera['address']}?", default=True):
            place, login = _one_camera(config, camera["address"], place, login)
    while address := str(
        click.prompt("Another camera's address (Enter for none)", default="", show_default=False)
    ).strip():
        place, login = _one_camera(config, address, place, login)


def _one_camera(config: Path, address: str, place: str, login: tuple[str, str]) -> tuple[str, tuple[str, str]]:
    """Ask for one, until it is added or left out; the place and login, to be offered for the next."""
    camera_id = answer(None, "--id", "A short name for it, such as front-door", CameraName)
    label = answer(None, "--label", "What people call it", Line, default=camera_id.replace("-", " ").capitalize())
    place = answer(None, "--place", "Where it stands (latitude,longitude)", PlaceText, default=place or None)
    direction = str(
        click.prompt("Degrees from north that it looks to (Enter if you don't know)", default="", show_default=False)
    )
    latitude, longitude = (float(part) for part in place.split(","))
    given: Json = {"camera_id": camera_id, "address": address, "label": label}
    given |= {"latitude": latitude, "longitude": longitude}
    if direction.strip().replace(".", "", 1).isdecimal():
        given["direction"] = float(direction) % 360
    if login[0]:
        given |= {"user": login[0], "password": login[1]}
    while True:
        try:
            added = _call(config, "add-camera", given)
        except CameraRefused as error:
            click.echo(error.what)
            user = str(click.prompt("Its user name", default=login[0] or None))
            login = user, str(click.prompt("Its password", hide_input=True, default="", show_default=False))
            given |= {"user": login[0], "password": login[1]}
            continue
        except HandoverError as error:
            if "--certificate " in error.do:
                click.echo(error.what)
                if click.confirm("Does the camera's own page show the same fingerprint?", default=False):
                    given["certificate"] = error.do.rpartition(" ")[2]
                    continue
            click.echo(f"It was not added. {error}")
            return place, login
        click.echo(f"Added: {added['make']} {added['model']}, {added['stream']}.")
        return place, login


def _say_what_is_known(config: Path) -> None:
    reply = ask_agent(config, lambda call: call("known-to-officers"))
    click.echo("\nThis, and no more, is what officers may find:")
    for camera in reply["cameras"]:
        click.echo(f"  {camera['label']}: {known_text(camera)}")


def _person(config: Path) -> None:
    name = str(
        click.prompt("\nWho may say yes on the owner's page? A name (Enter for nobody)", default="", show_default=False)
    )
    if not name.strip():
        return
    person_id = answer(None, "--id", "A short name for them, such as robin", CameraName)
    ask_agent(config, lambda call: call("add-person", person_id=person_id, name=name.strip(), role="administrator"))
    click.echo(f"Let their phone in with: handover page --invite {person_id}")


def _messages(config: Path) -> None:
    question = "\nWhere shall messages go? An Apprise address (not shown; Enter for nowhere)"
    while address := str(click.prompt(question, hide_input=True, default="", show_default=False)).strip():
        try:
            new = {"recipient_id": "owner", "name": "Owner", "address": address}
            _call(config, "notify-add", new)
        except HandoverError as error:
            click.echo(str(error))
            continue
        click.echo("A test message was delivered.")
        return
