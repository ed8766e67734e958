"""A camera's stream over RTSP on TCP (RFC 2326, RFC 7826), by libavformat: opened, read, and broken off from outside.

Not for: what becomes of the packets (``copying``). No text from the library leaves here: it may quote a URL.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import urlsplit

import av
from av.container import InputContainer
from av.error import FFmpegError, HTTPClientError, HTTPUnauthorizedError

from agent.recorder import login_relay as rtsp_login
from agent.recorder.config import CameraSource
from agent.recorder.login_relay import RtspLogin
from agent.recorder.looking import LoginRefused, Seen, Silent, look

OPEN_TIMEOUT = 10.0
"""Seconds for the whole of connecting, logging in and describing."""
_MOMENTS = (0.3, 1.0)
"""Seconds."""
_GRACE = 2.0
"""Seconds that whoever watches a stream has to say why it is broken off, before reading ends by itself."""
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


class _UnknownPictures(Exception):
    """The stream's pictures are of an encoding that libav doesn't know by this name."""


class _Claims:
    """Which of this process's sockets belong to which camera: the library opens them, and doesn't tell."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._claimed: set[str] = set()

    def names(self) -> set[str]:
        """Of all sockets that are connected now."""
        with self._lock:
            return {each.name for each in _sockets()}

    def claim(self, before: set[str], peers: set[tuple[str | int, int | bytes]]) -> _Socket | None:
        """The one socket that is new since ``before`` and nobody's: with one of these peers, or, where the camera sent
        the library elsewhere (a redirect), with any. None when it could be one of several."""
        with self._lock:
            fresh = [each for each in _sockets() if each.name not in before | self._claimed]
            at_peer = [each for each in fresh if each.peer in peers]
            found = at_peer or fresh
            if len(found) != 1:
                return None
            self._claimed.add(found[0].name)
            return found[0]

    def break_off(self, claimed: _Socket) -> None:
        """Shut it, if it still is the socket that it was."""
        with self._lock, contextlib.suppress(OSError):
            duplicate = socket.socket(fileno=os.dup(claimed.descriptor))
            try:
                if f"socket:[{os.fstat(duplicate.fileno()).st_ino}]" == claimed.name:
                    duplicate.shutdown(socket.SHUT_RDWR)
            finally:
                duplicate.close()

    def take(self, opened: socket.socket) -> _Socket:
        """One that we opened ourselves: no camera's that libav opened is taken for it."""
        with self._lock:
            name = f"socket:[{os.fstat(opened.fileno()).st_ino}]"
            self._claimed.add(name)
            return _Socket(opened.fileno(), name, opened.getpeername()[:2])

    def give_back(self, claimed: _Socket) -> None:
        with self._lock:
            self._claimed.discard(claimed.name)


@dataclass(frozen=True, slots=True)
class _Socket:
    """A connected socket of this process: its descriptor, the kernel's name of it, and who is at the other end."""

    descriptor: int
    name: str
    peer: tuple[str | int, int | bytes]


_claims = _Claims()


class Connection:
    """An open stream. ``interrupt`` ends it from another thread: at once where its socket is known, otherwise with the
    next packet (the reader asks ``why``) or when ``stall`` passed without one."""

    def __init__(self, container: InputContainer, claimed: _Socket | None, relay: _Relay | None = None) -> None:
        self.container = container
        self._socket, self._relay = claimed, relay
        self._lock = threading.Lock()
        self.why: str | None = None
        """Why it was interrupted."""
        self.sound_refused = False
        """The camera describes sound, and doesn't give it."""

    def interrupt(self, why: str) -> None:
        """Break the connection off, from another thread; the reader gets StreamLost with these words."""
        with self._lock:
            self.why = self.why or why
            if self._socket is not None:
                _claims.break_off(self._socket)

    def close(self) -> None:
        """Say goodbye to the camera and free everything."""
        with self._lock:
            claimed, self._socket = self._socket, None
        with contextlib.suppress(FFmpegError):
            self.container.close()
        if claimed is not None:
            _claims.give_back(claimed)
        if self._relay is not None:
            self._relay.close()


class _Relay:
    """Who logs in for libav, and the connection to the camera that is its own."""

    def __init__(self, camera: CameraSource) -> None:
        try:
            self.login = RtspLogin(camera)
        except OSError as error:
            raise StreamLost(_WORDS.get(error.errno or 0, "The camera does not answer.")) from None
        self._claimed = _claims.take(self.login.camera)

    def close(self) -> None:
        self.login.close()
        _claims.give_back(self._claimed)


def connect(camera: CameraSource, stall: float = 15.0) -> Connection:
    """Open a camera's stream. StreamLost when that cannot be done.

    ``stall``: seconds without a packet after which reading ends by itself, whoever else watches it. Several channels of
    one recorder are opened at once: one that hangs holds up no other.
    """
    options = {
        "rtsp_transport": "tcp",
        "timeout": str(_SILENCE),
        "threads": "1",  # nothing is decoded; no decoder may start threads to look at the stream
        "probesize": "32768",  # what the SDP says is enough; without it, the first key frame is
        "fpsprobesize": "0",
        "allowed_media_types": "video+audio" if camera.sound else "video",
    }
    peers = _peers(camera)
    seen = _seen(camera) if camera.user else None
    try:
        return _opened(seen or Seen(camera), options, stall, peers)
    except (FFmpegError, _UnknownPictures) as error:
        first = error
    if isinstance(first, HTTPUnauthorizedError) and seen is not None and seen.is_described and not seen.is_odd:
        looked, seen = replace(seen, is_odd=True), None  # the login is right, and libav's isn't taken
    elif isinstance(first, _UnknownPictures) or _may_be_odd(first):
        looked = seen or _seen(camera)
    else:
        raise _lost(first, camera, seen)
    for way, how in _other_ways(looked, options, tried=seen is not None):
        with contextlib.suppress(FFmpegError, _UnknownPictures):
            connection = _opened(way, how, stall, peers)
            if how is not options:
                connection.sound_refused = camera.sound
            return connection
    raise _lost(first, camera, looked)


def _peers(camera: CameraSource) -> set[tuple[str | int, int | bytes]]:
    parts = urlsplit(camera.url)
    address = (parts.hostname or "", parts.port or (322 if parts.scheme == "rtsps" else 554))
    try:
        return {(found[4][0], found[4][1]) for found in socket.getaddrinfo(*address, type=socket.SOCK_STREAM)}
    except OSError:
        raise StreamLost("The camera's name is not known on this network.") from None


def _seen(camera: CameraSource) -> Seen:
    """What ``looking`` sees of it, by a socket that is taken for no other camera's."""
    held: list[_Socket] = []
    try:
        return look(camera, OPEN_TIMEOUT, lambda opened: held.append(_claims.take(opened)))
    except LoginRefused:
        raise StreamLost("The camera refused the user name or password.", Trouble.REFUSED) from None
    except Silent:
        raise StreamLost(_SILENT) from None
    finally:
        for each in held:
            _claims.give_back(each)


def _other_ways(seen: Seen, options: dict[str, str], *, tried: bool) -> Iterator[tuple[Seen, dict[str, str]]]:
    """What else may open a stream that libav didn't: that somebody stands between, or to leave the sound out, which
    some describe and then refuse."""
    if seen.is_odd and not tried:
        yield seen, options
    if seen.has_sound and "audio" in options["allowed_media_types"]:
        yield seen, options | {"allowed_media_types": "video"}


def _may_be_odd(error: FFmpegError) -> bool:
    """Whether the camera was reached, and said something other than that the login is wrong."""
    if isinstance(error, HTTPUnauthorizedError):
        return False
    said = (HTTPClientError, av.error.HTTPServerError, av.error.InvalidDataError)
    return isinstance(error, said) or error.errno == errno.EPROTONOSUPPORT


def _lost(error: Exception, camera: CameraSource, seen: Seen | None) -> StreamLost:
    if not isinstance(error, FFmpegError):
        return StreamLost("The camera's pictures are of a kind that can't be recorded: choose H.264 or H.265 in it.")
    if isinstance(error, HTTPUnauthorizedError) and camera.user and seen is not None and not seen.camera.user:
        return StreamLost(
            "The camera sends us on to another host, which wants a login; the camera's was not given to it. If the "
            "stream really is there, name that address as the camera's.",
            Trouble.REFUSED,
        )
    return StreamLost(error_text(error), _trouble(error))


def _opened(seen: Seen, options: dict[str, str], stall: float, peers: set[tuple[str | int, int | bytes]]) -> Connection:
    """As ``_open``; again after a moment where the camera, which just described its stream to a look, can't serve it:
    some are busy with a connection for a while after its end."""
    for moment in _MOMENTS if seen.is_described else ():
        try:
            return _open(seen, options, stall, peers)
        except (av.error.HTTPServerError, av.error.HTTPOtherClientError):
            time.sleep(moment)
    return _open(seen, options, stall, peers)


def _open(seen: Seen, options: dict[str, str], stall: float, peers: set[tuple[str | int, int | bytes]]) -> Connection:
    """FFmpegError as the library has it; _UnknownPictures; StreamLost where there are none."""
    camera = seen.camera
    can_relay = urlsplit(camera.url).scheme == "rtsp"
    relay = _Relay(camera) if rtsp_login.is_needed(camera) or (seen.is_odd and can_relay) else None
    url = camera.url_with_login if relay is None else relay.login.url
    before = _claims.names()
    try:
        container = av.open(
            url,
            "r",
            format="rtsp",
            options=options,
            timeout=(OPEN_TIMEOUT, stall + _GRACE),
            metadata_errors="replace",  # a camera's name may be in any encoding
        )
    except FFmpegError:
        if relay is not None:
            relay.close()
        raise
    if relay is not None:
        peers = {("127.0.0.1", relay.login.port)}
    connection = Connection(container, _claims.claim(before, peers), relay)
    if not container.streams.video:
        connection.close()
        raise StreamLost("The camera's stream has no pictures.")
    if getattr(container.streams.video[0], "codec_context", None) is None:
        connection.close()
        raise _UnknownPictures
    return connection


def _sockets() -> list[_Socket]:
    """This process's sockets that are connected to somewhere on a network. One caller at a time: it duplicates them."""
    found: list[_Socket] = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            target = os.readlink(f"/proc/self/fd/{name}")
            if not target.startswith("socket:"):
                continue
            duplicate = socket.socket(fileno=os.dup(int(name)))
            try:
                if duplicate.family in (socket.AF_INET, socket.AF_INET6):
                    found.append(_Socket(int(name), target, duplicate.getpeername()[:2]))
            finally:
                duplicate.close()
    return found


def _trouble(error: FFmpegError) -> Trouble:
    return Trouble.REFUSED if isinstance(error, HTTPUnauthorizedError) else Trouble.LOST


_SILENT = "The camera accepted the connection and then did not answer in time."
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
    errno.EPROTONOSUPPORT: "The camera sends its stream over UDP only, and Handover takes it over TCP: allow "
    "'RTP over RTSP' (also called TCP or interleaved) in the camera's settings.",
}


def error_text(error: FFmpegError) -> str:
    """What happened, in plain words; never the library's own text, which may hold the URL with its password."""
    if isinstance(error, HTTPUnauthorizedError):
        return "The camera refused the user name or password."
    if isinstance(error, av.error.HTTPOtherClientError):  # e.g. 453 Not Enough Bandwidth, 454 Session Not Found
        return (
            "The camera refused the stream: it may already serve as many viewers as it can. "
            "Close apps and recorders that watch it."
        )
    if isinstance(error, HTTPClientError):
        return "The camera has no such stream, or does not give it to this user."
    if isinstance(error, av.error.HTTPServerError):  # e.g. 503 Service Unavailable
        return (
            "The camera says that it can't serve the stream now: it may be starting, or have too many viewers. "
            "It is tried again."
        )
    if isinstance(error, av.error.ExitError):
        return _SILENT
    if isinstance(error, (av.error.InvalidDataError, av.error.PatchWelcomeError)):
        return "The camera's answer makes no sense."
    if isinstance(error, av.error.EOFError):
        return "The camera ended the stream."
    return _WORDS.get(error.errno or 0, f"The camera's stream cannot be read (error {error.errno}).")
