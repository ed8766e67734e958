"""A stream is looked at before libav has it: no login goes to another host, and what libav can't do is done for it."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from agent.recorder.config import CameraSource, RecorderConfig
from agent.recorder.stream import StreamLost, Trouble, connect
from exchange.clock import SECOND
from tests.counterparts.http.digest_guard import DigestGuard
from tests.counterparts.processes.recorder_process import recorder
from tests.counterparts.rtsp.gst_server import LIVE_ALAW, GstServer, live
from tests.counterparts.rtsp.rtsp_door import RtspDoor
from tests.counterparts.rtsp.rtsp_guard import RtspGuard
from tests.counterparts.rtsp.rtsp_oddity import RtspOddity

PASSWORD = "s3cret &/p@ss"
WANTED = '401 Unauthorized\r\nWWW-Authenticate: {} realm="elsewhere", nonce="abc"'


@pytest.mark.parametrize("before", [0, 2, 3, 4])
@pytest.mark.parametrize("way", ["Basic", "Digest"])
def test_no_login_goes_to_another_host_that_a_camera_sends_us_to(way: str, before: int) -> None:
    """``before``: how often it sends us on within itself until then."""
    refuses = {"": WANTED.format(way)}
    with GstServer({"/cam": live()}) as server, RtspOddity(server.url("/cam"), refuses=refuses) as other:
        there = other.url("/cam").replace("127.0.0.1", "localhost")
        with ExitStack() as doors:
            for _ in range(before + 1):
                there = doors.enter_context(RtspDoor(there, moved={"/old"})).url("/old")
            with pytest.raises(StreamLost, match="was not given to it") as lost:
                connect(CameraSource("cam", there, "owner", PASSWORD))
            assert lost.value.trouble is Trouble.REFUSED
            assert other.asked, "it was asked"
            assert "authorization" not in "\n".join(other.asked).lower()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_camera_that_sends_us_on_is_followed_with_the_login_where_it_is_the_same_host(host: str) -> None:
    guard = DigestGuard("owner", PASSWORD)
    with GstServer({"/cam": live()}) as server, RtspGuard(server.url("/cam"), guard) as guarded:
        real = guarded.url("/cam") if host == "127.0.0.1" else server.url("/cam").replace("127.0.0.1", host)
        with RtspDoor(real, moved={"/old"}) as door:
            connection = connect(CameraSource("cam", door.url("/old"), "owner", PASSWORD))
            assert next(connection.container.demux()).size
            connection.close()
    assert guard.wrong == 0


REFUSES = {
    "OPTIONS not known": {"^OPTIONS": "501 Not Implemented"},
    "OPTIONS not found": {"^OPTIONS": "404 Not Found"},
}


@pytest.mark.parametrize("user", ["", "owner"])
@pytest.mark.parametrize("how", REFUSES)
def test_a_camera_that_refuses_to_say_what_it_can_is_played(how: str, user: str) -> None:
    with GstServer({"/cam": live()}) as server, RtspOddity(server.url("/cam"), refuses=REFUSES[how]) as odd:
        connection = connect(CameraSource("cam", odd.url("/cam"), user, PASSWORD))
        assert next(connection.container.demux()).size
        connection.close()


@pytest.mark.parametrize("status", ["503 Service Unavailable", "453 Not Enough Bandwidth"])
def test_a_camera_that_is_busy_with_the_look_for_a_moment_is_opened_after_it(status: str) -> None:
    busy = {"^SETUP": status}
    with GstServer({"/cam": live()}) as server, RtspOddity(server.url("/cam"), refuses=busy, times=1) as odd:
        connection = connect(CameraSource("cam", odd.url("/cam"), "owner", PASSWORD))
        assert next(connection.container.demux()).size
        connection.close()
        assert sum(each.startswith("SETUP") for each in odd.asked) == 2


@pytest.mark.parametrize("user", ["", "owner"])
def test_pictures_by_another_name_are_known(user: str) -> None:
    renamed = b"H264/90000", b"AVC1/90000"
    with GstServer({"/cam": live()}) as server, RtspOddity(server.url("/cam"), renamed=renamed) as odd:
        connection = connect(CameraSource("cam", odd.url("/cam"), user, PASSWORD))
        assert connection.container.streams.video[0].codec_context.name == "h264"
        connection.close()


def test_pictures_of_a_kind_that_nobody_knows_are_told_as_that() -> None:
    renamed = b"H264/90000", b"X999/90000"
    with (
        GstServer({"/cam": live()}) as server,
        RtspOddity(server.url("/cam"), renamed=renamed) as odd,
        pytest.raises(StreamLost, match="of a kind that can't be recorded"),
    ):
        connect(CameraSource("cam", odd.url("/cam")))


@pytest.mark.parametrize("status", ["404 Not Found", "461 Unsupported Transport", "500 Internal Server Error"])
def test_pictures_are_recorded_where_a_camera_describes_sound_and_refuses_it(tmp_path: Path, status: str) -> None:
    refuses = {"^SETUP .*stream=1": status}
    with GstServer({"/cam": live(sound=LIVE_ALAW)}) as server, RtspOddity(server.url("/cam"), refuses=refuses) as odd:
        (tmp_path / "recordings").mkdir()
        config = RecorderConfig(
            tmp_path / "recordings",
            (CameraSource("cam", odd.url("/cam")),),
            segment=SECOND,
            stall=5 * SECOND,
            reserve=0,
        )
        with recorder(tmp_path, config) as running:
            running.until("a segment", lambda: running.finished())
            running.until("a word", lambda: running.state().get("sound_left_out") == "refused by the camera")
            assert running.stop() == 0


@pytest.mark.parametrize("renamed", [(b"CSeq:", b"XSeq:"), (b"RTSP/1.0 200 OK", b"RTSP/1.0 200 \xe9\xe9")])
def test_a_camera_that_does_not_say_what_it_answers_is_looked_at_all_the_same(renamed: tuple[bytes, bytes]) -> None:
    with GstServer({"/cam": live()}) as server, RtspOddity(server.url("/cam"), renamed=renamed) as odd:
        connection = connect(CameraSource("cam", odd.url("/cam"), "owner", PASSWORD))
        assert next(connection.container.demux()).size
        assert [head.split(" ")[0] for head in odd.asked][:2] == ["OPTIONS", "DESCRIBE"]
        connection.close()


class BareLines(RtspOddity):
    def changed(self, content: bytes) -> bytes:
        return content.replace(b"\r\n", b"\n") if content.startswith(b"RTSP/") and b"v=0" not in content else content


def test_a_camera_that_ends_lines_by_line_feeds_is_looked_at_all_the_same() -> None:
    with GstServer({"/cam": live()}) as server, BareLines(server.url("/cam")) as odd:
        connection = connect(CameraSource("cam", odd.url("/cam"), "owner", PASSWORD))
        assert next(connection.container.demux()).size
        connection.close()
