"""A case's team: vouched for by the force, each version following the one before, and named by a request as it is."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from exchange.age.files import generate_identity
from exchange.clock import DAY
from exchange.documents.messages import MAX_DOCUMENT, Role, Signed
from exchange.documents.teams import MOST_MEMBERS, CaseTeam
from exchange.errors import SignatureInvalid
from exchange.signing.credentials import CredentialInvalid
from exchange.signing.documents import SigningKey, sign_document
from exchange.signing.teams import TeamInvalid, check_follows, check_team, open_chain, open_team, open_unit
from tests.exchange.makers import FORCE, NOW, Police, a_request
from tests.exchange.teams.unit import Member, Unitary

OTHER_KEY = str(generate_identity("hybrid").recipient)


@pytest.fixture
def unit() -> Unitary:
    return Unitary(SigningKey.generate(), FORCE, NOW)


def test_a_team_is_read_with_its_members_its_unit_and_who_signed(unit: Unitary) -> None:
    ada, bo = unit.member("1"), unit.member("2", roles=(Role.DISCLOSURE,))
    team = open_team(unit.team(ada, bo), unit.force.public)
    assert [member.name for member in team.members] == ["Officer 1", "Officer 2"]
    assert (team.unit.name, team.signed_by.collar_number) == ("CID", "1")
    assert team.recipients == tuple(str(who.recipient) for who in (ada.identity, bo.identity, unit.recovery))


BROKEN: dict[str, tuple[Callable[[Unitary, Member], Signed], str]] = {
    "a member of another force": (lambda at, ada: at.team(ada, at.member("2", by=SigningKey.generate())), "credential"),
    "a unit of another force": (
        lambda at, ada: at.team(ada, recovery=at.unit(by=SigningKey.generate())),
        "recovery key is not vouched for",
    ),
    "a unit that is over": (lambda at, ada: at.team(ada, recovery=at.unit(valid_to=NOW)), "not valid at that time"),
    "a member without an own key": (lambda at, ada: at.team(ada, at.member("2", recipient=None)), "Officer 2"),
    "a member with a weaker key": (
        lambda at, ada: at.team(ada, at.member("2", identity=generate_identity("x25519"))),
        "no recipient of Officer 2",
    ),
    "an auditor": (lambda at, ada: at.team(ada, at.member("2", roles=(Role.AUDITOR,))), "may not open"),
    "a member twice": (lambda at, ada: at.team(ada, ada), "twice"),
    "two members with one key": (
        lambda at, ada: at.team(ada, at.member("2", identity=ada.identity)),
        "twice",
    ),
    "a founder who is no member": (lambda at, ada: at.team(at.member("2"), by=ada), "founded"),
    "another force's name": (lambda at, ada: at.team(ada, force="Another Constabulary"), "another force"),
    "a case key that is none": (lambda at, ada: at.team(ada, recipient="age1pq1" + "q" * 1952), "no usable"),
    "a member whose time is over": (lambda at, ada: at.team(ada, at.member("2", days=0)), "until"),
    "bytes that were changed": (
        lambda at, ada: Signed(
            document=at.team(ada).document.replace("EX/26/004711", "EX/26/004712"), signature=at.team(ada).signature
        ),
        "made by this key",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_team_that_is_not_what_it_says_is_refused(unit: Unitary, name: str) -> None:
    make, said = BROKEN[name]
    with pytest.raises(SignatureInvalid, match=said):
        open_team(make(unit, unit.member("1")), unit.force.public)


def test_the_same_team_under_another_force_is_refused(unit: Unitary) -> None:
    with pytest.raises(CredentialInvalid, match="not this force"):
        open_team(unit.team(unit.member("1")), SigningKey.generate().public)
    with pytest.raises(TeamInvalid, match="not vouched for"):
        open_unit(unit.unit(), SigningKey.generate().public, NOW)


@pytest.mark.parametrize("changed", [{"version": 2}, {"previous_sha256": "0" * 64}, {"members": ()}])
def test_what_contradicts_itself_can_not_be_made(unit: Unitary, changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        unit.team(unit.member("1"), **changed)


def test_each_version_follows_the_one_before(unit: Unitary) -> None:
    ada, bo, cy = unit.member("1"), unit.member("2"), unit.member("3")
    first = unit.team(ada)
    second = unit.team(ada, bo, after=first, by=ada)
    unit.case = generate_identity("hybrid")
    third = unit.team(bo, cy, after=second, by=bo)
    teams = open_chain([first, second, third], unit.force.public)
    assert [[member.collar_number for member in team.members] for team in teams] == [["1"], ["1", "2"], ["2", "3"]]
    with pytest.raises(TeamInvalid, match="does not follow"):
        open_chain([first, third], unit.force.public)
    with pytest.raises(TeamInvalid, match="first version is missing"):
        open_chain([second, third], unit.force.public)


def wrong_next(at: Unitary, first: Signed, ada: Member) -> dict[str, tuple[Signed, str]]:
    bo = at.member("2")
    return {
        "a stranger's": (at.team(ada, bo, after=first, by=bo), "none of the team"),
        "another case's": (at.team(ada, after=first, case_id="case-2"), "another case"),
        "another crime's": (at.team(ada, after=first, crime_reference="EX/26/1"), "another case"),
        "an earlier one's": (at.team(ada, after=first, issued=NOW - 1), "older"),
        "of another first": (at.team(ada, after=at.team(ada, bo)), "does not follow"),
        "without a new key": (at.team(bo, after=first, by=ada), "still has the key"),
    }


@pytest.mark.parametrize(
    "name",
    ["a stranger's", "another case's", "another crime's", "an earlier one's", "of another first", "without a new key"],
)
def test_a_version_that_does_not_follow_is_refused(unit: Unitary, name: str) -> None:
    ada = unit.member("1")
    first = unit.team(ada)
    signed, said = wrong_next(unit, first, ada)[name]
    with pytest.raises(TeamInvalid, match=said):
        check_follows(open_team(first, unit.force.public), open_team(signed, unit.force.public))


def test_the_same_officer_with_a_new_key_and_the_units_supervisor_may_change_it(unit: Unitary) -> None:
    ada, again = unit.member("1"), unit.member("1")
    chief = unit.member("9", roles=(Role.SUPERVISOR,))
    elsewhere = unit.member("8", roles=(Role.SUPERVISOR,), unit="Traffic")
    first = unit.team(ada)
    team = open_team(first, unit.force.public)
    unit.case = generate_identity("hybrid")
    for who, may in ((again, True), (chief, True), (elsewhere, False)):
        after = open_team(unit.team(again, after=first, by=who), unit.force.public)
        assert team.may_be_changed_by(after.signed_by) is may
        if may:
            check_follows(team, after)


# -- named by a request ----------------------------------------------------------------------------------------------


def test_a_request_names_the_team_of_its_case(unit: Unitary) -> None:
    ada, bo = unit.member("1"), unit.member("2")
    request = asks(unit, ada, team=unit.team(ada, bo))
    team = check_team(request, ada.key.public, unit.force.public)
    assert team is not None
    assert team.has(bo.key.public.line)
    assert check_team(asks(unit, ada, team=None), ada.key.public, unit.force.public) is None
    assert '"team"' not in asks(unit, ada, team=None).to_text()


NOT_ITS_TEAM: dict[str, tuple[Callable[[Unitary, Member], Any], str]] = {
    "another key": (lambda at, ada: asks(at, ada, team=at.team(ada), recipient=OTHER_KEY), "another key"),
    "another crime": (lambda at, ada: asks(at, ada, team=at.team(ada, crime_reference="EX/1")), "another case"),
    "without the asker": (lambda at, ada: asks(at, ada, team=at.team(at.member("2"))), "none of the team"),
    "a later one": (lambda at, ada: asks(at, ada, team=at.team(ada, issued=NOW + 1)), "younger"),
    "of no force of ours": (
        lambda at, ada: asks(at, ada, team=at.team(ada, recovery=at.unit(by=ada.key))),
        "does not hold: The unit",
    ),
    "no team at all": (lambda at, ada: asks(at, ada, team=ada.credential), "does not hold"),
}


@pytest.mark.parametrize("name", NOT_ITS_TEAM)
def test_a_request_that_names_a_team_which_is_not_its_own_is_refused(unit: Unitary, name: str) -> None:
    make, said = NOT_ITS_TEAM[name]
    ada = unit.member("1")
    with pytest.raises(TeamInvalid, match=said):
        check_team(make(unit, ada), ada.key.public, unit.force.public)


def test_the_largest_team_fits_into_a_request(unit: Unitary) -> None:
    members = [unit.member(f"{number:05}") for number in range(MOST_MEMBERS)]
    request = asks(unit, members[0], team=unit.team(*members))
    longest = request.model_copy(update={"purpose": "p" * 4000, "necessity": "n" * 4000, "legal_basis": "l" * 4000})
    signed = sign_document(longest, members[0].key)
    assert len(signed.document.encode()) <= MAX_DOCUMENT
    team = check_team(longest, members[0].key.public, unit.force.public)
    assert team is not None
    assert len(team.members) == MOST_MEMBERS
    assert CaseTeam.model_validate_json(team.document.to_text()) == team.document


def asks(unit: Unitary, who: Member, **changed: Any) -> Any:
    police = Police(unit.force, who.key, who.credential)
    asked = a_request(police, SigningKey.generate().public, recipient=str(unit.case.recipient))
    return asked.model_copy(update={"issued": NOW, **changed})


def test_a_team_lives_on_when_credentials_of_its_time_are_over(unit: Unitary) -> None:
    ada = unit.member("1", days=1)
    signed = unit.team(ada)
    later = asks(unit, ada, team=signed, issued=NOW + 30 * DAY)
    assert check_team(later, ada.key.public, unit.force.public) is not None
