"""The nearest cameras are those that going through all of them finds: at the date line, at the poles, in a crowd."""

import functools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, text
from sqlalchemy.orm import Session

from portal.registry import nearest
from portal.registry.geo import Box, distance_m
from portal.registry.search_query import SearchQuery
from portal.storage.database import Database, open_database
from portal.storage.models import Camera, Device
from tests.counterparts.storage.postgres_server import PostgresServer

DEVICES = ("SHA256:" + "a" * 43, "SHA256:" + "b" * 43)
MOST = 5
DEGREE_M = 111_195.0
ABOUT = {"crime_reference": "C-1", "from": "2026-11-21T10:00:00Z", "to": "2026-11-21T11:00:00Z"}
Place = tuple[float, float]

middles = st.one_of(
    st.sampled_from(
        [(0.0, 180.0), (12.0, -180.0), (53.0, -2.7), (90.0, 0.0), (-90.0, 77.0), (89.99, 180.0), (0.0, 0.0)]
    ),
    st.tuples(st.floats(-90, 90), st.floats(-180, 180)),
)
offsets = st.lists(
    st.one_of(
        st.tuples(st.floats(0, 360), st.floats(0, 1.3)),
        st.tuples(
            st.sampled_from([0.0, 90.0, 200.0]), st.sampled_from([0.0, 0.5, 1.0])
        ),  # many as far, or at one place
    ),
    max_size=40,
)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def db(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    where: Path | str = tmp_path_factory.mktemp("nearest") / "portal.db"
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        where = server.url(server.create())
    found = open_database(where)
    owners = [{"fingerprint": device, "public_key": "k", "enrolled": 0, "last_seen": 7} for device in DEVICES]
    found.write_now(lambda session: session.execute(insert(Device), owners) and None)
    yield found
    found.close()


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few cameras are a crowd."""
    monkeypatch.setattr(nearest, "AS_FAR", 3)
    monkeypatch.setattr(nearest, "MOST_LOOKED_AT", 12)


def off(middle: Place, toward: float, away_m: float) -> Place:
    """Near a place, on the plane that touches the earth there: how near exactly doesn't matter here."""
    latitude = middle[0] + away_m / DEGREE_M * math.cos(math.radians(toward))
    narrow = max(1e-3, math.cos(math.radians(middle[0])))
    longitude = middle[1] + away_m / DEGREE_M / narrow * math.sin(math.radians(toward))
    return min(90.0, max(-90.0, latitude)), (longitude + 180) % 360 - 180


def fill(session: Session, places: list[Place]) -> None:
    session.execute(delete(Camera))
    rows = [
        {"device": DEVICES[number % 2], "camera_id": f"c{number:03}", "label": "A camera", "owner_kind": "household",
         "latitude": latitude, "longitude": longitude, "sound": False, "retention_days": 7}
        for number, (latitude, longitude) in enumerate(places)
    ]  # fmt: skip
    if rows:
        session.execute(insert(Camera), rows)


def erase(session: Session, number: int) -> None:
    session.execute(delete(Camera).where(Camera.camera_id == f"c{number:03}"))


def named(db: Database, query: SearchQuery) -> tuple[list[tuple[str, str]], bool]:
    def look(session: Session, *, on_globe: bool) -> tuple[list[tuple[str, str]], bool]:
        found, more = nearest.nearest(session, query, MOST, on_globe=on_globe)
        assert {camera.last_seen for _, camera in found} <= {7}
        return [(camera.device, camera.camera_id) for _, camera in found], more

    try:
        return db.read_now(functools.partial(look, on_globe=True))
    except nearest.GlobeGaveUp:
        return db.read_now(functools.partial(look, on_globe=False))


def by_going_through_all(places: list[Place], gone: set[int], query: SearchQuery) -> tuple[list[Any], bool]:
    middle = nearest.middle_of(query)
    every = [
        (distance_m(*middle, *place), DEVICES[number % 2], f"c{number:03}", place)
        for number, place in enumerate(places)
        if number not in gone
    ]
    inside = sorted(
        each for each in every
        if (each[0] <= query.radius_m if query.radius_m is not None else query.box.holds(*each[3]))
    )  # fmt: skip
    return [each[1:3] for each in inside[:MOST]], len(inside) > MOST


def boxed(middle: Place, reach_m: float, narrow: float) -> dict[str, float] | None:
    """A box around a place, where there can be one."""
    high, wide = reach_m / DEGREE_M, reach_m * narrow / DEGREE_M / max(1e-3, math.cos(math.radians(middle[0])))
    south, north = max(-90.0, middle[0] - high), min(90.0, middle[0] + high)
    west, east = ((middle[1] + each + 180) % 360 - 180 for each in (-wide, wide))
    box = Box(south, west, north, east)
    if wide >= 180 or max(box.height_m, box.width_m) > 40_000:
        return None
    return {"south": south, "west": west, "north": north, "east": east}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(middles, st.sampled_from([3.0, 240.0, 900.0, 19_000.0]), offsets, st.sampled_from([None, 1.0, 0.01]), st.data())
def test_what_is_found_is_what_going_through_all_finds(
    db: Database, middle: Place, reach: float, around: list[tuple[float, float]], narrow: float | None, data: Any
) -> None:
    places = [off(middle, toward, away * reach) for toward, away in around]
    shape: dict[str, float] | None = {"lat": middle[0], "lon": middle[1], "radius_m": reach}
    if narrow is not None:
        shape = boxed(middle, reach, narrow)
    if shape is None:
        return
    query = SearchQuery.model_validate(shape | ABOUT)
    gone = set(data.draw(st.lists(st.integers(0, len(places) - 1), max_size=3))) if places else set()
    db.write_now(lambda session: fill(session, places))
    db.write_now(lambda session: [erase(session, number) for number in gone] and None)
    assert named(db, query) == by_going_through_all(places, gone, query)


def test_of_a_crowd_at_one_place_those_with_the_first_names_are_found(db: Database) -> None:
    places = [(53.0, -2.7)] * 40 + [(53.0, -2.7001)]
    query = SearchQuery.model_validate({"lat": 53.001, "lon": -2.7, "radius_m": 500} | ABOUT)
    db.write_now(lambda session: fill(session, places))
    names, more = named(db, query)
    assert names == [(DEVICES[0], f"c{number:03}") for number in (0, 2, 4, 6, 8)]
    assert more


def test_a_long_and_narrow_box_is_read_by_its_index_too(db: Database) -> None:
    query = SearchQuery.model_validate({"south": 53, "west": -2, "north": 53.3, "east": -1.9999} | ABOUT)
    db.write_now(lambda session: fill(session, [(50 + number / 100, -2.0) for number in range(1000)]))

    def explain(session: Session) -> str:
        engine = session.get_bind().dialect.name
        wanted = nearest.in_ring(nearest.select(Camera.latitude, Camera.longitude), query, 9_000, engine)
        compiled = wanted.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
        asked = "EXPLAIN QUERY PLAN" if engine == "sqlite" else "EXPLAIN"
        return " ".join(str(row) for row in session.execute(text(f"{asked} {compiled}")))

    if db.shared:
        db.write_now(lambda session: session.execute(text("ANALYZE cameras")) and None)
    plan = db.read_now(explain)
    assert "cameras_by_band" in plan
    assert "Seq Scan" not in plan
