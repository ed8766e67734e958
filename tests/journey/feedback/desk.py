"""``handover-officer`` beside a home: the real command, with the test's clock, at the home's real portal.

Not for: tests themselves.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from exchange.documents.messages import Request
from exchange.durable import durable_file
from portal.force.keys import write_public, write_signed
from portal.officer import cli
from portal.officer.state import OfficerState
from tests.journey.home import Town


class Desk:
    """The officer who asks; what they asked before is known here."""

    def __init__(self, at: Town, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at, self.folder, self.state = at, folder, OfficerState(folder / "officer")
        monkeypatch.setattr(cli, "SystemClock", lambda: at.clock)

    async def set_up(self) -> "Desk":
        self.state.folder.mkdir(mode=0o700)
        place = self.at.place
        place.officer.save(self.state.folder / "officer.key")
        write_public(self.state.folder / "officer.pub", place.officer.public, "officer")
        write_public(self.folder / "force.pub", place.force.key.public, "force")
        write_signed(self.folder / "credential.json", place.credential)
        paths = ("--force-key", str(self.folder / "force.pub"), "--credential", str(self.folder / "credential.json"))
        await self.run("setup", "--portal", self.at.origin, *paths)
        return self

    async def ask(self) -> str:
        """A request of this officer's that waits for the owner; its id."""
        signed = self.at.request()
        request = Request.model_validate_json(signed.document)
        self.state.keep(request.request_id, "request", signed)
        key = self.state.case_key_file(request.crime_reference)
        key.parent.mkdir(parents=True, exist_ok=True)
        with durable_file(key) as file:
            file.write(f"{self.at.case}\n".encode())
        return await self.at.asked(signed)

    async def run(self, *args: str, code: int = 0) -> Any:
        """What the command says with --json."""
        result = await self.result(*args, "--json")
        assert result.exit_code == code, (result.output, result.exception)
        return json.loads(result.stdout.splitlines()[-1] if code == 0 else result.stderr.splitlines()[-1])

    async def words(self, *args: str) -> str:
        """What it says to a person."""
        result = await self.result(*args)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stdout

    async def result(self, *args: str) -> Result:
        command = ["--state", str(self.state.folder), *args]
        return await asyncio.to_thread(CliRunner().invoke, cli.main, command, catch_exceptions=False)
