"""A supervisor's word: when it is needed, and what it holds for."""

from typing import Any

import pytest

from exchange.clock import DAY, HOUR, MINUTE, Window
from exchange.documents.messages import Asked, Place, Request, Role, Signed, Stretch
from exchange.documents.supervision import (
    Area,
    Authorisation,
    SupervisionLimits,
    longest_of_a_camera,
    supervised_because,
)
from exchange.errors import SignatureInvalid
from exchange.signing.authorisations import AuthorisationInvalid, check_authorised, open_authorisation
from exchange.signing.credentials import CredentialInvalid, issue_credential
from exchange.signing.documents import SigningKey, sign_document
from tests.exchange.makers import FORCE, NOW, Police, a_request

ASKED = Window(NOW - 3 * HOUR, NOW - 3 * HOUR + 10 * MINUTE)


class Station:
    """A force with an officer, and a supervisor who says what may be asked."""

    def __init__(self) -> None:
        self.police = Police.generate()
        self.supervisor = SigningKey.generate()
        self.device = SigningKey.generate().public

    def credential(self, roles: tuple[Role, ...] | None = (Role.OFFICER, Role.SUPERVISOR)) -> Signed:
        return issue_credential(
            self.police.force, force=FORCE, credential_id="c-2", name="Sam Reid", rank="Inspector",
            collar_number="77", unit="CID", contact="sam.reid@example.police.uk", public_key=self.supervisor.public,
            valid=Window(NOW - 30 * DAY, NOW + 30 * DAY), roles=roles,
        )  # fmt: skip

    def authorises(self, **changed: Any) -> Signed:
        said = Authorisation(
            authorisation_id="auth-1", force=FORCE, credential=self.credential(),
            officer=self.police.officer.public.fingerprint, crime_reference="EX/26/004711",
            window=Stretch.of(ASKED), most_owners=12, indoors=False, reason="A series of burglaries.",
            issued=NOW - 2 * HOUR, expires=NOW + DAY,
        )  # fmt: skip
        return sign_document(said.model_copy(update=changed), self.supervisor)

    def asks(self, **changed: Any) -> Request:
        asked = a_request(self.police, self.device, ASKED)
        return asked.model_copy(update={"authorisation": self.authorises(), "owners_asked": 12, **changed})

    def check(self, request: Request, indoors: tuple[str, ...] = ()) -> tuple[Authorisation, str]:
        found, who = check_authorised(request, self.police.officer.public, indoors, self.police.force.public)
        return found, who.name


@pytest.fixture
def station() -> Station:
    return Station()


def test_a_supervisors_word_holds_for_what_it_names(station: Station) -> None:
    found, who = station.check(station.asks())
    assert (found.authorisation_id, who) == ("auth-1", "Sam Reid")


def test_the_same_bytes_come_back_from_a_request_that_carries_it(station: Station) -> None:
    request = station.asks()
    assert Request.model_validate_json(request.to_text()) == request
    assert "authorisation" not in a_request(station.police, station.device).to_text()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"officer": SigningKey.generate().public.fingerprint}, "another officer"),
        ({"crime_reference": "EX/26/009999"}, "another crime"),
        ({"window": Stretch.of(Window(ASKED.start + 1, ASKED.end))}, "another time"),
        ({"window": Stretch.of(Window(ASKED.start, ASKED.end - 1))}, "another time"),
        ({"most_owners": 11}, "at most 11 owners"),
        ({"force": "Another Constabulary"}, "another force"),
        ({"expires": NOW - HOUR}, "not valid at that time"),
        ({"issued": NOW}, "not valid at that time"),
    ],
)
def test_it_holds_for_nothing_else(station: Station, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(AuthorisationInvalid, match=said):
        station.check(station.asks(authorisation=station.authorises(**changed)))


def test_a_request_without_one_is_not_authorised(station: Station) -> None:
    with pytest.raises(AuthorisationInvalid, match="No supervisor"):
        station.check(station.asks(authorisation=None))


def test_cameras_inside_need_to_be_named(station: Station) -> None:
    with pytest.raises(AuthorisationInvalid, match="inside"):
        station.check(station.asks(), indoors=("front",))
    station.check(station.asks(authorisation=station.authorises(indoors=True)), indoors=("front",))


def test_nobody_authorises_themselves(station: Station) -> None:
    station.supervisor = station.police.officer
    with pytest.raises(AuthorisationInvalid, match="their own"):
        station.check(station.asks(authorisation=station.authorises()))


@pytest.mark.parametrize("roles", [None, (Role.OFFICER,), (Role.AUDITOR, Role.DISCLOSURE)])
def test_only_a_supervisor_authorises(station: Station, roles: tuple[Role, ...] | None) -> None:
    signed = station.authorises(credential=station.credential(roles))
    with pytest.raises(AuthorisationInvalid, match="no supervisor"):
        station.check(station.asks(authorisation=signed))


def test_another_forces_supervisor_says_nothing_here(station: Station) -> None:
    other = Station()
    signed = other.authorises(officer=station.police.officer.public.fingerprint)
    with pytest.raises(CredentialInvalid):
        station.check(station.asks(authorisation=signed))


def test_a_word_that_somebody_else_signed_is_none(station: Station) -> None:
    signed = station.authorises()
    forged = sign_document(Authorisation.model_validate_json(signed.document), SigningKey.generate())
    with pytest.raises(SignatureInvalid):
        open_authorisation(forged, station.police.force.public, NOW)
    with pytest.raises(AuthorisationInvalid, match="no authorisation"):
        station.check(station.asks(authorisation=station.police.credential))


def test_when_it_is_needed_is_said_in_words(station: Station) -> None:
    plain = a_request(station.police, station.device, ASKED)
    limits = SupervisionLimits(owners=10, window=10 * MINUTE, indoors=True)
    assert supervised_because(plain, (), limits) == ()
    assert supervised_because(plain.model_copy(update={"owners_asked": 10}), (), limits) == ()
    (many,) = supervised_because(plain.model_copy(update={"owners_asked": 11}), (), limits)
    (inside,) = supervised_because(plain, ("front",), limits)
    (long,) = supervised_because(plain, (), SupervisionLimits(window=10 * MINUTE - 1))
    assert "11 owners" in many
    assert "inside" in inside
    assert "hours" in long
    assert supervised_because(plain, ("front",), SupervisionLimits(indoors=False)) == ()
    assert len(supervised_because(station.asks(), ("front",), SupervisionLimits(owners=1, window=1))) == 3


def test_pieces_of_a_camera_count_together_and_each_once() -> None:
    def asked(*pieces: tuple[str, int, int]) -> list[Asked]:
        return [Asked(camera_id=name, window=Stretch(start=first, end=last)) for name, first, last in pieces]

    assert longest_of_a_camera(asked(("front", 0, 10), ("back", 30, 35), ("front", 5, 20), ("front", 30, 35))) == 25
    assert longest_of_a_camera(asked(("front", 0, 20), ("front", 5, 10), ("front", 15, 25))) == 25
    assert longest_of_a_camera(()) == 0


def test_an_area_is_a_circle_on_the_ground() -> None:
    area = Area(latitude=53.0, longitude=-2.0, radius_m=1000)
    assert area.holds(Place(latitude=53.0089, longitude=-2.0))
    assert not area.holds(Place(latitude=53.0091, longitude=-2.0))
