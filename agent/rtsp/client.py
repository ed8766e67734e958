"""RTSP on one TCP connection (RFC 2326), as a client that plays recordings: requests, Digest, interleaved packets.

Not for: live cameras (``agent.recorder.stream``), or what is in the packets. A library cannot do it: FFmpeg's RTSP
knows no ``clock=`` ranges, and the Python ones make objects of every packet.
"""

import base64
import contextlib
import re
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlsplit

from agent.devices import http_digest
from agent.devices.address import Credentials
from agent.devices.unvouched_tls import unvouched

_BUFFER = 512 * 1024
_LARGEST = 4 + 65_535
"""A packet with its frame."""
_MOST_HEAD = 32 * 1024
_MOST_BODY = 256 * 1024
_MOST_ANSWERS = 1000
"""Messages in one connection, beside packets."""

Sink = Callable[[memoryview, int, int], None]


class Broken(Exception):
    """The connection cannot be had, or broke off. The text is for a person, and free of secrets."""


class Refused(Exception):
    """User name or password were refused, or are wanted. ``basic``: it wants them readable; ``offered``: the ways to
    log in that it offers, as WWW-Authenticate has them."""

    def __init__(self, *, basic: bool = False, offered: Sequence[str] = ()) -> None:
        super().__init__()
        self.basic, self.offered = basic, offered


class Nonsense(Exception):
    """What came is not RTSP. The text is free of what the device sent."""


class CertificateUnknown(Exception):
    """The certificate is not the confirmed one; ``args[0]`` is what is shown, in hex."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``headers`` by lower-case name; several of one name are joined by newlines."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Rtsp:
    """A connection. ``silence``: seconds without a byte after which it counts as gone.

    Interleaved packets go to ``sinks``, by channel, in place: a memoryview with their bounds, valid during the call.
    """

    def __init__(
        self, url: str, credentials: Credentials | None, silence: float, pin: str | None = None, *, basic: bool = False
    ) -> None:
        """``basic``: whether the password may go readable to a device that knows nothing else."""
        self.url, self.credentials, self.silence = url, credentials, silence
        self._basic, self._readable = basic, ""
        self.offered: Sequence[str] = ()
        """The ways to log in that it last offered, as WWW-Authenticate has them."""
        self.sinks: list[Sink | None] = [None] * 256
        self.session: str | None = None
        self.session_seconds = 60.0
        self.methods: frozenset[str] = frozenset()
        self.ended = False
        """The device said by ANNOUNCE or TEARDOWN that no more comes."""
        self.bytes = 0
        self._sequence = 0
        self._digest: http_digest.Digest | None = None
        self._answers: dict[int, Answer] = {}
        self._asked: list[int] = []
        """What was not answered yet, oldest first."""
        self._messages = 0
        self._buffer = bytearray(_BUFFER)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0
        self._seconds = -1.0
        self.socket = self._connect(pin)

    def _connect(self, pin: str | None) -> socket.socket:
        parts = urlsplit(self.url)
        secure = parts.scheme == "rtsps"
        try:
            connection = socket.create_connection(
                (parts.hostname or "", parts.port or (322 if secure else 554)), min(self.silence, 10.0)
            )
        except OSError as error:
            raise Broken(f"no connection could be made for its replay ({error.strerror or 'no answer'})") from None
        connection.settimeout(self.silence)
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not secure:
            return connection
        try:
            wrapped = unvouched().wrap_socket(connection)
        except OSError:
            connection.close()
            raise Broken("TLS could not be agreed on for its replay") from None
        shown = sha256(wrapped.getpeercert(binary_form=True) or b"").hexdigest()
        if pin != shown:
            wrapped.close()
            raise CertificateUnknown(shown)
        return wrapped

    def close(self) -> None:
        """Say goodbye, without waiting for an answer."""
        with contextlib.suppress(OSError, Broken):
            if self.session is not None:
                self.silence = 1.0
                self._send("TEARDOWN", self.url, {})
        self.socket.close()

    # -- requests ------------------------------------------------------------------------------------------------

    def ask(self, method: str, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a request and wait for its answer, whatever its status but 401. Packets meanwhile go to the sinks.

        Raises Broken, Refused, Nonsense.
        """
        fresh = False
        while True:
            answer = self._wait(self._send(method, url, headers or {}))
            if answer.status != 401:
                break
            lines = answer.headers.get("www-authenticate", "").split("\n")
            self.offered = offered = [http_digest.from_wire(line) for line in lines]
            chosen = http_digest.choose(offered)
            if chosen is None and self._basic and self.credentials and http_digest.offers(offered, "basic"):
                if self._readable:
                    raise Refused(offered=offered)
                login = f"{self.credentials.user}:{self.credentials.password}"
                self._readable = base64.b64encode(login.encode()).decode()
                continue
            if chosen is None or self.credentials is None or fresh:
                basic = chosen is None and self.credentials is not None and http_digest.offers(offered, "basic")
                raise Refused(basic=basic, offered=offered)
            self._digest, fresh = chosen, True
        if answer.status == 403:
            raise Refused
        if (reported := answer.headers.get("session")) and self.session is None and answer.status == 200:
            name, _, options = reported.partition(";")
            self.session = name.strip()[:256]
            if found := re.search(r"timeout\s*=\s*(\d{1,6})", options):
                self.session_seconds = max(float(found[1]), 5.0)
        return answer

    def keep_alive(self) -> int:
        """Ask for nothing, so that the session lives on (RFC 2326, 10.8); the answer comes among the packets."""
        return self._send("GET_PARAMETER" if "GET_PARAMETER" in self.methods else "OPTIONS", self.url, {})

    def answered(self, sequence: int) -> bool:
        """Whether a ``keep_alive`` was answered; whatever the answer, the device lives."""
        return self._answers.pop(sequence, None) is not None

    def _send(self, method: str, url: str, headers: Mapping[str, str]) -> int:
        self._sequence += 1
        self._asked = [*self._asked[-15:], self._sequence]
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self._sequence}", "User-Agent: Handover"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if self.session is not None:
            lines.append(f"Session: {self.session}")
        if self._digest is not None and self.credentials is not None:
            lines.append(f"Authorization: {self._digest.answer(method, url, self.credentials)}")
        elif self._readable:
            lines.append(f"Authorization: Basic {self._readable}")
        self._write("\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape"))
        return self._sequence

    def _write(self, content: bytes) -> None:
        try:
            self._seconds = -1.0
            self.socket.settimeout(self.silence)
            self.socket.sendall(content)
        except OSError:
            raise Broken("it broke the connection off") from None

    def _wait(self, sequence: int) -> Answer:
        until = time.monotonic() + max(self.silence, 1.0)
        while sequence not in self._answers:
            if not self.pump(self.silence) or time.monotonic() > until:
                raise Broken(f"it did not answer within {self.silence:g} s")
        return self._answers.pop(sequence)

    # -- what comes ----------------------------------------------------------------------------------------------

    def pump(self, seconds: float) -> bool:
        """Take what comes within so many seconds; False when nothing did. Raises Broken at the connection's end."""
        view, start, end = self._view, self._start, self._end
        if _BUFFER - end < _LARGEST:
            view[: end - start] = view[start:end]
            start, end = 0, end - start
        try:
            if seconds != self._seconds:
                self._seconds = seconds
                self.socket.settimeout(max(seconds, 0.001))
            came = self.socket.recv_into(view[end:])
        except TimeoutError:
            return False
        except OSError:
            raise Broken("it broke the connection off") from None
        finally:
            self._start, self._end = start, end
        if not came:
            raise Broken("it closed the connection")
        self.bytes += came
        self._end = end + came
        self._packets()
        return True

    def _packets(self) -> None:
        """Hand on every whole packet; only what is done for each of them is here."""
        view, at, end, sinks = self._view, self._start, self._end, self.sinks
        try:
            while end - at >= 4:
                if view[at] == 0x24:
                    stop = at + 4 + (view[at + 2] << 8 | view[at + 3])
                    if stop > end:
                        break
                    sink = sinks[view[at + 1]]
                    if sink is not None:
                        sink(view, at + 4, stop)
                    at = stop
                else:
                    after = self._message(at, end)
                    if after < 0:
                        break
                    at = after
        finally:
            self._start, self._end = (at, end) if at < end else (0, 0)

    def _message(self, at: int, end: int) -> int:
        """Read one RTSP message; where it ends, or -1 when it is not whole yet."""
        while at < end and self._buffer[at] in b"\r\n":
            at += 1
        if at == end:
            return end
        if self._buffer[at] == 0x24:
            return at
        stop, size = self._end_of_head(at, min(end, at + _MOST_HEAD))
        if stop < 0:
            if end - at >= _MOST_HEAD or not _may_begin(bytes(self._view[at : min(end, at + 12)])):
                raise Nonsense("it sent something that is not RTSP")
            return -1
        first, headers = _head(bytes(self._view[at:stop]))
        length = headers.get("content-length", "0").strip()
        if not length.isdecimal() or len(length) > 7 or int(length) > _MOST_BODY:
            raise Nonsense("it announced an answer that is too long")
        after = stop + size + int(length)
        if after > end:
            return -1
        self._messages += 1
        if self._messages > _MOST_ANSWERS + self.bytes // 10_000:
            raise Nonsense("it sent more messages than a replay needs")
        self._heard(first, headers, bytes(self._view[stop + size : after]))
        return after

    def _end_of_head(self, at: int, end: int) -> tuple[int, int]:
        """Where a message's header ends (-1: not here), and how long the empty line is: some end lines by LF alone."""
        stop, bare = self._buffer.find(b"\r\n\r\n", at, end), self._buffer.find(b"\n\n", at, end)
        return (bare, 2) if bare >= 0 and (stop < 0 or bare < stop) else (stop, 4)

    def _heard(self, first: str, headers: dict[str, str], body: bytes) -> None:
        words = first.split(None, 2)
        number = headers.get("cseq", "").strip()
        sequence = int(number) if number.isdecimal() and len(number) < 10 else -1
        if words and words[0].startswith("RTSP/"):
            if len(words) < 2 or not re.fullmatch(r"[1-5]\d\d", words[1]):
                raise Nonsense("it answered without a status")
            if sequence not in self._asked and self._asked:
                sequence = self._asked[0]  # some don't say which question it is that they answer
            if sequence in self._asked:
                self._asked.remove(sequence)
            if len(self._answers) < 16:
                self._answers[sequence] = Answer(int(words[1]), headers, body)
            return
        if not re.fullmatch(r"[A-Z_]{3,20}", words[0] if words else ""):
            raise Nonsense("it sent something that is not RTSP")
        known = words[0] in ("OPTIONS", "ANNOUNCE", "GET_PARAMETER", "SET_PARAMETER", "TEARDOWN")
        self._write(f"RTSP/1.0 {'200 OK' if known else '501 Not Implemented'}\r\nCSeq: {sequence}\r\n\r\n".encode())
        self.ended = self.ended or words[0] in ("ANNOUNCE", "TEARDOWN")


def _may_begin(head: bytes) -> bool:
    return bool(re.match(rb"[A-Z_]{1,12}(?:[ /]|$)", head))


def _head(content: bytes) -> tuple[str, dict[str, str]]:
    first, *lines = content.decode("latin-1").replace("\r\n", "\n").split("\n")
    if len(lines) > 100:
        raise Nonsense("its answer has more lines than it needs")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            name = name.strip().lower()
            headers[name] = f"{headers[name]}\n{value.strip()}" if name in headers else value.strip()
    return first, headers
