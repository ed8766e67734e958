"""Starts a real RTSP server (gst-rtsp-server) in a process of its own, and lets a test misuse it as cameras do.

Not for: what a camera says over ONVIF. It listens on loopback only, on a port of the system's choice.
ONVIF replay would be one more ``kind`` of mount, made with RTSPOnvifMediaFactory.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_PROGRAM = Path(__file__).with_name("gst_server_program.py")
_PYTHON = "/usr/bin/python3"

PICTURES = (
    "videotestsrc is-live=true pattern=ball ! video/x-raw,framerate=25/1 ! videoscale"
    " ! capsfilter name=size caps=video/x-raw,width={width},height={height}"
)
LIVE_H264 = (
    PICTURES + " ! x264enc key-int-max={gop} speed-preset=ultrafast tune=zerolatency threads=1 bitrate=300"
    " ! h264parse ! valve name=valve ! rtph264pay name=pay0 pt=96 config-interval=-1"
)
LIVE_ALAW = "audiotestsrc is-live=true wave=ticks ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay1"
LIVE_G722 = (
    "audiotestsrc is-live=true wave=ticks ! audio/x-raw,rate=16000,channels=1 ! avenc_g722 ! rtpg722pay name=pay1"
)
LIVE_AAC = (
    "audiotestsrc is-live=true wave=ticks ! audio/x-raw,rate=48000,channels=1 ! avenc_aac bitrate=32000"
    " ! aacparse ! rtpmp4gpay name=pay1 pt=97"
)


def live(*, width: int = 320, height: int = 240, gop: int = 25, sound: str = "") -> str:
    """A live H.264 camera; ``valve`` and ``size`` are elements that can be set while it runs."""
    return f"( {LIVE_H264.format(width=width, height=height, gop=gop)} {sound} )"


def replay(path: Path, *, codec: str = "h264", sound: str = "") -> str:
    """A file's pictures, at the pace they were taken, from the start for the first client; then it ends.

    ``sound`` is ``aac`` when the file has such a track. The payloader adds nothing to what the file holds.
    """
    parts = (
        f"filesrc location={path} ! qtdemux name=d  d.video_0 ! queue ! {codec}parse ! rtp{codec}pay name=pay0 pt=96"
    )
    if sound == "aac":
        parts += "  d.audio_0 ! queue ! aacparse ! rtpmp4gpay name=pay1 pt=97"
    return f"( {parts} )"


@dataclass
class GstServer:
    """``with GstServer({"/cam": live()}) as server: …`` ; ``users`` maps names to passwords, asked for by Digest."""

    mounts: dict[str, str]
    users: dict[str, str] = field(default_factory=dict)
    shared: bool = True
    port: int = 0

    def __enter__(self) -> Self:
        environment = {**os.environ, "GST_DEBUG": "0", "no_proxy": "*"}
        environment.pop("PYTHONPATH", None)
        self.process = subprocess.Popen(
            [_PYTHON, "-I", str(_PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        mounts = {path: {"launch": launch, "shared": self.shared} for path, launch in self.mounts.items()}
        self.port = self._ask({"mounts": mounts, "users": self.users, "port": self.port})["port"]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def _ask(self, order: dict[str, Any]) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def url(self, path: str) -> str:
        """Without user or password."""
        return f"rtsp://127.0.0.1:{self.port}{path}"

    def set(self, path: str, element: str, name: str, value: object) -> None:
        """Set a property of an element of a mount that has a client."""
        self._ask({"do": "set", "path": path, "element": element, "property": name, "value": value})

    def freeze(self, path: str, frozen: bool = True) -> None:
        """No more pictures, without an error: the connection stays, and so do RTCP and sound."""
        self.set(path, "valve", "drop", frozen)

    def resize(self, path: str, width: int, height: int) -> None:
        """Another picture size in the middle of the stream, told only by the stream itself."""
        self.set(path, "size", "caps", f"video/x-raw,width={width},height={height}")

    def launch(self, path: str, launch: str) -> None:
        """What the next client gets; those connected are dropped, as by a camera whose settings were changed."""
        self._ask({"do": "launch", "path": path, "launch": launch, "shared": self.shared})
        self.drop()

    def drop(self) -> int:
        """Close every connection."""
        dropped: int = self._ask({"do": "drop"})["ok"]
        return dropped

    def clients(self) -> int:
        count: int = self._ask({"do": "clients"})["ok"]
        return count

    @contextlib.contextmanager
    def stalled(self) -> Iterator[None]:
        """Nothing is sent at all, not even RTCP; the kernel keeps the connections open."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """As when the camera loses its power."""
        self.process.kill()
        self.process.wait()
