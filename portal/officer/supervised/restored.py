"""A log of use that was put back to an earlier state: what an auditor signs of it, and when a program believes that.

A statement excuses a head that this machine saw before the portal was put back, and none that it saw later: one
statement can't be used for a second cut. It is kept here, and told with each look, whatever the portal shows later.
Not for: a log that only grew (``portal.officer.supervised.log``).
"""

import asyncio
from collections.abc import Container, Iterable, Sequence

from exchange.clock import to_rfc3339
from exchange.counted import counted
from exchange.custody.merkle import EMPTY_ROOT, consistent
from exchange.custody.restored import Head, LogRestored, SignedRestored
from exchange.custody.uses import Deed, LogHead, Use, UsesReader, log_broken
from exchange.documents.messages import Credential, Role
from exchange.errors import InputInvalid
from exchange.signing.credentials import open_credential
from exchange.signing.documents import PublicKey, document_sha256, open_document, read_unverified, sign_document
from portal.officer.client import OfficerClient
from portal.officer.connection import NoSuchCall
from portal.officer.state import OfficerState

_ATTEMPTS = 5


async def fetch(state: OfficerState, client: OfficerClient) -> tuple[LogRestored, ...]:
    """The statements that the portal shows, each checked and kept here. CustodyBroken, SignatureInvalid."""
    try:
        shown = (await client.log_restorations()).restorations
    except NoSuchCall:
        return ()
    return await asyncio.to_thread(_kept, state, shown)


def _kept(state: OfficerState, shown: Sequence[SignedRestored]) -> tuple[LogRestored, ...]:
    checked = tuple(_checked(state, each) for each in shown)
    state.keep_restorations({document_sha256(each.statement): each for each in shown})
    return checked


def auditor_of(state: OfficerState, signed: SignedRestored) -> Credential:
    """CustodyBroken when it is no auditor of this force."""
    said = read_unverified(signed.credential, Credential)  # it may have ended since: what was signed stays signed
    auditor = open_credential(signed.credential, PublicKey.parse(state.setup().force_key), said.valid_from)
    if not auditor.may(Role.AUDITOR):
        raise log_broken(f"That the portal's log was put back is signed by {auditor.name}, who is no auditor.")
    return auditor


def _checked(state: OfficerState, signed: SignedRestored) -> LogRestored:
    auditor = auditor_of(state, signed)
    found = open_document(signed.statement, LogRestored, PublicKey.parse(auditor.public_key))
    if found.force != state.setup().force:
        raise log_broken("That the portal's log was put back is said of another force's.")
    return found


async def head_after(
    state: OfficerState, client: OfficerClient, shown: Iterable[LogRestored]
) -> tuple[LogHead, int] | None:
    """How the log stands now, and from how many lines it goes on, if a statement says why it doesn't begin with the
    head that was seen here. None if none does, or if it doesn't begin with what was kept, and was seen here of that."""
    size, _ = await asyncio.to_thread(state.log_head)
    last = await asyncio.to_thread(state.log_seen)
    for said in shown:
        if said.kept.size <= size <= said.lost and last < said.restored:
            seen, root = await asyncio.to_thread(state.log_head_until, said.kept.size)
            head = await _head_from(client, said.kept, Head(size=seen, root=root.hex()))
            return None if head is None else (head, said.kept.size)
    return None


async def _head_from(client: OfficerClient, *beginnings: Head) -> LogHead | None:
    """One head that begins with all of these; None if there is none."""
    for _ in range(_ATTEMPTS):
        heads = [await client.log_head(before.size) for before in beginnings]
        if not all(map(_begins_with, heads, beginnings)):
            return None
        if len({(head.size, head.root) for head in heads}) == 1:  # no line came between the calls
            return heads[0]
    return None


def _begins_with(head: LogHead, before: Head) -> bool:
    steps = [bytes.fromhex(step) for step in head.proof]
    return consistent(before.size, bytes.fromhex(before.root), head.size, bytes.fromhex(head.root), steps)


def what_was_lost(state: OfficerState) -> str | None:
    """What is said with each look, of all that was ever shown here."""
    words = []
    for signed in state.restorations().values():
        said, auditor = read_unverified(signed.statement, LogRestored), read_unverified(signed.credential, Credential)
        words.append(
            f"The portal's log of use was put back to an earlier state on {to_rfc3339(said.restored)[:19]}Z: of "
            f"{counted(said.lost, 'line')} the last {counted(said.lost - said.kept.size, 'is', 'are')} "
            f"lost. {auditor.name} signed that, "
            f"and why: {said.reason}"
        )
    return " ".join(words) or None


def check_lines(uses: Sequence[Use], known: Container[str]) -> None:
    """Of a log that an auditor read, each line about such a statement must have one, by its SHA-256. CustodyBroken."""
    for use in uses:
        if use.deed is Deed.RESTORED and use.statement not in known:
            raise log_broken(f"Line {use.seq} names a statement that the log was put back, which nobody shows.")


def sign(state: OfficerState, log: UsesReader, at: int, lost: int | None, reason: str, now: int) -> SignedRestored:
    """An auditor's word that the portal answers again since ``at``, its log going on from its lines before that.

    ``log``: read whole, with that time and the roots of all sizes that were seen here.

    InputInvalid when nothing was lost as far as this machine saw, and nobody told more (``lost``: lines in all).
    CustodyBroken when what was kept is not what this machine saw of it.
    """
    kept, kept_root = log.until or (log.position, log.root())
    seen, _ = state.log_head()
    had = max(lost or 0, seen if state.log_seen() < at else 0)
    if had <= kept:
        raise InputInvalid(
            f"The log goes on from its {counted(kept, 'line')} before that time, and this machine saw no more of it.",
            do="If officers' programs had more, give the greatest number that one of them shows: --lost N.",
        )
    size, root = state.log_head_until(kept)
    if log.roots.get(size, EMPTY_ROOT) != root:
        raise log_broken(f"What was kept of the log is not what this machine saw of its first {counted(size, 'line')}.")
    credential, who = state.credential(now)
    said = LogRestored(
        force=who.force,
        auditor=state.key().public.fingerprint,
        restored=at,
        kept=Head(size=kept, root=kept_root.hex()),
        lost=had,
        reason=reason,
        issued=now,
    )
    return SignedRestored(statement=sign_document(said, state.key()), credential=credential)
