"""``handover-officer desk``: the officer's page, served on this machine and opened in its browser.

Not for: the page itself (``portal.officer.desk``).
"""

import asyncio
import contextlib
import html
import os
import signal
import sys
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from exchange.errors import InputInvalid
from exchange.zones import zone_name
from portal.console import json_option, one_line
from portal.officer.desk.server import serve_desk
from portal.officer.desk.site import Site
from portal.officer.times import read_zone
from portal.officer.tools import Tools, tz_option


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of 127.0.0.1.  [default: one that is free]")
@click.option("--no-browser", is_flag=True, help="Only show the link.")
@tz_option
@json_option
@click.pass_obj
def desk(tools: Tools, port: int, no_browser: bool, tz: str | None, as_json: bool) -> None:
    """Search, ask, fetch and look in your browser. Your keys stay in this program; end it with Ctrl-C."""
    zone = local_zone(tz)
    tools.state.key()  # a passphrase is asked for now, and not while the page is served

    async def serve() -> None:
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        async with serve_desk(tools, zone, port) as site:
            with _again_on_enter(tools, site), _shown(tools, site, as_json=as_json, browser=not no_browser):
                await ended.wait()

    asyncio.run(serve())


def local_zone(tz: str | None) -> ZoneInfo:
    """The zone that is named, or this machine's. InputInvalid when neither says one."""
    named = read_zone(tz) or read_zone(zone_name())
    if named is None:
        raise InputInvalid(
            "This machine doesn't say in which time zone it is.",
            meaning="An hour's error would ask for the wrong footage.",
            do="Name the zone: --tz Europe/London.",
        )
    return named


@contextlib.contextmanager
def _shown(tools: Tools, site: Site, *, as_json: bool, browser: bool) -> Iterator[None]:
    """The link in the terminal, and in the browser by a file: who may list this machine's programs sees no link."""
    link = _link(site)
    if as_json:
        one_line({"origin": site.origin, "link": link})
    else:
        tools.console.print(f"Your page, good for one time: {link}", soft_wrap=True)
        tools.console.print("Press Enter for another link, Ctrl-C to end.")
    path = tools.state.folder / f"desk-{site.port}.html"
    if browser:
        _write_privately(path, link)
        webbrowser.open(path.as_uri())
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _again_on_enter(tools: Tools, site: Site) -> Iterator[None]:
    """Whoever sits at the terminal may come in again."""
    if not sys.stdin.isatty():
        yield
        return

    def again() -> None:
        if not sys.stdin.readline():  # the terminal has gone
            asyncio.get_running_loop().remove_reader(sys.stdin)
            return
        tools.console.print(f"Your page, good for one time: {_link(site)}", soft_wrap=True)

    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, again)
    try:
        yield
    finally:
        loop.remove_reader(sys.stdin)


def _link(site: Site) -> str:
    return f"{site.origin}/come-in#{site.door.new_code()}"


def _write_privately(path: Path, link: str) -> None:
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        address = html.escape(link, quote=True)
        file.write(
            f'<!doctype html><meta http-equiv="refresh" content="0;url={address}"><a href="{address}">Handover</a>'
        )
