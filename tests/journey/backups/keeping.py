"""Homes with second places, and packages that were handed over: what the tests of backups begin with.

Not for: tests themselves.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from click.testing import CliRunner, Result

from agent import app
from agent.cli.main import main
from agent.places.named import NamedPlace, NamedPlaces, folder_setting
from agent.settings.model import load_settings
from exchange.clock import MINUTE, Window
from exchange.documents.api import InboxKind
from portal.officer.client import OfficerClient
from tests.counterparts.portals import portal as portals
from tests.journey.home import (
    HomeClock,
    Siege,
    Town,
    Ways,
    besieged,
    household,
    place_recording,
    run_here,
    shared_recording,
)

RULE = "backups: {places: [{place: nas}]}"


def second_place(at: Any, folder: Path, name: str = "nas") -> Path:
    """A folder that the owner added as a place. Blocks."""
    folder.mkdir(parents=True, exist_ok=True)
    NamedPlaces(at.settings.places).add(NamedPlace(name=name, title=name, setting=folder_setting(folder)))
    return folder


async def handed_over(at: Siege, *, receipt: bool = True, **changed: object) -> str:
    """A request that was answered with yes, sent, and receipted; the evidence id of its package."""
    request_id = await at.asked(at.request(**changed))
    await at.say(request_id, yes=True)
    await at.walk()
    assert await at.state(request_id) == "delivered"
    (package,) = await at.packages(request_id)
    if receipt:
        at.portal.put(at.receipt_for(request_id, package), InboxKind.RECEIPT)
        await at.fetch_and_walk()
        assert await at.state(request_id) == "closed"
    return package.evidence_id


@asynccontextmanager
async def kept(tmp_path: Path, extra: str = RULE, *places: str, **ways: Any) -> Any:
    """A home with second places, each a folder called as it is, below ``places``."""
    async with besieged(tmp_path, extra=extra, **ways) as at:
        for name in places or ("nas",):
            await asyncio.to_thread(second_place, at, tmp_path / "places" / name, name)
        yield at


@dataclass
class LostHome:
    """An owner, a portal and an officer who go on while the agent's machine is lost and another takes its place."""

    folder: Path
    place: Any
    origin: str
    officer: OfficerClient
    clock: HomeClock

    @property
    def data(self) -> Path:
        return self.folder / "agent"

    @property
    def config(self) -> Path:
        return self.folder / "handover.yaml"

    @property
    def nas(self) -> Path:
        return self.folder / "places" / "nas"

    @asynccontextmanager
    async def first(self, extra: str = RULE, **ways: Any) -> AsyncIterator[Town]:
        """The machine that will be lost."""
        made = household(self.folder, self.origin, self.clock, Ways(extra=extra, **ways))
        async with made as (agent, case, window, segments):
            at = Town(agent, self.place, self.origin, case, window, self.clock, segments, self.officer)
            await asyncio.to_thread(second_place, at, self.nas)
            yield at

    @asynccontextmanager
    async def second(self, like: Town) -> AsyncIterator[Town]:
        """The machine that was put back, with footage of its own."""
        self.clock.forward(MINUTE)
        settings = await asyncio.to_thread(load_settings, self.config)
        with mock.patch("agent.app.run_job", run_here):
            async with app.build(settings, self.clock) as agent:
                recording = shared_recording("h264-aac")
                later = self.clock.now() - MINUTE - recording.files[0].start_us
                placed = place_recording(settings.recordings.directory, recording, later=later)
                window = Window(recording.files[0].start_us + later, recording.end_us + later)
                yield Town(agent, self.place, self.origin, like.case, window, self.clock, placed, self.officer)

    async def handover(self, *words: str, typed: str | None = None) -> Result:
        """A command in this process, as it is typed on the machine: one that builds no agent."""
        line = ["--config", str(self.config), *words]
        return await asyncio.to_thread(CliRunner().invoke, main, line, input=typed, prog_name="handover")

    async def program(self, *words: str, typed: str = "", code: int = 0) -> str:
        """A command as a program of its own; what it said."""
        line = [str(Path(sys.executable).parent / "handover"), "--config", str(self.config), *words]
        done = await asyncio.to_thread(subprocess.run, line, input=typed, capture_output=True, text=True, timeout=60)
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr


@asynccontextmanager
async def lost_home(tmp_path: Path) -> AsyncIterator[LostHome]:
    clock = HomeClock()
    place = portals.make_place(tmp_path / "force", clock=clock)
    async with portals.in_process(place, clock) as running, place.client(running.address, clock) as officer:
        yield LostHome(tmp_path, place, running.address, officer, clock)


async def sent(at: Town) -> str:
    """A request that was answered with yes, and sent; its id."""
    request_id = await at.asked()
    await at.say(request_id, yes=True)
    await at.walk()
    assert await at.state(request_id) == "delivered"
    return request_id


def files_in(folder: Path) -> list[str]:
    """Names of all files below a folder. Blocks."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


async def custody(at: Any, kind: str) -> list[dict[str, Any]]:
    """The log's lines of one kind."""
    async with at.agent.services.store.transaction() as tx:
        rows = await tx.all("SELECT line FROM custody ORDER BY seq")
    return [line for line in (json.loads(row["line"]) for row in rows) if line["event"] == kind]
