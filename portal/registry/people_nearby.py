"""Cameras of people without an agent near a place: what officers find of them, which is never who they are.

Not for: how they register (``portal.people.registered``), or cameras with an agent (``portal.registry.cameras``).
"""

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from exchange.documents.messages import Place
from exchange.documents.people import PeopleNearby, PersonCamera, PersonKind
from portal.registry.geo import distance_m
from portal.registry.nearest import middle_of
from portal.registry.search_query import SearchQuery
from portal.storage.people_tables import Person, PersonCameraRow

MOST_FOUND = 400
CANDIDATES = 5000
"""Rows that are looked at; where more lie in a place, the answer says that it is not all."""


def search(session: Session, query: SearchQuery) -> PeopleNearby:
    """Confirmed entries inside the circle or box, nearest to its middle first."""
    box, middle = query.box, middle_of(query)
    row = PersonCameraRow
    inside = or_(*(row.longitude.between(west, east) for west, east in box.longitudes))
    rows = session.execute(
        select(row, Person.person_kind)
        .join(Person, Person.person_id == row.person_id)
        .where(Person.confirmed.is_not(None), row.latitude.between(box.south, box.north), inside)
        .limit(CANDIDATES + 1)
    ).all()
    found = [
        _found(camera, kind, distance_m(*middle, camera.latitude, camera.longitude))
        for camera, kind in rows[:CANDIDATES]
    ]
    if query.radius_m is not None:
        found = [each for each in found if each.distance_m <= query.radius_m]
    found.sort(key=lambda each: (each.distance_m, each.person, each.camera_id))
    return PeopleNearby(cameras=tuple(found[:MOST_FOUND]), truncated=len(found) > MOST_FOUND or len(rows) > CANDIDATES)


def _found(camera: PersonCameraRow, kind: str, away: float) -> PersonCamera:
    return PersonCamera(
        person=camera.person_id,
        person_kind=PersonKind(kind),
        camera_id=camera.camera_id,
        label=camera.label,
        doorbell=camera.doorbell,
        place=Place(latitude=camera.latitude, longitude=camera.longitude, description=camera.description),
        direction=camera.direction,
        retention_days=camera.retention_days,
        distance_m=round(away, 1),
    )
