"""Which cameras are near a place, and may have footage of a time: what officers search.

Not for: how cameras come into the registry (``portal.registry.devices``). The owner's name and contact are never in an
answer.
"""

import math

from sqlalchemy import Select, and_, case, or_, select
from sqlalchemy.orm import Session

from exchange.clock import DAY, Window
from exchange.documents.api import FootageChance, FoundCamera, SearchResult
from exchange.documents.messages import OwnerKind, Place
from portal.registry import hours
from portal.registry.geo import Box, bearing, distance_m, looks_at
from portal.registry.search_query import SearchQuery
from portal.storage.models import Camera, Device

MOST_FOUND = 400
"""Cameras in one answer, nearest first."""
CANDIDATES = 5 * MOST_FOUND
SILENT = 2 * DAY
"""An owner's system that was not heard for so long may have stopped, or lost what it had."""
POLAR = 85.0
"""Degrees beyond which a degree of longitude varies too much within a circle to sort by."""


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
    nearest = found[:MOST_FOUND]
    said = hours.recorded(session, [(camera.device, camera.camera_id) for _, camera, _ in nearest], window)
    return SearchResult(
        cameras=tuple(
            _found(
                camera,
                last_seen,
                away,
                (latitude, longitude) if is_place else None,
                footage_chance(camera, last_seen, window, now, said.get((camera.device, camera.camera_id))),
            )
            for away, camera, last_seen in nearest
        ),
        truncated=len(found) > MOST_FOUND or len(rows) > CANDIDATES,
    )


def footage_chance(
    camera: Camera, last_seen: int, window: Window, now: int, recorded: bool | None = None
) -> FootageChance:
    """From how far back the camera's recordings reach, and when its owner's system was last heard.

    ``recorded``: whether the agent said that all of the window was recorded, or nothing of it; None where it did not.
    """
    since = camera.recordings_since
    reaches = now - camera.retention_days * DAY if since is None else since
    if window.end > now or (window.end <= reaches and (since is not None or camera.retention_days)):
        return FootageChance.NO
    if recorded is False:
        return FootageChance.NO
    known = recorded or (since is not None and window.end <= last_seen)
    if not known or (since is not None and window.start < since) or last_seen < now - SILENT:
        return FootageChance.UNSURE
    return FootageChance.LIKELY


def _nearest_in(box: Box, latitude: float, longitude: float) -> Select[Camera, int]:
    """By the index on latitude and longitude; sorted well enough in SQL that the nearest are in the first rows."""
    inside = or_(*(Camera.longitude.between(west, east) for west, east in box.longitudes))
    query = (
        select(Camera, Device.last_seen)
        .join(Device, Device.fingerprint == Camera.device)
        .where(and_(Camera.latitude.between(box.south, box.north), inside))
    )
    if abs(latitude) > POLAR:
        return query.limit(10 * CANDIDATES)
    narrowing = math.cos(math.radians(latitude)) ** 2
    north = Camera.latitude - latitude
    across = Camera.longitude - longitude
    if box.west > box.east:  # the short way round
        across = case((across > 180, across - 360), (across < -180, across + 360), else_=across)
    return query.order_by(north * north + across * across * narrowing).limit(CANDIDATES + 1)


def _found(
    camera: Camera, last_seen: int, away: float, place: tuple[float, float] | None, chance: FootageChance
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
        footage=chance,
        recordings_since=camera.recordings_since,
        last_seen=last_seen,
    )
