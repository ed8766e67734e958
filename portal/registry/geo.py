"""Where a place lies: boxes, distances and bearings on a sphere, across the antimeridian and at the poles too.

Not for: the registry's rows (``portal.registry.cameras``). Degrees and metres throughout.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from exchange.ground import EARTH_RADIUS_M
from exchange.ground import distance_m as distance_m

ASSUMED_FIELD_OF_VIEW = 90.0
"""Degrees, where the owner gave a direction and no field of view."""
ASSUMED_RANGE_M = 50.0
"""Where the owner gave a direction and no range."""
_METRES_A_DEGREE = EARTH_RADIUS_M * math.pi / 180


@dataclass(frozen=True, slots=True)
class Box:
    """South to north, and west *eastward* to east: ``west > east`` crosses the antimeridian."""

    south: float
    west: float
    north: float
    east: float

    @property
    def longitudes(self) -> tuple[tuple[float, float], ...]:
        """The same as ranges that don't cross it."""
        return ((self.west, self.east),) if self.west <= self.east else ((self.west, 180.0), (-180.0, self.east))

    def holds(self, latitude: float, longitude: float) -> bool:
        return self.south <= latitude <= self.north and any(west <= longitude <= east for west, east in self.longitudes)

    @property
    def height_m(self) -> float:
        return (self.north - self.south) * _METRES_A_DEGREE

    @property
    def width_m(self) -> float:
        """Along whichever of its parallels is the longest."""
        longest = 0.0 if self.south <= 0 <= self.north else min(abs(self.south), abs(self.north))
        width = (self.east - self.west) % 360 or (360.0 if self.east != self.west else 0.0)
        return width * _METRES_A_DEGREE * math.cos(math.radians(longest))

    @property
    def middle(self) -> tuple[float, float]:
        """Latitude and longitude."""
        width = (self.east - self.west) % 360
        return (self.south + self.north) / 2, _normal(self.west + width / 2)


def box_around(latitude: float, longitude: float, radius_m: float) -> Box:
    """The smallest box that holds a circle."""
    reach = radius_m / _METRES_A_DEGREE
    south, north = latitude - reach, latitude + reach
    if south <= -90 or north >= 90:  # a pole is in it, and with it every longitude
        return Box(max(south, -90.0), -180.0, min(north, 90.0), 180.0)
    ratio = math.sin(radius_m / EARTH_RADIUS_M) / math.cos(math.radians(latitude))
    width = math.degrees(math.asin(min(1.0, ratio)))
    return Box(south, _normal(longitude - width), north, _normal(longitude + width))


def bearing(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """The first bearing from one place to the other, clockwise from true north, in [0, 360)."""
    a, b = math.radians(latitude), math.radians(other_latitude)
    across = math.radians(other_longitude - longitude)
    east = math.sin(across) * math.cos(b)
    north = math.cos(a) * math.sin(b) - math.sin(a) * math.cos(b) * math.cos(across)
    return math.degrees(math.atan2(east, north)) % 360


def looks_at(
    toward: Callable[[], float],
    away_m: float,
    direction: float | None,
    field_of_view: float | None,
    range_m: float | None,
) -> bool | None:
    """Whether a place ``away_m`` metres away, in the bearing ``toward``, lies in a camera's view; most are too far away
    for their bearing to be asked for.

    None without a direction. A place within a metre of the camera counts as seen: its bearing says nothing.
    """
    if direction is None:
        return None
    if away_m > (ASSUMED_RANGE_M if range_m is None else range_m):
        return False
    off = abs((toward() - direction + 180) % 360 - 180)
    return away_m < 1 or off <= (ASSUMED_FIELD_OF_VIEW if field_of_view is None else field_of_view) / 2


def _normal(longitude: float) -> float:
    return (longitude + 180) % 360 - 180
