"""Who else can open what a request is answered with: the team that its case belongs to, checked before the owner hears
of it, and shown to them.

Not for: what a team is (``exchange.documents.teams``), or how it is shown.
"""

from collections.abc import Sequence

from exchange.documents.messages import Credential, RefusalReason, Request, Signed
from exchange.documents.noted import NotedRequest
from exchange.documents.teams import CaseTeam, Unit
from exchange.errors import RequestRefused, SignatureInvalid
from exchange.signing.documents import PublicKey, read_unverified
from exchange.signing.teams import Team, check_team, same_officer


def check_asking_team(request: Request, officer: Credential, force_key: PublicKey) -> Team | None:
    """The team that the request names, vouched for by the pinned force. RequestRefused where it does not hold."""
    try:
        return check_team(request, PublicKey.parse(officer.public_key), force_key)
    except SignatureInvalid as error:
        raise RequestRefused(error.what, reason=RefusalReason.INVALID) from error


def members_of(request: Request) -> tuple[Credential, ...]:
    """Whoever can open what is sent, by the team of a request that was verified before; none where it has no team."""
    if request.team is None:
        return ()
    return tuple(_credential(member) for member in read_unverified(request.team, CaseTeam).members)


def may_speak(officer: Credential, known: Sequence[Credential]) -> bool:
    """Whether an officer whom the force vouches for is one of ``known``."""
    return any(same_officer(officer, each) for each in known)


def open_to(request: Request | NotedRequest) -> dict[str, object] | None:
    """Who can open it beside the officer who asks, for the owner to see; None where nobody else can.

    The request was verified before, and its bytes have not changed since.
    """
    if isinstance(request, NotedRequest) or request.team is None:
        return None
    asks = _credential(request.credential)
    unit = read_unverified(read_unverified(request.team, CaseTeam).recovery, Unit)
    others = [
        {"name": each.name, "rank": each.rank, "collar_number": each.collar_number, "unit": each.unit}
        for each in members_of(request)
        if each.public_key != asks.public_key
    ]
    return {"officers": others, "recovery": unit.name}


def _credential(signed: Signed) -> Credential:
    return read_unverified(signed, Credential)
