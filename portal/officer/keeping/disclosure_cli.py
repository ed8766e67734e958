"""``handover-officer disclosure …``: what of a case is used, unused or sensitive, and its file for the defence.

Not for: what the file holds (``portal.officer.keeping.disclosed``).
"""

import asyncio
import contextlib
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from exchange.age.files import parse_recipient
from exchange.clock import to_rfc3339
from exchange.counted import counted
from exchange.documents.letters import harmless
from exchange.errors import InputInvalid, PortalRefused
from exchange.package.writing import PackageEntry, seal_package
from portal.console import FOLDER, Group, json_option, one_line
from portal.officer.casework.case_folder import CaseFolder
from portal.officer.casework.connectors.folder import FolderConnector
from portal.officer.casework.connectors.memo import Memo
from portal.officer.casework.export_cli import open_all, whole_case
from portal.officer.casework.notes import read_notes
from portal.officer.client import OfficerClient
from portal.officer.keeping.disclosed import Disclosure, checked_lines, for_the_defence, for_the_prosecutor
from portal.officer.keeping.disclosure import Category, Mark, items_of, mark_item, read_marks
from portal.officer.supervised.log import check_log
from portal.officer.times import read_zone
from portal.officer.tools import Tools, tz_option


@click.group(cls=Group)
def disclosure() -> None:
    """A case's file for the defence, and the schedules that go with it."""


@disclosure.command("list")
@click.argument("crime_reference")
@json_option
@click.pass_obj
def show_items(tools: Tools, crime_reference: str, as_json: bool) -> None:
    """Every item of CRIME_REFERENCE: used, unused or sensitive. Fetches and checks packages that aren't here."""
    found = tools.run(lambda client: _gather(tools, client, crime_reference, ZoneInfo("UTC")))
    if as_json:
        one_line(
            [
                {"item": each.item_id, "what": each.what, "category": each.category, "description": each.description}
                for each in found.items
            ]
        )
        return
    for each in found.items:
        line = f"{each.item_id}  {each.category.upper():<9}  {each.what}: {each.description}"
        tools.console.print(harmless(line, 2000), soft_wrap=True, markup=False)


@disclosure.command("mark")
@click.argument("crime_reference")
@click.argument("item")
@click.option("--as", "category", required=True, type=click.Choice([each.value for each in Category]))
@click.option("--reason", help="Why it is sensitive; it stands on the schedule for the prosecutor.")
@json_option
@click.pass_obj
def mark(tools: Tools, crime_reference: str, item: str, category: str, reason: str | None, as_json: bool) -> None:
    """Say what ITEM of CRIME_REFERENCE is; what nobody says anything of is unused."""
    found = tools.run(lambda client: _gather(tools, client, crime_reference, ZoneInfo("UTC")))
    made = Mark(category=Category(category), reason=reason, marked=tools.clock.now())
    mark_item(tools.state, crime_reference, found.items, item, made)
    if as_json:
        one_line({"item": item, "category": category})
        return
    tools.console.print(f"{item} is {category}.", markup=False)


@disclosure.command("make")
@click.argument("crime_reference")
@click.option("--into", type=FOLDER, required=True, help="A folder that is there; the file appears in it whole.")
@click.option("--recipient", help="Seal it for this age recipient, as one file.")
@tz_option
@json_option
@click.pass_obj
def make(tools: Tools, crime_reference: str, into: Path, recipient: str | None, tz: str | None, as_json: bool) -> None:
    """Make the file of CRIME_REFERENCE for the defence; beside it the schedule of what is sensitive, if anything is."""
    now, zone = tools.clock.now(), read_zone(tz) or ZoneInfo("UTC")
    if recipient is not None:
        _check_recipient(recipient)

    async def work(client: OfficerClient) -> tuple[Disclosure, str, str | None]:
        found = await _gather(tools, client, crime_reference, zone)
        folder = await asyncio.to_thread(for_the_defence, tools.state, found, now)
        if recipient is None:
            lies = await _put(tools, folder, into)
        else:
            lies = str(await asyncio.to_thread(_seal, folder, into, recipient))
        if not found.of(Category.SENSITIVE):
            return found, lies, None
        schedule = await asyncio.to_thread(for_the_prosecutor, found, now)
        return found, lies, await _put(tools, schedule, into)

    found, lies, schedule = tools.run(work)
    counts = {category.value: len(found.of(category)) for category in Category}
    if as_json:
        one_line({"disclosure": lies, "sensitive_schedule": schedule, "made": to_rfc3339(now), **counts})
        return
    tools.console.print(f"For the defence: {lies}", soft_wrap=True, highlight=False, markup=False)
    tools.console.print(
        f"{counted(counts['used'], 'item')} used, {counts['unused']} unused; begin with data/index.html."
    )
    if found.uses is None:
        tools.console.print("Without the log of use: that needs the role disclosure, and a portal that keeps one.")
    if schedule is not None:
        tools.console.print(f"FOR THE PROSECUTOR ONLY: {schedule}", soft_wrap=True, highlight=False, markup=False)
        tools.console.print(
            f"{counted(counts['sensitive'], 'sensitive item is', 'sensitive items are')} listed there; "
            "none is in the file above."
        )


async def _gather(tools: Tools, client: OfficerClient, crime_reference: str, zone: ZoneInfo) -> Disclosure:
    state = tools.state
    case = await whole_case(tools, client, crime_reference)
    opened = [one for each in case.requests if each.answer for one in await open_all(tools, client, each.answer)]
    notes = await asyncio.to_thread(read_notes, state, crime_reference)
    marks = await asyncio.to_thread(read_marks, state, crime_reference)
    uses = None
    with contextlib.suppress(PortalRefused):  # NoSuchCall too
        uses = await client.uses_about(crime_reference)
    if uses is not None:
        await check_log(state, client, tools.clock.now())
        checked_lines(uses, crime_reference)
    items = items_of(case, opened, notes, marks, log=uses is not None)
    return Disclosure(case, opened, notes, items, uses, state.credential(tools.clock.now())[1], zone)


async def _put(tools: Tools, folder: CaseFolder, into: Path) -> str:
    """Whole, or not at all; what broke off is made anew."""
    memo = await asyncio.to_thread(
        Memo.open, tools.state, folder.crime_reference, f"disclosure {folder.name}", tools.clock.now()
    )
    lies = await FolderConnector(into).put(folder, memo, lambda _: None)
    await asyncio.to_thread(memo.end)
    return lies


def _check_recipient(recipient: str) -> None:
    try:
        parse_recipient(recipient)
    except ValueError:
        raise InputInvalid("This is no age recipient.", do="Give what age-keygen says: age1…") from None


def _seal(folder: CaseFolder, into: Path, recipient: str) -> Path:
    """The same bag in one zip, sealed in one pass: nothing of it is written in the clear."""
    target = into / f"{folder.name}.zip.age"
    if not into.is_dir() or target.exists():
        raise InputInvalid(f"{target} can't be made.", do="Name a folder that is there, and has no such file.")
    entries = [PackageEntry(each.path, each.source, each.sha256) for each in folder.files if each.path[:5] == "data/"]
    seal_package(target, folder.name, entries, folder.info, [parse_recipient(recipient)])
    return target
