"""An RTSP server that means harm, or is broken: says what a camera says, and then does not do what a camera does.

Not for: cameras that work (``gst_server``).
"""

from __future__ import annotations

import random
import socket
import struct
import threading
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Self

_SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    "a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==\r\na=control:0\r\n"
)


class Harm(Enum):
    HANG_AFTER_DESCRIBE = "hang"
    GARBAGE_RTP = "garbage"
    ENDLESS_HEADER = "endless"
    CLOSE_AT_ONCE = "close"
    REFUSES = "refuses"


@dataclass
class HostileRtsp:
    """``with HostileRtsp(Harm.GARBAGE_RTP) as server: server.url``; ``asked`` is set by the first client.

    ``refusals``: by method, the status line's end and further header lines of what it answers with REFUSES.
    """

    harm: Harm
    refusals: dict[str, str] = field(default_factory=dict)
    asked: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._ending = threading.Event()
        self._clients: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ending.set()
        for each in (self._socket, *self._clients):
            each.close()

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self._socket.getsockname()[1]}/stream"

    def _serve(self) -> None:
        while not self._ending.is_set():
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            self._clients.append(client)
            self.asked.set()
            threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        try:
            if self.harm is Harm.CLOSE_AT_ONCE:
                client.close()
                return
            if self.harm is Harm.ENDLESS_HEADER:
                client.sendall(b"RTSP/1.0 200 OK\r\n")
                while not self._ending.is_set():
                    client.sendall(b"X-Header: " + b"a" * 4000 + b"\r\n")
            pending = b""
            while b"\r\n\r\n" in pending or (content := client.recv(4096)):
                if b"\r\n\r\n" not in pending:
                    pending += content
                    continue
                request, pending = pending.split(b"\r\n\r\n", 1)
                if not self._answer(client, request.decode("latin-1")):
                    return
        except OSError:
            return

    def _answer(self, client: socket.socket, request: str) -> bool:
        method = request.split(" ", 1)[0]
        number = next((line.split(":")[1] for line in request.split("\r\n") if line.lower().startswith("cseq")), " 1")
        if (refusal := self.refusals.get(method)) is not None:
            client.sendall(f"RTSP/1.0 {refusal}\r\nCSeq:{number}\r\n\r\n".encode())
            return True
        head = f"RTSP/1.0 200 OK\r\nCSeq:{number}\r\nSession: 1\r\n"
        match method:
            case "DESCRIBE":
                if self.harm is Harm.HANG_AFTER_DESCRIBE:
                    self._ending.wait()
                    return False
                head += f"Content-Type: application/sdp\r\nContent-Length: {len(_SDP)}\r\n\r\n{_SDP}"
                client.sendall(head.encode())
            case "SETUP":
                client.sendall(f"{head}Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n".encode())
            case "PLAY":
                client.sendall(f"{head}\r\n".encode())
                self._garbage(client)
                return False
            case _:
                client.sendall(f"{head}\r\n".encode())
        return True

    def _garbage(self, client: socket.socket) -> None:
        """RTP whose payloads are noise: fragments without a start, sizes that lie, types that do not exist."""
        noise = random.Random(7)
        for sequence in range(1 << 16):
            if self._ending.is_set():
                return
            payload = noise.randbytes(noise.randrange(1, 1400))
            packet = struct.pack(">BBHII", 0x80, 96, sequence, noise.randrange(1 << 32), 1) + payload
            client.sendall(struct.pack(">cBH", b"$", noise.randrange(4), len(packet)) + packet)
            self._ending.wait(0.001)
