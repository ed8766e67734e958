"""Whether the portal's log of use only grew since it was last seen here, and begins with what an auditor signed.

Not for: reading its lines (``portal.officer.supervised.reading``).
"""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from exchange.counted import counted
from exchange.custody.checkpoint import TreeHead, open_checkpoint
from exchange.custody.merkle import consistent
from exchange.custody.uses import LogHead, SignedHead, log_broken
from exchange.documents.messages import Credential, Role
from exchange.errors import CustodyBroken, DocumentInvalid, PortalRefused, PortalUnreachable, SignatureInvalid
from exchange.signing.credentials import open_credential
from exchange.signing.documents import PublicKey, read_unverified
from portal.officer.client import OfficerClient
from portal.officer.connection import NoSuchCall
from portal.officer.state import OfficerState
from portal.officer.supervised import restored


async def check_log(state: OfficerState, client: OfficerClient, now: int) -> None:
    """Hold the log's head against the last one that was seen here, and keep it. CustodyBroken when it was cut back, and
    no auditor signed why. ``now`` in microseconds UTC.

    A portal that never kept such a log is passed over; one that no longer does is not.
    """
    size, root = await asyncio.to_thread(state.log_head)
    try:
        head = await client.log_head(size)
    except NoSuchCall:
        if size:
            raise log_broken(
                f"The portal kept a log of use with {counted(size, 'line')}, and shows none any more."
            ) from None
        return
    shown, kept = await restored.fetch(state, client), None
    if not consistent(size, root, head.size, bytes.fromhex(head.root), _steps(head.proof)):
        after = await restored.head_after(state, client, shown)
        if after is None:
            raise log_broken(
                f"The portal's log of use had {counted(size, 'line')}, and the {head.size} of now don't "
                "begin with them."
            )
        head, kept = after
    await asyncio.to_thread(_check_signed, state, head)
    await asyncio.to_thread(state.save_log_head, head.size, head.root, now, kept)


async def log_trouble(state: OfficerState, client: OfficerClient, now: int) -> str | None:
    """What is wrong with the log, in words, for whoever has other work to do; the next look says it again. So it does
    of a log that was put back to an earlier state, as an auditor signed."""
    trouble = None
    try:
        await check_log(state, client, now)
    except (CustodyBroken, SignatureInvalid, DocumentInvalid) as error:
        trouble = f"{error.what} {error.meaning} {error.do}".strip()
    return " ".join(filter(None, (trouble, await asyncio.to_thread(restored.what_was_lost, state)))) or None


async def say_opened(client: OfficerClient, request_id: str) -> None:
    """For the log of use, where the portal keeps one."""
    with contextlib.suppress(NoSuchCall):
        await client.say_used(request_id, "opened")


async def say_if_reached(client: OfficerClient, request_ids: Iterable[str], deed: Literal["opened", "printed"]) -> None:
    """The same of several requests, where what was done stays done, whatever the portal says of it."""
    with contextlib.suppress(PortalRefused, PortalUnreachable):
        for request_id in request_ids:
            await client.say_used(request_id, deed)


@dataclass(frozen=True, slots=True)
class SignedLog:
    """What an auditor signed last: so many lines."""

    name: str
    size: int


async def signed_log(state: OfficerState, client: OfficerClient) -> SignedLog | None:
    """None when nobody signed yet. SignatureInvalid or CustodyBroken when it is no auditor's."""
    head = await client.log_head(0)
    if head.signed is None:
        return None
    auditor, found = await asyncio.to_thread(_open_signed, state, head.signed)
    return SignedLog(auditor.name, found.size)


def _check_signed(state: OfficerState, head: LogHead) -> None:
    """What an auditor signed must be the beginning of what there is. CustodyBroken, SignatureInvalid."""
    if head.signed is None:
        return
    auditor, found = _open_signed(state, head.signed)
    if not consistent(found.size, found.root, head.size, bytes.fromhex(head.root), _steps(head.signed_proof)):
        raise log_broken(
            f"The portal's log is not the one with {counted(found.size, 'line')} that {auditor.name} signed."
        )


def _open_signed(state: OfficerState, signed: SignedHead) -> tuple[Credential, TreeHead]:
    said = read_unverified(signed.credential, Credential)  # it may have ended since: what was signed stays signed
    auditor = open_credential(signed.credential, PublicKey.parse(state.setup().force_key), said.valid_from)
    if not auditor.may(Role.AUDITOR):
        raise log_broken(f"The head of the portal's log is signed by {auditor.name}, who is no auditor.")
    return auditor, open_checkpoint(signed.note, PublicKey.parse(auditor.public_key))


def _steps(proof: tuple[str, ...]) -> list[bytes]:
    return [bytes.fromhex(step) for step in proof]
