"""MediaMTX: what is special to its playback server."""

from pathlib import Path

import pytest

from agent.devices.address import Credentials
from agent.footage.source import narrowed
from agent.sources.device.jobs import fetch_job, look_job
from agent.sources.device.json_http import is_own_host, with_port
from agent.sources.device.orders import LookOrder
from agent.sources.mediamtx.options import Options
from agent.sources.mediamtx.session import Session
from exchange.clock import MINUTE, SECOND, SystemClock, Window, from_rfc3339
from exchange.errors import CameraAnswerInvalid, CameraRefused
from tests.agent.media.recordings import stream_hashes
from tests.counterparts.http.mediamtx_stand_in import TOKEN
from tests.sources.counterpart.mediamtx import MediaMtxUnderTest
from tests.sources.counterpart.pieces import ShiftedClock, brought, piece, shown
from tests.sources.counterpart.under_test import CAMERA, GOOD, Served, add_source, house_of

MOMENT = "2026-06-10T10:00:00Z"


@pytest.fixture
def under(tmp_path: Path) -> MediaMtxUnderTest:
    return MediaMtxUnderTest(tmp_path, ShiftedClock(from_rfc3339(MOMENT) + 10 * MINUTE))


async def test_a_copy_from_the_middle_of_a_gop_begins_at_its_key_frame_and_at_the_true_time(
    under: MediaMtxUnderTest, tmp_path: Path
) -> None:
    there = piece(MOMENT, 12)
    await under.lay(there)
    window = Window(there.start + 5_350_000, there.start + 8_150_000)
    async with under.source() as source:
        span = (await source.coverage(CAMERA, window)).spans[0]
        files = await source.fetch(narrowed(span, window), tmp_path / "into")
    came = brought(files)
    truth = {picture: at for at, picture in there.frames}
    assert all(abs(truth[picture] - at) <= under.precision for at, picture in came)
    assert came[0][0] <= window.start
    assert came[-1][0] >= window.end - SECOND // 10


async def test_what_is_fetched_whole_is_what_was_recorded_to_the_byte(under: MediaMtxUnderTest, tmp_path: Path) -> None:
    there = piece(MOMENT)
    await under.lay(there)
    async with under.source() as source:
        span = (await source.coverage(CAMERA, there.window)).spans[0]
        (file,) = await source.fetch(span, tmp_path / "into")
    assert stream_hashes(file.path) == stream_hashes(there.path)


def test_longer_footage_comes_in_pieces_without_a_frame_twice_and_only_what_is_missing_is_asked_again(
    under: MediaMtxUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.sources.mediamtx.session._PIECE", 4_350_000)
    there = piece(MOMENT, 12)
    under.stand_in.lay(there)
    with under.stand_in.serving() as port:
        order = {
            "brand": "agent.sources.mediamtx",
            "camera_id": CAMERA,
            "address": f"127.0.0.1:{port}",
            "credentials": {"user": GOOD.user, "password": GOOD.password},
            "options": {"path": under.stand_in.path},
            "skew_us": under.clock.now() - SystemClock().now(),
            "state": str(tmp_path),
            "start": there.start,
            "end": there.end,
        }
        (span,) = look_job(order, lambda _: None)["spans"]
        order |= {"reference": span["reference"], "into": str(tmp_path), "most_bytes": 1 << 30}
        first = fetch_job(order, lambda _: None)["files"]
        asked = len(under.stand_in.asked)
        again = fetch_job(order, lambda _: None)["files"]
    assert len(first) == 3
    assert first == again
    assert [picture for file in first for _, picture in shown(tmp_path / file["name"])] == list(there.pictures)
    frames = [file["start"] + at for file in first for at, _ in shown(tmp_path / file["name"])]
    assert all(abs(at - known) <= under.precision for at, (known, _) in zip(frames, there.frames, strict=True))
    later = {target for _, target, _ in under.stand_in.asked[asked:] if target.startswith("/get?")}
    assert len(later) == 2, "only the key frames are looked for again"


async def test_a_token_is_sent_as_one(under: MediaMtxUnderTest) -> None:
    there = piece(MOMENT)
    await under.lay(there)
    under.stand_in.wants_token = True
    with under.stand_in.serving() as port:
        async with house_of(under.work / "house", under.clock) as house:
            options = {"path": under.stand_in.path, "login": "token"}
            await add_source(house, "mediamtx", Served(f"127.0.0.1:{port}", options, Credentials("", TOKEN)))
            assert (await house.coverage(CAMERA, there.window)).spans


@pytest.mark.parametrize("login", ["password", "token"])
async def test_a_password_is_not_sent_readable_over_the_network(under: MediaMtxUnderTest, login: str) -> None:

    order = LookOrder(
        brand="agent.sources.mediamtx",
        camera_id=CAMERA,
        address="192.0.2.7",
        credentials={"user": "u", "password": "p"},
        state=Path("/x"),
        start=0,
        end=1,
    )
    if login == "token":
        with pytest.raises(CameraRefused):
            Session(order, Options(path="x", login="token"))
    else:
        assert not Session(order, Options(path="x")).http.basic
        assert Session(order, Options(path="x", readable=True)).http.basic


async def test_a_path_that_it_does_not_know_is_told_in_its_words(under: MediaMtxUnderTest) -> None:
    await under.lay(piece(MOMENT))
    under.stand_in.path = "another"
    with under.stand_in.serving() as port:
        async with house_of(under.work / "house", under.clock) as house:
            await add_source(house, "mediamtx", Served(f"127.0.0.1:{port}", {"path": "gate"}))
            with pytest.raises(CameraAnswerInvalid, match="path is not configured"):
                await house.coverage(CAMERA, piece(MOMENT).window)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("pi.local", "http://pi.local:9996"),
        ("10.0.0.2:80", "http://10.0.0.2:80"),
        ("https://nvr/x", "https://nvr:9996/x"),
        ("[fe80::1]", "http://[fe80::1]:9996"),
    ],
)
def test_an_address_without_a_port_gets_the_usual_one(typed: str, meant: str) -> None:
    assert with_port(typed, 9996) == meant


def test_only_this_machine_is_this_machine() -> None:
    assert [host for host in ("127.0.0.1", "::1", "localhost", "10.0.0.1", "nvr") if is_own_host(host)] == [
        "127.0.0.1",
        "::1",
        "localhost",
    ]
