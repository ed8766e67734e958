"""Stands between a client and a real replay server, and makes of a good server a bad one, as recorders are.

Not for: making media. It reads RTSP and interleaved packets on their way, on loopback, within the test's own loop.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from struct import pack, unpack_from

_NTP = 2_208_988_800
_EPOCH = datetime.fromtimestamp(0, UTC)
_MICRO = timedelta(microseconds=1)
_RANGE = re.compile(rb"Range: clock=([0-9TZ.]+)-([0-9TZ.]+)")


@dataclass
class ReplayProxy:
    """How the server behind it misbehaves; all may be changed while it runs. Instants: microseconds of its UTC."""

    upstream: int
    broken: Callable[[], str] = lambda: ""
    """What goes wrong in the middle: "", "slow", "hangs", "gone", "truncated" (a goodbye comes, nothing else)."""
    shift: tuple[float, float] = (0.0, 0.0)
    """Seconds that are added to the beginning and the end of what is asked for."""
    real_time: bool = False
    """It does not heed Rate-Control."""
    waits: Callable[[], bool] = lambda: False
    """While true, nothing of the second half of what was asked for is let through."""
    passed: int = 0
    """How much of what was asked for has gone by, in microseconds."""
    bare: bool = False
    """Its packets have no header extension."""
    silent_range: bool = False
    """Its answer to PLAY tells neither Range nor RTP-Info."""
    late_answer: int = 0
    """After how many video packets its answer to PLAY goes out."""
    no_terminal: bool = False
    """It never sets the T bit, and says no goodbye: at the end it is silent."""
    lose: Callable[[int], bool] = lambda _number: False
    """Which video packets, by number, are lost."""
    knows_requirement: bool = True
    """False: it answers 551 to what requires ``onvif-replay``, and plays without."""
    tls: ssl.SSLContext | None = None
    """It speaks TLS to the client (rtsps)."""
    requests: list[str] = field(default_factory=list)
    port: int = 0
    _asked: tuple[int, int] = (0, 0)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        """Serve on loopback until the block ends; yields the port."""
        server = await asyncio.start_server(self._client, "127.0.0.1", 0, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self.port
        finally:
            server.close()
            for writer in list(self._writers):
                writer.transport.abort()
            await asyncio.sleep(0)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.broken() == "gone" and self._asked != (0, 0):
            writer.transport.abort()
            return
        above, below = await asyncio.open_connection("127.0.0.1", self.upstream)
        self._writers |= {writer, below}
        ways = [
            asyncio.create_task(self._requests(reader, below, writer)),
            asyncio.create_task(self._media(above, writer)),
        ]
        try:
            with suppress(asyncio.CancelledError):
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for each in (writer, below):
                each.transport.abort()
                self._writers.discard(each)

    # -- from the client -----------------------------------------------------------------------------------------

    async def _requests(
        self, reader: asyncio.StreamReader, below: asyncio.StreamWriter, back: asyncio.StreamWriter
    ) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head.decode())
                if not self.knows_requirement and b"Require: onvif-replay\r\n" in head:
                    number = re.search(rb"CSeq: (\d+)", head)
                    assert number is not None
                    back.write(b"RTSP/1.0 551 Option not supported\r\nCSeq: " + number[1] + b"\r\n\r\n")
                    continue
                if self.broken() == "hangs" and self._hung:
                    continue
                below.write(self._changed(head) if head.startswith(b"PLAY ") else head)

    _hung = False

    def _changed(self, head: bytes) -> bytes:
        self._hung = False
        found = _RANGE.search(head)
        assert found is not None, "a replay without a range"
        start, end = (_clock(found[number].decode()) for number in (1, 2))
        start, end = start + round(self.shift[0] * 1e6), end + round(self.shift[1] * 1e6)
        self._asked = (start, end)
        head = _RANGE.sub(f"Range: clock={_told(start)}-{_told(end)}".encode(), head)
        return head.replace(b"Rate-Control: no\r\n", b"") if self.real_time else head

    # -- from the server -----------------------------------------------------------------------------------------

    async def _media(self, above: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = paused = 0
        late = b""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                first = await above.readexactly(1)
                if first != b"$":
                    answer = await self._answer(first, above)
                    if self.late_answer and self._asked != (0, 0) and not number:
                        late = answer
                    else:
                        writer.write(answer)
                    continue
                head = await above.readexactly(3)
                packet = await above.readexactly(head[1] << 8 | head[2])
                channel, broken = head[0], self.broken()
                if channel % 2 == 0:
                    at = _instant(packet)
                    start, end = self._asked
                    while at > (start + end) // 2 and self.waits():  # noqa: ASYNC110 for what another thread does
                        await asyncio.sleep(0.01)
                    self.passed = max(self.passed, at - start)
                    if broken == "slow" and paused < 4 and at > start + (end - start) * (paused + 1) // 5:
                        paused += 1
                        await asyncio.sleep(0.25)
                    if broken in ("hangs", "gone", "truncated") and at > (start + end) // 2:
                        await self._break(broken, writer)
                        return
                    number += channel == 0
                    if channel == 0 and self.lose(number):
                        continue
                    packet = self._worse(packet)
                elif self.no_terminal and 203 in packet[1::4]:
                    continue
                writer.write(b"$" + pack(">BH", channel, len(packet)) + packet)
                if late and number >= self.late_answer:
                    writer.write(late)
                    late = b""
                await writer.drain()

    async def _answer(self, first: bytes, above: asyncio.StreamReader) -> bytes:
        head = first + await above.readuntil(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        body = await above.readexactly(int(length[1])) if length else b""
        if self.silent_range:
            head = re.sub(rb"(Range|RTP-Info): [^\r]*\r\n", b"", head)
        return head + body

    async def _break(self, how: str, writer: asyncio.StreamWriter) -> None:
        if how == "gone":
            writer.transport.abort()
            return
        if how == "truncated":
            for channel in (1, 3):
                goodbye = pack(">BBHIBBHI", 0x80, 201, 1, 1, 0x81, 203, 1, 1)
                writer.write(b"$" + pack(">BH", channel, len(goodbye)) + goodbye)
            await writer.drain()
        self._hung = how == "hangs"
        await asyncio.Event().wait()

    def _worse(self, packet: bytes) -> bytes:
        if self.no_terminal:
            changed = bytearray(packet)
            changed[24] &= 0xEF
            packet = bytes(changed)
        if self.bare:
            words = unpack_from(">H", packet, 14)[0]
            packet = bytes([packet[0] & 0xEF]) + packet[1:12] + packet[16 + 4 * words :]
        return packet


def _instant(packet: bytes) -> int:
    seconds, fraction = unpack_from(">II", packet, 16)
    return (seconds - _NTP) * 1_000_000 + (fraction * 1_000_000 >> 32)


def _clock(text: str) -> int:
    return (datetime.fromisoformat(text) - _EPOCH) // _MICRO


def _told(micros: int) -> str:
    moment = _EPOCH + timedelta(microseconds=micros)
    return moment.strftime("%Y%m%dT%H%M%S.") + f"{moment.microsecond // 1000:03d}Z"
