"""One recorder's HTTP, within limits: Digest, a pinned certificate, no redirects, bounded answers, resumed downloads.

Not for: what the answers mean, or SOAP (``agent/devices/onvif/transport.py``). In worker processes only; it blocks.
"""

import http.client
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from io import BufferedIOBase
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from agent.devices import http_digest
from agent.devices.address import Credentials
from agent.devices.clock import HTTP_DATE, ClockCheck, compare, http_date
from agent.devices.download import Destination, Part
from agent.devices.unvouched_tls import unvouched
from exchange.durable import raising_disk_full
from exchange.errors import (
    CameraAnswerInvalid,
    CameraRefused,
    CameraUnreachable,
    CertificateChanged,
    HandoverError,
    InputInvalid,
    NoFootage,
)

MOST_BYTES = 4 * 1024 * 1024
"""Of one answer that is read into memory."""
_MOST_PASSED_OVER = 100
"""Lines of a header that are none."""
_CHUNK = 256 * 1024
_TOLD = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``sent`` and ``received``: when it was asked and answered, by our clock (microseconds)."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    content: bytes
    sent: int
    received: int

    def date(self) -> ClockCheck | None:
        """The recorder's clock by its Date header; None when it sent none."""
        reported = http_date(self.headers.get("date", ""))
        return None if reported is None else compare(reported, sent=self.sent, received=self.received, method=HTTP_DATE)


@dataclass
class Http:
    """A connection to one recorder, kept open between questions: close it, or use ``with``. ``now`` is our clock
    (``Order.now``).

    ``pin``: SHA-256 of its certificate in hex; without one, a certificate must be one that this system trusts.
    ``basic``: whether its password may be sent readable, to a recorder that knows no Digest. Over TLS it always may.
    ``headers`` go with every question (a session's cookie, a token).
    """

    address: str
    login: Credentials | None
    timeout: float
    now: Callable[[], int]
    pin: str | None = None
    basic: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    _connection: http.client.HTTPConnection | None = None
    _digest: http_digest.Digest | None = None
    _is_let_in: bool = False
    """Whether the last login held: its nonce may be old the next time, and nothing says so."""
    _send_basic: bool = False

    def __post_init__(self) -> None:
        text = self.address if "://" in self.address else f"http://{self.address}"
        parts = urlsplit(text)
        try:
            port = parts.port
        except ValueError:
            port = 0
        if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or "@" in parts.netloc:
            raise InputInvalid(
                f"{self.address!r} is no recorder's address.", do="Write HOST, HOST:PORT, or a URL with http or https."
            )
        self.tls = parts.scheme == "https"
        self.host = parts.hostname
        self.port = port or (443 if self.tls else 80)
        self.base = parts.path.rstrip("/")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # -- questions --

    def ask(
        self,
        target: str,
        *,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        most: int = MOST_BYTES,
        statuses: tuple[int, ...] = (200,),
    ) -> Answer:
        """One question and its whole answer. ``target`` is path and query, already escaped.

        Raises CameraUnreachable, CameraRefused (401, 403), CertificateChanged, CameraAnswerInvalid (another status
        than ``statuses``, or more than ``most`` bytes).
        """
        sent = self.now()
        with self._answer(method, target, body, headers or {}) as reply:
            content = reply.read(most + 1)
            if len(content) > most:
                raise self.nonsense(f"it answered with more than {most} bytes")
            length = reply.headers.get("Content-Length", "")
            if length.isdecimal() and len(content) < int(length):
                raise self.gone("its answer was cut short")
            answer = Answer(reply.status, _lower(reply), content, sent, self.now())
        if answer.status not in statuses:
            raise self.nonsense(f"it answered {answer.status} to {method} {target.partition('?')[0]}")
        return answer

    def download(
        self,
        target: str,
        to: Destination,
        *,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        resume: bool = True,
    ) -> Path:
        """Stream an answer into ``to.path``; durable and whole when it returns.

        What came of a download that broke off stays as ``to.part``, and is gone on with by a range request when
        ``resume``, the question, the length and the ETag are the same; else it begins anew. Raises as ``ask`` does,
        NoFootage (404, 410), DiskFull.
        """
        part = Part(to, f"{method} {target} {sha256(body or b'').hexdigest()}")
        done = part.size if resume else 0
        asked = dict(headers or {}) | ({"Range": f"bytes={done}-"} if done else {})
        with self._answer(method, target, body, asked) as reply, raising_disk_full(to.folder):
            if done and not part.goes_on(reply, done):
                if reply.status != 200:
                    self.close()  # with what is still to come of this answer
                    part.drop()
                    return self.download(target, to, method=method, body=body, headers=headers, resume=False)
                done = 0
            elif reply.status in (404, 410):
                raise NoFootage(
                    "The recorder no longer has this footage.",
                    meaning="It listed it a moment ago; it may have been overwritten meanwhile.",
                )
            elif reply.status not in (200, 206):
                raise self.nonsense(f"it answered {reply.status} to a download")
            elif _is_no_recording(reply):
                raise self.nonsense("it sent a page, or something packed, in place of a recording")
            self._stream(reply, part, done)
        return part.finish()

    def _stream(self, reply: http.client.HTTPResponse, part: Part, done: int) -> None:
        most_bytes, report = part.to.most_bytes, part.to.report
        length = reply.headers.get("Content-Length", "")
        total = done + int(length) if length.isdecimal() else None
        if total is not None and total > most_bytes:
            raise self.nonsense(f"it wants to send {total} bytes, more than the {most_bytes} that are allowed")
        reported = -_TOLD
        with part.writing(reply, done, total) as write:
            # read1: what has come by now, so that a slow recorder's progress is seen, and a broken one's part is kept.
            while chunk := reply.read1(_CHUNK):
                done += len(chunk)
                if done > most_bytes:
                    raise self.nonsense(f"it sends more than the {most_bytes} bytes that are allowed")
                write(chunk)
                if done - reported >= _TOLD or (total is not None and done < total and len(chunk) < _CHUNK):
                    reported = done
                    report({"bytes": done, "total": total})
        if total is not None and done < total:
            raise self.gone(f"it broke off after {done} of {total} bytes")
        if done == 0:
            raise NoFootage("The recorder answered with an empty file.")
        report({"bytes": done, "total": total})

    @contextmanager
    def _answer(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Iterator[http.client.HTTPResponse]:
        """An answer's beginning, logged in. Whatever goes wrong while it is read is told as the recorder's doing."""
        whole = False
        try:
            reply = self._once(method, target, body, headers)
            if reply.status == 401 and self._challenged(reply):
                reply.read(MOST_BYTES)
                reply = self._once(method, target, body, headers)
            if reply.status in (401, 403):
                raise self._refused(reply)
            self._is_let_in = self._digest is not None
            yield reply
            whole = reply.isclosed()
        except HandoverError:
            raise
        except ssl.SSLCertVerificationError as error:
            raise self._untrusted() from error
        except http.client.IncompleteRead as error:
            raise self.gone("its answer was cut short") from error
        except (http.client.RemoteDisconnected, ConnectionError, TimeoutError) as error:
            raise self.gone("it stopped answering" if isinstance(error, TimeoutError) else "it broke off") from error
        except http.client.HTTPException as error:
            raise self.nonsense("it does not speak HTTP there") from error
        except OSError as error:
            if error.errno is not None and error.filename is not None:
                raise
            raise self.gone(error.strerror or "no connection could be made") from error
        finally:
            if not whole:
                self.close()

    def _once(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        path = self.base + target
        reported = {"Accept-Encoding": "identity", **self.headers, **headers}
        if self._digest is not None and self.login is not None:
            proof = self._digest.answer(method, path, self.login, body or b"")
            reported["Authorization"] = http_digest.to_wire(proof)
        elif self._send_basic and self.login is not None:
            reported["Authorization"] = _basic(self.login)
        kept = self._connection is not None
        connection = self._connection or self._connect()
        self._connection = connection
        try:
            connection.request(method, path, body, reported)
            return connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self.close()
            if not kept:
                raise
            return self._once(method, target, body, headers)  # a kept connection may have been closed meanwhile

    def _connect(self) -> http.client.HTTPConnection:
        if not self.tls:
            plain = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
            plain.response_class = _Forgiving
            return plain
        context = ssl.create_default_context() if self.pin is None else unvouched()
        connection = http.client.HTTPSConnection(self.host, self.port, timeout=self.timeout, context=context)
        connection.response_class = _Forgiving
        connection.connect()
        if self.pin is not None:
            # Compared before anything is sent.
            shown = sha256(connection.sock.getpeercert(binary_form=True) or b"").hexdigest()
            if shown != self.pin.replace(":", "").lower():
                connection.close()
                raise CertificateChanged(
                    f"The recorder at {self.host} shows another certificate ({shown}) than the one you confirmed.",
                    meaning="Nothing was sent to it.",
                    do="If you changed it, set the option certificate anew; if not, somebody is in between.",
                )
        return connection

    def _challenged(self, reply: http.client.HTTPResponse) -> bool:
        """Whether there is something to try: a (new) Digest challenge, or Basic where that may be."""
        if self.login is None:
            return False
        challenges = [http_digest.from_wire(each) for each in reply.headers.get_all("WWW-Authenticate", [])]
        chosen = http_digest.choose(challenges)
        if chosen is not None:
            is_old = self._is_let_in or "stale=true" in " ".join(challenges).lower().replace('"', "")
            again = self._digest is not None and not is_old
            self._digest, self._is_let_in = chosen, False
            return not again
        if http_digest.offers(challenges, "basic") and (self.basic or self.tls) and not self._send_basic:
            self._send_basic = True
            return True
        return False

    # -- what went wrong, in words --

    def gone(self, how: str) -> CameraUnreachable:
        return CameraUnreachable(
            f"The recorder at {self.host} can't be reached: {how}.",
            meaning="What was fetched so far is kept; it is tried again.",
            do="Check that it is on, and that its address is right.",
        )

    def nonsense(self, how: str) -> CameraAnswerInvalid:
        return CameraAnswerInvalid(
            f"The recorder at {self.host} answered something that can't be used: {how}.",
            do="Check that the source's kind and address are right; look for newer firmware.",
        )

    def _refused(self, reply: http.client.HTTPResponse) -> CameraRefused:
        offered = reply.headers.get_all("WWW-Authenticate", [])
        if self.login is None:
            what, do = "wants a user name and password", "Give them with --user."
        elif http_digest.choose(offered) is None and http_digest.offers(offered, "basic") and not self._send_basic:
            what = "wants the password in a form that anyone on the network could read"
            do = "Switch it to Digest authentication or https on its own page."
        else:
            what = "refuses the user name or password"
            do = "Check both, and that this user may play recordings back; some lock a user out for a while."
        return CameraRefused(f"The recorder at {self.host} {what}.", meaning="Nothing was fetched.", do=do)

    def _untrusted(self) -> CertificateChanged:
        try:
            shown = ssl.get_server_certificate((self.host, self.port), timeout=self.timeout)
            found = sha256(ssl.PEM_cert_to_DER_cert(shown)).hexdigest()
        except (OSError, ValueError):
            found = "unknown"
        return CertificateChanged(
            f"The recorder at {self.host} shows a certificate that nobody vouches for, with the fingerprint {found}.",
            meaning="Nothing was sent to it.",
            do=f"If its own page shows the same fingerprint, set it: --option certificate={found}",
        )


class _Forgiving(http.client.HTTPResponse):
    """An answer in whose header lines may stand that are none, and blanks before colons: the library would take all
    that follows for the content."""

    def begin(self) -> None:
        file: Any = self.fp
        header: Any = _Header(file)
        self.fp = header
        try:
            super().begin()
        finally:
            if self.fp is header:
                self.fp = file


class _Header:
    """``file``'s lines, as the library takes them."""

    def __init__(self, file: BufferedIOBase) -> None:
        self.file = file
        self._passed_over = 0

    def readline(self, most: int = -1) -> bytes:
        while True:
            line = self.file.readline(most)
            name, colon, value = line.partition(b":")
            if line.startswith(b"HTTP/") or not line.strip() or line[:1] in b" \t":
                return line
            if colon:
                return name.rstrip() + colon + value
            self._passed_over += 1
            if self._passed_over > _MOST_PASSED_OVER:
                raise http.client.HTTPException("more lines that are no headers than in any honest answer")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


def _is_no_recording(reply: http.client.HTTPResponse) -> bool:
    """A page of the recorder's, or of a proxy's, that calls itself one; or something packed though it wasn't asked
    for."""
    if reply.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        return True
    return reply.headers.get_content_type() == "text/html" and reply.peek(64).lstrip()[:1] == b"<"


def _lower(reply: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in reply.headers.items()}


def _basic(login: Credentials) -> str:
    import base64

    return "Basic " + base64.b64encode(f"{login.user}:{login.password}".encode()).decode()
