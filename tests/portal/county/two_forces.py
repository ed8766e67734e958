"""Two forces, served by one process: their officers, owners, folders. Not for: tests themselves."""

import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp

from exchange.documents.messages import Role
from portal.server import Listen, Running, running
from tests.counterparts.portals.portal import Place
from tests.portal.wire import Agent, Officer, SetClock

NAMES = ("kent", "essex")
FILM = b"sealed film"
EVERY_ROLE = tuple(Role)


@dataclass
class Two:
    """Both forces, served by one process."""

    running: Running
    places: dict[str, Place]
    session: aiohttp.ClientSession
    clock: SetClock

    def origin(self, force: str) -> str:
        return str(self.places[force].settings.origin)

    def agent(self, force: str) -> Agent:
        return Agent(self.session, self.origin(force), self.clock)

    def officer(self, force: str, at: str | None = None) -> Officer:
        """Of one force; ``at`` another's address."""
        place = self.places[force]
        origin = self.origin(at or force)
        return Officer(self.session, origin, self.clock, place.officer, place.credential, place.force.name)


@contextlib.asynccontextmanager
async def served(places: dict[str, Place], clock: SetClock) -> AsyncIterator[Two]:
    kent, essex = places["kent"], places["essex"]
    port = int(str(kent.settings.origin).rpartition(":")[2].partition("/")[0])
    serving = running(
        kent.folder,
        kent.settings,
        Listen("127.0.0.1", port),
        clock=clock,
        metrics=Listen("127.0.0.1", 0),
        others=[(essex.folder, essex.settings)],
    )
    async with serving as now, aiohttp.ClientSession() as session:
        yield Two(now, places, session, clock)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def hand_over(two: Two, force: str) -> Agent:
    """An owner's answer to a request of their force, with a package."""
    agent = await two.agent(force).join(two.places[force])
    asked = await two.officer(force).ask(agent)
    assert (await agent.decide(asked)).status == 204
    assert (await agent.deliver(asked, FILM, await agent.upload(FILM))).status == 204
    return agent
