"""Joining a portal: whose it is, the force's key that the owner confirms, and this device made known to it.

Not for: cameras (``registration``), or requests.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from agent.membership.leaving import end_open_requests
from agent.portal.client import PortalClient, home
from agent.services import Services
from agent.store.database import ForceRow
from agent.store.keys import is_enrolled, note_enrolled
from exchange.custody.log import CustodyKind
from exchange.documents.api import ForceInfo
from exchange.documents.messages import Enrolment
from exchange.errors import ForceKeyChanged, NotEnrolled, PortalAnswerInvalid
from exchange.signing.documents import PublicKey, sign_document

OpenPortal = Callable[[str], Awaitable[PortalClient]]


@dataclass(frozen=True)
class Introduction:
    """What a portal says of itself, for the owner to confirm before anything is pinned."""

    info: ForceInfo
    fingerprint: str
    words: str
    pinned: str | None
    """The fingerprint that was confirmed earlier, when it is another."""


async def introduce(services: Services, portal: PortalClient) -> Introduction:
    """Ask the portal whose it is. Nothing is sent but the question, nothing is kept."""
    info = await portal.force()
    key = PublicKey.parse(info.public_key)
    async with services.store.transaction() as tx:
        force = await tx.force()
    known = None if force is None else PublicKey.parse(force.public_key).fingerprint
    words = await asyncio.to_thread(lambda: key.words)  # from a list in a file
    return Introduction(info, key.fingerprint, words, known if known != key.fingerprint else None)


async def enrol(services: Services, portal: PortalClient, fingerprint: str, confirmed_by: str) -> ForceRow:
    """Pin the force key that the owner confirmed by its fingerprint, and make this device known to the portal.

    Requests under another key, of another portal, or to another key of this device end: what was approved for one is
    not sent to the other.
    ForceKeyChanged when the portal now shows another key than the one confirmed.
    """
    info = await portal.force()
    key = PublicKey.parse(info.public_key)
    if key.fingerprint != fingerprint:
        raise _another_key(key.fingerprint, fingerprint)
    if home(info.portal) != home(portal.url):
        raise PortalAnswerInvalid(
            f"The portal at {home(portal.url)} calls itself {home(info.portal)}.",
            meaning="Tokens for one must not be usable at another.",
            do="Use the address that the force publishes.",
        )
    portal.audience = info.portal
    enrolment = Enrolment(
        device_key=services.keys.device.public.line,
        portal=info.portal,
        force_key=key.fingerprint,
        issued=services.clock.now(),
    )
    answer = await portal.enrol(sign_document(enrolment, services.keys.device))
    if answer.device != services.keys.device.public.fingerprint:
        raise PortalAnswerInvalid("The portal enrolled another device than this one.", do="Tell the force.")
    now = services.clock.now()
    uploads = info.uploads if "://" in info.uploads else portal.url + info.uploads
    async with services.store.transaction() as tx:
        before = await tx.force()
        same = before is not None and (before.public_key, home(before.portal)) == (key.line, home(portal.url))
        if before is not None and not (same and await is_enrolled(tx, services.keys.device.public)):
            await end_open_requests(services, tx, confirmed_by)
            await tx.execute("DELETE FROM registrations")
        await tx.execute("DELETE FROM force")
        await tx.insert(
            "force",
            one=1,
            name=info.force,
            public_key=key.line,
            portal=portal.url,
            uploads=uploads,
            confirmed_at=now,
            confirmed_by=confirmed_by,
        )
        await tx.execute("UPDATE cameras SET registered = 1")
        await tx.set_note("inbox-cursor", "0")
        await note_enrolled(tx, services.keys.device.public)
        await services.custody.record(
            tx, CustodyKind.ENROLLED, confirmed_by, details={"force": info.force, "force_key": key.fingerprint}
        )
    return ForceRow(info.force, key.line, portal.url, uploads, now, confirmed_by)


async def check_force(services: Services, portal: PortalClient) -> None:
    """ForceKeyChanged when the portal no longer shows the pinned key: until the owner confirms again, it is refused."""
    async with services.store.transaction() as tx:
        force = await tx.force()
    if force is None:
        raise NotEnrolled
    shown = PublicKey.parse((await portal.force()).public_key)
    pinned = PublicKey.parse(force.public_key)
    if shown != pinned:
        raise _another_key(shown.fingerprint, pinned.fingerprint)


def _another_key(shown: str, confirmed: str) -> ForceKeyChanged:
    return ForceKeyChanged(
        f"The portal shows the force key {shown}; you confirmed {confirmed}.",
        meaning="Requests under the new key are refused. Either the force changed its key, or somebody is in between.",
        do="Ask the force by telephone, then confirm the new key with: handover setup",
    )
