"""What keeps a camera's stream from the recorder is told as what it is, and a login that libav can't do is done."""

import contextlib
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from agent.devices.http_digest import is_beyond_libav
from agent.recorder.config import CameraSource, RecorderConfig
from agent.recorder.login_relay import RtspLogin
from agent.recorder.stream import StreamLost, Trouble, connect
from exchange.clock import SECOND
from tests.counterparts.http.digest_guard import DigestGuard
from tests.counterparts.processes.recorder_process import recorder
from tests.counterparts.rtsp.gst_server import LIVE_ALAW, GstServer, live
from tests.counterparts.rtsp.hostile_rtsp import Harm, HostileRtsp
from tests.counterparts.rtsp.rtsp_guard import RtspGuard

PASSWORD = "s3cret &/p@ss"
LONG = "correct horse battery staple / " * 6
MD5 = 'Digest realm="cam", nonce="abc", algorithm=MD5, qop="auth"'
SHA256 = 'Digest realm="cam", nonce="abc", algorithm=SHA-256, qop="auth"'


@pytest.mark.parametrize(
    ("method", "status", "words"),
    [
        ("SETUP", "453 Not Enough Bandwidth", "may already serve as many viewers as it can"),
        ("PLAY", "454 Session Not Found", "may already serve as many viewers as it can"),
        ("DESCRIBE", "503 Service Unavailable", "can't serve the stream now"),
        ("SETUP", "503 Service Unavailable", "can't serve the stream now"),
        ("SETUP", "461 Unsupported Transport", "over UDP only"),
        ("DESCRIBE", "404 Not Found", "has no such stream"),
    ],
)
def test_what_a_camera_refuses_is_told_as_what_it_is(method: str, status: str, words: str) -> None:
    with HostileRtsp(Harm.REFUSES, {method: status}) as camera:
        with pytest.raises(StreamLost) as lost:
            connect(CameraSource("cam", camera.url, "owner", PASSWORD))
        assert words in str(lost.value)
        assert lost.value.trouble is Trouble.LOST


@pytest.mark.parametrize(("algorithm", "password"), [("SHA-256", PASSWORD), ("SHA-256", LONG), ("MD5", LONG)])
def test_a_camera_whose_login_libav_cannot_do_is_recorded(tmp_path: Path, algorithm: str, password: str) -> None:
    guard = DigestGuard("owner", password, algorithm)
    with GstServer({"/cam": live(sound=LIVE_ALAW)}) as server, RtspGuard(server.url("/cam"), guard) as door:
        (tmp_path / "recordings").mkdir()
        camera = CameraSource("cam", door.url("/cam"), "owner", password)
        config = RecorderConfig(tmp_path / "recordings", (camera,), segment=SECOND, stall=SECOND, reserve=0)
        with recorder(tmp_path, config) as running:
            running.until("three segments", lambda: len(running.finished()) >= 3)
            assert running.state()["state"] == "recording"
            assert guard.wrong == 0
            assert running.stop() == 0
        assert sum(head.startswith("PLAY ") and "Authorization: Digest " in head for head in door.asked) == 1
        assert password[:12] not in "\n".join(door.asked) + running.log.read_text()


def test_a_wrong_password_is_told_as_such_and_is_not_tried_again_and_again() -> None:
    for algorithm in ("SHA-256", "MD5"):
        guard = DigestGuard("owner", PASSWORD, algorithm)
        with GstServer({"/cam": live()}) as server, RtspGuard(server.url("/cam"), guard) as door:
            with pytest.raises(StreamLost, match="refused the user name or password") as lost:
                connect(CameraSource("cam", door.url("/cam"), "owner", "Wr0ng-passw0rd"))
            assert lost.value.trouble is Trouble.REFUSED
            assert guard.wrong == 1


def test_a_connection_that_is_broken_off_leaves_none_to_the_camera() -> None:
    guard = DigestGuard("owner", PASSWORD, "SHA-256")
    with GstServer({"/cam": live()}) as server, RtspGuard(server.url("/cam"), guard) as door:
        connection = connect(CameraSource("cam", door.url("/cam"), "owner", PASSWORD))
        packets = connection.container.demux()
        assert next(packets).size
        assert door.open() == 1
        connection.interrupt("removed")
        connection.close()
        give_up = time.monotonic() + 10
        while door.open():
            assert time.monotonic() < give_up, "the connection to the camera stayed"
            time.sleep(0.02)


def test_nobody_else_on_this_host_gets_in_by_the_login() -> None:
    with GstServer({"/cam": live()}) as server:
        login = RtspLogin(CameraSource("cam", server.url("/cam"), "owner", PASSWORD))
        for path in ("/cam", "/x/cam", urlsplit(login.url).path[:8]):
            with socket.create_connection(("127.0.0.1", login.port), 5) as stranger:
                stranger.settimeout(5)
                stranger.sendall(f"DESCRIBE rtsp://127.0.0.1:{login.port}{path} RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
                with contextlib.suppress(ConnectionResetError):
                    assert stranger.recv(100) == b""
        with socket.create_connection(("127.0.0.1", login.port), 5) as ours:
            ours.settimeout(5)
            ours.sendall(f"DESCRIBE {login.url} RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
            assert ours.recv(100).startswith(b"RTSP/1.0 200 ")
        login.close()


@pytest.mark.parametrize(
    ("offered", "ours"),
    [
        ([SHA256], True),
        ([MD5], False),
        ([MD5, SHA256], True),
        ([SHA256, MD5], False),
        ([f"{SHA256}, {MD5}"], True),
        ([f'Basic realm="x", {MD5}'], True),
        (["Digest realm=cam, nonce=abc"], False),
        (['Basic realm="x"'], False),
    ],
)
def test_only_where_libav_would_not_find_md5_the_login_is_ours(offered: list[str], ours: bool) -> None:
    assert is_beyond_libav(offered) is ours
