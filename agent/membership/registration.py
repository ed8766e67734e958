"""What the portal knows of the owner's cameras: a signed list, sent anew whenever it changed.

Not for: requests. What officers learn of a camera is in ``CameraRegistration`` and nowhere else.
"""

from agent.cameras.stored import registrations
from agent.portal.client import PortalClient
from agent.services import Services
from agent.store.database import Transaction
from exchange.clock import HOUR
from exchange.custody.log import CustodyKind
from exchange.documents.messages import CameraRegistration, Owner, Registration, Signed
from exchange.signing.documents import read_unverified, sign_document

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
