"""Whether a supervisor of the force said that a request may be asked.

Not for: when such a word is needed (``exchange.documents.supervision``).
"""

from collections.abc import Collection

from exchange.counted import counted
from exchange.documents.messages import Credential, Request, Role, Signed
from exchange.documents.supervision import Authorisation
from exchange.errors import DocumentInvalid, SignatureInvalid
from exchange.signing.credentials import open_credential
from exchange.signing.documents import PublicKey, open_document, read_unverified


class AuthorisationInvalid(SignatureInvalid):
    """What a request carries is no supervisor's word for it."""


def open_authorisation(signed: Signed, force_key: PublicKey, at: int) -> tuple[Authorisation, Credential]:
    """The authorisation and the supervisor who signed it, if both hold at ``at`` (microseconds UTC).

    CredentialInvalid, SignatureInvalid, AuthorisationInvalid or DocumentInvalid.
    """
    claimed = read_unverified(signed, Authorisation)
    supervisor = open_credential(claimed.credential, force_key, at)
    key = PublicKey.parse(supervisor.public_key)
    authorisation = open_document(signed, Authorisation, key)
    if not supervisor.may(Role.SUPERVISOR):
        raise _invalid(f"{supervisor.name} is no supervisor.")
    if authorisation.officer == key.fingerprint:
        raise _invalid("A supervisor authorised their own request.")
    if authorisation.force != supervisor.force:
        raise _invalid("It names another force than the supervisor's.")
    if not authorisation.issued <= at < authorisation.expires:
        raise _invalid("The authorisation is not valid at that time.")
    return authorisation, supervisor


def check_authorised(
    request: Request, officer: PublicKey, indoors: Collection[str], force_key: PublicKey
) -> tuple[Authorisation, Credential]:
    """The supervisor's word that the request carries, if it holds for all that is asked, and whose it is.

    ``officer`` is whose key signed the request, ``indoors`` the ids of the cameras inside of buildings. Whether the
    cameras lie in its area, who knows their places has to check. Judged at the time of the request's issue.
    AuthorisationInvalid, or as ``open_authorisation``.
    """
    if request.authorisation is None:
        raise _invalid("No supervisor said that it may be asked.")
    try:
        authorisation, supervisor = open_authorisation(request.authorisation, force_key, request.issued)
    except DocumentInvalid as error:
        raise _invalid(f"What it carries is no authorisation: {error.what}") from None
    if authorisation.officer != officer.fingerprint:
        raise _invalid("It was given to another officer.")
    if (authorisation.force, authorisation.crime_reference) != (request.force, request.crime_reference):
        raise _invalid("It was given for another crime.")
    if any(
        asked.window.start < authorisation.window.start or authorisation.window.end < asked.window.end
        for asked in request.asked
    ):
        raise _invalid("It was given for another time.")
    if (request.owners_asked or 1) > authorisation.most_owners:
        raise _invalid(f"It was given for at most {counted(authorisation.most_owners, 'owner')}.")
    if not authorisation.indoors and any(asked.camera_id in indoors for asked in request.asked):
        raise _invalid("It was not given for cameras inside of buildings.")
    return authorisation, supervisor


def _invalid(what: str) -> AuthorisationInvalid:
    return AuthorisationInvalid(
        what,
        meaning="Such a request needs a supervisor's signature, and this one has none that holds for it.",
        do="Have a supervisor authorise it (handover-officer authorise), and send a new request.",
    )
