"""Stands between libav and a camera where libav can't log in (Digest by SHA-256, logins of more than 127 bytes), or
doesn't understand it: OPTIONS refused, an encoding by another name.

libav is given an address on loopback; its requests go on to the camera with the right ``Authorization``, and whatever
else the camera sends comes back as it is. Not for: TLS (``rtsps``), or being sent elsewhere (``looking``).
"""

from __future__ import annotations

import contextlib
import re
import secrets
import selectors
import socket
import threading
import time
from urllib.parse import quote, urlsplit

from agent.devices import http_digest
from agent.devices.address import Credentials
from agent.recorder.config import CameraSource

LONGEST = 127
"""Bytes of ``user:password``, escaped for a URL, that libav takes (rtsp.c)."""
_MOST_HEAD = 32 * 1024
_MOST_BODY = 256 * 1024
_PIECE = 256 * 1024
_WAIT = 10.0
"""Seconds for a connection to be made, and for bytes to be taken."""


_PUBLIC = "DESCRIBE, SETUP, PLAY, TEARDOWN"
_OTHER_NAMES = [
    (re.compile(rb"(?im)^(a=rtpmap:[ \t]*\d+[ \t]+)(?:HEVC|H\.265|X-H265)(?=/)"), b"H265"),
    (re.compile(rb"(?im)^(a=rtpmap:[ \t]*\d+[ \t]+)(?:AVC|AVC1|H\.264|X-H264)(?=/)"), b"H264"),
]


class _Ends(Exception):
    """One side closed, or sent what is not RTSP."""


def is_needed(camera: CameraSource) -> bool:
    """Whether libav can't log in here from the start: the login is too long for it."""
    login = f"{quote(camera.user, safe='')}:{quote(camera.password, safe='')}"
    return bool(camera.user) and urlsplit(camera.url).scheme == "rtsp" and len(login) > LONGEST


class RtspLogin:
    """One connection's relay, in a thread of its own; it ends with either side, or by ``close``.

    ``url``: what libav opens, once. It holds a secret, so that no other program on this host comes in.
    Raises OSError where the camera can't be reached.
    """

    def __init__(self, camera: CameraSource) -> None:
        parts = urlsplit(camera.url)
        self._credentials = Credentials(camera.user, camera.password)
        self._host = f"rtsp://{parts.netloc}"
        self._digest: http_digest.Digest | None = None
        self._refused = False
        """A login was sent and not taken: no more are, as cameras lock users out who try often."""
        self._asked: dict[str, tuple[str, bool]] = {}
        """By CSeq: the request as it came, and whether it was answered with a fresh challenge already."""
        self.camera = socket.create_connection((parts.hostname or "", parts.port or 554), _WAIT)
        self._door = socket.create_server(("127.0.0.1", 0), backlog=1)
        self._door.settimeout(_WAIT)
        self.port: int = self._door.getsockname()[1]
        self._here = f"rtsp://127.0.0.1:{self.port}/{secrets.token_urlsafe(16)}"
        query = f"?{parts.query}" if parts.query else ""
        target = f"{parts.path or '/'}{query}".replace("{password}", quote(camera.password, safe=""))
        self.url = f"{self._here}{target}"
        threading.Thread(target=self._run, name=f"{camera.camera_id} login", daemon=True).start()

    def close(self) -> None:
        """End it, should libav not have come, or not have gone."""
        for each in (self._door, self.camera):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        with contextlib.suppress(OSError, _Ends), contextlib.ExitStack() as stack:
            camera = stack.enter_context(self.camera)
            client = stack.enter_context(self._client())
            for each in (client, camera):
                each.settimeout(_WAIT)
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector = stack.enter_context(selectors.DefaultSelector())
            inward, outward = bytearray(), bytearray()
            selector.register(client, selectors.EVENT_READ, (inward, self._requests, client))
            selector.register(camera, selectors.EVENT_READ, (outward, self._answers, camera))
            while True:
                for key, _ in selector.select():
                    pending, take, source = key.data
                    came = source.recv(_PIECE)
                    if not came:
                        return
                    pending += came
                    take(pending, client, camera)

    def _client(self) -> socket.socket:
        """The one that knows the secret, so that it can be nobody but libav."""
        until = time.monotonic() + _WAIT
        with self._door:
            while time.monotonic() < until:
                client, _ = self._door.accept()
                client.settimeout(1.0)
                with contextlib.suppress(OSError):
                    head = client.recv(_MOST_HEAD, socket.MSG_PEEK).decode("latin-1")
                    if head.split(" ", 2)[1:2] and head.split(" ", 2)[1].startswith(f"{self._here}/"):
                        return client
                client.close()
        raise _Ends

    # -- from libav to the camera --------------------------------------------------------------------------------

    def _requests(self, pending: bytearray, client: socket.socket, camera: socket.socket) -> None:
        while (length := _message_length(pending)) is not None:
            message = bytes(pending[:length])
            del pending[:length]
            camera.sendall(message if message[:1] == b"$" else self._request(message.decode("latin-1"), fresh=False))

    def _request(self, message: str, *, fresh: bool) -> bytes:
        """As the camera is to get it; remembered until it is answered."""
        first, _, rest = message.partition("\r\n")
        method, _, target = first.partition(" ")
        url, _, version = target.partition(" ")
        url = url.replace(self._here, self._host, 1)
        self._asked[_sequence(message)] = message, fresh
        while len(self._asked) > 16:
            del self._asked[next(iter(self._asked))]
        login = ""
        if self._digest is not None:
            proof = self._digest.answer(method, url, self._credentials)
            login = f"Authorization: {http_digest.to_wire(proof)}\r\n"
        return f"{method} {url} {version}\r\n{login}{rest}".encode("latin-1")

    # -- from the camera to libav --------------------------------------------------------------------------------

    def _answers(self, pending: bytearray, client: socket.socket, camera: socket.socket) -> None:
        at = 0
        passed = 0
        while (length := _message_length(pending, at)) is not None:
            if pending[at] == 0x24:
                at += length
                continue
            message = bytes(pending[at : at + length])
            again, instead = self._again(message)
            if again is None and instead == message:
                at += length
                continue
            client.sendall(pending[passed:at])
            at += length
            passed = at
            if again is None:
                client.sendall(instead)
            else:
                camera.sendall(again)
        client.sendall(pending[passed:at])
        del pending[:at]

    def _again(self, answer: bytes) -> tuple[bytes | None, bytes]:
        """The request once more, with the login that this answer asks for; None: the answer is libav's, as the second
        is."""
        head = answer.partition(b"\r\n\r\n")[0].decode("latin-1")
        message, fresh = self._asked.pop(_sequence(head), ("", True))
        status = re.match(r"RTSP/\d\.\d (\d{3})\b", head)
        if status is None:
            return None, answer
        if message.startswith("OPTIONS ") and int(status[1]) >= 400 and (fresh or status[1] != "401"):
            return None, f"RTSP/1.0 200 OK\r\nCSeq: {_sequence(head)}\r\nPublic: {_PUBLIC}\r\n\r\n".encode()
        if message.startswith("DESCRIBE ") and status[1] == "200":
            return None, named_as_libav_does(answer)
        if self._refused or status[1] != "401":
            return None, answer
        if fresh:
            self._refused, self._digest = True, None
            return None, answer
        offered = re.findall(r"(?im)^www-authenticate:[ \t]*([^\r\n]*)", head)
        self._digest = http_digest.choose([http_digest.from_wire(each) for each in offered])
        return (None if self._digest is None else self._request(message, fresh=True)), answer


def named_as_libav_does(answer: bytes) -> bytes:
    """A description in which encodings have the names that they have in RFC 6184 and 7798."""
    head, _, body = answer.partition(b"\r\n\r\n")
    named = body
    for pattern, name in _OTHER_NAMES:
        named = pattern.sub(rb"\g<1>" + name, named)
    if named == body:
        return answer
    head = re.sub(rb"(?im)^(content-length:[ \t]*)\d+", rb"\g<1>%d" % len(named), head)
    return head + b"\r\n\r\n" + named


def _message_length(pending: bytearray, at: int = 0) -> int | None:
    """Bytes of the packet or message that begins there; None while it isn't whole."""
    if len(pending) - at < 4:
        return None
    if pending[at] == 0x24:
        length = 4 + int.from_bytes(pending[at + 2 : at + 4], "big")
        return length if len(pending) - at >= length else None
    stop = pending.find(b"\r\n\r\n", at, at + _MOST_HEAD)
    if stop < 0:
        if len(pending) - at >= _MOST_HEAD:
            raise _Ends
        return None
    reported = re.search(rb"(?im)^content-length:[ \t]*(\d{1,7})[ \t]*\r?$", pending[at:stop])
    body = int(reported[1]) if reported else 0
    if body > _MOST_BODY:
        raise _Ends
    length = stop + 4 + body - at
    return length if len(pending) - at >= length else None


def _sequence(head: str) -> str:
    reported = re.search(r"(?im)^cseq:[ \t]*(\d{1,9})", head)
    return reported[1] if reported else ""
