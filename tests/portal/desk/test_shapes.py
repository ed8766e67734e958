"""Circles, boxes and ways: which cameras stand in them, and what the portal is asked for them."""

from typing import Any

import pytest

from exchange.clock import HOUR, Window
from exchange.errors import InputInvalid
from portal.officer.crime.shapes import Circle, Rectangle, Way, find, read_shape
from portal.settings import Limits
from tests.portal.conftest import NOON, Town
from tests.portal.desk.desks import MARKET, Desk, owners
from tests.portal.wire import camera

WINDOW = Window(NOON - 2 * HOUR, NOON - HOUR)
NORTH_OF = 1 / 111_195
"""Degrees of latitude in a metre."""


def test_what_stands_in_a_shape() -> None:
    way = Way(points=((53.0, -2.0), (53.0, -1.99), (53.01, -1.99)), width_m=100)
    assert way.holds(53.0 + 49 * NORTH_OF, -1.995)
    assert not way.holds(53.0 + 51 * NORTH_OF, -1.995)
    assert way.holds(53.0 - 49 * NORTH_OF, -2.0)
    assert not way.holds(53.005, -1.995)
    assert Circle(latitude=53.0, longitude=-2.0, radius_m=50).holds(53.0 + 49 * NORTH_OF, -2.0)
    assert not Circle(latitude=53.0, longitude=-2.0, radius_m=50).holds(53.0 + 51 * NORTH_OF, -2.0)
    across = Rectangle(south=-17.0, west=179.99, north=-16.99, east=-179.99)
    assert across.holds(-16.995, 179.995)
    assert across.holds(-16.995, -179.995)
    assert not across.holds(-16.995, 0.0)


def test_a_way_over_the_antimeridian_is_one_small_box() -> None:
    way = Way(points=((-17.0, 179.999), (-17.0, -179.999)), width_m=50)
    assert way.whole.width_m < 300
    assert way.holds(-17.0, 180.0)


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ({"kind": "circle", "latitude": 91, "longitude": 0, "radius_m": 5}, "latitude"),
        ({"kind": "circle", "latitude": 0, "longitude": 0, "radius_m": 20_001}, "radius_m"),
        ({"kind": "circle", "latitude": 0, "longitude": 0, "radius_m": float("nan")}, "radius_m"),
        ({"kind": "box", "south": 1, "west": 0, "north": 0, "east": 1}, "south-west"),
        ({"kind": "box", "south": 0, "west": 0, "north": 1, "east": 1}, "40 km"),
        ({"kind": "way", "points": [[0, 0]], "width_m": 5}, "points"),
        ({"kind": "way", "points": [[0, 0], [1, 1]], "width_m": 5}, "20 km"),
        ({"kind": "way", "points": [[0, 0]] * 51, "width_m": 5}, "points"),
        ({"kind": "star"}, "can't be used"),
        ([], "can't be used"),
        (None, "can't be used"),
    ],
)
def test_a_place_that_is_none_is_told(value: Any, word: str) -> None:
    with pytest.raises(InputInvalid, match=word):
        read_shape(value)


async def test_the_portal_is_asked_for_what_was_drawn(desk: Desk, town: Town) -> None:
    await owners(town, 3)
    aside = (MARKET[0] + 0.002, MARKET[1])
    await town.agent().join(town.place, camera("aside", at=aside))
    circle = Circle(latitude=MARKET[0], longitude=MARKET[1], radius_m=15)
    box = Rectangle(south=MARKET[0] - 0.001, west=MARKET[1] - 0.001, north=MARKET[0] + 0.001, east=MARKET[1] + 0.001)
    way = Way(points=(MARKET, (MARKET[0], MARKET[1] + 0.001), (aside[0], MARKET[1] + 0.001)), width_m=10)
    counts = [len((await find(desk.site.client, shape, "C-1", WINDOW)).cameras) for shape in (circle, box, way)]
    assert counts == [2, 6, 3]


async def test_a_way_that_goes_far_is_asked_for_piece_by_piece(desk: Desk, town: Town) -> None:
    await owners(town, 1)
    points = tuple((MARKET[0], MARKET[1] + number * 0.25) for number in range(4))
    found = await find(desk.site.client, Way(points=points, width_m=5), "C-1", WINDOW)
    assert [camera.camera_id for camera in found.cameras] == ["front"]
    assert Limits().searches_per_officer_per_day > 3
