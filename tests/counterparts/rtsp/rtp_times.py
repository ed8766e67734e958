"""Stands before a real RTSP server and changes the time stamps of its RTP packets, as cameras with faults do.

Not for: what a stream holds (``gst_server``).
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

Change = Callable[[int], int]
"""By a picture's number in the connection, from 0: the ticks (of 90 kHz) that are added to its time stamp."""


class RtpTimes:
    """``with RtpTimes(server.url("/cam"), change) as door: door.url``. Channel 0 is the pictures'."""

    def __init__(self, real: str, change: Change) -> None:
        self._real, self._change = urlsplit(real), change
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._door = socket.create_server(("127.0.0.1", 0))
        self._sockets.append(self._door)
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for each in self._sockets:
            _end(each)

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self._door.getsockname()[1]}{self._real.path}"

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                server = socket.create_connection((self._real.hostname, self._real.port))
                self._sockets += [client, server]
                threading.Thread(target=_copy, args=(client, server), daemon=True).start()
                threading.Thread(target=self._changed, args=(server, client), daemon=True).start()

    def _changed(self, server: socket.socket, client: socket.socket) -> None:
        pending = bytearray()
        number, before = -1, -1
        with suppress(OSError):
            while came := server.recv(65536):
                pending += came
                while pending:
                    if pending[0] != 0x24:
                        end = pending.find(b"$\x00") if b"RTSP/" not in pending[:5] else _end_of_answer(pending)
                    else:
                        end = 4 + int.from_bytes(pending[2:4]) if len(pending) >= 4 else -1
                    if end < 0 or end > len(pending):
                        break
                    message, pending = pending[:end], pending[end:]
                    if message[:2] == b"$\x00":
                        (stamp,) = struct.unpack_from(">I", message, 8)
                        if stamp != before:
                            number, before = number + 1, stamp
                        struct.pack_into(">I", message, 8, (stamp + self._change(number)) % (1 << 32))
                    client.sendall(message)
        _end(client)
        _end(server)


def _end_of_answer(pending: bytearray) -> int:
    head = pending.find(b"\r\n\r\n")
    if head < 0:
        return -1
    length = 0
    for line in bytes(pending[:head]).split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return head + 4 + length


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    _end(target)
    _end(source)


def _end(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
