"""The log of use as an auditor reads it: from its first line or from where this machine checked it, a piece at a time.

What was checked is kept: after a break, and on the next day, only the rest is fetched. Not for: showing it
(``portal.officer.supervised.log_cli``), or what every officer's program checks (``portal.officer.supervised.log``).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

from exchange.counted import counted
from exchange.custody.checkpoint import sign_checkpoint
from exchange.custody.restored import LogRestored
from exchange.custody.uses import Checked, SignedHead, Use, Uses, UsesReader, log_broken
from exchange.errors import CustodyBroken, HandoverError, PortalUnreachable
from exchange.signing.documents import read_unverified
from portal.officer.client import OfficerClient
from portal.officer.state import OfficerState
from portal.officer.supervised import restored
from portal.officer.supervised.log import check_log

Take = Callable[[Sequence[Use]], None]
News = Callable[[int, int], None]
"""How many lines were read, of how many."""
_PAUSES = (1.0, 4.0)
"""Seconds between two questions for a piece that does not come."""


def _nothing(*_: object) -> None:
    return


async def read_log(
    state: OfficerState,
    client: OfficerClient,
    now: int,
    take: Take = _nothing,
    *,
    first: int | None = 0,
    news: News = _nothing,
) -> tuple[int, bytes]:
    """Check the whole log against what was seen of it before; its size and root. CustodyBroken.

    ``take`` gets the lines from ``first`` on (below 0: so many before the end; None: only those that were never
    checked here), a piece at a time, and what it got counts only once this has ended well.
    """
    await check_log(state, client, now)
    size, root = await asyncio.to_thread(state.log_head)
    checked = await asyncio.to_thread(state.log_checked)
    begin = max(0, size + first) if first is not None and first < 0 else first
    reader = UsesReader(checked, begin, wanted=(size,))
    begun = reader.position
    try:
        async for uses in _pieces(state, client, reader):
            await asyncio.to_thread(take, [use for use in uses if begin is None or use.seq >= begin])
            news(reader.position - begun, max(size, reader.position) - begun)
        if reader.roots.get(size) != root:
            head = f"its log's head with {counted(size, 'line')}"
            raise log_broken(f"The lines that the portal shows are not those of {head}.")
    except CustodyBroken:
        await asyncio.to_thread(state.save_log_checked, Checked())
        raise
    except (HandoverError, asyncio.CancelledError):
        await asyncio.to_thread(state.save_log_checked, reader.checked)
        raise
    await asyncio.to_thread(state.save_log_checked, reader.checked)
    return reader.checked.size, reader.root()


async def sign_log(state: OfficerState, client: OfficerClient, now: int, news: News = _nothing) -> int:
    """Check all of it, then sign how long it is; the number of lines. CustodyBroken."""
    size, root = await read_log(state, client, now, first=None, news=news)
    (credential, _), key = await asyncio.to_thread(lambda: (state.credential(now), state.key()))
    await client.sign_log(SignedHead(note=sign_checkpoint(size, root, key), credential=credential))
    return size


async def say_restored(
    state: OfficerState, client: OfficerClient, at: int, lost: int | None, reason: str, now: int
) -> LogRestored:
    """As an auditor, sign that the portal was put back to an earlier state and answers since ``at``; then believe it,
    as every program does. InputInvalid, CustodyBroken."""
    await restored.fetch(state, client)
    reader = UsesReader(wanted=await asyncio.to_thread(state.log_sizes), at=at)
    async for _ in _pieces(state, client, reader):
        pass
    said = await asyncio.to_thread(restored.sign, state, reader, at, lost, reason, now)
    await client.say_restored(said)
    await check_log(state, client, now)
    return read_unverified(said.statement, LogRestored)


async def _pieces(state: OfficerState, client: OfficerClient, reader: UsesReader) -> AsyncIterator[list[Use]]:
    known = await asyncio.to_thread(state.restorations)
    more = True
    while more:
        found = await _piece(client, reader.position)
        uses = await asyncio.to_thread(reader.take, found.lines)
        restored.check_lines(uses, known)
        yield uses
        more = found.more and bool(found.lines)


async def _piece(client: OfficerClient, after: int) -> Uses:
    """One that does not come is asked for again, before all that came goes for nothing."""
    for pause in _PAUSES:
        with contextlib.suppress(PortalUnreachable):
            return await client.uses(after)
        await asyncio.sleep(pause)
    return await client.uses(after)
