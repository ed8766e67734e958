"""The rows of the cameras in a place, nearest to its middle first: by PostGIS, or without it by a plain index.

Not for: what officers are told of them (``portal.registry.cameras``). Both give the same cameras in the same order, but
for two that lie within a hair of as far away as each other.
"""

import math
from collections.abc import Iterable

from sqlalchemy import ColumnElement, Float, Select, and_, case, func, literal_column, or_, select
from sqlalchemy.orm import Session, aliased

from portal.registry.geo import distance_m
from portal.registry.search_query import SearchQuery
from portal.storage.models import Camera, Device

Row = tuple[float, Camera, int]
"""Metres from the middle, the camera, and when its owner's system was last heard."""
CANDIDATES = 2000
"""Rows that a plain index gives at most; they are sorted well enough by then that the nearest are among them."""
AS_FAR = 100
"""Cameras more than are wanted: of so many at one place it doesn't hang on chance which are found."""
CORNERS = 4
"""Times as many of the nearest are looked at for a box as are wanted: enough lie in it, if it isn't narrow."""
POLAR = 85.0
"""Degrees beyond which a degree of longitude varies too much within a circle to sort by."""


def nearest(session: Session, query: SearchQuery, most: int) -> tuple[list[Row], bool]:
    """The nearest ``most``, and whether there are more."""
    if session.get_bind().dialect.name == "postgresql":
        found, more = _on_the_globe(session, query, most), False
    else:
        rows = session.execute(by_index(query)).all()
        found, more = _inside(query, ((camera, seen) for camera, seen in rows[:CANDIDATES])), len(rows) > CANDIDATES
    found.sort(key=lambda item: (item[0], item[1].device, item[1].camera_id))
    return found[:most], more or len(found) > most


def middle_of(query: SearchQuery) -> tuple[float, float]:
    """Latitude and longitude: of the circle, or of the box."""
    if query.lat is not None and query.lon is not None:
        return query.lat, query.lon
    return query.box.middle


def _on_the_globe(session: Session, query: SearchQuery, most: int) -> list[Row]:
    """More than ``most``, or all that there are."""
    limit = most + AS_FAR if query.radius_m is not None else CORNERS * most
    rows = [(camera, seen) for camera, seen in session.execute(by_distance(middle_of(query), limit, query.radius_m))]
    found = _inside(query, rows)
    if query.radius_m is not None or len(rows) < limit or len(found) > most:
        return found
    middle = middle_of(query)
    if max(distance_m(*middle, camera.latitude, camera.longitude) for camera, _ in rows) > _reach(query):
        return found
    return _inside(query, ((camera, seen) for camera, seen in session.execute(_in_a_narrow_box(query, most + AS_FAR))))


def by_distance(middle: tuple[float, float], limit: int, radius_m: float | None) -> Select[Camera, int]:
    """Of the nearest of all cameras, those in a circle: PostGIS's index gives them in the order of their distance on a
    sphere."""
    away = _away(middle)
    closest = select(Camera, away.label("away")).order_by(away).limit(limit).subquery()
    camera = aliased(Camera, closest)
    wanted = select(camera, Device.last_seen).join(Device, Device.fingerprint == camera.device)
    return wanted if radius_m is None else wanted.where(closest.c.away <= radius_m + 1)


def _in_a_narrow_box(query: SearchQuery, limit: int) -> Select[Camera, int]:
    wanted = select(Camera, Device.last_seen).join(Device, Device.fingerprint == Camera.device)
    order = (_away(middle_of(query)), Camera.device, Camera.camera_id)
    return wanted.where(_between(query)).order_by(*order).limit(limit)


def by_index(query: SearchQuery) -> Select[Camera, int]:
    """By the index on latitude and longitude; sorted well enough in SQL that the nearest are in the first rows."""
    box, (latitude, longitude) = query.box, middle_of(query)
    wanted = select(Camera, Device.last_seen).join(Device, Device.fingerprint == Camera.device).where(_between(query))
    if abs(latitude) > POLAR:
        return wanted.limit(10 * CANDIDATES)
    narrowing = math.cos(math.radians(latitude)) ** 2
    north = Camera.latitude - latitude
    across = Camera.longitude - longitude
    if box.west > box.east:  # the short way round
        across = case((across > 180, across - 360), (across < -180, across + 360), else_=across)
    return wanted.order_by(north * north + across * across * narrowing).limit(CANDIDATES + 1)


def _inside(query: SearchQuery, rows: Iterable[tuple[Camera, int]]) -> list[Row]:
    """Those in the circle or box, with how far away they are."""
    latitude, longitude = middle_of(query)
    box, radius = query.box, query.radius_m
    found = []
    for camera, seen in rows:
        away = distance_m(latitude, longitude, camera.latitude, camera.longitude)
        if away <= radius if radius is not None else box.holds(camera.latitude, camera.longitude):
            found.append((away, camera, seen))
    return found


def _reach(query: SearchQuery) -> float:
    """Metres from a box's middle to its furthest corner."""
    box = query.box
    corners = ((latitude, longitude) for latitude in (box.south, box.north) for longitude in (box.west, box.east))
    return max(distance_m(*box.middle, *corner) for corner in corners)


def _between(query: SearchQuery) -> ColumnElement[bool]:
    box = query.box
    across = or_(*(Camera.longitude.between(west, east) for west, east in box.longitudes))
    return and_(Camera.latitude.between(box.south, box.north), across)


def _away(middle: tuple[float, float]) -> ColumnElement[float]:
    """PostGIS's distance from a place, by which its index sorts."""
    latitude, longitude = middle
    place: ColumnElement[float] = literal_column("cameras.place", Float)
    return place.op("<->")(func.geography(func.ST_SetSRID(func.ST_MakePoint(longitude, latitude), 4326)))
