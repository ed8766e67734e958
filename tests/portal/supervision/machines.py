"""An officer's, supervisor's or auditor's own machine: the real commands, with the test's clock."""

import asyncio
import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from portal.force.keys import write_public
from portal.officer import cli
from portal.officer.client import OfficerClient
from portal.officer.state import OfficerState, Setup
from tests.portal.conftest import Town
from tests.portal.wire import Officer


class Machine:
    def __init__(self, town: Town, folder: Path, who: Officer) -> None:
        """``folder``: a new one, for this person alone."""
        self.who, self.folder, self.state = who, folder, OfficerState(folder / "state")
        assert who.credential is not None
        (folder / "state").mkdir(mode=0o700, parents=True)
        who.key.save(self.state.folder / "officer.key")
        write_public(self.public, who.key.public, "officer")
        force_key = town.place.force.key.public.line
        self.state.save_setup(Setup(portal=town.origin, force=who.force, force_key=force_key), who.credential)

    @property
    def public(self) -> Path:
        return self.state.folder / "officer.pub"

    def client(self) -> OfficerClient:
        return OfficerClient(self.who.origin, self.who.key, self.who.clock)

    async def run(self, *args: str, code: int = 0) -> Any:
        """What the command says with --json; its error, if it is to end with another code."""
        result = await self.result(*args, "--json")
        assert result.exit_code == code, (result.output, result.exception)
        return json.loads(result.stdout if code == 0 else result.stderr.splitlines()[-1])

    async def result(self, *args: str, said: str = "") -> Result:
        command = ["--state", str(self.state.folder), *args]
        return await asyncio.to_thread(CliRunner().invoke, cli.main, command, input=said, catch_exceptions=False)
