"""A small plan of where cameras stand and look, and where it happened: SVG from coordinates, no map, no network.

For the owner's page and for READ-ME-FIRST; the page's style colours it. Not for: distances that anybody relies on: a
plan of a few hundred metres is drawn as if the earth were flat.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from markupsafe import Markup, escape

from exchange.documents.messages import Place

Words = Callable[..., str]
"""A text and its values, to the same in a reader's language."""

SIDE = 320
_MARGIN = 62
"""Room for a field of view around the outermost camera."""
_METRES = 111_320.0
"""A degree of latitude."""
_LEAST = 20.0
_STEPS = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 50_000, 100_000)


class DrawnCamera(Protocol):
    """What is drawn of a camera; degrees clockwise from true north, metres."""

    @property
    def camera_id(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def place(self) -> Place: ...
    @property
    def direction(self) -> float | None: ...
    @property
    def field_of_view(self) -> float | None: ...
    @property
    def range_m(self) -> float | None: ...


@dataclass(frozen=True)
class _Scale:
    latitude: float
    longitude: float
    metres: float

    def point(self, place: Place) -> tuple[float, float]:
        east = (place.longitude - self.longitude) * _METRES * math.cos(math.radians(self.latitude))
        north = (place.latitude - self.latitude) * _METRES
        each = (SIDE - 2 * _MARGIN) / self.metres
        return round(SIDE / 2 + east * each, 1), round(SIDE / 2 - north * each, 1)


def plan(cameras: Sequence[DrawnCamera], asked: frozenset[str], incident: Place | None, words: Words) -> Markup:
    """The plan, or nothing where no camera has a place. ``asked``: the ids of the cameras that are asked for."""
    places = [camera.place for camera in cameras] + ([incident] if incident else [])
    if not cameras:
        return Markup("")
    scale = _scale(places)
    marks = [_view(camera, scale, asked=camera.camera_id in asked) for camera in cameras]
    marks += [
        _camera(camera, number, scale, asked=camera.camera_id in asked) for number, camera in enumerate(cameras, 1)
    ]
    if incident:
        x, y = scale.point(incident)
        marks.append(
            Markup('<g class="incident"><circle cx="{}" cy="{}" r="9"/><path d="M{} {}l8 8m0-8l-8 8"/></g>').format(
                x, y, x - 4, y - 4
            )
        )
    names = ", ".join(camera.label for camera in cameras)
    title = words("Plan of the cameras: %(names)s", names=names)
    each = (SIDE - 2 * _MARGIN) / scale.metres
    return Markup(
        '<svg class="plan" viewBox="0 0 {0} {0}" role="img" aria-label="{1}" data-latitude="{5}" data-longitude="{6}" '
        'data-north="{7}" data-east="{8}">{2}{3}{4}</svg>'
    ).format(
        SIDE, title, _north(words), Markup("").join(marks), _ruler(scale, words), scale.latitude, scale.longitude,
        1 / (each * _METRES), 1 / (each * _METRES * math.cos(math.radians(scale.latitude))),
    )  # fmt: skip


def _scale(places: Sequence[Place]) -> _Scale:
    south, north = min(place.latitude for place in places), max(place.latitude for place in places)
    west, east = min(place.longitude for place in places), max(place.longitude for place in places)
    middle = (south + north) / 2
    across = max((north - south) * _METRES, (east - west) * _METRES * math.cos(math.radians(middle)))
    return _Scale(middle, (west + east) / 2, max(_LEAST, across * 1.2))


def _view(camera: DrawnCamera, scale: _Scale, *, asked: bool) -> Markup:
    """The field of view as a sector."""
    if camera.direction is None:
        return Markup("")
    x, y = scale.point(camera.place)
    half = min(camera.field_of_view or 60, 179) / 2
    reach = min(_MARGIN - 4.0, max(36.0, (camera.range_m or 15) * (SIDE - 2 * _MARGIN) / scale.metres))
    edges = []
    for angle in (camera.direction - half, camera.direction + half):
        turn = math.radians(angle)
        edges.append((round(x + reach * math.sin(turn), 1), round(y - reach * math.cos(turn), 1)))
    path = f"M{x} {y}L{edges[0][0]} {edges[0][1]}A{reach:.1f} {reach:.1f} 0 0 1 {edges[1][0]} {edges[1][1]}Z"
    return Markup('<path class="view{}" d="{}"/>').format(" asked" if asked else "", path)


def _camera(camera: DrawnCamera, number: int, scale: _Scale, *, asked: bool) -> Markup:
    x, y = scale.point(camera.place)
    return Markup(
        '<g class="camera{}"><title>{}</title><circle cx="{}" cy="{}" r="10"/><text x="{}" y="{}">{}</text></g>'
    ).format(" asked" if asked else "", escape(camera.label), x, y, x, y + 4, number)


def _north(words: Words) -> Markup:
    return Markup('<g class="north"><path d="M16 30V10m-4 6l4-6 4 6"/><text x="16" y="42">{}</text></g>').format(
        words("N")
    )


def _ruler(scale: _Scale, words: Words) -> Markup:
    each = (SIDE - 2 * _MARGIN) / scale.metres
    step = max((step for step in _STEPS if step * each <= SIDE / 3), default=_STEPS[0])
    width = round(step * each, 1)
    text = words("%(count)s m", count=step) if step < 1000 else words("%(count)s km", count=step // 1000)
    return Markup('<g class="ruler"><path d="M12 {0}h{1}"/><text x="12" y="{2}">{3}</text></g>').format(
        SIDE - 10, width, SIDE - 15, text
    )
