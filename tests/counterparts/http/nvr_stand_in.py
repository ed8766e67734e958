"""A recorder's HTTP, on loopback, with faults: what the stand-ins of single brands share.

Not for: what any brand answers (``mediamtx_stand_in`` and others beside this).
"""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs, urlsplit

from exchange.clock import SECOND
from tests.sources.counterpart.under_test import Fault, SourceUnderTest


class StandIn:
    """``answer`` is a brand's; every question is kept in ``asked`` as (method, target, body)."""

    def __init__(self, under: SourceUnderTest) -> None:
        self.under = under
        self.asked: list[tuple[str, str, bytes]] = []
        self.ranges: list[str] = []
        self.over = threading.Event()
        self.broken = False

    def answer(self, question: "Question") -> None:
        raise NotImplementedError

    def assert_only_read(self) -> None:
        """No question may change anything on the recorder."""
        raise NotImplementedError

    @property
    def now(self) -> int:
        """The recorder's own clock."""
        return self.under.clock.now() + self.under.device_offset

    @contextmanager
    def serving(self) -> Iterator[int]:
        stand_in = self

        class Handler(Question):
            server_of = stand_in

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            self.over.set()
            server.shutdown()
            server.server_close()
            thread.join()
        self.assert_only_read()


class Question(http.server.BaseHTTPRequestHandler):
    """One question to a stand-in, and ways to answer it."""

    protocol_version = "HTTP/1.1"
    server_of: StandIn
    body: bytes = b""

    def _any(self) -> None:
        under = self.server_of.under
        if under.fault is not Fault.GONE:
            self.server_of.broken = False
        if under.fault is Fault.AWAY or self.server_of.broken:
            self.close_connection = True
            return
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server_of.asked.append((self.command, self.path, self.body))
        self.server_of.answer(self)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

    @property
    def target(self) -> str:
        return urlsplit(self.path).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}

    def log_message(self, *_: object) -> None: ...

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate(self.server_of.now // SECOND, usegmt=True)

    def send(self, content: bytes, status: int = 200, **headers: str) -> None:
        self.begin(status, **{"Content_Length": str(len(content)), **headers})
        self.wfile.write(content)

    def begin(self, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def json(self, content: Any, status: int = 200, **headers: str) -> None:
        """A search's answer, or nonsense when that is the fault."""
        text = json.dumps(content).encode()
        if self.server_of.under.fault is Fault.NONSENSE:
            text = b'{"recordings": [' * 5000
        self.send(text, status, Content_Type="application/json", **headers)

    def media(self, content: bytes, *, chunked: bool, **headers: str) -> None:
        """A file, as the fault has it come; ``chunked`` as from a server that does not know its length."""
        fault = self.server_of.under.fault
        write: Callable[[bytes], object] = self.wfile.write
        half = content[: len(content) // 2]
        if fault is Fault.TRUNCATED:
            content = half
        if chunked:
            self.begin(200, Transfer_Encoding="chunked", **headers)
            write = self._chunk
        else:
            self.begin(200, Content_Length=str(len(content)), **headers)
        if fault in (Fault.HANGS, Fault.GONE):
            write(half)
            self.close_connection = True
            if fault is Fault.HANGS:
                self.server_of.over.wait(30)
            self.server_of.broken = fault is Fault.GONE
            return
        parts = 5 if fault is Fault.SLOW else 1
        size = len(content) // parts + 1
        for at in range(0, len(content), size):
            write(content[at : at + size])
            if parts > 1:
                self.server_of.over.wait(0.1)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def ranged(self, content: bytes, etag: str, **headers: str) -> None:
        """A file that can be gone on with (RFC 9110, 14)."""
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes=") and wanted.endswith("-") and self.server_of.under.fault is None:
            self.server_of.ranges.append(wanted)
            start = int(wanted[6:-1])
            place = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.send(content[start:], 206, Content_Range=place, ETag=etag, **headers)
            return
        self.media(content, chunked=False, ETag=etag, Accept_Ranges="bytes", **headers)

    def _chunk(self, content: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(content), content))
