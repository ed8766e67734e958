"""What every command of the officer's program works with: the officer's folder, a clock, the screen, the portal.

Not for: any one command (``portal.officer.cli``, ``portal.officer.commands.feedback``).
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import click
from rich.console import Console

from exchange.clock import Clock
from portal.officer.client import OfficerClient
from portal.officer.login.session import CurrentLogin
from portal.officer.state import OfficerState

T = TypeVar("T")
tz_option = click.option(
    "--tz", help="Time zone of times without an offset, such as Europe/London; times are shown in it."
)


@dataclass(frozen=True, slots=True)
class Tools:
    state: OfficerState
    clock: Clock
    console: Console

    def client(self) -> OfficerClient:
        portal = self.state.setup().portal
        login = CurrentLogin(self.state.logins, portal, self.clock)
        return OfficerClient(portal, self.state.key(), self.clock, login=login)

    def run(self, work: Callable[[OfficerClient], Coroutine[Any, Any, T]]) -> T:
        """Do something with the portal, on an event loop of its own."""

        async def call() -> T:
            async with self.client() as client:
                return await work(client)

        return asyncio.run(call())
