"""``handover-officer appeal …``: public appeals, as an officer types it.

Not for: the work itself (``portal.officer.people.appealing``).
"""

from pathlib import Path

import click

from exchange.clock import Window, to_rfc3339
from exchange.counted import counted
from exchange.documents.letters import quoted, quoted_lines
from exchange.documents.people.appeals import Appeal, Mark
from exchange.durable import durable_file
from exchange.signing.documents import read_unverified
from portal.console import FILE, Group, json_option, one_line
from portal.officer.client import OfficerClient
from portal.officer.people.appealing import (
    AppealQueue,
    AppealText,
    Queued,
    make_appeal,
    open_contribution,
    poster_code,
    read_queue,
    title_of,
)
from portal.officer.people.brought import BroughtFile
from portal.officer.people.people_cli import files_as_json, show_files
from portal.officer.supervised.log import say_opened
from portal.officer.times import HOW_TO_WRITE, read_time, read_zone, show_time
from portal.officer.tools import Tools, tz_option


@click.group(cls=Group)
def appeal() -> None:
    """Ask the public for footage by a page, and look through what comes."""


@appeal.command("new")
@click.option("--crime", "crime_reference", required=True, help="Crime reference; the page shows it.")
@click.option("--title", required=True, help="What the page is headed with.")
@click.option("--area", required=True, help="Where, in words.")
@click.option("--description", required=True, help="What happened: everybody reads it. Name nobody.")
@click.option("--from", "start", required=True, help=HOW_TO_WRITE)
@click.option("--to", "end", required=True, help=HOW_TO_WRITE)
@click.option("--days", type=click.IntRange(1, 365), default=28, show_default=True, help="How long the page is there.")
@tz_option
@json_option
@click.pass_obj
def new(
    tools: Tools, crime_reference: str, title: str, area: str, description: str, start: str, end: str, days: int,
    tz: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Sign an appeal; the portal shows it to everybody from now on."""
    zone, now = read_zone(tz), tools.clock.now()
    window = Window(read_time(start, zone), read_time(end, zone))
    text = AppealText(crime_reference, title, area, description, window, days)
    made = tools.run(lambda client: make_appeal(tools.state, client, text, now))
    document = read_unverified(made.signed, Appeal)
    if as_json:
        named = {"appeal_id": document.appeal_id, "address": made.address}
        one_line({**named, "expires": to_rfc3339(document.expires)})
        return
    tools.console.print(f"Everybody can see it now, until {show_time(document.expires, zone)}: {made.address}")
    tools.console.print(f"For posters: handover-officer appeal poster {document.appeal_id} --out code.svg")


@appeal.command("list")
@json_option
@click.pass_obj
def list_appeals(tools: Tools, as_json: bool) -> None:
    """Your appeals and your teams', newest first."""
    found = tools.run(lambda client: client.all_appeals())
    if as_json:
        one_line([each.model_dump(mode="json", exclude_none=True) for each in found])
        return
    for each in found:
        closed = ", closed" if each.closed is not None else ""
        tools.console.print(f"{each.address.rpartition('/')[2]}  {title_of(each)}{closed}", markup=False)
    if not found:
        tools.console.print("There is none.")


@appeal.command("queue")
@click.argument("appeal_id")
@click.option("--unmarked", is_flag=True, help="Only what nobody looked at yet.")
@tz_option
@json_option
@click.pass_obj
def show_queue(tools: Tools, appeal_id: str, unmarked: bool, tz: str | None, as_json: bool) -> None:
    """What came in answer to APPEAL_ID, oldest first, with what people wrote."""
    zone = read_zone(tz)
    queue = tools.run(lambda client: read_queue(tools.state, client, appeal_id))
    shown = [each for each in queue.queued if not (unmarked and each.contribution.mark)]
    if as_json:
        one_line([_as_json(each) for each in shown])
        return
    for each in shown:
        contribution = each.contribution
        mark = f" [{contribution.mark.value}]" if contribution.mark else ""
        count = f"{counted(len(contribution.files), 'file')}, {each.size / 1e6:.1f} MB"
        sent = show_time(contribution.sent, zone)
        tools.console.print(f"{contribution.contribution_id}  {sent}  {count}{mark}", markup=False)
        if each.note is not None and each.note.text:
            tools.console.print(quoted_lines(each.note.text), markup=False, soft_wrap=True)
        if each.note is not None and each.note.contact:
            tools.console.print(f"    contact: {quoted(each.note.contact)}", markup=False, soft_wrap=True)
        if each.unreadable:
            tools.console.print("    what they wrote can't be read")
    if not shown:
        tools.console.print("Nothing.")


@appeal.command("open")
@click.argument("appeal_id")
@click.argument("contribution_id", required=False)
@json_option
@click.pass_obj
def open_one(tools: Tools, appeal_id: str, contribution_id: str | None, as_json: bool) -> None:
    """Fetch and open CONTRIBUTION_ID; without it, the oldest that has no mark yet."""

    async def work(client: OfficerClient) -> tuple[str, list[BroughtFile]] | None:
        queue = await read_queue(tools.state, client, appeal_id)
        chosen = contribution_id or _next(queue)
        if chosen is None:
            return None
        opened = await open_contribution(tools.state, client, queue, chosen)
        await say_opened(client, appeal_id)
        return chosen, opened

    found = tools.run(work)
    if as_json:
        one_line({"contribution_id": found[0], **files_as_json(found[1])} if found else {})
    elif found is None:
        tools.console.print("Nothing is left to look at.")
    else:
        tools.console.print(f"{found[0]}:")
        show_files(tools.console, found[1])


@appeal.command("mark")
@click.argument("appeal_id")
@click.argument("contribution_id")
@click.argument("mark", type=click.Choice([*(each.value for each in Mark), "none"]))
@json_option
@click.pass_obj
def set_mark(tools: Tools, appeal_id: str, contribution_id: str, mark: str, as_json: bool) -> None:
    """Say what it is. Not relevant and duplicate are deleted at the portal after a time, unless you take it back."""
    chosen = None if mark == "none" else Mark(mark)
    tools.run(lambda client: client.mark_contribution(appeal_id, contribution_id, chosen))
    if as_json:
        one_line({"contribution_id": contribution_id, "mark": None if chosen is None else chosen.value})
        return
    tools.console.print("Marked.")


@appeal.command("close")
@click.argument("appeal_id")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
@click.pass_obj
def close(tools: Tools, appeal_id: str, yes: bool, as_json: bool) -> None:
    """Take the page of APPEAL_ID away for good; what came stays in the queue."""
    if not (yes or as_json):
        _ask_to_close(tools, appeal_id)
    tools.run(lambda client: client.close_appeal(appeal_id))
    if as_json:
        one_line({"appeal_id": appeal_id, "closed": True})
        return
    tools.console.print("Closed: nobody can send anything to it any more.")


@appeal.command("poster")
@click.argument("appeal_id")
@click.option("--out", type=FILE, required=True, help="Where to write the code, an SVG.")
@json_option
@click.pass_obj
def poster(tools: Tools, appeal_id: str, out: Path, as_json: bool) -> None:
    """Write the QR code of the page of APPEAL_ID, for posters."""
    address = tools.run(lambda client: client.appeal(appeal_id)).address
    with durable_file(out, mode=0o644) as file:
        file.write(poster_code(address).encode())
    if as_json:
        one_line({"address": address, "written": str(out)})
        return
    tools.console.print(f"{out} leads to {address}", soft_wrap=True)


def _ask_to_close(tools: Tools, appeal_id: str) -> None:
    """Abort unless they want what closing means. Of an appeal that is not there, or closed, nothing is asked."""
    found = tools.run(lambda client: client.appeal(appeal_id))
    if found.closed is not None:
        return
    tools.console.print(f"{appeal_id}  {title_of(found)}", markup=False)
    tools.console.print(
        "Its page goes at once, also for whoever is sending something now, and posters lead nowhere. "
        "This can't be taken back. What came stays in the queue.",
        soft_wrap=True,
    )
    click.confirm("Close it for good?", abort=True)


def _next(queue: AppealQueue) -> str | None:
    waiting = (each for each in queue.queued if each.contribution.mark is None and not each.is_gone)
    first = next(waiting, None)
    return None if first is None else first.contribution.contribution_id


def _as_json(queued: Queued) -> dict[str, object]:
    contribution = queued.contribution
    note = queued.note
    return {
        "contribution_id": contribution.contribution_id,
        "sent": to_rfc3339(contribution.sent),
        "files": len(contribution.files),
        "size": queued.size,
        "text": note.text if note is not None else None,
        "contact": note.contact if note is not None else None,
        "unreadable": queued.unreadable,
        "mark": contribution.mark.value if contribution.mark is not None else None,
    }
