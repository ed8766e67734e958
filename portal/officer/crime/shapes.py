"""What an officer draws on the map: a circle, a box, or a way with a width; and the cameras that stand in it.

Not for: what the portal is asked (``portal.registry.search_query``); it knows circles and boxes.
WGS 84 degrees, metres.
"""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from exchange.clock import Window
from exchange.complaints import complaint, wrong
from exchange.documents.api import FoundCamera, SearchResult
from exchange.documents.messages import Latitude, Longitude, Part
from exchange.errors import InputInvalid
from exchange.ground import EARTH_RADIUS_M
from portal.officer.client import OfficerClient
from portal.registry.geo import Box, box_around, distance_m
from portal.registry.search_query import MOST_SIDE_M, SearchQuery

MOST_POINTS = 50
Point = tuple[Latitude, Longitude]


class Circle(Part):
    kind: Literal["circle"] = "circle"
    latitude: Latitude
    longitude: Longitude
    radius_m: Annotated[float, Field(gt=0, le=20_000, allow_inf_nan=False)]

    @property
    def middle(self) -> Point:
        return self.latitude, self.longitude

    def holds(self, latitude: float, longitude: float) -> bool:
        return distance_m(self.latitude, self.longitude, latitude, longitude) <= self.radius_m


class Rectangle(Part):
    """``west`` greater than ``east`` crosses the antimeridian."""

    kind: Literal["box"] = "box"
    south: Latitude
    west: Longitude
    north: Latitude
    east: Longitude

    @model_validator(mode="after")
    def _has_a_size(self) -> Self:
        if self.south >= self.north or self.west == self.east:
            raise ValueError("a box needs a south-west and a north-east corner")
        if max(self.box.height_m, self.box.width_m) > MOST_SIDE_M:
            raise ValueError(f"a box may be {MOST_SIDE_M // 1000} km wide and high")
        return self

    @property
    def box(self) -> Box:
        return Box(self.south, self.west, self.north, self.east)

    @property
    def middle(self) -> Point:
        return self.box.middle

    def holds(self, latitude: float, longitude: float) -> bool:
        across = any(west <= longitude <= east for west, east in self.box.longitudes)
        return self.south <= latitude <= self.north and across


class Way(Part):
    """Along a street or the way that somebody took; cameras at most half of ``width_m`` from its line."""

    kind: Literal["way"] = "way"
    points: Annotated[tuple[Point, ...], Field(min_length=2, max_length=MOST_POINTS)]
    width_m: Annotated[float, Field(gt=0, le=2_000, allow_inf_nan=False)]

    @model_validator(mode="after")
    def _is_near(self) -> Self:
        for (latitude, longitude), (later, eastern) in pairwise(self.points):
            if distance_m(latitude, longitude, later, eastern) > MOST_SIDE_M / 2:
                raise ValueError(f"from one point of a way to the next may be {MOST_SIDE_M // 2000} km")
        return self

    @property
    def middle(self) -> Point:
        return self.points[len(self.points) // 2]

    def holds(self, latitude: float, longitude: float) -> bool:
        return any(_off_line(latitude, longitude, *ends) <= self.width_m / 2 for ends in pairwise(self.points))

    def boxes(self) -> Iterator[Box]:
        """One around each piece of the way."""
        for ends in pairwise(self.points):
            yield _around([box_around(*point, self.width_m / 2) for point in ends])

    @property
    def whole(self) -> Box:
        return _around([box_around(*point, self.width_m / 2) for point in self.points])


Shape = Circle | Rectangle | Way
_SHAPE: TypeAdapter[Shape] = TypeAdapter(Annotated[Shape, Field(discriminator="kind")])


def read_shape(value: Any) -> Shape:
    """From JSON that was drawn or typed. InputInvalid."""
    try:
        return _SHAPE.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"][1:])
        what = wrong(first)
        raise InputInvalid(
            f"The place can't be used{f' ({where})' if where else ''}: {what}.",
            do="Draw it again, or type it: a middle and a radius, two corners, or the points of a way.",
        ) from None


async def find(client: OfficerClient, shape: Shape, crime_reference: str, window: Window) -> SearchResult:
    """The cameras in the shape, as the portal finds them; each call is one search in the portal's record.

    A way is asked for as one box, and piece by piece where that finds too many or would be too large.
    """
    about = {"crime_reference": crime_reference, "from": window.start, "to": window.end}
    if isinstance(shape, Circle):
        circle = {"lat": shape.latitude, "lon": shape.longitude, "radius_m": shape.radius_m}
        return await client.search(_query(circle | about))
    if isinstance(shape, Rectangle):
        return await client.search(_query(_sides(shape.box) | about))
    if max(shape.whole.height_m, shape.whole.width_m) <= MOST_SIDE_M:
        found = await client.search(_query(_sides(shape.whole) | about))
        if not found.truncated:
            return _inside(shape, [found])
    pieces = [await client.search(_query(_sides(box) | about)) for box in shape.boxes()]
    return _inside(shape, pieces)


def _inside(shape: Way, results: list[SearchResult]) -> SearchResult:
    cameras: dict[tuple[str, str], FoundCamera] = {}
    for camera in (camera for result in results for camera in result.cameras):
        if shape.holds(camera.place.latitude, camera.place.longitude):
            cameras[camera.device, camera.camera_id] = camera
    return SearchResult(cameras=tuple(cameras.values()), truncated=any(result.truncated for result in results))


def _query(values: dict[str, Any]) -> SearchQuery:
    try:
        return SearchQuery.model_validate(values)
    except ValidationError as error:
        raise InputInvalid(f"This can't be searched: {complaint(error)}.", do="Correct it.") from None


def _sides(box: Box) -> dict[str, float]:
    return {"south": box.south, "west": box.west, "north": box.north, "east": box.east}


def _around(boxes: list[Box]) -> Box:
    """The smallest box that holds those, which lie near each other: the short way round."""
    first = boxes[0].west
    wests = [first + _short(box.west - first) for box in boxes]
    easts = [first + _short(box.east - first) for box in boxes]
    south, north = min(box.south for box in boxes), max(box.north for box in boxes)
    return Box(south, _normal(min(wests)), north, _normal(max(easts)))


def _off_line(latitude: float, longitude: float, start: Point, end: Point) -> float:
    """Metres from a place to the line between two, on the plane that touches the earth at ``start``: it is near."""
    metre = EARTH_RADIUS_M * math.pi / 180
    narrowing = math.cos(math.radians(start[0]))

    def plane(place: Point) -> tuple[float, float]:
        return _short(place[1] - start[1]) * metre * narrowing, (place[0] - start[0]) * metre

    (x, y), (east, north) = plane((latitude, longitude)), plane(end)
    length = east * east + north * north
    along = 0.0 if length == 0 else min(1.0, max(0.0, (x * east + y * north) / length))
    return math.hypot(x - along * east, y - along * north)


def _short(degrees: float) -> float:
    return (degrees + 180) % 360 - 180


_normal = _short
