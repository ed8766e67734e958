"""``handover-officer desk`` as a process: what it shows, opens and leaves behind."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from exchange.errors import InputInvalid
from portal.officer.commands import desk as command
from portal.officer.desk.server import serve_desk
from portal.officer.state import OfficerState
from tests.portal.conftest import Town
from tests.portal.desk.desks import LONDON, Desk, set_up


async def test_the_program_serves_the_page_and_opens_it_by_a_private_file(town: Town, tmp_path: Path) -> None:
    state, seen = OfficerState(tmp_path / "officer"), tmp_path / "seen"
    await asyncio.to_thread(set_up, town, state)
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf "%s\\n" "$1" > {seen}\n')
    browser.chmod(0o700)
    command = ["-c", "from portal.officer.cli import main; main()", "--state", str(state.folder)]
    terminal, stdin = os.openpty()
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        *("desk", "--tz", "Europe/London", "--json"),
        env=os.environ | {"BROWSER": f"{browser} %s", "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
    )
    assert program.stdout is not None
    told = json.loads(await program.stdout.readline())
    page = state.folder / f"desk-{told['origin'].rpartition(':')[2]}.html"
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        headers = {"Origin": told["origin"]}
        code = {"code": told["link"].partition("#")[2]}
        async with http.post(told["origin"] + "/come-in", data=code, headers=headers) as answer:
            assert answer.status == 200
            assert "Ada Okafor" in await answer.text()
    os.write(terminal, b"\n")  # Enter
    again = (await program.stdout.readline()).decode()
    assert f"{told['origin']}/come-in#" in again
    assert told["link"] not in again
    assert told["link"] in page.read_text()
    assert page.stat().st_mode & 0o777 == 0o600
    program.send_signal(signal.SIGTERM)
    assert await program.wait() == 0
    os.close(terminal)
    os.close(stdin)
    assert not page.exists()
    assert seen.read_text().strip() == page.as_uri()  # and not the link, which others on this machine could list


async def test_a_port_that_is_taken_is_told(desk: Desk) -> None:
    with pytest.raises(InputInvalid, match="is taken"):
        async with serve_desk(desk.site.tools, LONDON, desk.site.port):
            raise AssertionError("it was served")


def test_a_machine_that_says_no_zone_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "zone_name", lambda: None)
    with pytest.raises(InputInvalid, match="time zone"):
        command.local_zone(None)
    assert command.local_zone("Europe/London") == LONDON
