"""Belonging to a portal: enrol under a confirmed force key, register the cameras, leave and be erased.

Not for: requests. What officers learn of a camera is in ``CameraRegistration`` and nowhere else.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from agent.cameras.stored import registrations
from agent.portal.client import NotRecognised, PortalClient, origin
from agent.requests.states import UNSENT, State, change_state
from agent.services import Services
from agent.store.database import ForceRow, Transaction
from exchange.clock import HOUR
from exchange.custody.log import CustodyKind
from exchange.documents.api import ForceInfo
from exchange.documents.messages import CameraRegistration, Enrolment, Owner, Registration, Signed, Withdrawal
from exchange.errors import ForceKeyChanged, NotEnrolled, PortalAnswerInvalid
from exchange.signing.documents import PublicKey, read_unverified, sign_document

_LEAVING = "leaving"
"""The note that a withdrawal is under way."""
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

    Requests under another key, or of another portal, end: what was approved for one is not sent to the other.
    ForceKeyChanged when the portal now shows another key than the one confirmed.
    """
    info = await portal.force()
    key = PublicKey.parse(info.public_key)
    if key.fingerprint != fingerprint:
        raise _another_key(key.fingerprint, fingerprint)
    if origin(info.portal) != origin(portal.url):
        raise PortalAnswerInvalid(
            f"The portal at {origin(portal.url)} calls itself {origin(info.portal)}.",
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
        if before is not None and (before.public_key, origin(before.portal)) != (key.line, origin(portal.url)):
            await _end_open_requests(services, tx, confirmed_by)
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


_DAILY = 20 * HOUR
"""How far back recordings reach is told once a day, for all cameras together: when it changes tells nothing."""


async def register(services: Services, portal: PortalClient) -> bool:
    """Bring the portal what is registered now; False when it has that already."""
    signed = await _next_registration(services)
    if signed is None:
        return False
    await portal.register(signed)
    revision = read_unverified(signed, Registration).revision
    async with services.store.transaction() as tx:
        await tx.update("registrations", {"revision": revision}, sent_at=services.clock.now())
        await services.custody.record(tx, CustodyKind.REGISTERED, "agent", details={"revision": revision})
    return True


async def cameras_at_portal(tx: Transaction) -> set[str]:
    """The cameras that the portal was told of last: those that officers may find."""
    last = await tx.one("SELECT * FROM registrations WHERE sent_at IS NOT NULL ORDER BY revision DESC LIMIT 1")
    if last is None:
        return set()
    signed = Signed(document=last["document"], signature=last["signature"])
    return {camera.camera_id for camera in read_unverified(signed, Registration).cameras}


async def _next_registration(services: Services) -> Signed | None:
    """The newest registration that the portal lacks: the one that was not sent, or a new one when cameras changed."""
    owner = services.settings.owner
    async with services.store.transaction() as tx:
        known = registrations(await tx.cameras())
    since = {each.camera_id: await services.footage.recordings_since(each.camera_id) for each in known}
    async with services.store.transaction() as tx:
        cameras = tuple(
            each.model_copy(update={"recordings_since": since.get(each.camera_id)})
            for each in registrations(await tx.cameras())
        )
        last = await tx.one("SELECT * FROM registrations ORDER BY revision DESC LIMIT 1")
        revision = 1
        if last is not None:
            signed = Signed(document=last["document"], signature=last["signature"])
            reply = read_unverified(signed, Registration)
            fresh = services.clock.now() - reply.issued < _DAILY and _known_as_before(reply.cameras, cameras)
            before, now = reply.cameras, cameras
            if fresh:
                before, now = _without_oldest(before), _without_oldest(now)
            if before == now and reply.owner.model_dump() == owner.model_dump():
                return None if last["sent_at"] is not None else signed
            revision = reply.revision + 1
        elif not cameras:
            return None
        document = Registration(
            device=services.keys.device.public.fingerprint,
            revision=revision,
            owner=Owner(kind=owner.kind, name=owner.name, contact=owner.contact),
            cameras=cameras,
            issued=services.clock.now(),
        )
        signed = sign_document(document, services.keys.device)
        await tx.insert("registrations", revision=revision, document=signed.document, signature=signed.signature)
    return signed


def _without_oldest(cameras: tuple[CameraRegistration, ...]) -> tuple[CameraRegistration, ...]:
    return tuple(each.model_copy(update={"recordings_since": None}) for each in cameras)


def _known_as_before(before: tuple[CameraRegistration, ...], now: tuple[CameraRegistration, ...]) -> bool:
    """Whether of each camera it was known then how far back it reaches, if it is now: a new one is told at once."""
    return [each.recordings_since is None for each in before] == [each.recordings_since is None for each in now]


async def withdraw(services: Services, portal: PortalClient, by: str) -> int:
    """Leave: the portal erases the registration, open requests end; how many of those there were.

    The portal is told first: if it can't be reached, nothing has changed and the owner tries again. One that no longer
    knows this device took an earlier withdrawal, whose answer was lost.
    """
    async with services.store.transaction() as tx:
        tried_before = await tx.note(_LEAVING)
        await tx.set_note(_LEAVING, "yes")
    document = Withdrawal(device=services.keys.device.public.fingerprint, issued=services.clock.now())
    try:
        await portal.withdraw(sign_document(document, services.keys.device))
    except NotRecognised:
        if not tried_before:
            raise
    async with services.store.transaction() as tx:
        stopped = await _end_open_requests(services, tx, by)
        await tx.execute("DELETE FROM force")
        await tx.execute("DELETE FROM registrations")
        await tx.execute("UPDATE cameras SET registered = 0")
        await tx.execute("DELETE FROM notes WHERE name = ?", [_LEAVING])
        await tx.set_note("inbox-cursor", "0")
        await services.custody.record(tx, CustodyKind.WITHDRAWN, by)
        await services.custody.checkpoint(tx)
    return stopped


async def _end_open_requests(services: Services, tx: Transaction, by: str) -> int:
    """What has not left doesn't leave any more, and answers that were not told are owed to nobody; how many ended."""
    stopped, now = 0, services.clock.now()
    for row in await tx.requests(*UNSENT):
        if await change_state(tx, row, State.WITHDRAWN, now):
            stopped += 1
            await services.custody.record(tx, CustodyKind.WITHDRAWN, by, row.request_id)
    # RECEIVED: not verified yet; the next force's key would refuse it, and tell the next portal so.
    untold = (State.RECEIVED, State.REFUSED, State.DECLINED, State.UNAVAILABLE)
    marks = ", ".join("?" * len(untold))
    await tx.execute(
        f"UPDATE requests SET answered_at = ?, retry_at = 0 WHERE answered_at IS NULL AND state IN ({marks})",  # noqa: S608
        [now, *untold],
    )
    await tx.execute("UPDATE requests SET retry_at = 0 WHERE state = ?", [State.DELIVERED])
    return stopped
