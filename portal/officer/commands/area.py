"""``handover-officer area``: from a crime to requests for all owners of an area, at a terminal.

Not for: one request with all its choices (``request`` in ``portal.officer.cli``).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import yaml
from rich.markup import escape

from exchange.counted import counted
from exchange.documents.api import FootageChance, FoundCamera, SearchResult
from exchange.documents.exhibits import typed_prefix
from exchange.documents.letters import quoted
from exchange.documents.messages import Place
from exchange.errors import InputInvalid, NotFound
from portal.console import FILE, json_option, one_line
from portal.force.keys import read_signed
from portal.officer import show, trust
from portal.officer.asking import read_place
from portal.officer.client import OfficerClient
from portal.officer.commands.desk import local_zone
from portal.officer.crime import batches, texts
from portal.officer.crime.batches import Asking, Progress
from portal.officer.crime.gazetteer import Gazetteer
from portal.officer.crime.shapes import Shape, find, read_shape
from portal.officer.crime.spoken_times import read_window, show_window
from portal.officer.desk.settings import path_of, read_settings
from portal.officer.supervised import supervision_cli
from portal.officer.supervised.asked import draft_for
from portal.officer.supervised.rules import rules_for
from portal.officer.tools import Tools, tz_option

CHOICES = {
    "likely": (FootageChance.LIKELY,),
    "unsure": (FootageChance.LIKELY, FootageChance.UNSURE),
    "all": tuple(FootageChance),
}
_TEXTS = ("kind", "place", "description", "purpose", "legal_basis", "necessity")


@click.command()
@click.option("--crime", "crime_reference", help="The crime reference.")
@click.option("--when", help="As people say it: 'yesterday 15:00 to 15:30', 'last friday 22:30 for an hour'.")
@click.option("--near", metavar="LAT,LON", help="Middle of a circle.")
@click.option("--address", help="Middle of a circle, by the gazetteer that desk.yaml names.")
@click.option("--radius", type=float, default=100.0, show_default=True, help="Of the circle, in metres.")
@click.option("--box", metavar="LAT,LON LAT,LON", help="South-west and north-east corner.")
@click.option("--way", metavar="LAT,LON LAT,LON …", help="Points of a way.")
@click.option("--width", type=float, default=50.0, show_default=True, help="Of the way, in metres.")
@click.option(
    "--choose",
    type=click.Choice(list(CHOICES)),
    default="likely",
    show_default=True,
    help="Cameras that likely have footage, those of which it is unsure too, or all.",
)
@click.option("--file", "path", type=FILE, help="YAML with the texts; what is missing is taken from --incident.")
@click.option("--incident", "kind", help="Kind of crime; a template of that name fills in what is missing.")
@click.option("--place", help="Where it happened, as a person says it.")
@click.option("--description", help="What happened.")
@click.option("--purpose")
@click.option("--legal-basis")
@click.option("--necessity", help="Why this footage is necessary.")
@click.option("--exhibit-prefix", help="What the exhibits are to be called by, such as your initials.")
@click.option("--answer-days", "answer_within_days", type=click.IntRange(1, 90), help="[default: 14]")
@click.option("--sound", is_flag=True, default=None, help="Ask for sound too, where it is recorded.")
@click.option("--authorisation", type=FILE, help="A supervisor's, where one is needed.")
@click.option("--draft", type=FILE, help="Don't send it: write down here what a supervisor is to authorise.")
@click.option("--accept-changed-device", is_flag=True, help="The owners confirmed their new devices.")
@click.option("--resume", metavar="ID", help="Send what of these requests is not sent yet; needs nothing else.")
@click.option("--yes", is_flag=True, help="Send without asking back.")
@tz_option
@json_option
@click.pass_obj
def area(
    tools: Tools,
    /,
    when: str | None,
    choose: str,
    path: Path | None,
    authorisation: Path | None,
    draft: Path | None,
    accept_changed_device: bool,
    resume: str | None,
    yes: bool,
    tz: str | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Ask all owners of an area for what their cameras saw: one signed request each, for their cameras alone."""
    if resume is not None:
        _send(tools, batches.load(tools.state, resume), as_json)
        return
    zone = local_zone(tz)
    if flags["crime_reference"] is None or when is None:
        raise InputInvalid("--crime and --when are missing.", do="handover-officer area --help names every option.")
    window = read_window(when, zone, tools.clock.now())
    shape = _shape(tools, flags)
    result = tools.run(lambda client: find(client, shape, flags["crime_reference"], window))
    trust.remember(tools.state, result)
    chosen = tuple(camera for camera in result.cameras if camera.footage in CHOICES[choose])
    _tell_found(tools, result, chosen, show_window(window, zone), as_json)
    if not chosen:
        raise NotFound("No such camera is there.", do="Take a larger area, or --choose unsure.")
    text = _text(tools, path, flags)
    rules = tools.run(lambda client: rules_for(client, chosen))
    reasons = batches.why_supervised(chosen, window, rules)
    texts.remember(tools.state, text)
    asking = Asking(
        text=text,
        window=window,
        cameras=chosen,
        location=Place(latitude=shape.middle[0], longitude=shape.middle[1]) if shape.kind == "circle" else None,
        authorisation=None if authorisation is None else read_signed(authorisation),
        accept_changed=accept_changed_device,
    )
    if draft is not None:
        made = draft_for(asking, shape.middle, rules, tools.state.key().public)
        supervision_cli.write_draft(tools, made, draft, as_json=as_json)
        return
    if authorisation is None:
        _warn(tools, reasons, batches.why_refused(chosen, window, rules), quiet=yes or as_json)
    _confirm(tools, chosen, yes or as_json)
    batch = tools.run(lambda client: batches.prepare(tools.state, client, asking, tools.clock.now()))
    _send(tools, batches.load(tools.state, batch.batch_id), as_json)


def _shape(tools: Tools, flags: dict[str, Any]) -> Shape:
    """InputInvalid unless exactly one is named."""
    named = [name for name in ("near", "address", "box", "way") if flags[name] is not None]
    if len(named) != 1:
        raise InputInvalid("One place is needed.", do="Give --near, --address, --box or --way.")
    if named[0] in ("near", "address"):
        latitude, longitude = _address(tools, flags["address"]) if flags["address"] else read_place(flags["near"])
        circle = {"kind": "circle", "latitude": latitude, "longitude": longitude, "radius_m": flags["radius"]}
        return read_shape(circle)
    points = [read_place(point) for point in flags[named[0]].split()]
    if named[0] == "way":
        return read_shape({"kind": "way", "points": points, "width_m": flags["width"]})
    if len(points) != 2:
        raise InputInvalid("A box has two corners.", do="Give --box 'LAT,LON LAT,LON': south-west, then north-east.")
    (south, west), (north, east) = points
    return read_shape({"kind": "box", "south": south, "west": west, "north": north, "east": east})


def _address(tools: Tools, said: str) -> tuple[float, float]:
    settings = read_settings(tools.state)
    if settings.gazetteer is None:
        raise InputInvalid("There is no gazetteer here.", do="Name one in desk.yaml, or give --near LAT,LON.")
    found = Gazetteer(path_of(tools.state, settings.gazetteer)).find(said)
    if len(found) != 1:
        these = ": " + "; ".join(each.text for each in found) if found else ""
        raise InputInvalid(f"{len(found)} addresses are called {said!r}{these}.", do="Give more of its words.")
    return found[0].latitude, found[0].longitude


def _text(tools: Tools, path: Path | None, flags: dict[str, Any]) -> texts.CrimeText:
    """From the flags; what they leave out from the file, what was written for this crime before, the template."""
    crime_reference = flags["crime_reference"]
    before = {each.crime_reference: each for each in texts.remembered(tools.state)}
    known: dict[str, Any] = {}
    if crime_reference in before:
        known |= before[crime_reference].model_dump(exclude_none=True)
    if path is not None:
        known |= _file(path)
    kind = flags["kind"] or known.get("kind")
    template = next((each for each in texts.templates(tools.state) if each.kind == kind), None)
    if template is not None:
        known = template.model_dump(exclude_none=True) | known
    names = (*_TEXTS, "exhibit_prefix", "answer_within_days", "sound")
    said = {name: flags[name] for name in names if flags[name] is not None}
    if "exhibit_prefix" in said:
        said["exhibit_prefix"] = typed_prefix(said["exhibit_prefix"])
    return texts.read_text(known | said | {"crime_reference": crime_reference})


def _file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            found = yaml.safe_load(file.read(texts.MOST_BYTES))
    except (OSError, yaml.YAMLError, UnicodeDecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InputInvalid(f"{path} is no YAML file with texts.", do=f"It may have {', '.join(_TEXTS)}.")
    return found


def _tell_found(tools: Tools, result: SearchResult, chosen: Sequence[FoundCamera], shown: str, as_json: bool) -> None:
    if as_json:
        return
    tools.console.print(shown)
    show.search_table(tools.console, result)
    if result.truncated:
        tools.console.print("There are more; search a smaller place.")
    owners = len(batches.by_owner(chosen))
    tools.console.print(f"Chosen: {counted(owners, 'owner')}, {counted(len(chosen), 'camera')}.")


def _warn(tools: Tools, reasons: Sequence[str], warnings: Sequence[str], *, quiet: bool) -> None:
    if reasons and not quiet:
        tools.console.print(supervision_cli.must_allow(reasons), soft_wrap=True)
    supervision_cli.warn_of_refusals(warnings)


def _confirm(tools: Tools, chosen: Sequence[FoundCamera], yes: bool) -> None:
    owners = len(batches.by_owner(chosen))
    if not yes and not click.confirm(f"Sign and send {counted(owners, 'request')}?"):
        raise click.Abort


def _send(tools: Tools, progress: Progress, as_json: bool) -> None:
    async def work(client: OfficerClient) -> None:
        await batches.send(tools.state, client, progress)

    tools.run(work)
    batch = progress.batch
    if as_json:
        one_line(
            {
                "id": batch.batch_id,
                "owners": batch.owners,
                "requests": [each.request_id for each in batch.sendings],
                "sent": sorted(progress.sent),
                "failed": progress.failed,
                "trouble": progress.trouble,
            }
        )
        return
    tools.console.print(f"{len(progress.sent)} of {counted(len(batch.sendings), 'request')} sent.")
    for each in batch.sendings:
        if each.request_id in progress.failed:
            cameras = ", ".join(quoted(label) for label in each.cameras)
            tools.console.print(f"  not {cameras}: {progress.failed[each.request_id]}", markup=False, soft_wrap=True)
    if progress.trouble:
        tools.console.print(escape(progress.trouble), soft_wrap=True)
    if not progress.is_done:
        tools.console.print(f"Send the rest: handover-officer area --resume {batch.batch_id}", soft_wrap=True)
    else:
        tools.console.print("Silence tells nothing: nobody knows whether they looked, or whether there is footage.")
