"""A camera's stream over RTSP on TCP (RFC 2326, RFC 7826), by libavformat: opened, read, and broken off from outside.

Not for: what becomes of the packets (``copying``). No text from the library leaves here: it may quote a URL.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
from enum import StrEnum
from urllib.parse import urlsplit

import av
from av.container import InputContainer
from av.error import FFmpegError, HTTPClientError, HTTPUnauthorizedError

from agent.footage.recorder_config import CameraSource

OPEN_TIMEOUT = 10.0
"""Seconds for the whole of connecting, logging in and describing."""
_SILENCE = 40_000_000
"""Microseconds without a byte after which the library itself gives up, should the watchdog not have done so."""


class Trouble(StrEnum):
    """Why there is no stream, in the words of the journal's ``reason``."""

    LOST = "camera_lost"
    REFUSED = "camera_refused"
    DISK_FULL = "disk_full"
    STOPPED = "stopped"


class StreamLost(Exception):
    """The stream cannot be had or broke off. The text is for a person, and free of secrets."""

    def __init__(self, words: str, trouble: Trouble = Trouble.LOST) -> None:
        super().__init__(words)
        self.trouble = trouble


class _Doors:
    """One connecting at a time to one host and port, so that the socket that appears is known to be that camera's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._doors: dict[tuple[str, int], threading.Lock] = {}

    def door(self, address: tuple[str, int]) -> threading.Lock:
        with self._lock:
            return self._doors.setdefault(address, threading.Lock())


_doors = _Doors()


class Connection:
    """An open stream. Reading ``container`` blocks without any timer, which is what makes it cheap;
    ``interrupt`` ends that."""

    def __init__(self, container: InputContainer, descriptor: int | None) -> None:
        self.container = container
        self._socket = descriptor
        self._lock = threading.Lock()
        self.why: str | None = None
        """Why it was interrupted."""

    def interrupt(self, why: str) -> None:
        """Break the connection off, from another thread; the reader gets StreamLost with these words."""
        with self._lock:
            self.why = self.why or why
            if self._socket is None:
                return
            with contextlib.suppress(OSError):
                duplicate = socket.socket(fileno=os.dup(self._socket))
                try:
                    duplicate.shutdown(socket.SHUT_RDWR)
                finally:
                    duplicate.close()

    def close(self) -> None:
        """Say goodbye to the camera and free everything."""
        with self._lock:
            self._socket = None
        with contextlib.suppress(FFmpegError):
            self.container.close()


def connect(camera: CameraSource) -> Connection:
    """Open a camera's stream. StreamLost when that cannot be done."""
    options = {
        "rtsp_transport": "tcp",
        "timeout": str(_SILENCE),
        "threads": "1",  # nothing is decoded; no decoder may start threads to look at the stream
        "probesize": "32768",  # what the SDP says is enough; without it, the first key frame is
        "fpsprobesize": "0",
        "allowed_media_types": "video+audio" if camera.sound else "video",
    }
    parts = urlsplit(camera.url)
    address = (parts.hostname or "", parts.port or (322 if parts.scheme == "rtsps" else 554))
    with _doors.door(address):
        try:
            peers = {(found[4][0], found[4][1]) for found in socket.getaddrinfo(*address, type=socket.SOCK_STREAM)}
        except OSError:
            raise StreamLost("The camera's name is not known on this network.") from None
        before = _sockets()
        try:
            container = av.open(
                camera.url_with_login, "r", format="rtsp", options=options, timeout=(OPEN_TIMEOUT, None)
            )
        except FFmpegError as error:
            raise StreamLost(words_for(error), _trouble(error)) from None
        connection = Connection(container, _new_socket(before, peers))
    if not container.streams.video:
        connection.close()
        raise StreamLost("The camera's stream has no pictures.")
    return connection


def _sockets() -> dict[int, str]:
    """This process's sockets: descriptor to the kernel's name of it."""
    found: dict[int, str] = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            target = os.readlink(f"/proc/self/fd/{name}")
            if target.startswith("socket:"):
                found[int(name)] = target
    return found


def _new_socket(before: dict[int, str], peers: set[tuple[str | int, int | bytes]]) -> int | None:
    for descriptor, name in _sockets().items():
        if before.get(descriptor) == name:
            continue
        with contextlib.suppress(OSError):
            duplicate = socket.socket(fileno=os.dup(descriptor))
            try:
                if duplicate.getpeername()[:2] in peers:
                    return descriptor
            finally:
                duplicate.close()
    return None


def _trouble(error: FFmpegError) -> Trouble:
    return Trouble.REFUSED if isinstance(error, HTTPUnauthorizedError) else Trouble.LOST


_WORDS = {
    errno.ECONNREFUSED: "Nothing accepts connections at the camera's address.",
    errno.EHOSTUNREACH: "The camera's address cannot be reached.",
    errno.ENETUNREACH: "The camera's network cannot be reached.",
    errno.ETIMEDOUT: "The camera does not answer.",
    errno.ECONNRESET: "The camera closed the connection.",
    errno.EPIPE: "The camera closed the connection.",
    errno.EIO: "The connection to the camera broke off.",
    errno.EPERM: "This machine may not connect to that address.",
    errno.EACCES: "This machine may not connect to that address.",
}


def words_for(error: FFmpegError) -> str:
    """What happened, in plain words; never the library's own text, which may hold the URL with its password."""
    if isinstance(error, HTTPUnauthorizedError):
        return "The camera refused the user name or password."
    if isinstance(error, HTTPClientError):
        return "The camera has no such stream, or does not give it to this user."
    if isinstance(error, av.error.ExitError):
        return "The camera accepted the connection and then did not answer in time."
    if isinstance(error, (av.error.InvalidDataError, av.error.PatchWelcomeError)):
        return "The camera's answer makes no sense."
    if isinstance(error, av.error.EOFError):
        return "The camera ended the stream."
    return _WORDS.get(error.errno or 0, f"The camera's stream cannot be read (error {error.errno}).")
