"""Officers find cameras by place and time, near the antimeridian and the poles too, and never who owns them."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from exchange.clock import DAY, HOUR, MINUTE, to_rfc3339
from exchange.documents import api
from portal import sweep
from portal.registry import nearest, searches
from portal.registry.cameras import MOST_FOUND, search
from portal.registry.geo import bearing, box_around, distance_m, looks_at
from portal.registry.search_query import SearchQuery
from portal.settings import Limits
from portal.storage.models import Camera, Device
from tests.portal.conftest import BOTH, NOON, Town
from tests.portal.wire import CONTACT, OWNER, camera

ENGINES = BOTH

DEVICE = "SHA256:" + "d" * 43
places = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


def ids(found: api.SearchResult) -> list[str]:
    return [item.camera_id for item in found.cameras]


def destination(place: tuple[float, float], toward: float, away_m: float) -> tuple[float, float]:
    """Where one arrives (the direct problem on a sphere); the opposite of what the product computes."""
    angle, course = away_m / 6_371_008.8, math.radians(toward)
    latitude, longitude = map(math.radians, place)
    end = math.asin(math.sin(latitude) * math.cos(angle) + math.cos(latitude) * math.sin(angle) * math.cos(course))
    across = math.atan2(
        math.sin(course) * math.sin(angle) * math.cos(latitude),
        math.cos(angle) - math.sin(latitude) * math.sin(end),
    )
    return math.degrees(end), (math.degrees(longitude + across) + 180) % 360 - 180


@given(places, st.floats(0, 360), st.floats(1, 20_000), st.floats(0, 1))
def test_a_circle_s_box_holds_everything_in_the_circle(
    place: tuple[float, float], toward: float, radius: float, part: float
) -> None:
    latitude, longitude = destination(place, toward, radius * part * 0.999999)
    box = box_around(*place, radius)
    assert box.south - 2e-6 <= latitude <= box.north + 2e-6  # asin near a pole is no better
    assert any(west - 1e-6 <= longitude <= east + 1e-6 for west, east in box.longitudes)


@given(places, st.floats(0, 359.99), st.floats(10, 20_000))
def test_distance_and_bearing_lead_back_to_the_place(place: tuple[float, float], toward: float, away: float) -> None:
    other = destination(place, toward, away)
    assert distance_m(*place, *other) == pytest.approx(away, rel=1e-5, abs=0.01)
    if abs(place[0]) < 89:
        off = (bearing(*place, *other) - toward + 180) % 360 - 180
        assert abs(off) < 0.01


@pytest.mark.parametrize(
    ("toward", "away", "direction", "view", "reach", "seen"),
    [
        (90, 30, None, None, None, None),
        (90, 30, 90.0, 80.0, 60.0, True),
        (131, 30, 90.0, 80.0, 60.0, False),
        (129, 30, 90.0, 80.0, 60.0, True),
        (90, 61, 90.0, 80.0, 60.0, False),
        (350, 30, 10.0, 60.0, 60.0, True),
        (30, 30, 350.0, 60.0, 60.0, False),
        (270, 0.5, 90.0, 80.0, 60.0, True),
        (134, 49, 90.0, None, None, True),
        (136, 49, 90.0, None, None, False),
        (90, 51, 90.0, None, None, False),
    ],
)
def test_whether_a_camera_looks_at_a_place(
    toward: float, away: float, direction: float | None, view: float | None, reach: float | None, seen: bool | None
) -> None:
    assert looks_at(lambda: toward, away, direction, view, reach) is seen


async def test_a_circle_finds_what_is_in_it_nearest_first(town: Town) -> None:
    here = (53.7632, -2.7031)
    await town.agent().join(
        town.place,
        camera("far", at=destination(here, 45, 95)),
        camera("near", at=destination(here, 200, 10)),
        camera("outside", at=destination(here, 45, 101)),
    )
    found = await town.officer.search(lat=here[0], lon=here[1], radius_m=100)
    assert ids(found) == ["near", "far"]
    assert [item.distance_m for item in found.cameras] == [10.0, 95.0]


async def test_an_answer_tells_where_a_camera_looks_and_never_whose_it_is(town: Town) -> None:
    place = destination((53.7632, -2.7031), 90, 20)
    await town.agent().join(town.place)
    times = {"from": to_rfc3339(NOON - HOUR), "to": to_rfc3339(NOON)}
    query = {"lat": place[0], "lon": place[1], "radius_m": 50, "crime_reference": "C-1", **times}
    answer = await town.officer.call("GET", api.SEARCH, query=query)
    assert answer.json["cameras"][0]["looks_at_place"] is True
    assert OWNER.encode() not in answer.content
    assert CONTACT.encode() not in answer.content


@pytest.mark.parametrize(
    ("lat", "lon", "at"),
    [
        (0.0, 179.9999, (0.0, -179.9999)),
        (0.0, -179.9999, (0.0, 179.9999)),
        (89.9999, 10.0, (89.9999, -170.0)),
        (-89.9999, 10.0, (-89.9999, 170.0)),
    ],
)
async def test_neighbours_across_the_antimeridian_and_the_poles_are_found(
    town: Town, lat: float, lon: float, at: tuple[float, float]
) -> None:
    await town.agent().join(town.place, camera("neighbour", at=at))
    assert ids(await town.officer.search(lat=lat, lon=lon, radius_m=100)) == ["neighbour"]


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
async def test_what_postgis_can_not_answer_is_found_with_a_second_look(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its index gives up in the middle of the transaction, in which nothing more can be read then."""

    def give_up(session: Session, *_: object) -> None:
        with pytest.raises(DBAPIError):
            session.execute(text("SELECT 1 / 0"))
        raise nearest.GlobeGaveUp

    monkeypatch.setattr(nearest, "_on_the_globe", give_up)
    await town.agent().join(town.place, camera("near", at=(12.0, 10.0)))
    assert ids(await town.officer.search(lat=12, lon=10, radius_m=100)) == ["near"]


async def test_a_box_may_cross_the_antimeridian(town: Town) -> None:
    await town.agent().join(
        town.place, camera("west", at=(0.1, 179.9)), camera("east", at=(0.1, -179.9)), camera("no", at=(0.1, 0.0))
    )
    found = await town.officer.search(south=0, west=179.85, north=0.2, east=-179.85)
    assert sorted(ids(found)) == ["east", "west"]
    assert found.cameras[0].looks_at_place is None


@pytest.mark.parametrize(
    ("start", "end", "chance"),
    [
        (-7 * DAY, -7 * DAY + HOUR, "likely"),
        (-2 * HOUR, -HOUR, "likely"),
        (-HOUR, 0, "likely"),
        (-7 * DAY - HOUR, -7 * DAY, "no"),
        (-30 * DAY, -29 * DAY, "no"),
        (-7 * DAY - HOUR, -7 * DAY + HOUR, "unsure"),
        (-HOUR, HOUR, "no"),
        (HOUR, 2 * HOUR, "no"),
    ],
)
async def test_footage_is_likely_where_recordings_reach_and_not_in_the_future(
    town: Town, start: int, end: int, chance: str
) -> None:
    await town.agent().join(town.place)
    assert await chance_of(town, start, end) == chance


async def chance_of(town: Town, start: int, end: int) -> str:
    now = town.clock.now()
    query = {"from": to_rfc3339(now + start), "to": to_rfc3339(now + end)}
    (found,) = (await town.officer.search(lat=53.7632, lon=-2.7031, radius_m=10, **query)).cameras
    return found.footage.value


async def test_of_a_camera_that_was_not_heard_for_long_nothing_is_likely(town: Town) -> None:
    await town.agent().join(town.place)
    town.clock.forward(HOUR)
    assert await chance_of(town, -30 * MINUTE, -MINUTE) == "unsure"  # after it was last heard
    assert await chance_of(town, -3 * HOUR, -2 * HOUR) == "likely"
    town.clock.forward(40 * DAY)
    assert await chance_of(town, -40 * DAY - 4 * HOUR, -40 * DAY - 3 * HOUR) == "unsure"
    assert await chance_of(town, -2 * HOUR, -HOUR) == "unsure"


async def test_of_a_camera_that_does_not_tell_how_far_it_reaches_nothing_is_likely(town: Town) -> None:
    await town.agent().join(
        town.place, camera(recordings_since=None), camera("dvr", recordings_since=None, retention_days=0)
    )
    query = {"from": to_rfc3339(NOON - 2 * HOUR), "to": to_rfc3339(NOON - HOUR)}
    found = await town.officer.search(lat=53.7632, lon=-2.7031, radius_m=10, **query)
    assert {item.footage.value for item in found.cameras} == {"unsure"}
    query = {"from": to_rfc3339(NOON - 20 * DAY), "to": to_rfc3339(NOON - 19 * DAY)}
    found = await town.officer.search(lat=53.7632, lon=-2.7031, radius_m=10, **query)
    assert {item.camera_id: item.footage.value for item in found.cameras} == {"front": "no", "dvr": "unsure"}


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"lat": 1, "lon": 2},
        {"lat": 91, "lon": 2, "radius_m": 10},
        {"lat": 1, "lon": 2, "radius_m": 20_001},
        {"lat": 1, "lon": 2, "radius_m": "nan"},
        {"lat": 1, "lon": 2, "radius_m": 10, "south": 1},
        {"south": 2, "west": 0, "north": 1, "east": 1},
        {"lat": 1, "lon": 2, "radius_m": 10, "from": "2026-11-21T10:00:00"},
        {"lat": 1, "lon": 2, "radius_m": 10, "from": to_rfc3339(NOON), "to": to_rfc3339(NOON)},
        {"lat": 1, "lon": 2, "radius_m": 10, "shout": 1},
        {"lat": 1, "lon": 2, "radius_m": 10, "crime_reference": ""},
        {"south": -90, "west": -180, "north": 90, "east": 180},
        {"south": 53.0, "west": -2.0, "north": 53.4, "east": -1.9},
        {"south": 53.0, "west": -2.0, "north": 53.1, "east": -1.3},
        {"south": 0, "west": 179, "north": 0.1, "east": 178.9},
        {"south": 53.0, "west": -180, "north": 53.1, "east": 180},
    ],
    ids=str,
)
async def test_a_search_that_makes_no_sense_is_refused(town: Town, query: dict[str, Any]) -> None:
    told = {"from": to_rfc3339(NOON - HOUR), "to": to_rfc3339(NOON), "crime_reference": "C-1"}
    assert (await town.officer.call("GET", api.SEARCH, query={**told, **query})).status == 400


async def test_who_searches_the_world_is_told_how_much_a_search_may_be(town: Town) -> None:
    told = {"from": to_rfc3339(NOON - HOUR), "to": to_rfc3339(NOON), "crime_reference": "C-1"}
    world = {"south": -90, "west": -180, "north": 90, "east": 180}
    answer = await town.officer.call("GET", api.SEARCH, query={**told, **world})
    assert answer.status == 400
    assert "a box may be 40 km wide and high: search a smaller place" in answer.json["detail"]


async def test_a_search_without_a_crime_is_refused(town: Town) -> None:
    query = {"lat": 1, "lon": 2, "radius_m": 10, "from": to_rfc3339(NOON - HOUR), "to": to_rfc3339(NOON)}
    answer = await town.officer.call("GET", api.SEARCH, query=query)
    assert (answer.status, answer.json["detail"]) == (400, "crime_reference: it is missing")


@pytest.mark.parametrize("limits", [Limits(searches_per_officer_per_day=3)])
async def test_every_search_is_recorded_and_a_day_has_so_many(town: Town) -> None:
    for crime in ("C-1", "C-2", "C-1"):
        await town.officer.search(lat=53.7632, lon=-2.7031, radius_m=100, crime_reference=crime)
        town.clock.forward(1)
    query = {"lat": 1, "lon": 2, "radius_m": 10, "crime_reference": "C-1"}
    times = {"from": to_rfc3339(NOON - HOUR), "to": to_rfc3339(NOON)}
    assert (await town.officer.call("GET", api.SEARCH, query={**query, **times})).status == 429
    db = town.running.portal.db
    found = await db.read(lambda session: searches.list_searches(session))
    assert [entry["crime_reference"] for entry in found] == ["C-1", "C-2", "C-1"]
    assert {entry["collar_number"] for entry in found} == {"4711"}
    assert all(entry["south"] < 53.7632 < entry["north"] for entry in found)
    assert len(await db.read(lambda session: searches.list_searches(session, "C-2"))) == 1
    newest = await db.read(lambda session: searches.list_searches(session, most=2))
    older = await db.read(lambda session: searches.list_searches(session, before=newest[-1]["number"]))
    assert [*newest, *older] == found
    town.clock.forward(DAY)
    await town.officer.search(lat=53.7632, lon=-2.7031, radius_m=100)
    portal = town.running.portal
    await sweep.sweep(portal.db, portal.uploads, portal.settings, town.clock.now() + 730 * DAY - HOUR)
    assert len(await db.read(lambda session: searches.list_searches(session))) == 1


async def test_among_many_cameras_the_nearest_are_found_by_the_index(town: Town) -> None:
    def fill(session: Any) -> None:
        session.execute(
            insert(Device),
            [{"fingerprint": DEVICE, "public_key": "k", "enrolled": 0, "last_seen": 0}],
        )
        rows = [
            {
                "device": DEVICE,
                "camera_id": f"c{number}",
                "label": "A camera",
                "owner_kind": "household",
                "latitude": 53.0 + (number % 100) / 1000,
                "longitude": -2.0 + (number // 100) / 1000,
                "sound": False,
                "retention_days": 7,
            }
            for number in range(20_000)
        ]
        session.execute(insert(Camera), rows)

    portal = town.running.portal
    await portal.db.write(fill)
    query = SearchQuery(lat=53.05, lon=-1.9, radius_m=20_000, crime_reference="C-1", start=NOON - HOUR, end=NOON)
    found = await portal.db.read(lambda session: search(session, query, NOON))
    assert found.truncated
    assert len(found.cameras) == MOST_FOUND
    inside = sorted(distance_m(53.05, -1.9, 53.0 + (n % 100) / 1000, -2.0 + (n // 100) / 1000) for n in range(20_000))
    assert [item.distance_m for item in found.cameras] == [round(away, 1) for away in inside[:MOST_FOUND]]

    found_by = await plan(town, query)
    assert "Seq Scan" not in found_by
    assert "SCAN" not in found_by
    if town.place.settings.database is None:
        assert "USING INDEX cameras_by_band" in found_by
    else:
        assert "Index Scan using cameras_on_the_globe" in found_by
        assert "Order By: (place <->" in found_by


async def plan(town: Town, query: SearchQuery) -> str:
    """How the database looks for cameras."""
    explain = "EXPLAIN QUERY PLAN" if town.place.settings.database is None else "EXPLAIN"

    def ask(session: Session) -> str:
        session.execute(text("ANALYZE cameras"))
        engine = session.get_bind().dialect.name
        wanted = nearest.by_distance().params(latitude=53.05, longitude=-1.9, most=MOST_FOUND, furthest=20_000.0)
        if engine == "sqlite":
            wanted = nearest.in_ring(select(Camera, Device.last_seen).join(Device), query, 1000, engine)
        compiled = wanted.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
        return " ".join(str(row) for row in session.execute(text(f"{explain} {compiled}")))

    return await town.running.portal.db.write(ask)
