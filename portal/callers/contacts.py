"""When devices were last heard: kept here for some seconds, then written together.

Not for: calls that write anyway; they note it themselves (``portal.tokens.take_devices``).
"""

import functools

from sqlalchemy import bindparam, update
from sqlalchemy.orm import Session

from exchange.clock import MINUTE
from portal.storage.database import Database
from portal.storage.models import Device

FLUSH_SECONDS = 5
APART = 3 * MINUTE
"""Between two times that are written of one device."""
MOST = 200_000
AT_ONCE = 500
"""Devices in one transaction: short ones are in nobody's way."""


class Contacts:
    """Lives on the event loop. What a crash takes of it, the next poll says again."""

    def __init__(self) -> None:
        self._heard: dict[str, int] = {}
        self._written: dict[str, int] = {}

    def note(self, device: str, now: int) -> None:
        """Written when it was not for some minutes: a write for each poll would cost as much as the poll."""
        written = self._written.get(device)
        if written is None or abs(now - written) >= APART:
            self._heard[device] = now

    def forget(self, device: str) -> None:
        self._heard.pop(device, None)
        self._written.pop(device, None)

    async def flush(self, db: Database) -> None:
        """Write what was heard. A device that was erased meanwhile stays erased."""
        heard, self._heard = self._heard, {}
        rows = sorted(heard.items())
        for first in range(0, len(rows), AT_ONCE):
            some = rows[first : first + AT_ONCE]
            await db.write(functools.partial(_write, some), durable=False)
            self._written.update(some)
        while len(self._written) > MOST:
            self._written.pop(next(iter(self._written)))


def _write(heard: list[tuple[str, int]], session: Session) -> None:
    later = update(Device).where(Device.fingerprint == bindparam("device"), Device.last_seen < bindparam("heard"))
    session.connection().execute(
        later.values(last_seen=bindparam("heard")), [{"device": device, "heard": at} for device, at in heard]
    )
