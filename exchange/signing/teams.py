"""Whether a case's team is what it says: vouched for by the force, and following the version before it.

Not for: who may read what of a case (``portal.teams``), or its keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from exchange.age.files import parse_recipient
from exchange.documents.messages import Credential, Request, Role, Signed
from exchange.documents.people import PersonRequest
from exchange.documents.people.appeals import Appeal
from exchange.documents.teams import CaseTeam, Unit
from exchange.errors import DocumentInvalid, SignatureInvalid
from exchange.signing.credentials import open_credential
from exchange.signing.documents import PublicKey, document_sha256, open_document, read_unverified

OPENS = (Role.OFFICER, Role.SUPERVISOR, Role.DISCLOSURE)
"""Any of these may open what was handed over; an auditor sees what was done, and opens nothing."""


class TeamInvalid(SignatureInvalid):
    """What is said of a case's team does not hold."""


def same_officer(one: Credential, other: Credential) -> bool:
    """Whether both are one officer's: by the key or, with a new one, by the number that the force knows them by."""
    return one.public_key == other.public_key or (one.force, one.collar_number) == (other.force, other.collar_number)


@dataclass(frozen=True, slots=True)
class Team:
    """A version of a case's team, checked."""

    document: CaseTeam
    sha256: str
    members: tuple[Credential, ...]
    unit: Unit
    signed_by: Credential

    def has(self, public_key: str) -> bool:
        """Whether the key's line is a member's."""
        return any(member.public_key == public_key for member in self.members)

    def knows(self, credential: Credential) -> bool:
        """Whether the credential is a member's, or the same officer's for another key: the force says who that is."""
        return any(same_officer(member, credential) for member in self.members)

    def may_be_changed_by(self, credential: Credential) -> bool:
        """Members, the same officers with another key, and supervisors of the unit, who hold its recovery key."""
        supervises = credential.unit == self.unit.name and credential.may(Role.SUPERVISOR)
        return self.knows(credential) or (credential.force == self.document.force and supervises)

    @property
    def recipients(self) -> tuple[str, ...]:
        """Whom the case's keys are sealed for: each member, then the unit."""
        return (*(member.recipient for member in self.members if member.recipient), self.unit.recipient)


def open_unit(signed: Signed, force_key: PublicKey, at: int) -> Unit:
    """The unit, if the force's key signed it and it is valid at ``at`` (microseconds). TeamInvalid, DocumentInvalid."""
    try:
        unit = open_document(signed, Unit, force_key)
    except SignatureInvalid:
        raise _invalid("The unit's recovery key is not vouched for by the force.") from None
    if not unit.valid_from <= at < unit.valid_to:
        raise _invalid(f"The recovery key of {unit.name} is not valid at that time.")
    _check_recipient(unit.recipient, f"The recovery key of {unit.name}")
    return unit


def open_team(signed: Signed, force_key: PublicKey) -> Team:
    """A version of a team, judged at the time of its own issue; what it follows, ``check_follows`` looks at.

    CredentialInvalid, SignatureInvalid, TeamInvalid or DocumentInvalid.
    """
    claimed = read_unverified(signed, CaseTeam)
    signed_by = open_credential(claimed.credential, force_key, claimed.issued)
    document = open_document(signed, CaseTeam, PublicKey.parse(signed_by.public_key))
    members = tuple(open_credential(member, force_key, document.issued) for member in document.members)
    unit = open_unit(document.recovery, force_key, document.issued)
    if {document.force} != {signed_by.force, unit.force, *(member.force for member in members)}:
        raise _invalid("Somebody or something in it is of another force.")
    for member in members:
        if member.recipient is None or not member.recipient.startswith("age1pq1"):
            raise _invalid(f"The force vouches for no recipient of {member.name} that a case's key may be sealed for.")
        if not any(member.may(role) for role in OPENS):
            raise _invalid(f"{member.name} may not open what is handed over.")
        _check_recipient(member.recipient, f"The recipient of {member.name}")
    for what in ("public_key", "recipient"):
        if len({getattr(member, what) for member in members}) != len(members):
            raise _invalid("Somebody stands in it twice.")
    _check_recipient(document.recipient, "The case's key")
    team = Team(document, document_sha256(signed), members, unit, signed_by)
    if document.version == 1 and not team.has(signed_by.public_key):
        raise _invalid("Who founded it is none of its members.")
    return team


def check_follows(before: Team, after: Team) -> None:
    """TeamInvalid unless ``after`` is the next version, signed by one who may change ``before``.

    Where somebody's key is in the team no more, the case must have another key from then on.
    """
    old, new = before.document, after.document
    if (old.case_id, old.force, old.crime_reference) != (new.case_id, new.force, new.crime_reference):
        raise _invalid("It is of another case.")
    if new.version != old.version + 1 or new.previous_sha256 != before.sha256:
        raise _invalid(f"Version {new.version} does not follow version {old.version}.")
    if new.issued < old.issued:
        raise _invalid("It is older than the version before it.")
    if not before.may_be_changed_by(after.signed_by):
        raise _invalid(f"{after.signed_by.name} is none of the team's version {old.version}, and changed it.")
    gone = {member.public_key for member in before.members} - {member.public_key for member in after.members}
    if gone and new.recipient == old.recipient:
        raise _invalid("Somebody left the team, and the case still has the key that they know.")


def open_chain(versions: Sequence[Signed], force_key: PublicKey) -> tuple[Team, ...]:
    """All versions of a team from the first on, each following the one before. As ``open_team``."""
    teams: list[Team] = []
    for signed in versions:
        team = open_team(signed, force_key)
        if teams:
            check_follows(teams[-1], team)
        elif team.document.version != 1:
            raise _invalid("Its first version is missing.")
        teams.append(team)
    return tuple(teams)


def check_team(request: Request | PersonRequest | Appeal, officer: PublicKey, force_key: PublicKey) -> Team | None:
    """The team that a request names, if all of it holds for the request and for ``officer``, whose key signed it.

    None where it names none: then it is the officer's own case. As ``open_team``, and all as TeamInvalid.
    """
    if request.team is None:
        return None
    try:
        team = open_team(request.team, force_key)
    except (DocumentInvalid, SignatureInvalid) as error:
        raise _invalid(f"The team that the case belongs to does not hold: {error.what}") from error
    document = team.document
    if (document.force, document.crime_reference) != (request.force, request.crime_reference):
        raise _invalid("The team that it names is of another case.")
    if document.recipient != request.recipient:
        raise _invalid("What is sent would be sealed for another key than the team's.")
    if not team.has(officer.line):
        raise _invalid("The officer who asks is none of the team that they name.")
    if document.issued > request.issued:
        raise _invalid("The team that it names is younger than the request.")
    return team


def _check_recipient(text: str, what: str) -> None:
    try:
        parse_recipient(text)
    except ValueError:
        raise _invalid(f"{what} is no usable age recipient.") from None


def _invalid(what: str) -> TeamInvalid:
    return TeamInvalid(
        what,
        meaning="Who could open the case is not what it says, so nothing is done under it.",
        do="Look at the team (handover-officer team show); if it stays so, tell who runs the portal.",
    )
