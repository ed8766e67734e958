"""Which cameras are near a place, and may have footage of a time: what officers search.

Not for: how cameras come into the registry (``portal.devices``). The owner's name and contact are never in an answer.
"""

import math
from typing import Annotated, Self

from pydantic import Field, model_validator
from sqlalchemy import Select, and_, case, or_, select
from sqlalchemy.orm import Session

from exchange.api import FoundCamera, SearchResult
from exchange.clock import DAY, Instant, Window
from exchange.messages import Latitude, Longitude, OwnerKind, Part, Place
from portal.geo import Box, bearing, box_around, distance_m, looks_at
from portal.models import Camera, Device

MOST_FOUND = 400
"""Cameras in one answer, nearest first."""
CANDIDATES = 5 * MOST_FOUND
POLAR = 85.0
"""Degrees beyond which a degree of longitude varies too much within a circle to sort by."""


class SearchQuery(Part):
    """Either a circle (``lat``, ``lon``, ``radius_m``) or a box (``south``, ``west``, ``north``, ``east``; a box with
    ``west`` greater than ``east`` crosses the antimeridian), and a time."""

    lat: Latitude | None = None
    lon: Longitude | None = None
    radius_m: Annotated[float, Field(gt=0, le=20_000, allow_inf_nan=False)] | None = None
    south: Latitude | None = None
    west: Longitude | None = None
    north: Latitude | None = None
    east: Longitude | None = None
    start: Instant = Field(alias="from")
    end: Instant = Field(alias="to")

    @model_validator(mode="after")
    def _is_one_shape(self) -> Self:
        circle = [value is not None for value in (self.lat, self.lon, self.radius_m)]
        box = [value is not None for value in (self.south, self.west, self.north, self.east)]
        if not ((all(circle) and not any(box)) or (all(box) and not any(circle))):
            raise ValueError("give lat, lon and radius_m, or south, west, north and east")
        if self.south is not None and self.north is not None and self.south > self.north:
            raise ValueError("'south' must not lie north of 'north'")
        if self.end <= self.start:
            raise ValueError("'to' must be later than 'from'")
        return self

    @property
    def box(self) -> Box:
        if self.lat is not None and self.lon is not None and self.radius_m is not None:
            return box_around(self.lat, self.lon, self.radius_m)
        assert self.south is not None
        assert self.west is not None
        assert self.north is not None
        assert self.east is not None
        return Box(self.south, self.west, self.north, self.east)


def search(session: Session, query: SearchQuery, now: int) -> SearchResult:
    """The cameras inside the circle or box, nearest to its middle first. ``now`` in microseconds."""
    box = query.box
    if query.lat is not None and query.lon is not None:
        latitude, longitude, is_place = query.lat, query.lon, True
    else:
        (latitude, longitude), is_place = box.middle, False
    rows = session.execute(_nearest_in(box, latitude, longitude)).all()
    found = []
    for camera, last_seen in rows[:CANDIDATES]:
        away = distance_m(latitude, longitude, camera.latitude, camera.longitude)
        if query.radius_m is None or away <= query.radius_m:
            found.append((away, camera, last_seen))
    found.sort(key=lambda item: (item[0], item[1].device, item[1].camera_id))
    window = Window(query.start, query.end)
    return SearchResult(
        cameras=tuple(
            _found(camera, last_seen, away, (latitude, longitude) if is_place else None, window, now)
            for away, camera, last_seen in found[:MOST_FOUND]
        ),
        truncated=len(found) > MOST_FOUND or len(rows) > CANDIDATES,
    )


def footage_likely(retention_days: int, window: Window, now: int) -> bool:
    """Whether all of the window is past, and none of it older than what the camera keeps."""
    return window.start >= now - retention_days * DAY and window.end <= now


def _nearest_in(box: Box, latitude: float, longitude: float) -> Select[Camera, int]:
    """By the index on latitude and longitude; sorted well enough in SQL that the nearest are in the first rows."""
    inside = or_(*(Camera.longitude.between(west, east) for west, east in box.longitudes))
    query = (
        select(Camera, Device.last_seen)
        .join(Device, Device.fingerprint == Camera.device)
        .where(and_(Camera.latitude.between(box.south, box.north), inside))
    )
    if abs(latitude) > POLAR:
        return query
    narrowing = math.cos(math.radians(latitude)) ** 2
    north = Camera.latitude - latitude
    across = Camera.longitude - longitude
    if box.west > box.east:  # the short way round
        across = case((across > 180, across - 360), (across < -180, across + 360), else_=across)
    return query.order_by(north * north + across * across * narrowing).limit(CANDIDATES + 1)


def _found(
    camera: Camera, last_seen: int, away: float, place: tuple[float, float] | None, window: Window, now: int
) -> FoundCamera:
    looks = None
    if place is not None:
        toward = bearing(camera.latitude, camera.longitude, *place)
        looks = looks_at(toward, away, camera.direction, camera.field_of_view, camera.range_m)
    return FoundCamera(
        device=camera.device,
        camera_id=camera.camera_id,
        label=camera.label,
        owner_kind=OwnerKind(camera.owner_kind),
        place=Place(latitude=camera.latitude, longitude=camera.longitude, description=camera.description),
        direction=camera.direction,
        field_of_view=camera.field_of_view,
        range_m=camera.range_m,
        sound=camera.sound,
        retention_days=camera.retention_days,
        distance_m=round(away, 1),
        looks_at_place=looks,
        footage_likely=footage_likely(camera.retention_days, window, now),
        last_seen=last_seen,
    )
