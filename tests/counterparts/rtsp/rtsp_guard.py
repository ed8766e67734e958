"""Stands before a real RTSP server and asks for a login as that server can't: Digest by SHA-256, any length.

Not for: what a stream holds (``gst_server``).
"""

from __future__ import annotations

import re
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.counterparts.http.digest_guard import DigestGuard


class RtspGuard:
    """``with RtspGuard(server.url("/cam"), DigestGuard(user, password, "SHA-256")) as door: door.url("/cam")``."""

    def __init__(self, real: str, guard: DigestGuard) -> None:
        self._real, self.guard = urlsplit(real), guard
        self._sockets: list[socket.socket] = []
        self.asked: list[str] = []
        """The requests' heads, as they came."""

    def __enter__(self) -> Self:
        self._door = socket.create_server(("127.0.0.1", 0))
        self._sockets.append(self._door)
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for each in self._sockets:
            _end(each)

    def url(self, path: str) -> str:
        return f"rtsp://127.0.0.1:{self._door.getsockname()[1]}{path}"

    def open(self) -> int:
        """How many connections from clients are open."""
        return sum(each.fileno() >= 0 for each in self._sockets[1:]) // 2

    def changed(self, content: bytes) -> bytes:
        """What the server sends, as it goes on."""
        return content

    def _copy(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while content := server.recv(65536):
                client.sendall(self.changed(content))
        _end(client)
        _end(server)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                server = socket.create_connection((self._real.hostname, self._real.port))
                self._sockets += [client, server]
                threading.Thread(target=self._copy, args=(server, client), daemon=True).start()
                threading.Thread(target=self._talk, args=(client, server), daemon=True).start()

    def _talk(self, client: socket.socket, server: socket.socket) -> None:
        pending = b""
        with suppress(OSError):
            while True:
                if (
                    pending[:1] == b"$"
                    and len(pending) >= 4
                    and len(pending) >= (size := 4 + int.from_bytes(pending[2:4]))
                ):
                    server.sendall(pending[:size])
                    pending = pending[size:]
                elif pending[:1] != b"$" and b"\r\n\r\n" in pending:
                    head, _, pending = pending.partition(b"\r\n\r\n")
                    self._request(head.decode("latin-1"), client, server)
                elif came := client.recv(65536):
                    pending += came
                else:
                    break
        _end(client)
        _end(server)

    def _request(self, head: str, client: socket.socket, server: socket.socket) -> None:
        self.asked.append(head)
        method, target, _ = head.split(" ", 2)
        told = re.search(r"(?im)^authorization: *([^\r\n]*)", head)
        if self.guard.lets_in(method, target, told[1] if told else None):
            server.sendall(head.encode("latin-1") + b"\r\n\r\n")
            return
        number = re.search(r"(?im)^cseq: *(\d+)", head)
        challenge = f"CSeq: {number[1] if number else 0}\r\nWWW-Authenticate: {self.guard.challenge()}"
        client.sendall(f"RTSP/1.0 401 Unauthorized\r\n{challenge}\r\n\r\n".encode())


def _end(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
