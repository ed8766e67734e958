"""Whether an officer may ask this much by themselves, and if not, whether a supervisor said that they may.

Not for: what any request may ask (``agent.requests.intake``), or showing it (``agent.owner``).
"""

from agent.cameras.stored import registrations
from agent.services import Services
from exchange.documents.messages import Credential, RefusalReason, Request, Role
from exchange.documents.noted import NotedRequest
from exchange.documents.supervision import Authorisation, supervised_because
from exchange.errors import RequestRefused, SignatureInvalid
from exchange.signing.authorisations import check_authorised
from exchange.signing.documents import PublicKey, read_unverified


async def check_supervised(services: Services, request: Request, officer: Credential, force_key: PublicKey) -> None:
    """RequestRefused (not-authorised) unless the force lets this officer ask, with a supervisor's word where needed."""
    if not officer.may(Role.OFFICER):
        raise _refused(f"The force does not let {officer.name} ask for footage.")
    async with services.store.transaction() as tx:
        cameras = {camera.camera_id: camera for camera in registrations(await tx.cameras())}
    indoors = {camera_id for camera_id, camera in cameras.items() if camera.indoors}
    reasons = supervised_because(request, indoors, services.settings.requests.supervised.limits)
    if not reasons and request.authorisation is None:
        return
    try:
        authorisation, _ = check_authorised(request, PublicKey.parse(officer.public_key), indoors, force_key)
    except SignatureInvalid as error:
        why = f"A supervisor must have signed it too, because {'; and '.join(reasons)}. " if reasons else ""
        raise _refused(f"{why}{error.what}") from None
    if authorisation.area is None:
        return
    for asked in request.asked:
        camera = cameras.get(asked.camera_id)
        if camera is None or not authorisation.area.holds(camera.place):
            raise _refused(f"The camera {asked.camera_id} lies outside of the area that the supervisor allowed.")


def supervisor_of(request: Request | NotedRequest) -> tuple[Authorisation, Credential] | None:
    """The supervisor's word that a request was verified with here, and whose it is; None where there is none."""
    if isinstance(request, NotedRequest) or request.authorisation is None:
        return None
    authorisation = read_unverified(request.authorisation, Authorisation)
    return authorisation, read_unverified(authorisation.credential, Credential)


def _refused(what: str) -> RequestRefused:
    return RequestRefused(what, reason=RefusalReason.NOT_AUTHORISED)
