"""The agent's custody log in its store: every event a line, written in the transaction of what it tells of.

Not for: the lines' format and proofs (``exchange.custody.log``).
"""

import asyncio

import aiosqlite

from agent.store.database import Transaction
from exchange.clock import Clock, Instant
from exchange.custody.checkpoint import sign_checkpoint
from exchange.custody.log import CustodyEvent, CustodyKind, ProvenLines, line_leaf, next_line, prove_lines, read_line
from exchange.custody.merkle import MerkleTree
from exchange.signing.documents import SigningKey

_IN_PACKAGES = frozenset({
    CustodyKind.REQUEST_RECEIVED, CustodyKind.NOTED, CustodyKind.REQUEST_VERIFIED, CustodyKind.PRESERVED,
    CustodyKind.AGREED, CustodyKind.APPROVED, CustodyKind.APPROVAL_VOID,
    CustodyKind.CLIPPED, CustodyKind.HASHED, CustodyKind.SIGNED, CustodyKind.TIMESTAMPED, CustodyKind.SEALED,
    CustodyKind.DELIVERED, CustodyKind.SENT_AGAIN,
})  # fmt: skip
"""How what is in a package came about. Nothing else leaves the house: neither how sending went (what it broke off for
may name a medium's path, or an account), nor what was said after it, nor what became of the owner's own copies."""
NO_STAMP = "No time stamp: "
"""How the reason of a line ``failed`` begins that is of a stamp; it is the only such line in packages."""
_FEW = 1000
"""Leaves that are hashed on the event loop: some milliseconds."""


class Custody:
    """Appends to the log and signs its heads. The device key signs; nothing here reads footage."""

    def __init__(self, clock: Clock, device: SigningKey) -> None:
        self._clock = clock
        self._device = device
        self._tree = MerkleTree()
        self._last_leaf = b""

    async def record(
        self,
        tx: Transaction,
        event: CustodyKind,
        actor: str,
        request_id: str | None = None,
        *,
        camera_id: str | None = None,
        details: dict[str, str | int | bool] | None = None,
        reason: str | None = None,
    ) -> None:
        """One more line, at the clock's now."""
        last = await tx.one("SELECT seq, line FROM custody ORDER BY seq DESC LIMIT 1")
        line = next_line(
            None if last is None else str(last["line"]),
            seq=0 if last is None else int(last["seq"]) + 1,
            at=self._clock.now(),
            monotonic_us=self._clock.monotonic(),
            actor=actor,
            event=event,
            request_id=request_id,
            camera_id=camera_id,
            details=details,
            reason=reason,
        )
        seq = 0 if last is None else int(last["seq"]) + 1
        await tx.insert("custody", seq=seq, request_id=request_id, line=line, leaf=line_leaf(line))

    async def checkpoint(self, tx: Transaction) -> str:
        """Sign the log as it stands, and keep the note for the portal to witness."""
        tree = await self._grown(tx)
        note = sign_checkpoint(tree.size, tree.root(), self._device)
        await self._keep(tx, tree.size, note)
        return note

    async def head_at(self, tx: Transaction, size: int) -> bytes | None:
        """The root over the first ``size`` lines; None where the log has fewer."""
        tree = await self._grown(tx)
        if tree.size < size:
            return None
        if tree.size == size:
            return tree.root()
        rows = await tx.all("SELECT leaf FROM custody WHERE seq < ? ORDER BY seq", [size])
        return (await asyncio.to_thread(_append, MerkleTree(), rows)).root()

    async def last(self, tx: Transaction, event: CustodyKind, request_id: str) -> Instant | None:
        """When this happened to a request the last time; None if it never did."""
        rows = await tx.all("SELECT line FROM custody WHERE request_id = ? ORDER BY seq DESC", [request_id])
        events = (read_line(row["line"]) for row in rows)
        return next((each.at for each in events if each.event is event), None)

    async def prove(self, tx: Transaction, request_id: str) -> ProvenLines:
        """The lines of one request with their proofs, for its package; the checkpoint is kept too."""
        rows = await tx.all("SELECT seq, line FROM custody WHERE request_id = ? ORDER BY seq", [request_id])
        lines = [(int(row["seq"]), str(row["line"])) for row in rows]
        lines = [(seq, line) for seq, line in lines if _goes(read_line(line))]
        tree = await self._grown(tx)
        proven = prove_lines(lines, tree, self._device)
        await self._keep(tx, tree.size, proven.checkpoint)
        return proven

    async def _keep(self, tx: Transaction, size: int, note: str) -> None:
        await tx.execute("INSERT OR IGNORE INTO checkpoints (size, note) VALUES (?, ?)", [size, note])

    async def _grown(self, tx: Transaction) -> MerkleTree:
        """The tree over the whole log; what was hashed before is not hashed again.

        It may have been grown in a transaction that was rolled back since. The log itself tells: as each line holds
        the hash of the one before, all lines up to one are the same when that one is.
        """
        known = await tx.one("SELECT leaf FROM custody WHERE seq = ?", [self._tree.size - 1])
        if known is None or bytes(known["leaf"]) != self._last_leaf:
            self._tree, self._last_leaf = MerkleTree(), b""
        rows = await tx.all("SELECT leaf FROM custody WHERE seq >= ? ORDER BY seq", [self._tree.size])
        if not rows:
            return self._tree
        if len(rows) < _FEW:
            _append(self._tree, rows)
        else:  # a new one, which nobody sees half-made should this be cancelled
            earlier = await tx.all("SELECT leaf FROM custody WHERE seq < ? ORDER BY seq", [self._tree.size])
            self._tree = await asyncio.to_thread(_append, MerkleTree(), [*earlier, *rows])
        self._last_leaf = bytes(rows[-1]["leaf"])
        return self._tree


def _goes(line: CustodyEvent) -> bool:
    """Whether a line goes into the packages of its request."""
    if line.event is CustodyKind.FAILED:
        return (line.reason or "").startswith(NO_STAMP)
    return line.event in _IN_PACKAGES


def _append(tree: MerkleTree, rows: list[aiosqlite.Row]) -> MerkleTree:
    for row in rows:
        tree.append(bytes(row["leaf"]))
    return tree
