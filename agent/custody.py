"""The agent's custody log in its store: every event a line, written in the transaction of what it tells of.

Not for: the lines' format and proofs (``exchange.custody``).
"""

from agent.store import Transaction
from exchange.checkpoint import sign_checkpoint
from exchange.clock import Clock
from exchange.custody import CustodyKind, ProvenLines, line_leaf, next_line, prove_lines
from exchange.merkle import MerkleTree
from exchange.signing import SigningKey


class Custody:
    """Appends to the log and signs its heads. The device key signs; nothing here reads footage."""

    def __init__(self, clock: Clock, device: SigningKey) -> None:
        self._clock = clock
        self._device = device

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
        tree = MerkleTree(await _leaves(tx))
        note = sign_checkpoint(tree.size, tree.root(), self._device)
        await self._keep(tx, tree.size, note)
        return note

    async def prove(self, tx: Transaction, request_id: str) -> ProvenLines:
        """The lines of one request with their proofs, for its package; the checkpoint is kept too."""
        rows = await tx.all("SELECT seq, line FROM custody WHERE request_id = ? ORDER BY seq", [request_id])
        leaves = await _leaves(tx)
        proven = prove_lines([(int(row["seq"]), str(row["line"])) for row in rows], leaves, self._device)
        await self._keep(tx, len(leaves), proven.checkpoint)
        return proven

    async def _keep(self, tx: Transaction, size: int, note: str) -> None:
        await tx.execute("INSERT OR IGNORE INTO checkpoints (size, note) VALUES (?, ?)", [size, note])


async def _leaves(tx: Transaction) -> list[bytes]:
    return [bytes(row["leaf"]) for row in await tx.all("SELECT leaf FROM custody ORDER BY seq")]
