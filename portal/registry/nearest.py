"""The rows of the cameras in a place, nearest to its middle first, and never one too many or too few.

Circles are asked of PostGIS where it is. Boxes, and everything in a file, are found in rings: an index on bands of
latitude, each sorted by longitude, gives the cameras around the middle, in a ring as wide as it takes. Not for: what
officers are told of them (``portal.registry.cameras``).
"""

import functools
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Float, Integer, Result, Select, and_, bindparam, func, literal_column, or_, select
from sqlalchemy.exc import InternalError
from sqlalchemy.orm import Session

from portal.registry.geo import Box, box_around, distance_m
from portal.registry.search_query import SearchQuery
from portal.storage.models import Camera, Device


class FoundRow(NamedTuple):
    """A camera as its row is; plain, because rows that a session watches take as long again."""

    device: str
    camera_id: str
    label: str
    owner_kind: str
    latitude: float
    longitude: float
    description: str | None
    direction: float | None
    field_of_view: float | None
    range_m: float | None
    sound: bool
    retention_days: int
    recordings_since: int | None
    last_seen: int
    """When its owner's system was last heard."""


Row = tuple[float, FoundRow]
"""Metres from the middle, and the camera."""
_COLUMNS = [*(getattr(Camera, name) for name in FoundRow._fields[:-1]), Device.last_seen]
AS_FAR = 25
"""Cameras more than are wanted of PostGIS: where more than so many are as far away, rings find which are wanted."""
FIRST_RING_M = 250.0
MOST_LOOKED_AT = 3000
"""Places in one ring; where there are more, a narrower one is looked at."""
LEAST_STEP_M = 1.0
"""Rings that differ by less are not told apart: what crowds there is read, however much it is."""
SLACK_M = 0.5
"""By which a ring's box is wider: sines near a pole, and another's sphere, are no better."""
BANDS_A_DEGREE = 100
_BAND = {
    "sqlite": "CAST((cameras.latitude + 90) * 100 AS INTEGER)",
    "postgresql": "cameras.band",
}
"""As the index ``cameras_by_band`` has it: an index on what is computed is taken for the same words only, and under row
security not at all."""


class GlobeGaveUp(Exception):
    """PostGIS's index can't answer ("index returned tuples in wrong order"), as with PostGIS 3.3 where the equator
    meets the date line; nothing more can be asked in this transaction."""


def nearest(session: Session, query: SearchQuery, most: int, *, on_globe: bool = True) -> tuple[list[Row], bool]:
    """The nearest ``most``, and whether there are more; of some that are as far away, by device and camera id.

    ``on_globe``: ask PostGIS where it is, and raise GlobeGaveUp when that can't answer; without it, rings are asked.
    """
    found = None
    if on_globe and query.radius_m is not None and _engine_of(session) == "postgresql":
        found = _on_the_globe(session, middle_of(query), query.radius_m, most)
    if found is None:
        found = _in_rings(session, query, most)
    found.sort(key=lambda item: (item[0], item[1].device, item[1].camera_id))
    return found[:most], len(found) > most


def middle_of(query: SearchQuery) -> tuple[float, float]:
    """Latitude and longitude: of the circle, or of the box."""
    if query.lat is not None and query.lon is not None:
        return query.lat, query.lon
    return query.box.middle


# -- by PostGIS --------------------------------------------------------------------------------------------------


def _on_the_globe(session: Session, middle: tuple[float, float], radius_m: float, most: int) -> list[Row] | None:
    """More than ``most`` with all that are as far away as the last of them, or all that there are. None when more
    are as far away than were asked for. GlobeGaveUp."""
    values = {"latitude": middle[0], "longitude": middle[1], "most": most + AS_FAR, "furthest": radius_m + SLACK_M}
    try:
        every = _rows(session.execute(by_distance(), values), middle)
    except InternalError:
        raise GlobeGaveUp from None
    found = [row for row in every if row[0] <= radius_m]
    if len(every) < most + AS_FAR:
        return found
    horizon = max(away for away, _ in every) - SLACK_M
    return found if sum(away < horizon for away, _ in found) > most else None


@functools.cache
def by_distance() -> Select[*tuple[Any, ...]]:
    """Of the ``most`` cameras nearest to ``latitude`` and ``longitude``, those within ``furthest`` metres: PostGIS's
    index gives all in the order of their distance on a sphere. Made once: that takes as long as to find a few."""
    away = _away()
    most: ColumnElement[int] = bindparam("most", type_=Integer)
    closest = select(*_COLUMNS[:-1], away.label("away")).order_by(away).limit(most).subquery()
    columns = [closest.c[name] for name in FoundRow._fields[:-1]]
    wanted = select(*columns, Device.last_seen).join(Device, Device.fingerprint == closest.c.device)
    return wanted.where(closest.c.away <= bindparam("furthest", type_=Float))


def _away() -> ColumnElement[float]:
    """PostGIS's distance from a place, by which its index sorts."""
    place: ColumnElement[float] = literal_column("cameras.place", Float)
    point = func.ST_MakePoint(bindparam("longitude", type_=Float), bindparam("latitude", type_=Float))
    return place.op("<->")(func.geography(func.ST_SetSRID(point, literal_column("4326", Integer))))


# -- in rings ----------------------------------------------------------------------------------------------------


def _in_rings(session: Session, query: SearchQuery, most: int) -> list[Row]:
    """As ``_on_the_globe``, of any shape, and always found."""
    radius = _wide_enough(session, query, most)
    wanted = select(*_COLUMNS).join(Device, Device.fingerprint == Camera.device)
    near = _rows(session.execute(in_ring(wanted, query, radius, _engine_of(session))), middle_of(query))
    return [row for row in near if row[0] <= radius and _holds(query, row[1].latitude, row[1].longitude)]


def _wide_enough(session: Session, query: SearchQuery, most: int) -> float:
    """Metres from the middle to the first camera beyond the nearest ``most`` of the shape, or to its furthest point."""
    furthest = _reach(query)
    radius, too_narrow, crowded = min(FIRST_RING_M, furthest), 0.0, math.inf
    limit: int | None = MOST_LOOKED_AT
    while True:
        wanted = select(Camera.latitude, Camera.longitude)
        ring = in_ring(wanted, query, radius, _engine_of(session))
        places = [(row[0], row[1]) for row in session.execute(ring.limit(None if limit is None else limit + 1))]
        if limit is not None and len(places) > limit:
            if radius - too_narrow > LEAST_STEP_M:
                crowded, radius = radius, (too_narrow + radius) / 2
            else:
                limit = None
            continue
        away = _distances(query, places, radius)
        if len(away) > most:
            return away[most]
        if radius >= furthest:
            return furthest
        too_narrow = radius
        wider = radius * min(4.0, max(1.4, math.sqrt(1.5 * (most + 1) / max(1, len(away)))))
        radius = min(furthest, wider if limit is None else min(wider, (radius + crowded) / 2))


def _distances(query: SearchQuery, places: Iterable[tuple[float, float]], radius: float) -> list[float]:
    """Sorted, of those in the shape that are at most so far away."""
    middle = middle_of(query)
    away = (distance_m(*middle, *place) for place in places if _holds(query, *place))
    return sorted(each for each in away if each <= radius)


def in_ring(wanted: Select[*tuple[Any, ...]], query: SearchQuery, radius: float, engine: str) -> Select[Any]:
    """What is wanted of cameras, from the box around a ring, as far as that lies in the query's own."""
    ring = box_around(*middle_of(query), radius + SLACK_M)
    south, north, longitudes = ring.south, ring.north, ring.longitudes
    if query.radius_m is None:
        south, north = max(south, query.box.south), min(north, query.box.north)
        longitudes = _overlaps(ring, query.box)
    band = literal_column(_BAND[engine], Integer)
    bands = range(_band(south), _band(north) + 1)
    across = or_(*(Camera.longitude.between(west, east) for west, east in longitudes))
    inside = and_(band.in_(bands), across, Camera.latitude.between(south, north))
    return wanted.where(inside).with_hint(Camera, "INDEXED BY cameras_by_band", "sqlite")


def _overlaps(first: Box, second: Box) -> tuple[tuple[float, float], ...]:
    pairs = ((max(a[0], b[0]), min(a[1], b[1])) for a in first.longitudes for b in second.longitudes)
    return tuple((west, east) for west, east in pairs if west <= east)


def _band(latitude: float) -> int:
    return int((latitude + 90) * BANDS_A_DEGREE)


def _holds(query: SearchQuery, latitude: float, longitude: float) -> bool:
    """Whether it may lie in the shape; of a circle, its distance tells."""
    return query.radius_m is not None or query.box.holds(latitude, longitude)


def _reach(query: SearchQuery) -> float:
    """Metres from the middle to the shape's furthest point."""
    if query.radius_m is not None:
        return query.radius_m
    box = query.box
    corners = ((latitude, longitude) for latitude in (box.south, box.north) for longitude in (box.west, box.east))
    return max(distance_m(*box.middle, *corner) for corner in corners) + SLACK_M


def _rows(answer: Result[*tuple[Any, ...]], middle: tuple[float, float]) -> list[Row]:
    found = map(FoundRow._make, answer.all())
    return [(distance_m(*middle, row.latitude, row.longitude), row) for row in found]


def _engine_of(session: Session) -> str:
    return session.get_bind().dialect.name
