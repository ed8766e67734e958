"""What an officer searches for: a place and a time, as the call's query says it.

Not for: finding it (``portal.registry.cameras``). Officers' own machines load this without the database.
"""

from typing import Annotated, Self

from pydantic import Field, model_validator

from exchange.clock import Instant
from exchange.documents.messages import Latitude, Line, Longitude, Part
from portal.registry.geo import Box, box_around

MOST_SIDE_M = 40_000
"""As wide as the largest circle."""


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
    crime_reference: Line
    """What the officer searches for: kept with their name, the place and the time."""
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
        if all(box) and max(self.box.height_m, self.box.width_m) > MOST_SIDE_M:
            raise ValueError(f"a box may be {MOST_SIDE_M // 1000} km wide and high: search a smaller place")
        if self.end <= self.start:
            raise ValueError("'to' must be later than 'from'")
        return self

    @property
    def as_sent(self) -> dict[str, str]:
        """The call's query."""
        values = self.model_dump(mode="json", exclude_none=True, by_alias=True)
        return {name: str(value) for name, value in values.items()}

    @property
    def box(self) -> Box:
        if self.lat is not None and self.lon is not None and self.radius_m is not None:
            return box_around(self.lat, self.lon, self.radius_m)
        assert self.south is not None
        assert self.west is not None
        assert self.north is not None
        assert self.east is not None
        return Box(self.south, self.west, self.north, self.east)
