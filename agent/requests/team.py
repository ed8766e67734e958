"""Who else can open what a request is answered with: the team that its case belongs to, checked before the owner hears
of it, and shown to them.

Not for: what a team is (``exchange.documents.teams``), or how it is shown.
"""

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


def may_speak(officer: Credential, request: Request, asked_by: Credential) -> bool:
    """Whether an officer whom the force vouches for may say something of what was handed over for a request that was
    verified before: who asked, whom its team names, and, as a team changes, whoever is of the unit that the team names.
    """
    if same_officer(officer, asked_by) or request.team is None:
        return same_officer(officer, asked_by)
    unit = _unit(request.team)
    named = any(same_officer(officer, each) for each in _members(request.team))
    return named or (officer.force, officer.unit) == (unit.force, unit.name)


def open_to(request: Request | NotedRequest) -> dict[str, object] | None:
    """Who can open it beside the officer who asks, for the owner to see; None where nobody else can.

    The request was verified before, and its bytes have not changed since.
    """
    if isinstance(request, NotedRequest) or request.team is None:
        return None
    asks = _credential(request.credential)
    others = [
        {"name": each.name, "rank": each.rank, "collar_number": each.collar_number, "unit": each.unit}
        for each in _members(request.team)
        if each.public_key != asks.public_key
    ]
    return {"officers": others, "recovery": _unit(request.team).name}


def _credential(signed: Signed) -> Credential:
    return read_unverified(signed, Credential)


def _members(team: Signed) -> tuple[Credential, ...]:
    return tuple(_credential(member) for member in read_unverified(team, CaseTeam).members)


def _unit(team: Signed) -> Unit:
    return read_unverified(read_unverified(team, CaseTeam).recovery, Unit)
