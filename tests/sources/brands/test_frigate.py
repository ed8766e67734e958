"""Frigate: what is special to its files, its clips, and its whole seconds."""

from pathlib import Path

import pytest

from agent.devices.address import Credentials
from agent.sources.device import jobs
from agent.sources.device.orders import LookOrder
from agent.sources.frigate.options import Options
from agent.sources.frigate.session import Session
from agent.sources.frigate.time import ListedSegment, stretches
from exchange.clock import MINUTE, SECOND, SystemClock, Window, from_rfc3339
from exchange.errors import CameraAnswerInvalid, CameraRefused
from tests.sources.counterpart.frigate import FrigateUnderTest
from tests.sources.counterpart.pieces import ShiftedClock, brought, piece
from tests.sources.counterpart.under_test import CAMERA, GOOD, Served, add_source, house_of

MOMENT = "2026-06-10T10:00:00Z"
T = from_rfc3339(MOMENT)


@pytest.fixture
def under(tmp_path: Path) -> FrigateUnderTest:
    return FrigateUnderTest(tmp_path, ShiftedClock(T + 10 * MINUTE))


def seconds(*rows: tuple[float, float]) -> list[ListedSegment]:
    return [ListedSegment(T + int(start) * SECOND, round(length * SECOND)) for start, length in rows]


def test_whole_seconds_make_no_gaps_and_narrow_down_when_a_segment_began() -> None:
    # Segments of 10.03 s from 0.95 on, named by whole seconds: 0, 10, 21, 31 … seem to overlap and to have gaps.
    began = [0.95 + index * 10.03 for index in range(30)]
    (run,) = stretches(seconds(*((at, 10.03) for at in began)))
    assert len(run) == 30
    assert abs(run[0].start - T - 950_000) <= run[0].within <= 60_000
    assert all(abs(each.start - T - round(at * SECOND)) <= run[0].within for each, at in zip(run, began, strict=True))


def test_a_missing_segment_is_a_gap() -> None:
    runs = stretches(seconds((0, 10), (10, 10), (30, 10)))
    assert [len(run) for run in runs] == [2, 1]
    assert runs[0][-1].end < runs[1][0].start


async def test_its_files_come_as_they_are_and_one_begins_where_the_other_ends(
    under: FrigateUnderTest, tmp_path: Path
) -> None:
    there = piece(MOMENT, 24)
    await under.lay(there)
    async with under.source() as source:
        (span,) = (await source.coverage(CAMERA, there.window)).spans
        files = await source.fetch(span, tmp_path / "into")
    assert [file.path.read_bytes() for file in files] == [each.path.read_bytes() for each in under.stand_in.recorded]
    assert [file.start for file in files[1:]] == [file.end for file in files[:-1]]
    assert [picture for _, picture in brought(files)] == list(there.pictures)
    assert all(file.uncertainty >= SECOND // 2 for file in files)


async def test_where_files_cannot_be_had_a_clip_of_the_unbroken_stretch_is_taken(
    under: FrigateUnderTest, tmp_path: Path
) -> None:
    under.via = "auto"
    under.stand_in.serves_files = False
    first = piece(MOMENT, 12)
    second = piece(first.end + 20 * SECOND, look=1)
    await under.lay(first, second)
    async with under.source() as source:
        spans = (await source.coverage(CAMERA, Window(first.start, second.end))).spans
        files = [file for span in spans for file in await source.fetch(span, tmp_path / str(span.window.start))]
    assert len(spans) == len(files) == 2, "nothing is joined over the gap"
    assert [picture for _, picture in brought(files)] == [*first.pictures, *second.pictures]


@pytest.mark.parametrize(
    ("record", "good", "said"),
    [
        ({"enabled": True, "retain": {"days": 7, "mode": "all"}}, True, "7 days"),
        ({"enabled": True, "continuous": {"days": 3}, "motion": {"days": 9}}, True, "3 days"),
        ({"enabled": True, "retain": {"days": 7, "mode": "motion"}}, False, "only parts"),
        ({"enabled": False}, False, "does not record"),
    ],
)
def test_what_frigate_keeps_is_told(
    under: FrigateUnderTest, tmp_path: Path, record: dict[str, object], good: bool, said: str
) -> None:
    under.stand_in.config = record
    under.stand_in.wants_login = False
    with under.stand_in.serving() as port:
        order = {
            "brand": "agent.sources.frigate",
            "camera_id": CAMERA,
            "address": f"127.0.0.1:{port}",
            "options": {"camera": under.stand_in.camera},
            "skew_us": under.clock.now() - SystemClock().now(),
            "state": str(tmp_path),
            "start": T,
            "end": T + 1,
        }
        answer = jobs.test_job(order, lambda _: None)
    assert said in " ".join(answer["good" if good else "wrong"])
    assert not answer["wrong" if good else "good"]


def test_a_password_goes_to_the_port_that_asks_for_one_and_never_readable() -> None:
    def order(address: str) -> LookOrder:
        login = {"user": GOOD.user, "password": GOOD.password}
        return LookOrder(
            brand="agent.sources.frigate",
            camera_id=CAMERA,
            address=address,
            credentials=login,
            state=Path("/x"),
            start=0,
            end=1,
        )

    with pytest.raises(CameraRefused, match="anyone there could read it"):
        Session(order("http://192.0.2.7:8971"), Options(camera="x"))
    open_one = order("192.0.2.7").model_copy(update={"credentials": None})
    assert (Session(open_one, Options(camera="x")).http.port, Session(open_one, Options(camera="x")).http.tls) == (
        5000,
        False,
    )


async def test_a_camera_that_frigate_does_not_have_is_told(under: FrigateUnderTest) -> None:
    with under.stand_in.serving() as port:
        async with house_of(under.work / "house", under.clock) as house:
            served = Served(f"http://127.0.0.1:{port}", {"camera": "barn"}, Credentials(GOOD.user, GOOD.password))
            await add_source(house, "frigate", served)
            with pytest.raises(CameraAnswerInvalid, match="no camera barn"):
                await house.coverage(CAMERA, Window(T, T + SECOND))
