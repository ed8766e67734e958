"""Looks at a stream before libav opens it: where the camera sends us, and what of it libav wouldn't understand.

libav takes the login along wherever a camera sends it, readable if it is asked for so there. Here it is seen where that
is: the login is for the host that the owner named alone. Not for: the stream itself (``stream``), or TLS (``rtsps``).
"""

import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import quote, urljoin, urlsplit

from agent.devices import http_digest
from agent.devices.address import Credentials
from agent.recorder.config import CameraSource
from agent.recorder.login_relay import named_as_libav_does
from agent.rtsp.client import Answer, Broken, Nonsense, Refused, Rtsp

_MOST_HOPS = 3


class LoginRefused(Exception):
    """The camera wants a login, and this one isn't it."""


class Silent(Exception):
    """The camera accepted the connection and didn't answer in time."""


@dataclass(frozen=True, slots=True)
class Seen:
    """``camera``: where it really is, without a login where that is another host. ``is_odd``: libav can't do it by
    itself. ``is_described``: the stream was, so that the login is right; ``has_sound``: with sound."""

    camera: CameraSource
    is_odd: bool = False
    is_described: bool = False
    has_sound: bool = False


def look(camera: CameraSource, seconds: float, opened: Callable[[socket.socket], object]) -> Seen:
    """One connection, and one more for each time that it sends us on; at most so many seconds for each, ``opened`` is
    told of each.

    What isn't understood here is left to libav. Raises LoginRefused, Silent.
    """
    if urlsplit(camera.url).scheme != "rtsp":
        return Seen(camera)
    is_odd = False
    for _ in range(_MOST_HOPS):
        try:
            options, described, offered = _asked(camera, seconds, opened)
        except Refused as refusal:
            if refusal.offered and camera.user:
                raise LoginRefused from None
            return Seen(camera, is_odd)
        except (Broken, Nonsense):
            return Seen(camera, is_odd)
        if not 300 <= described.status < 400:
            renamed = named_as_libav_does(b"\r\n\r\n" + described.body) != b"\r\n\r\n" + described.body
            is_odd = is_odd or options.status >= 400 or renamed or http_digest.is_beyond_libav(offered)
            return Seen(camera, is_odd, described.status == 200, b"m=audio" in described.body)
        moved = _moved(camera, described.headers.get("location", ""))
        if moved is None:
            break
        camera = moved
    return Seen(_without_login(camera), is_odd)  # libav would go on from there, to wherever it is


def _asked(
    camera: CameraSource, seconds: float, opened: Callable[[socket.socket], object]
) -> tuple[Answer, Answer, list[str]]:
    login = Credentials(camera.user, camera.password) if camera.user else None
    url = camera.url.replace("{password}", quote(camera.password, safe=""))
    with contextlib.closing(Rtsp(url, login, seconds, basic=True)) as asking:
        began = time.monotonic()
        try:
            opened(asking.socket)
        except OSError:
            raise Broken("it broke the connection off") from None
        asking.credentials = None  # one question is enough to find a login wrong: some lock users out who try often
        try:
            options = asking.ask("OPTIONS", url)
        except Refused:
            options = Answer(200, {}, b"")
        except Broken:
            if not asking.bytes and time.monotonic() - began >= seconds * 0.9:
                raise Silent from None
            raise
        asking.credentials = login
        described = asking.ask("DESCRIBE", url, {"Accept": "application/sdp"})
        return options, described, list(asking.offered)


def _moved(camera: CameraSource, location: str) -> CameraSource | None:
    """The camera where it sends us; None where that is nowhere."""
    try:
        target = urlsplit(urljoin(camera.url, location.strip()[:2048]))
        port = f":{target.port}" if target.port else ""
    except ValueError:
        return None
    if target.scheme not in ("rtsp", "rtsps") or not target.hostname or not location.strip():
        return None
    host = f"[{target.hostname}]" if ":" in target.hostname else target.hostname
    there = replace(camera, url=target._replace(netloc=f"{host}{port}").geturl())
    return there if target.hostname == urlsplit(camera.url).hostname else _without_login(there)


def _without_login(camera: CameraSource) -> CameraSource:
    return replace(camera, user="", password="")
