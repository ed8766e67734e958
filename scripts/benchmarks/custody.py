"""A custody log of 100,000 lines: one more line, and the proof of a request's lines, beside hashing the log anew.

Not for: the disk's part of a transaction, which is the store's and is shared by all that one transaction writes.
"""

import asyncio
import hashlib
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from agent.store.custody import Custody
from agent.store.database import Store
from exchange.clock import SystemClock
from exchange.custody.log import CustodyKind, line_leaf, next_line
from exchange.signing.documents import SigningKey
from scripts.benchmarks.row import Row

LINES = 100_000
_REQUESTS = 2_500
_ROUNDS = 50


def rows(work: Path) -> Iterator[Row]:
    """Milliseconds, medians. "Theirs" reads and hashes the whole log, which needs no tree to be kept."""
    append, proof, first, naive = asyncio.run(_measure(work / "custody.db"))
    yield Row(f"custody: append to {LINES:,} lines", append, None, "ms", 1.0)
    yield Row("custody: prove a request's 40 lines", proof, None, "ms", 10.0)
    yield Row("custody: the same beside hashing the log", proof, naive, "ms", None)
    yield Row("custody: the first proof after a start", first, naive, "ms", None)


async def _measure(path: Path) -> tuple[float, float, float, float]:
    clock, key = SystemClock(), SigningKey.generate()
    store = await Store.open(path)
    try:
        await _fill(store)
        custody = Custody(clock, key)
        begun = time.perf_counter()
        async with store.transaction() as tx:
            await custody.prove(tx, _request(7))
        first = _since(begun)
        appends, proofs, naives = [], [], []
        for number in range(_ROUNDS):
            async with store.transaction() as tx:
                begun = time.perf_counter()
                await custody.record(tx, CustodyKind.HASHED, "agent", _request(number), details={"sha256": "0" * 64})
                appends.append(_since(begun))
                begun = time.perf_counter()
                await custody.prove(tx, _request(number))
                proofs.append(_since(begun))
        for _ in range(3):
            begun = time.perf_counter()
            async with store.transaction() as tx:
                hashing = hashlib.sha256()
                for row in await tx.all("SELECT line FROM custody ORDER BY seq"):
                    hashing.update(row["line"].encode())
            naives.append(_since(begun))
        return statistics.median(appends), statistics.median(proofs), first, statistics.median(naives)
    finally:
        await store.close()


async def _fill(store: Store) -> None:
    line: str | None = None
    async with store.transaction() as tx:
        for number in range(LINES):
            request = _request(number % _REQUESTS)
            line = next_line(
                line, seq=number, at=number, monotonic_us=number, actor="agent", event=CustodyKind.HASHED,
                request_id=request, details={"sha256": "0" * 64},
            )  # fmt: skip
            await tx.insert("custody", seq=number, request_id=request, line=line, leaf=line_leaf(line))


def _request(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def _since(begun: float) -> float:
    return (time.perf_counter() - begun) * 1000
