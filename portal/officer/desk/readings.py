"""Readings of the log of use that go on while the page stays live: a long log takes longer than a page may.

Not for: how it is read and checked (``portal.officer.supervised.reading``), or who may see it.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiohttp import web

from exchange.custody.uses import Use
from portal.officer.desk.site import Site
from portal.officer.desk.under_way import break_off, of_a_desk
from portal.officer.supervised.log import SignedLog, signed_log
from portal.officer.supervised.reading import read_log

MOST_LINES = 500
"""Kept to be shown, the newest."""
AT_ONCE = 1.0
"""Seconds that a page waits for a reading before it shows how far that is."""
_FRESH = 60.0
"""Seconds."""


@dataclass
class Reading:
    """Of one crime's lines, or of all ("")."""

    crime: str = ""
    read: int = 0
    of: int = 0
    lines: int = 0
    """Of the whole log, once it is checked."""
    count: int = 0
    """Of this crime."""
    shown: deque[Use] = field(default_factory=lambda: deque(maxlen=MOST_LINES))
    signed: SignedLog | None = None
    task: "asyncio.Task[None] | None" = None
    ended: float | None = None

    @property
    def is_running(self) -> bool:
        return self.task is not None and not self.task.done()

    @property
    def is_old(self) -> bool:
        """Nobody came for it: more lines may have come since."""
        return self.ended is not None and time.monotonic() - self.ended > _FRESH

    def take(self, uses: Sequence[Use]) -> None:
        found = [use for use in uses if self.crime in ("", use.crime_reference)]
        self.count += len(found)
        self.shown.extend(found)

    def news(self, read: int, of: int) -> None:
        self.read, self.of = read, of


@dataclass
class Readings:
    """By crime; one after the other, since each keeps how far the log is checked."""

    _found: dict[str, Reading] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def running(self, crime: str) -> Reading | None:
        reading = self._found.get(crime)
        return reading if reading is not None and reading.is_running else None

    async def of(self, site: Site, crime: str) -> Reading:
        """A reading that goes on, or has ended: then it is given once. Raises as ``read_log``."""
        reading = self._found.get(crime)
        if reading is None or reading.is_old:
            reading = self._found[crime] = Reading(crime)
            reading.task = asyncio.create_task(self._read(site, reading))
        assert reading.task is not None
        await asyncio.wait([reading.task], timeout=AT_ONCE)
        if reading.is_running:
            return reading
        if self._found.get(crime) is reading:
            del self._found[crime]
        reading.task.result()
        return reading

    async def end(self) -> None:
        """Break off what is under way: what was checked is kept."""
        await break_off(self._found.values())

    async def _read(self, site: Site, reading: Reading) -> None:
        first = 0 if reading.crime else -MOST_LINES
        try:
            async with self._turn:
                taking = read_log(site.state, site.client, site.now(), reading.take, first=first, news=reading.news)
                reading.lines, _ = await taking
                reading.signed = await signed_log(site.state, site.client)
        finally:
            reading.ended = time.monotonic()


READINGS = web.AppKey("readings", Readings)

set_up = of_a_desk(READINGS, Readings)
