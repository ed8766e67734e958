"""The log of what officers do here: it only grows, and each of its heads can be held against every later one.

Not for: places that were searched (``portal.registry.searches``). Each function is the work of one transaction.
"""

import json
import secrets

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from exchange.custody.checkpoint import open_checkpoint
from exchange.custody.log import line_leaf
from exchange.custody.merkle import MerkleTree, node_hash
from exchange.custody.uses import (
    AboutQuery,
    Deed,
    LogHead,
    ProvenLine,
    SignedHead,
    Use,
    Uses,
    UsesAbout,
    previous_of,
    use_line,
)
from exchange.documents.messages import Credential, Role, Signed
from exchange.signing.documents import PublicKey
from portal.audit.roles import require
from portal.problems import conflict, invalid
from portal.storage import locks
from portal.storage.models import Officer
from portal.storage.use_tables import UseHead, UseLine, UseNode, UseWaiting

MOST_LINES = 500
"""In one answer."""
MOST_PROVEN = 100
"""In one answer, with their proofs."""
_MOST_CHARACTERS = 400_000
MOST_AT_ONCE = 500
"""Lines that get their place in one transaction."""
_WAITING = "uses are waiting"


class StoredTree(MerkleTree):
    """The tree over all lines, its nodes in the database: a line costs about two rows, a head about log2(size)."""

    def __init__(self, session: Session, size: int) -> None:
        super().__init__()
        self._session, self._size = session, size
        self._new: dict[tuple[int, int], bytes] = {}

    @property
    def size(self) -> int:
        return self._size

    def append(self, leaf: bytes) -> None:
        """What is new is in the database only after ``keep``."""
        level, position = 0, self._size
        self._new[level, position] = leaf
        while position & 1:
            leaf = node_hash(self._node(level, position - 1), leaf)
            level, position = level + 1, position >> 1
            self._new[level, position] = leaf
        self._size += 1

    def keep(self) -> None:
        rows = [
            {"level": level, "position": position, "hash": found.hex()}
            for (level, position), found in self._new.items()
        ]
        self._session.execute(insert(UseNode), rows)
        self._new.clear()

    def _node(self, level: int, position: int) -> bytes:
        if (level, position) in self._new:
            return self._new[level, position]
        node = self._session.get(UseNode, (level, position))
        assert node is not None, "every complete subtree of the log is kept"
        return bytes.fromhex(node.hash)


def record(
    session: Session,
    officer: str,
    deed: Deed,
    crime_reference: str,
    now: int,
    request_id: str | None = None,
    statement: str | None = None,
) -> None:
    """Write down what was done, with the deed itself; on a file, at its place in the log at once.

    ``officer``: the fingerprint of one who is known here. On PostgreSQL all who do anything would want the log's end at
    the same time: it gets its place once the deed is committed, before anybody hears of it (``portal.audit.logged``).
    """
    known = session.get(Officer, officer)
    assert known is not None, "a caller whose token was taken is known"
    said = use_line(
        Use(
            seq=0,
            at=now,
            deed=deed,
            officer=officer,
            name=known.name,
            collar_number=known.collar_number,
            crime_reference=crime_reference,
            request_id=request_id,
            statement=statement,
            previous=previous_of(None),
        )
    )
    session.execute(insert(UseWaiting), [{"use_id": secrets.token_hex(16), "at": now, "unplaced_line": said}])
    if locks.is_shared(session):
        session.info[_WAITING] = True
    else:
        append(session)


def are_waiting(session: Session) -> bool:
    """Whether this transaction wrote down something that gets its place later."""
    return bool(session.info.get(_WAITING))


def append(session: Session) -> bool:
    """Give what waits its place at the end of the log, a batch at once; whether more waits. One at a time does it."""
    locks.queue_for(session, UseWaiting.__tablename__)
    asked = select(UseWaiting.use_id, UseWaiting.at, UseWaiting.unplaced_line)
    found = session.execute(asked.order_by(UseWaiting.use_id).limit(MOST_AT_ONCE + 1)).all()
    batch = sorted(found[:MOST_AT_ONCE], key=lambda waiting: (waiting.at, waiting.use_id))
    if not batch:
        return False
    last = session.execute(select(UseLine.seq, UseLine.line).order_by(UseLine.seq.desc()).limit(1)).one_or_none()
    tree = StoredTree(session, 0 if last is None else last.seq + 1)
    line = None if last is None else last.line
    rows = []
    for waiting in batch:
        use = Use.model_validate_json(waiting.unplaced_line)
        line = use_line(use.model_copy(update={"seq": tree.size, "previous": previous_of(line)}))
        rows.append({"seq": tree.size, "line": line})
        tree.append(line_leaf(line))
    session.execute(insert(UseLine), rows)
    tree.keep()
    session.execute(delete(UseWaiting).where(UseWaiting.use_id.in_([waiting.use_id for waiting in batch])))
    return len(found) > len(batch)


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


def about(session: Session, officer: str, query: AboutQuery) -> UsesAbout:
    """What was done about a crime, for whoever discloses it. ProblemError 403 for others than them and auditors."""
    known = session.get(Officer, officer)
    if known is None or not Credential.model_validate_json(known.document).may(Role.AUDITOR):
        require(session, officer, Role.DISCLOSURE)
    named = f'"crime_reference":{json.dumps(query.crime_reference, ensure_ascii=False)}'
    rows = session.scalars(
        select(UseLine)
        .where(UseLine.seq > query.after, UseLine.line.contains(named, autoescape=True))
        .order_by(UseLine.seq)
        .limit(MOST_PROVEN + 1)
    ).all()
    tree = tree_of(session)
    lines = [
        ProvenLine(seq=row.seq, line=row.line, proof=tuple(step.hex() for step in tree.inclusion(row.seq)))
        for row in rows[:MOST_PROVEN]
    ]
    return UsesAbout(size=tree.size, root=tree.root().hex(), lines=tuple(lines), more=len(rows) > MOST_PROVEN)


def head(session: Session, since: int) -> LogHead:
    """How the log stands, for every officer."""
    tree = tree_of(session)
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
    require_known(session, officer, given.credential)
    tree = tree_of(session)
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


def require_known(session: Session, officer: str, credential: Signed) -> None:
    """ProblemError 422 unless the portal let the officer in with this very credential."""
    known = session.get(Officer, officer)
    if known is None or credential != Signed(document=known.document, signature=known.signature):
        raise invalid("The credential is not the one that is known here.", "Set up again with the newest one.")


def tree_of(session: Session) -> StoredTree:
    last = session.scalar(select(func.max(UseLine.seq)))
    return StoredTree(session, 0 if last is None else last + 1)


def _proof(tree: MerkleTree, since: int) -> tuple[str, ...]:
    return tuple(step.hex() for step in tree.consistency(since)) if 0 < since <= tree.size else ()


def _signed(row: UseHead) -> SignedHead:
    return SignedHead(note=row.note, credential=Signed(document=row.document, signature=row.signature))
