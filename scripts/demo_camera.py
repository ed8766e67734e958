#!/usr/bin/env python3
"""An ONVIF camera for the demo and the tests: PyPI's ``ipycam``, fed with a moving scene and a burned-in clock.

Not for: watching anything. It listens and announces itself on one address only, loopback unless told otherwise.
"""

import argparse
import functools
import json
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import cv2
import ipycam
import ipycam.camera
import ipycam.discovery
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from burned_clock import Frame, draw_clock, draw_text

_IP_MULTICAST_ALL = 49  # linux/in.h; Python has no name for it
_ENDPOINTS = uuid.UUID("0b8f1d4e-6c2a-4a53-9c3f-0d3c4f9b7e21")


def main() -> int:
    arguments = _arguments()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if arguments.until_stdin_closes:
        threading.Thread(target=_wait_for_end_of_input, args=(stop,), daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="demo-camera-") as folder:
        _provide_ffmpeg(Path(folder))
        _keep_to(arguments.host)
        camera = ipycam.IPCamera(_settings(arguments))
        # The same camera after a restart: its endpoint reference must not change (WS-Discovery, 2.6).
        camera.onvif.device_uuid = uuid.uuid5(_ENDPOINTS, arguments.serial).urn
        try:
            camera.start()
            if camera.rtsp_server is None:
                print("The camera's RTSP server did not start; is its port taken?", file=sys.stderr)
                return 1
            # A client that comes before the first frame would wait for a picture size that is not known yet.
            scene = Scene(arguments.width, arguments.height, arguments.name)
            camera.stream(scene.frame(time.time_ns() // 1_000_000))
            _tell_ready(camera)
            _run(camera, scene, stop, arguments.seconds)
        finally:
            camera.stop()
    return 0


def _run(camera: ipycam.IPCamera, scene: "Scene", stop: threading.Event, seconds: float) -> None:
    end = time.monotonic() + seconds if seconds else float("inf")
    while not stop.is_set() and time.monotonic() < end:
        # Paced by ipycam, which sleeps in stream() until the next frame is due.
        camera.stream(scene.frame(time.time_ns() // 1_000_000))


class Scene:
    """A street with a car that drives by, every frame with the moment at which it was made."""

    def __init__(self, width: int, height: int, name: str) -> None:
        self.width, self.height, self.name = width, height, name
        self.number = 0
        sky = np.linspace((150, 120, 80), (210, 190, 160), height, dtype=np.float64).astype(np.uint8)
        self.street: Frame = np.repeat(sky[:, None, :], width * 2, axis=1)
        horizon = height * 6 // 10
        self.street[horizon:] = (90, 90, 90)
        for agent in range(10):
            left, top = agent * width * 2 // 10, height * 3 // 10 + (agent * 37 % 50) * height // 360
            colour = (60 + agent * 15, 80 + agent * 41 % 120, 200 - agent * 17)
            cv2.rectangle(self.street, (left, top), (left + width // 6, horizon), colour, cv2.FILLED)
        for stripe in range(0, width * 2, width // 8):
            cv2.rectangle(
                self.street,
                (stripe, height * 8 // 10),
                (stripe + width // 16, height * 8 // 10 + max(2, height // 90)),
                (230, 230, 230),
                cv2.FILLED,
            )

    def frame(self, milliseconds: int) -> Frame:
        """The picture for this moment (milliseconds since the epoch), rows x columns x BGR, a buffer of its own."""
        turn = milliseconds % 20_000
        shift = self.width * turn // 20_000
        frame = self.street[:, shift : shift + self.width].copy()
        left = self.width * (milliseconds % 7_000) // 7_000
        self._car(frame, left)
        moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
        text = f"{moment:%Y-%m-%d %H:%M:%S}.{milliseconds % 1000:03d} UTC"
        draw_text(frame, text, centre=(0.5, 0.2), width=0.9)
        draw_text(frame, f"{self.name}  frame {self.number}", centre=(0.5, 0.94), width=0.5)
        draw_clock(frame, milliseconds)
        self.number += 1
        return frame

    def _car(self, frame: Frame, left: int) -> None:
        unit, base = self.height // 18, self.height * 78 // 100
        cv2.rectangle(frame, (left, base - 2 * unit), (left + 5 * unit, base), (40, 40, 200), cv2.FILLED)
        cv2.rectangle(frame, (left + unit, base - 3 * unit), (left + 4 * unit, base - 2 * unit), (60, 60, 220), -1)
        for wheel in (1, 4):
            cv2.circle(frame, (left + wheel * unit, base), unit * 2 // 3, (20, 20, 20), cv2.FILLED)


def _settings(arguments: argparse.Namespace) -> ipycam.CameraConfig:
    password = Path(arguments.password_file).read_text().strip() if arguments.password_file else ""
    return ipycam.CameraConfig(
        # Scopes are URIs (ONVIF Core, 7.3.2.2), and ipycam puts the name in as it stands.
        name=arguments.name.replace(" ", "_"),
        manufacturer="ipycam",
        model="DemoCamera",
        serial_number=arguments.serial,
        local_ip=arguments.host,
        onvif_port=arguments.onvif_port or _free_port(arguments.host),
        rtsp_port=arguments.rtsp_port or _free_port(arguments.host),
        username=arguments.user if password else "",
        password=password,
        main_width=arguments.width,
        main_height=arguments.height,
        main_fps=arguments.fps,
        main_bitrate=arguments.bitrate,
        sub_width=320,
        sub_height=180,
        sub_fps=arguments.fps,
        sub_bitrate="256K",
        hw_accel="cpu",
        show_timestamp=False,
    )


def _keep_to(host: str) -> None:
    """Hold ipycam to one address; as it comes, it listens on all and announces itself on the default interface."""

    class Announcer(ipycam.discovery.WSDiscoveryServer):  # type: ignore[misc]
        def __init__(self, service: object) -> None:
            super().__init__(service)
            address = socket.inet_aton(host)
            self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, address)
            self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
            self.sock.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
            if host.startswith("127."):
                # It is bound to every address, so that probes by unicast arrive; this keeps them to loopback.
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")

    class Server(ipycam.camera.ReusableThreadingTCPServer):  # type: ignore[misc]
        def __init__(self, address: tuple[str, int], handler: type) -> None:
            super().__init__((host, address[1]), handler)

    ipycam.camera.WSDiscoveryServer = Announcer
    ipycam.camera.ReusableThreadingTCPServer = Server
    ipycam.camera.NativeRTSPServer = functools.partial(ipycam.camera.NativeRTSPServer, host=host)
    # Somebody's own go2rtc on this machine is none of the demo's business.
    ipycam.camera.check_go2rtc_running = lambda **_: False


def _provide_ffmpeg(folder: Path) -> None:
    """Put an ``ffmpeg`` on this process's PATH when there is none: the binary that ``imageio-ffmpeg`` brings."""
    if shutil.which("ffmpeg"):
        return
    import imageio_ffmpeg

    (folder / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


def _tell_ready(camera: ipycam.IPCamera) -> None:
    config = camera.config
    ready = {
        "ready": True,
        "pid": os.getpid(),
        "onvif": config.onvif_url,
        "onvif_port": config.onvif_port,
        "rtsp": config.main_stream_rtsp,
        "rtsp_port": config.rtsp_port,
        "endpoint": camera.onvif.device_uuid,
        "serial": config.serial_number,
        "name": config.name,
    }
    print(json.dumps(ready), flush=True)


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as server:
        return int(server.getsockname()[1])


def _wait_for_end_of_input(stop: threading.Event) -> None:
    while sys.stdin.buffer.read1(4096):
        pass
    stop.set()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Run an ONVIF camera with a burned-in clock; prints a JSON line when ready."
    )
    parser.add_argument("--host", default="127.0.0.1", help="the one IPv4 address to listen on (default: %(default)s)")
    parser.add_argument("--onvif-port", type=int, default=0, help="0: a free one")
    parser.add_argument("--rtsp-port", type=int, default=0, help="0: a free one")
    parser.add_argument("--user", default="owner")
    parser.add_argument(
        "--password-file", help="ask for the password in this file (ONVIF only; its RTSP asks for none)"
    )
    parser.add_argument("--name", default="Front_door")
    parser.add_argument("--serial", default="DEMO-0001")
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=360)
    parser.add_argument("--fps", type=int, default=15)
    parser.add_argument("--bitrate", default="1M")
    parser.add_argument("--seconds", type=float, default=0, help="stop by itself after so long (default: never)")
    parser.add_argument("--until-stdin-closes", action="store_true", help="stop when standard input ends")
    parser.add_argument("--verbose", action="store_true", help="show what ipycam logs")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO if arguments.verbose else logging.ERROR)
    return arguments


if __name__ == "__main__":
    sys.exit(main())
