"""The calls of legal holds, retention and disclosure, for the officer's client. Not for: the connection itself
(``portal.officer.connection``), or what the words mean (``portal.officer.keeping.holding``).
"""

from exchange.custody.uses import UsesAbout
from exchange.documents import api
from exchange.documents.keeping.holds import Hold, Holds, HoldStands, Retention
from exchange.documents.keeping.room import PortalRoom
from exchange.documents.messages import Signed
from portal.officer.people.calls import PeopleCalls


class KeepingCalls(PeopleCalls):
    """Each raises NoSuchCall where the portal knows nothing of it, and PortalRefused for who may not."""

    async def place_hold(self, hold_id: str, placed: Signed) -> HoldStands:
        """What lies at the portal under it."""
        return await self._read("PUT", api.HOLD.format(hold_id=hold_id), HoldStands, body=placed)

    async def lift_hold(self, hold_id: str, lifted: Signed) -> None:
        await self._call("PUT", api.HOLD_LIFTED.format(hold_id=hold_id), body=lifted)

    async def all_holds(self) -> list[Hold]:
        """Those that the officer may see, oldest first."""
        found: list[Hold] = []
        more = True
        while more:
            told = await self._read("GET", api.HOLDS, Holds, query={"after": str(found[-1].number if found else 0)})
            found += told.holds
            more = told.more and bool(told.holds)
        return found

    async def retention(self) -> Retention:
        """How long the force keeps what."""
        return await self._read("GET", api.RETENTION, Retention)

    async def room(self) -> PortalRoom:
        """How full the portal is."""
        return await self._read("GET", api.ROOM, PortalRoom)

    async def uses_about(self, crime_reference: str) -> list[UsesAbout]:
        """What the log of use holds about a crime, a page each."""
        found: list[UsesAbout] = []
        more = True
        while more:
            after = found[-1].lines[-1].seq if found else -1
            query = {"crime_reference": crime_reference, "after": str(after)}
            found.append(await self._read("GET", api.USES_ABOUT, UsesAbout, query=query))
            more = found[-1].more and bool(found[-1].lines)
        return found
