"""Recorders that replay badly: what they bring is placed by what can be trusted, kept as far as whole, and said."""

import contextlib
import hashlib
import json
import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.devices.address import Credentials
from agent.devices.onvif.times import instant
from agent.rtsp import sdp
from agent.rtsp.assemble import TrackClock
from agent.rtsp.client import Broken, CertificateUnknown, Nonsense, Rtsp
from agent.rtsp.depacketise import Frame, depacketiser, wall
from agent.rtsp.playback import Ending
from agent.sources.onvif.api import chosen, recordings, stretches
from agent.sources.onvif.session import SECOND_STREAM
from agent.sources.onvif.soap import recorder
from exchange.clock import SECOND, Window
from exchange.errors import CameraUnreachable, SettingsInvalid
from tests.counterparts.onvif.soap_camera import soap_camera
from tests.counterparts.onvif.soap_recorder import Held, SoapRecorder
from tests.counterparts.rtsp.replay_proxy import ReplayProxy
from tests.sources.counterpart.onvif_replay import OnvifReplayUnderTest, replay_server
from tests.sources.counterpart.pieces import ShiftedClock, brought, piece
from tests.sources.counterpart.replaying import START, Outcome, film, lay, pictures, play, zero_in
from tests.sources.counterpart.under_test import CAMERA, Fault

WINDOW = Window(START + 2_300_000, START + 5_500_000)
CREDENTIALS = Credentials("owner", "correct horse")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("films")
    film.cache_clear()


async def through(proxy: ReplayProxy, films: Path, work: Path, silence: float = 2.0) -> Outcome:
    path = lay(work, "bad", film(films))
    proxy.upstream = replay_server().port
    async with proxy.serving() as port:
        return await play(port, path, WINDOW, work / "into", silence=silence)


async def test_a_recorder_that_does_not_heed_rate_control_is_named_and_its_pace_shown(
    films: Path, tmp_path: Path
) -> None:
    outcome = await through(ReplayProxy(0, real_time=True), films, tmp_path)
    assert outcome.played is not None
    assert any("real time" in note for note in outcome.played.notes)
    assert outcome.said
    assert all(speed < 3 for _, _, speed in outcome.said[2:])
    assert outcome.assembler.files[0].frames > 80


def with_tls() -> tuple[ReplayProxy, str]:
    """A recorder that replays over TLS with a certificate of its own, and that certificate's SHA-256."""
    issued = trustme.CA().issue_cert("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    certificate = ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())
    return ReplayProxy(0, tls=context), hashlib.sha256(certificate).hexdigest()


async def test_replay_over_tls_brings_the_same_frames_from_the_certificate_that_was_confirmed(
    films: Path, tmp_path: Path
) -> None:
    proxy, pin = with_tls()
    path = lay(tmp_path, "bad", film(films))
    proxy.upstream = replay_server().port
    async with proxy.serving() as port:
        secured = await play(port, path, WINDOW, tmp_path / "tls", pin=pin)
    plain = await play(replay_server().port, path, WINDOW, tmp_path / "plain")
    assert [pictures(file, START) for file in secured.files] == [pictures(file, START) for file in plain.files]
    assert sum(file.frames for file in secured.assembler.files) > 80


async def test_another_certificate_than_was_confirmed_gets_no_request(films: Path, tmp_path: Path) -> None:
    proxy, pin = with_tls()
    async with proxy.serving() as port:
        with pytest.raises(CertificateUnknown, match=pin):
            await play(port, "/replay/bad", WINDOW, tmp_path / "into", pin="0" * 64)
    assert proxy.requests == []


async def test_without_the_extension_the_answer_to_play_tells_the_time(films: Path, tmp_path: Path) -> None:
    outcome = await through(ReplayProxy(0, bare=True), films, tmp_path)
    assert outcome.played is not None
    assert outcome.played.uncertain == 2 * SECOND
    assert abs(outcome.assembler.files[0].start - (START + 2 * SECOND)) <= 1000
    assert outcome.assembler.files[0].end >= WINDOW.end - SECOND // 5


async def test_a_recorder_that_tells_no_time_at_all_is_placed_roughly_and_said_so(films: Path, tmp_path: Path) -> None:
    outcome = await through(ReplayProxy(0, bare=True, silent_range=True), films, tmp_path)
    assert outcome.played is not None
    assert outcome.played.uncertain == 10 * SECOND
    assert outcome.assembler.files[0].start == WINDOW.start


async def test_what_comes_before_the_answer_to_play_is_kept_and_placed_by_it(films: Path, tmp_path: Path) -> None:
    early = await through(ReplayProxy(0, bare=True, silent_range=True, late_answer=30), films, tmp_path / "early")
    after = await through(ReplayProxy(0, bare=True, silent_range=True), films, tmp_path / "after")
    assert early.assembler.files[0].start == WINDOW.start
    assert early.assembler.files == after.assembler.files


async def test_silence_at_the_end_is_an_end_when_all_has_come(films: Path, tmp_path: Path) -> None:
    outcome = await through(ReplayProxy(0, no_terminal=True), films, tmp_path, silence=6.0)
    assert outcome.played is not None
    assert outcome.played.ending == Ending.REACHED


async def test_a_recorder_that_does_not_know_the_requirement_is_asked_without(films: Path, tmp_path: Path) -> None:
    proxy = ReplayProxy(0, knows_requirement=False)
    outcome = await through(proxy, films, tmp_path)
    assert outcome.assembler.files
    assert "onvif-replay" not in proxy.requests[-2]


async def test_lost_packets_end_a_group_and_nothing_is_joined_over_them(films: Path, tmp_path: Path) -> None:
    proxy = ReplayProxy(0, lose=lambda number: number == 60)
    outcome = await through(proxy, films, tmp_path)
    assert outcome.assembler.lost
    assert len(outcome.files) == 2
    source = film(films)
    known = {tuple(slices): at for at, slices in pictures(source.path, source.zero)}
    for file, written in zip(outcome.files, outcome.assembler.files, strict=True):
        for at, slices in pictures(file, zero_in(file, written.start)):
            assert abs(at - known[tuple(slices)]) <= 12


async def test_a_break_in_the_middle_leaves_whole_groups(films: Path, tmp_path: Path) -> None:
    fault = ["gone"]
    with pytest.raises(Broken):
        await through(ReplayProxy(0, broken=lambda: fault[0]), films, tmp_path)
    (part,) = (tmp_path / "into").iterdir()
    frames = pictures(part, 0)
    assert frames
    assert len(frames) % 25 == 0


async def test_a_window_shifted_by_the_recorder_is_trimmed_to_whole_groups(films: Path, tmp_path: Path) -> None:
    outcome = await through(ReplayProxy(0, shift=(-2.0, 2.0)), films, tmp_path)
    (file,) = outcome.assembler.files
    assert file.start == START + 2 * SECOND
    assert file.end <= START + 6 * SECOND
    assert outcome.played is not None
    assert outcome.played.ending == Ending.REACHED


# -- the SOAP side ---------------------------------------------------------------------------------------------------


def held(token: str = "r1", **more: object) -> Held:
    stretches = [(START, START + 100 * SECOND), (START + 200 * SECOND, START + 300 * SECOND)]
    return Held(token, stretches, **more)  # type: ignore[arg-type]


async def found(soap: SoapRecorder, wanted: str = "") -> list[tuple[int, int]]:
    async with soap_camera(soap) as url, recorder(url, CREDENTIALS, "", 0) as asked:
        window = Window(START - 50 * SECOND, START + 400 * SECOND)
        came = [
            ((one.start - START) // SECOND, (one.end - START) // SECOND)
            for recording in chosen(await recordings(asked), wanted)
            for one in await stretches(asked, recording, window, START + 3600 * SECOND)
        ]
    assert soap.searching == 0, "a search was left open"
    return came


async def test_gaps_are_told_by_events_and_searches_are_ended() -> None:
    assert await found(SoapRecorder(held=[held()])) == [(0, 100), (200, 300)]


async def test_results_come_in_pages() -> None:
    assert await found(SoapRecorder(held=[held()], page=1)) == [(0, 100), (200, 300)]


async def test_a_recorder_that_takes_no_filter_is_asked_for_all_events() -> None:
    assert await found(SoapRecorder(held=[held()], filters=False)) == [(0, 100), (200, 300)]


async def test_without_events_the_recording_counts_as_whole() -> None:
    assert await found(SoapRecorder(held=[held()], tells_gaps=False)) == [(0, 300)]


async def test_recordings_that_tell_no_times_are_placed_by_the_summary() -> None:
    assert await found(SoapRecorder(held=[held()], ranges=False)) == [(0, 100), (200, 300)]


async def test_of_several_cameras_the_owner_has_to_name_one() -> None:
    soap = SoapRecorder(held=[held("r1"), held("r2", source="channel-2", name="Yard")])
    with pytest.raises(SettingsInvalid) as error:
        await found(soap)
    assert "2: Yard" in error.value.meaning
    for wanted in ("2", "Yard", "r2", "channel-2"):
        assert await found(soap, wanted) == [(0, 100), (200, 300)]


async def test_login_by_http_digest_serves_as_well_as_by_token() -> None:
    assert await found(SoapRecorder(held=[held()], login="digest")) == [(0, 100), (200, 300)]


# -- parsers ---------------------------------------------------------------------------------------------------------

_TRACKS = [
    sdp.MediaTrack("video", "h264", 96, 90_000, 0, "", "nal"),
    sdp.MediaTrack("video", "hevc", 96, 90_000, 0, "", "nal"),
    sdp.MediaTrack("audio", "aac", 96, 48_000, 2, "", "au", b"\x11\x90"),
    sdp.MediaTrack("audio", "aac", 96, 48_000, 2, "", "latm", b"\x11\x90"),
    sdp.MediaTrack("audio", "pcm_alaw", 96, 8_000, 1, "", "raw"),
]


@pytest.mark.parametrize("track", _TRACKS, ids=lambda track: f"{track.codec}-{track.packing}")
@given(packets=st.lists(st.tuples(st.binary(max_size=40), st.booleans(), st.integers(0, 3)), max_size=30))
@settings(max_examples=150, deadline=None)
def test_no_packet_breaks_a_depacketiser(track: sdp.MediaTrack, packets: list[tuple[bytes, bool, int]]) -> None:
    came: list[Frame] = []
    taker = depacketiser(track, came.append)
    for number, (content, marker, stamp) in enumerate(packets):
        head = (
            bytes([0x80, 96 | marker << 7]) + number.to_bytes(2, "big") + (stamp * 3000).to_bytes(4, "big") + bytes(4)
        )
        for packet in (head + content, content, bytes([0xB0]) + head[1:] + content):
            view = memoryview(b"xx" + packet)
            taker.feed(view, 2, len(view))
    taker.flush()
    assert sum(len(frame.data) for frame in came) <= sum(3 * (len(content) + 24) for content, _, _ in packets) * 5


@given(
    st.binary(max_size=400)
    | st.text(max_size=400).map(lambda text: b"v=0\r\nm=video 0 RTP/AVP 96\r\na=" + text.encode())
)
@settings(max_examples=300, deadline=None)
def test_no_description_breaks_its_reader(content: bytes) -> None:
    with contextlib.suppress(sdp.SdpRefused):
        sdp.read(content, "rtsp://h/x")


@given(
    st.binary(min_size=1, max_size=300)
    | st.from_regex(re.compile(rb"RTSP/1\.0 .{0,20}\r\n(.{0,9}:.{0,9}\r\n){0,3}\r\n"))
)
@settings(max_examples=300, deadline=None)
def test_nothing_that_comes_breaks_the_rtsp_reader(content: bytes) -> None:
    rtsp = Rtsp.__new__(Rtsp)
    rtsp.sinks, rtsp._answers, rtsp._messages, rtsp.bytes, rtsp.ended = [None] * 256, {}, 0, 0, False
    rtsp._buffer = bytearray(content + bytes(8))
    rtsp._view, rtsp._start, rtsp._end = memoryview(rtsp._buffer), 0, len(content)
    rtsp._write = lambda _content: None  # type: ignore[method-assign]
    try:
        rtsp._packets()
    except Nonsense:
        return
    assert 0 <= rtsp._start <= rtsp._end <= len(content)


def test_the_ntp_clock_goes_on_beyond_its_era() -> None:
    assert wall(2_208_988_800 << 32) == 0
    assert wall((4_294_967_295 << 32) | 1 << 31) == 2_085_978_495_500_000
    assert wall(1 << 32) == 2_085_978_497_000_000


def test_a_clock_that_was_set_counts_from_the_next_key_frame_on() -> None:
    clock = TrackClock(90_000, lambda _frame: None)

    def frame(ticks: int, seconds: float, key: bool = False) -> Frame:
        return Frame(ticks, (2_208_988_800 + 1_000_000 << 32) + int(seconds * (1 << 32)), 0, b"x", key)

    base = 1_000_000 * SECOND
    assert clock.at(frame(0, 0, key=True)) == (base, False)
    assert clock.at(frame(90_000, 61)) == (base + SECOND, False)
    assert clock.at(frame(180_000, 62, key=True)) == (base + 62 * SECOND, True)


@pytest.mark.parametrize("text", ["", "yesterday", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9" * 100])
def test_times_that_are_none_are_taken_for_none(text: str) -> None:
    assert instant(text) is None


def test_latm_units_are_taken_out_of_their_wrapping() -> None:
    came: list[Frame] = []
    taker = depacketiser(_TRACKS[3], came.append)
    unit = bytes(range(256)) + b"end"
    packet = bytes([0x80, 96 | 0x80, 0, 1, 0, 0, 4, 0]) + bytes(4) + b"\xff\x04" + unit
    taker.feed(memoryview(packet), 0, len(packet))
    taker.flush()
    assert [bytes(frame.data) for frame in came] == [unit]


async def test_a_fetch_that_broke_off_is_gone_on_with_where_it_broke(tmp_path: Path) -> None:
    there = piece("2026-06-10T10:00:00Z", 12)
    under = OnvifReplayUnderTest(tmp_path, ShiftedClock(there.end + 60 * SECOND))
    await under.lay(there)
    async with under.source() as source:
        span = (await source.coverage(CAMERA, there.window)).spans[0]
        under.fault = Fault.GONE
        with pytest.raises(CameraUnreachable):
            await source.fetch(span, tmp_path / "into")
        under.fault = None
        files = await source.fetch(span, tmp_path / "into")
    first, second = [request for request in under.proxy.requests if request.startswith("PLAY")]
    assert _asked(second) - _asked(first) >= 4
    assert len(files) == 2
    pictures_brought = [picture for _, picture in brought(files)]
    assert set(there.pictures) <= set(pictures_brought)
    assert len(pictures_brought) <= len(there.pictures) + 10


def _asked(request: str) -> float:
    found = re.search(r"clock=\d{8}T(\d\d)(\d\d)(\d\d\.\d+)Z-", request)
    assert found is not None
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3])


async def test_a_second_recording_of_the_same_time_is_used_only_where_the_first_has_nothing_and_that_is_said(
    tmp_path: Path,
) -> None:
    under = OnvifReplayUnderTest(tmp_path, ShiftedClock(START + 600 * SECOND))
    first, second = piece(START), piece(START + 60 * SECOND, look=1)
    await under.lay(first, second)
    begins, ends = first.start, second.end
    under.soap.held = [Held("main", [(begins, first.end), (ends - SECOND, ends)]), Held("sub", [(begins, ends)])]
    async with under.source() as source:
        there = await source.coverage(CAMERA, Window(first.start + 2 * SECOND, first.end - 2 * SECOND))
        missing = await source.coverage(CAMERA, Window(second.start, second.start + 4 * SECOND))
    assert {"main"} == {json.loads(span.reference)["recording"] for span in there.spans}
    assert SECOND_STREAM not in there.notes
    assert {"sub"} == {json.loads(span.reference)["recording"] for span in missing.spans}
    assert SECOND_STREAM in missing.notes
