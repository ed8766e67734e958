"""The HTTP server that the recorders' stand-ins share: Digest, faults while media are sent, and a record of requests.

Not for: any maker's protocol. It runs in a thread, as a worker in another process asks it.
"""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tests.counterparts.http.digest_guard import DigestGuard
from tests.sources.counterpart.under_test import Fault


class RecorderServer:
    """Subclasses answer in ``get`` and ``post``. ``fault`` holds from when it is set; ``strange``: requests that a
    recorder must never be sent, as they could change something on it."""

    def __init__(self, user: str, password: str) -> None:
        self.guard = DigestGuard(user, password)
        self.fault: Fault | None = None
        self.ranges = False
        self.asked: list[str] = []
        self.ranged: list[str] = []
        self.strange: list[str] = []
        self.over = threading.Event()
        self.locked = False
        self._broken = False

    def answer(self, call: Call) -> None:
        raise NotImplementedError

    def refusal(self, call: Call) -> tuple[bytes, str]:
        """The body of a 401 and its type."""
        return b"", "text/html"

    def strange_to(self, call: Call) -> bool:
        """Whether this request is another than the few that only read."""
        raise NotImplementedError

    def handle(self, call: Call) -> None:
        self.asked.append(f"{call.command} {call.path}")
        if self.fault is not Fault.GONE:
            self._broken = False
        if self.fault is Fault.AWAY or self._broken:
            call.close_connection = True
            return
        if self.strange_to(call):
            self.strange.append(f"{call.command} {call.path}")
            call.send(b"", 403)
            return
        if self.locked or not self.guard.lets_in(call.command, call.path, call.headers.get("Authorization")):
            body, kind = self.refusal(call)
            call.send(body, 401, kind, {"WWW-Authenticate": self.guard.challenge()})
            return
        self.answer(call)

    def send_media(self, call: Call, content: bytes, headers: dict[str, str] | None = None) -> None:
        """Media, by the fault that is set; ranges only if ``ranges``."""
        told, status, begin = dict(headers or {}), 200, 0
        wanted = call.headers.get("Range", "")
        if self.ranges and wanted.startswith("bytes=") and wanted.endswith("-"):
            self.ranged.append(wanted)
            begin, status = int(wanted[6:-1]), 206
            told["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        half = max(begin, len(content) // 2)
        if self.fault is Fault.TRUNCATED:
            content = content[: len(content) // 2]
        told["Content-Length"] = str(len(content) - begin)
        call.start(status, "video/mpeg", told)
        match self.fault:
            case Fault.HANGS:
                call.wfile.write(content[begin:half])
                call.wfile.flush()
                self.over.wait(20)
                call.close_connection = True
            case Fault.GONE:
                call.wfile.write(content[begin:half])
                self._broken = call.close_connection = True
            case Fault.SLOW:
                step = max(1, (len(content) - begin) // 6)
                for at in range(begin, len(content), step):
                    call.wfile.write(content[at : at + step])
                    call.wfile.flush()
                    self.over.wait(0.15)
            case _:
                call.wfile.write(content[begin:])

    @contextmanager
    def running(self) -> Iterator[str]:
        """Serve on loopback; yields host and port."""
        stand_in = self

        class Handler(Call):
            def do_GET(self) -> None:
                with suppress(BrokenPipeError, ConnectionResetError):
                    stand_in.handle(self)

            do_POST = do_PUT = do_DELETE = do_GET

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None: ...

        server = Server(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            self.over.set()
            server.shutdown()
            server.server_close()
            thread.join()


class Call(http.server.BaseHTTPRequestHandler):
    """One request. ``body`` is read when it is asked for."""

    protocol_version = "HTTP/1.1"
    timeout = 20

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def handle_one_request(self) -> None:
        self._body: bytes | None = None
        super().handle_one_request()

    @property
    def body(self) -> bytes:
        if self._body is None:
            self._body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return self._body

    def start(self, status: int, kind: str, headers: dict[str, str]) -> None:
        _ = self.body
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def send(self, content: bytes, status: int = 200, kind: str = "application/xml", headers: Any = None) -> None:
        self.start(status, kind, {"Content-Length": str(len(content)), **(headers or {})})
        self.wfile.write(content)

    def log_message(self, *_: object) -> None: ...
