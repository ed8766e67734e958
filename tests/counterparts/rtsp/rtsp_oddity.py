"""Stands before a real RTSP server and differs from it as cameras do: what it refuses, offers and calls its encodings.

Not for: logins that hold (``rtsp_guard``), or what a stream holds (``gst_server``).
"""

from __future__ import annotations

import re
import socket

from tests.counterparts.http.digest_guard import DigestGuard
from tests.counterparts.rtsp.rtsp_guard import RtspGuard


class RtspOddity(RtspGuard):
    """``refuses``: by what a request's first line holds, the status line's end and further header lines in answer;
    the first ``times`` such requests. ``renamed``: a word of the server's, and another of the same length in its
    place."""

    def __init__(
        self,
        real: str,
        *,
        refuses: dict[str, str] | None = None,
        times: int = 1_000_000,
        renamed: tuple[bytes, bytes] = (b"", b""),
    ) -> None:
        super().__init__(real, DigestGuard("", ""))
        self._refuses, self._left, self._renamed = refuses or {}, times, renamed

    def changed(self, content: bytes) -> bytes:
        old, new = self._renamed
        return content.replace(old, new) if old else content

    def _request(self, head: str, client: socket.socket, server: socket.socket) -> None:
        self.asked.append(head)
        first = head.partition("\r\n")[0]
        refusal = next((status for word, status in self._refuses.items() if re.search(word, first)), None)
        if refusal is None or self._left <= 0:
            server.sendall(head.encode("latin-1") + b"\r\n\r\n")
            return
        self._left -= 1
        number = re.search(r"(?im)^cseq: *(\d+)", head)
        client.sendall(f"RTSP/1.0 {refusal}\r\nCSeq: {number[1] if number else 0}\r\n\r\n".encode())
