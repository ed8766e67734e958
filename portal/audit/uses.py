"""The log of what officers do here: it only grows, and each of its heads can be held against every later one.

Not for: places that were searched (``portal.registry.searches``). Each function is the work of one transaction.
"""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exchange.custody.checkpoint import open_checkpoint
from exchange.custody.log import line_leaf
from exchange.custody.merkle import MerkleTree, node_hash
from exchange.custody.uses import Deed, LogHead, SignedHead, Use, Uses, previous_of, use_line
from exchange.documents.messages import Role, Signed
from exchange.signing.documents import PublicKey
from portal.audit.roles import require
from portal.problems import conflict, invalid
from portal.storage.models import Officer
from portal.storage.use_tables import UseHead, UseLine, UseNode

MOST_LINES = 500
"""In one answer."""
_MOST_CHARACTERS = 400_000


class StoredTree(MerkleTree):
    """The tree over all lines, its nodes in the database: a line costs about two rows, a head about log2(size)."""

    def __init__(self, session: Session, size: int) -> None:
        super().__init__()
        self._session, self._size = session, size

    @property
    def size(self) -> int:
        return self._size

    def append(self, leaf: bytes) -> None:
        level, position = 0, self._size
        self._keep(level, position, leaf)
        while position & 1:
            leaf = node_hash(self._node(level, position - 1), leaf)
            level, position = level + 1, position >> 1
            self._keep(level, position, leaf)
        self._size += 1

    def _keep(self, level: int, position: int, found: bytes) -> None:
        self._session.add(UseNode(level=level, position=position, hash=found.hex()))
        self._session.flush()

    def _node(self, level: int, position: int) -> bytes:
        node = self._session.get(UseNode, (level, position))
        assert node is not None, "every complete subtree of the log is kept"
        return bytes.fromhex(node.hash)


def record(
    session: Session, officer: str, deed: Deed, crime_reference: str, now: int, request_id: str | None = None
) -> None:
    """One more line; of two at once, the second finds its number taken, and its work is run again.

    ``officer``: the fingerprint of one who is known here.
    """
    last = session.scalar(select(UseLine).order_by(UseLine.seq.desc()).limit(1))
    known = session.get(Officer, officer)
    assert known is not None, "a caller whose token was taken is known"
    size = 0 if last is None else last.seq + 1
    line = use_line(
        Use(
            seq=size,
            at=now,
            deed=deed,
            officer=officer,
            name=known.name,
            collar_number=known.collar_number,
            crime_reference=crime_reference,
            request_id=request_id,
            previous=previous_of(None if last is None else last.line),
        )
    )
    session.add(UseLine(seq=size, line=line))
    StoredTree(session, size).append(line_leaf(line))


def read(session: Session, officer: str, after: int) -> Uses:
    """Lines for an auditor. ProblemError 403 for anybody else."""
    require(session, officer, Role.AUDITOR)
    rows = session.scalars(
        select(UseLine.line).where(UseLine.seq >= after).order_by(UseLine.seq).limit(MOST_LINES + 1)
    ).all()
    lines: list[str] = []
    room = _MOST_CHARACTERS
    for line in rows[:MOST_LINES]:
        room -= len(line.encode())
        if lines and room < 0:
            break
        lines.append(line)
    return Uses(lines=tuple(lines), more=len(rows) > len(lines))


def head(session: Session, since: int) -> LogHead:
    """How the log stands, for every officer."""
    tree = _tree(session)
    signed = session.scalar(select(UseHead).order_by(UseHead.size.desc(), UseHead.number.desc()).limit(1))
    return LogHead(
        size=tree.size,
        root=tree.root().hex(),
        proof=_proof(tree, since),
        signed=None if signed is None else _signed(signed),
        signed_proof=() if signed is None else _proof(tree, signed.size),
    )


def sign(session: Session, officer: str, given: SignedHead) -> None:
    """Keep an auditor's head. ProblemError 403, 409 when it is not what the log is, 422 when it is another's."""
    credential = require(session, officer, Role.AUDITOR)
    key = PublicKey.parse(credential.public_key)
    found = open_checkpoint(given.note, key)
    known = session.get(Officer, officer)
    if known is None or given.credential != Signed(document=known.document, signature=known.signature):
        raise invalid("The credential is not the one that is known here.", "Set up again with the newest one.")
    tree = _tree(session)
    if found.size > tree.size or tree.root(found.size) != found.root:
        raise conflict("The log is another one than was signed.", "Read it again, and compare.")
    session.add(
        UseHead(
            size=found.size,
            note=given.note,
            document=given.credential.document,
            signature=given.credential.signature,
        )
    )


def _tree(session: Session) -> StoredTree:
    last = session.scalar(select(func.max(UseLine.seq)))
    return StoredTree(session, 0 if last is None else last + 1)


def _proof(tree: MerkleTree, since: int) -> tuple[str, ...]:
    return tuple(step.hex() for step in tree.consistency(since)) if 0 < since <= tree.size else ()


def _signed(row: UseHead) -> SignedHead:
    return SignedHead(note=row.note, credential=Signed(document=row.document, signature=row.signature))
