"""A recorder's one RTSP port in front of a real server: some paths are sent elsewhere, some never answered, the rest
goes through. Not for: what a stream holds (``gst_server``).
"""

from __future__ import annotations

import re
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class RtspDoor:
    """``with RtspDoor(server.url("/cam"), moved={"/old"}) as door: door.url("/old")``.

    ``moved``: paths whose DESCRIBE is answered with 302 and the real server's own address. ``dead``: paths that are
    never answered, as of a channel whose camera is off. ``asked``: how often each path was.
    """

    def __init__(self, real: str, *, moved: set[str] | None = None, dead: set[str] | None = None) -> None:
        self._real = real
        self._moved, self._dead = moved or set(), dead or set()
        self._sockets: list[socket.socket] = []
        self._passing: list[socket.socket] = []
        self.asked: dict[str, int] = {}

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

    def cut(self) -> None:
        """Break what passes through off, as a camera that restarts does."""
        passing, self._passing = self._passing, []
        for each in passing:
            _end(each)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                self._sockets.append(client)
                threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with suppress(OSError):
            while head := client.recv(65536, socket.MSG_PEEK).decode("latin-1"):
                method, url, _ = head.split(" ", 2)
                path = urlsplit(url).path
                self.asked[path] = self.asked.get(path, 0) + 1
                if path in self._dead:
                    return
                if path not in self._moved:
                    return self._pass(client)
                client.recv(65536)
                number = re.search(r"CSeq: *(\d+)", head)
                answer = (
                    "200 OK\r\nPublic: OPTIONS, DESCRIBE"
                    if method == "OPTIONS"
                    else f"302 Moved\r\nLocation: {self._real}"
                )
                client.sendall(f"RTSP/1.0 {answer}\r\nCSeq: {number[1] if number else 0}\r\n\r\n".encode())
        return None

    def _pass(self, client: socket.socket) -> None:
        parts = urlsplit(self._real)
        server = socket.create_connection((parts.hostname, parts.port))
        self._sockets.append(server)
        self._passing += [client, server]
        threading.Thread(target=_copy, args=(server, client), daemon=True).start()
        _copy(client, server)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    _end(target)


def _end(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
