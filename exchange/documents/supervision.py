"""A supervisor's word that something far-reaching may be asked of owners, when it is needed, and how it is asked for.

Not for: checking whose word it is (``exchange.signing.authorisations``), or who gets to see it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from exchange.clock import HOUR, Instant
from exchange.counted import counted
from exchange.documents.messages import (
    Asked,
    Document,
    Fingerprint,
    Id,
    Latitude,
    Line,
    Longitude,
    Part,
    Place,
    Request,
    Signed,
    Stretch,
    Text,
)
from exchange.ground import distance_m

MOST_CAMERAS = 1000
"""In one question."""
MOST_SHOWN = 100
"""In one answer."""


class Area(Part):
    """A circle on the ground, in which all cameras lie that may be asked for. Metres, WGS 84 degrees."""

    latitude: Latitude
    longitude: Longitude
    radius_m: Annotated[float, Field(gt=0, le=20_000, allow_inf_nan=False)]

    def holds(self, place: Place) -> bool:
        """Whether the place lies in the circle."""
        return distance_m(self.latitude, self.longitude, place.latitude, place.longitude) <= self.radius_m


class Authorisation(Document):
    """One officer may ask this much about one crime. Signed by a supervisor's key, and carried in each request.

    It names no owner and no camera: an owner who reads it learns nothing of the others who are asked.
    """

    kind: Literal["authorisation.v1"] = "authorisation.v1"
    authorisation_id: Id
    force: Line
    credential: Signed
    """The supervisor's."""
    officer: Fingerprint
    """The key of the officer who asks; never the supervisor's own."""
    crime_reference: Line
    window: Stretch
    """All that is asked for lies in it."""
    area: Area | None = None
    """None: anywhere."""
    most_owners: Annotated[int, Field(ge=1, le=10_000)]
    indoors: bool = False
    """Cameras inside of buildings too."""
    reason: Text
    issued: Instant
    expires: Instant

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.expires <= self.issued:
            raise ValueError("'expires' must be later than 'issued'")
        return self


@dataclass(frozen=True, slots=True)
class SupervisionLimits:
    """Beyond which an officer needs a supervisor's word. ``window``: microseconds of one camera."""

    owners: int = 10
    window: int = 4 * HOUR
    indoors: bool = True
    """Whether cameras inside of buildings need it."""


def supervised_because(request: Request, indoors: Collection[str], limits: SupervisionLimits) -> tuple[str, ...]:
    """Why the request needs a supervisor's word, each in words to go after "because"; empty when it needs none.

    ``indoors``: the ids of those cameras that are inside of buildings.
    """
    return supervised_for(request.owners_asked or 1, request.asked, indoors, limits)


def supervised_for(
    owners: int, asked: Collection[Asked], indoors: Collection[str], limits: SupervisionLimits
) -> tuple[str, ...]:
    """The same before there is a request: of so many owners, this much is to be asked."""
    reasons = []
    if owners > limits.owners:
        reasons.append(f"{counted(owners, 'owner is', 'owners are')} asked, and more than {limits.owners} are many")
    if longest_of_a_camera(asked) > limits.window:
        reasons.append(f"it asks for more than {counted(limits.window / HOUR, 'hour')} of a camera")
    if limits.indoors and any(each.camera_id in indoors for each in asked):
        reasons.append("it asks for a camera inside of a building")
    return tuple(reasons)


def longest_of_a_camera(asked: Collection[Asked]) -> int:
    """Microseconds that are asked of the camera of which most is asked; in however many pieces, each counted once."""
    total, covered = dict.fromkeys((each.camera_id for each in asked), 0), dict[str, int]()
    for each in sorted(asked, key=lambda each: each.window.start):
        start = max(each.window.start, covered.get(each.camera_id, each.window.start))
        total[each.camera_id] += max(0, each.window.end - start)
        covered[each.camera_id] = max(each.window.end, start)
    return max(total.values(), default=0)


# -- over the wire ----------------------------------------------------------------------------------------------


class AuthorisationAsked(Document):
    """What an officer wants authorised, as the supervisor reads it. Signed by the officer's key."""

    kind: Literal["authorisation-asked.v1"] = "authorisation-asked.v1"
    asked_id: Id
    force: Line
    credential: Signed
    """The officer's."""
    crime_reference: Line
    window: Stretch
    area: Area | None = None
    most_owners: Annotated[int, Field(ge=1, le=10_000)] = 1
    indoors: bool = False
    reason: Text
    """Why; every owner who is asked reads it, as the supervisor's."""
    days: Annotated[int, Field(ge=1, le=90)] = 7
    """How long requests may be signed with it."""
    issued: Instant


class SupervisorsWord(Part):
    """Signed, or refused with a reason for the officer."""

    authorisation: Signed | None = None
    refused: Text | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.authorisation is None) == (self.refused is None):
            raise ValueError("it is signed, or refused")
        return self


class StandingAuthorisation(Part):
    """What was asked, and the word that came: neither while it waits."""

    asked: Signed
    authorisation: Signed | None = None
    refused: Text | None = None
    refused_by: Line | None = None


class AskedAuthorisations(Part):
    """What the officer asked for; for a supervisor also what waits in their unit. Newest first."""

    items: Annotated[tuple[StandingAuthorisation, ...], Field(max_length=MOST_SHOWN)] = ()


class CameraName(Part):
    device: Fingerprint
    camera_id: Id


class RulesQuestion(Part):
    """Which of these cameras are inside of a building?"""

    cameras: Annotated[tuple[CameraName, ...], Field(max_length=MOST_CAMERAS)] = ()


class SupervisionRules(Part):
    """Beyond what an officer needs a supervisor's word here, and which cameras of the question are indoors."""

    owners: Annotated[int, Field(ge=1)]
    window_us: Annotated[int, Field(ge=1)]
    """Microseconds of one camera."""
    indoors: bool
    cameras_indoors: Annotated[tuple[CameraName, ...], Field(max_length=MOST_CAMERAS)] = ()

    @property
    def limits(self) -> SupervisionLimits:
        return SupervisionLimits(self.owners, self.window_us, self.indoors)


class QuotaUse(Part):
    """What one officer did: searches and fetches within an hour, searches and requests within a day."""

    name: Line
    collar_number: Line
    searches_hour: Annotated[int, Field(ge=0)]
    searches_day: Annotated[int, Field(ge=0)]
    requests_day: Annotated[int, Field(ge=0)]
    fetches_hour: Annotated[int, Field(ge=0)]


class Quotas(Part):
    """How much the force lets an officer do, and how much of it is used: by the caller; for an auditor, by all."""

    searches_hour: Annotated[int, Field(ge=1)]
    searches_day: Annotated[int, Field(ge=1)]
    requests_day: Annotated[int, Field(ge=1)]
    fetches_hour: Annotated[int, Field(ge=1)]
    officers: Annotated[tuple[QuotaUse, ...], Field(max_length=1000)] = ()
