"""Which cameras are near a place, and may have footage of a time: what officers search.

Not for: how cameras come into the registry (``portal.registry.devices``). The owner's name and contact are never in an
answer.
"""

import functools
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from exchange.clock import DAY, Window
from exchange.documents.api import FootageChance, FoundCamera, SearchResult
from exchange.documents.messages import OwnerKind, Part, Place
from portal.registry import hours
from portal.registry.geo import bearing, looks_at
from portal.registry.nearest import FoundRow, middle_of, nearest
from portal.registry.search_query import SearchQuery

P = TypeVar("P", bound=Part)
MOST_FOUND = 400
"""Cameras in one answer, nearest first."""
SILENT = 2 * DAY
"""An owner's system that was not heard for so long may have stopped, or lost what it had."""


def search(session: Session, query: SearchQuery, now: int, *, on_globe: bool = True) -> SearchResult:
    """The cameras inside the circle or box, nearest to its middle first. ``now`` in microseconds; ``on_globe`` and
    GlobeGaveUp as ``nearest``."""
    found, more = nearest(session, query, MOST_FOUND, on_globe=on_globe)
    place = middle_of(query) if query.radius_m is not None else None
    window = Window(query.start, query.end)
    said = hours.recorded(session, [(camera.device, camera.camera_id) for _, camera in found], window)
    return SearchResult.model_construct(
        cameras=tuple(
            _found(
                camera, away, place, footage_chance(camera, window, now, said.get((camera.device, camera.camera_id)))
            )
            for away, camera in found
        ),
        truncated=more,
    )


def footage_chance(camera: FoundRow, window: Window, now: int, recorded: bool | None = None) -> FootageChance:
    """From how far back the camera's recordings reach, and when its owner's system was last heard.

    ``recorded``: whether the agent said that all of the window was recorded, or nothing of it; None where it did not.
    """
    since = camera.recordings_since
    reaches = now - camera.retention_days * DAY if since is None else since
    if window.end > now or (window.end <= reaches and (since is not None or camera.retention_days)):
        return FootageChance.NO
    if recorded is False:
        return FootageChance.NO
    known = recorded or (since is not None and window.end <= camera.last_seen)
    if not known or (since is not None and window.start < since) or camera.last_seen < now - SILENT:
        return FootageChance.UNSURE
    return FootageChance.LIKELY


def _found(camera: FoundRow, away: float, place: tuple[float, float] | None, chance: FootageChance) -> FoundCamera:
    """Made without another check: every value was checked when the camera was registered."""
    looks = None
    if place is not None:
        toward = functools.partial(bearing, camera.latitude, camera.longitude, *place)
        looks = looks_at(toward, away, camera.direction, camera.field_of_view, camera.range_m)
    place_of_camera = {
        "latitude": camera.latitude,
        "longitude": camera.longitude,
        "description": camera.description,
    }
    return _made(
        FoundCamera,
        {
            "device": camera.device,
            "camera_id": camera.camera_id,
            "label": camera.label,
            "owner_kind": OwnerKind(camera.owner_kind),
            "place": _made(Place, place_of_camera),
            "direction": camera.direction,
            "field_of_view": camera.field_of_view,
            "range_m": camera.range_m,
            "sound": camera.sound,
            "retention_days": camera.retention_days,
            "distance_m": round(away, 1),
            "looks_at_place": looks,
            "footage": chance,
            "recordings_since": camera.recordings_since,
            "last_seen": camera.last_seen,
        },
    )


def _made(model: type[P], values: dict[str, Any]) -> P:
    """As ``model_construct`` with every field of the model, in the model's order: that takes three times as long, and
    there are four hundred."""
    part = model.__new__(model)
    for name, value in (
        ("__dict__", values),
        ("__pydantic_fields_set__", set(values)),
        ("__pydantic_extra__", None),
        ("__pydantic_private__", None),
    ):
        object.__setattr__(part, name, value)
    return part
