"""What one types to search around a place at a time: for every command that does, as the query that the portal takes.

Not for: other shapes, and times as people say them (``portal.officer.crime``).
"""

import functools
from collections.abc import Callable
from typing import Any

import click
from pydantic import ValidationError

from exchange.complaints import complaint
from exchange.errors import InputInvalid
from portal.officer.asking import read_place
from portal.officer.times import HOW_TO_WRITE, read_time, read_zone
from portal.officer.tools import tz_option
from portal.registry.search_query import SearchQuery

_OPTIONS = (
    click.option("--near", required=True, metavar="LAT,LON", help="WGS 84 degrees."),
    click.option("--crime", required=True, help="The crime reference; it is kept with your name and the place."),
    click.option("--radius", type=click.FloatRange(1, 20_000), default=100.0, show_default=True, help="Metres."),
    click.option("--from", "start", required=True, help=HOW_TO_WRITE),
    click.option("--to", "end", required=True, help=HOW_TO_WRITE),
    tz_option,
)


def nearby_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options; ``command`` gets them as one ``query``."""

    @functools.wraps(command)
    def typed(
        *args: Any, near: str, crime: str, radius: float, start: str, end: str, tz: str | None, **more: Any
    ) -> Any:
        return command(*args, query=_read(near, crime, radius, start, end, tz), **more)

    for option in reversed(_OPTIONS):
        typed = option(typed)
    return typed


def _read(near: str, crime: str, radius: float, start: str, end: str, tz: str | None) -> SearchQuery:
    """InputInvalid."""
    zone = read_zone(tz)
    latitude, longitude = read_place(near)
    times = read_time(start, zone), read_time(end, zone)
    try:
        return SearchQuery(
            lat=latitude, lon=longitude, radius_m=radius, crime_reference=crime, start=times[0], end=times[1]
        )
    except ValidationError as error:
        raise InputInvalid(f"This can't be searched: {complaint(error)}.", do="Correct it.") from None
