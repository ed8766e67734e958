"""The custody log is signed as it stands, also after what was rolled back, and however long it grows."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from agent.store import custody
from agent.store.custody import Custody
from agent.store.database import Store
from exchange.custody.checkpoint import open_checkpoint
from exchange.custody.log import CustodyKind, check_chain, open_lines
from exchange.custody.merkle import MerkleTree
from exchange.errors import DiskFull
from exchange.signing.documents import SigningKey
from tests.journey.home import HomeClock

DEVICE = SigningKey.generate()


async def store_at(tmp_path: Path) -> Store:
    return await Store.open(tmp_path / "agent.db")


async def note(log: Custody, store: Store, count: int = 1) -> None:
    async with store.transaction() as tx:
        for _ in range(count):
            await log.record(tx, CustodyKind.APPROVED, "robin", "r-1")


async def assert_true(log: Custody, store: Store) -> None:
    """The signed head is that of a tree made anew of the lines in the store."""
    async with store.transaction() as tx:
        signed = await log.checkpoint(tx)
        rows = await tx.all("SELECT line, leaf FROM custody ORDER BY seq")
    head = open_checkpoint(signed, DEVICE.public)
    tree = MerkleTree(bytes(row["leaf"]) for row in rows)
    assert (head.size, head.root) == (tree.size, tree.root())
    assert check_chain(str(row["line"]) for row in rows) == len(rows)


class Undone(Exception):
    pass


async def undone(log: Custody, store: Store, count: int) -> None:
    with suppress(Undone):
        async with store.transaction() as tx:
            for number in range(count):
                await log.record(tx, CustodyKind.APPROVED, f"mallory {number}", "r-1")
            await log.checkpoint(tx)
            raise Undone


async def test_every_head_is_that_of_the_lines_in_the_store_also_after_a_rollback(tmp_path: Path) -> None:
    log, store = Custody(HomeClock(), DEVICE), await store_at(tmp_path)
    await assert_true(log, store)
    await undone(log, store, 1)
    await assert_true(log, store)
    for count in (1, 2, 5):
        await note(log, store, count)
        await undone(log, store, count)
        await note(log, store, count)
        await assert_true(log, store)
        await undone(log, store, count)
        await assert_true(log, store)
    async with store.transaction() as tx:
        proven = await log.prove(tx, "r-1")
    events, head = open_lines(proven, DEVICE.public)
    assert len(events) == head.size == 16
    await store.close()


async def test_a_long_log_is_hashed_off_the_loop_once_and_then_only_grown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await store_at(tmp_path)
    await note(Custody(HomeClock(), DEVICE), store, 1500)
    log, hashed = Custody(HomeClock(), DEVICE), []
    append = custody._append

    def counted(tree, rows):  # type: ignore[no-untyped-def]
        hashed.append(len(rows))
        on_loop = True
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            on_loop = False
        assert on_loop == (len(rows) < 1000)
        return append(tree, rows)

    monkeypatch.setattr(custody, "_append", counted)
    await assert_true(log, store)
    await note(log, store, 3)
    await assert_true(log, store)
    assert hashed == [1500, 3]
    await store.close()


async def test_a_cancelled_transaction_leaves_the_store_usable(tmp_path: Path) -> None:
    log, store = Custody(HomeClock(), DEVICE), await store_at(tmp_path)
    for turns in range(12):
        task = asyncio.create_task(note(log, store, 3))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await note(log, store)
    await assert_true(log, store)
    await store.close()


async def test_a_full_disk_under_the_store_is_told_as_such_and_undoes_the_whole(tmp_path: Path) -> None:
    log, store = Custody(HomeClock(), DEVICE), await store_at(tmp_path)
    await note(log, store)
    async with store.transaction() as tx:
        pages = await tx.one("PRAGMA page_count")
    assert pages is not None
    await (await store._connection.execute(f"PRAGMA max_page_count = {pages[0]}")).close()
    with pytest.raises(DiskFull):
        await note(log, store, 200)
    await (await store._connection.execute("PRAGMA max_page_count = 1000000")).close()
    async with store.transaction() as tx:
        assert len(await tx.all("SELECT 1 FROM custody")) == 1
    await note(log, store, 200)
    await assert_true(log, store)
    await store.close()
