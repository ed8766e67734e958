"""``handover-officer audit``: what officers did, for auditors. Not for: how it is checked (``…supervised.reading``)."""

import contextlib
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.progress import Progress

from exchange.clock import to_rfc3339
from exchange.counted import counted
from exchange.custody.uses import Use
from exchange.documents.letters import harmless
from portal.console import Group, json_option, one_line
from portal.officer.supervised.reading import News, read_log, say_restored, sign_log
from portal.officer.times import read_time, read_zone, show_time
from portal.officer.tools import Tools, tz_option


@click.group("audit", cls=Group)
def log_of_use() -> None:
    """For auditors: what officers did at the portal, and that nothing of it was taken away."""


@log_of_use.command("log")
@click.option("--crime", "crime_reference", help="Only what was done about this crime.")
@click.option(
    "--after", type=click.IntRange(min=0), default=0, show_default=True, help="Only what follows so many lines."
)
@tz_option
@json_option
@click.pass_obj
def show_log(tools: Tools, crime_reference: str | None, after: int, tz: str | None, as_json: bool) -> None:
    """Every search, request, fetch, opening and print, checked from the first one, oldest first."""
    zone = read_zone(tz)
    now = tools.clock.now()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as kept:  # shown once all of it is checked
        count = 0

        def take(uses: Sequence[Use]) -> None:
            nonlocal count
            for use in uses:
                if crime_reference in (None, use.crime_reference):
                    kept.write(f"{_as_json(use) if as_json else _in_words(use, zone)}\n")
                    count += 1

        with _progress() as news:
            lines, _ = tools.run(lambda client: read_log(tools.state, client, now, take, first=after, news=news))
        kept.seek(0)
        if as_json:
            _print_json(lines, kept)
            return
        for line in kept:
            click.echo(line, nl=False)
    tools.console.print(f"{count} of {counted(lines, 'line')}; all of them follow each other.")


@log_of_use.command("sign")
@json_option
@click.pass_obj
def sign(tools: Tools, as_json: bool) -> None:
    """Check the whole log, then sign how long it is: from then on nobody can cut it back unseen."""
    now = tools.clock.now()
    with _progress() as news:
        size = tools.run(lambda client: sign_log(tools.state, client, now, news))
    if as_json:
        one_line({"lines": size, "signed": to_rfc3339(now)})
        return
    tools.console.print(f"Signed: the log had {counted(size, 'line')}.")


@contextlib.contextmanager
def _progress() -> Iterator[News]:
    """On a terminal, how far it is; what was checked stays checked when somebody ends it."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as shown:
        bar = shown.add_task("Reading and checking the log", total=None)
        yield lambda done, size: shown.update(bar, completed=done, total=size)


def _as_json(use: Use) -> str:
    return json.dumps(use.model_dump(mode="json", exclude={"previous"}), ensure_ascii=False)


def _in_words(use: Use, zone: ZoneInfo | None) -> str:
    who = f"{use.name} ({use.collar_number})"
    line = f"{show_time(use.at, zone)}  {use.deed:<8}  {use.crime_reference}  {who}  {use.request_id or ''}"
    return harmless(line.rstrip(), 1000)


def _print_json(lines: int, kept: Iterable[str]) -> None:
    """As one line, without having all of it in memory."""
    click.echo(f'{{"lines": {lines}, "uses": [', nl=False)
    for number, line in enumerate(kept):
        click.echo((", " if number else "") + line.rstrip("\n"), nl=False)
    click.echo("]}")


@log_of_use.command("restored")
@click.option("--at", required=True, help="When the portal answered again, such as 2026-11-29T14:00:00Z.")
@click.option("--reason", required=True, help="Why it was put back; every officer reads it.")
@click.option(
    "--lost", type=click.IntRange(min=1), help="How many lines there were, if another machine saw more than yours."
)
@tz_option
@click.option("--yes", is_flag=True, help="Sign without being asked once more.")
@json_option
@click.pass_obj
def put_back(tools: Tools, at: str, reason: str, lost: int | None, tz: str | None, yes: bool, as_json: bool) -> None:
    """Sign that the portal was put back to an earlier state, and lost what was written after it.

    Every officer's program then goes on with the log as it is, and says so from then on.
    """
    now, when = tools.clock.now(), read_time(at, read_zone(tz))
    if not (yes or as_json):
        click.confirm("Sign, in your name, that the log lost lines because of this?", abort=True)
    said = tools.run(lambda client: say_restored(tools.state, client, when, lost, reason, now))
    if as_json:
        one_line({"kept": said.kept.size, "lost": said.lost - said.kept.size, "signed": to_rfc3339(now)})
        return
    tools.console.print(
        f"Signed: the log goes on from {counted(said.kept.size, 'line')}; "
        f"{counted(said.lost - said.kept.size, 'is', 'are')} lost."
    )
