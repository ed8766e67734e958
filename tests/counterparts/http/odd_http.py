"""A device's small web server as they are: it stands before a good one, and frames the same answers in odd ways.

Not for: what is in the answers. Each oddity is one that was seen on a camera or recorder.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Answer:
    """One answer on its way out; an oddity changes it in place. ``length``: the Content-Length line, "" for none."""

    status: str
    fields: list[str]
    length: str
    body: bytes
    closes: bool = False
    newline: str = "\r\n"

    def __bytes__(self) -> bytes:
        lines = [self.status, *self.fields, *([self.length] if self.length else []), "", ""]
        return self.newline.join(lines).encode("latin-1") + self.body


Oddity = Callable[[Answer], None]


def _http10(answer: Answer) -> None:
    answer.status = answer.status.replace("HTTP/1.1", "HTTP/1.0")
    answer.length, answer.closes = "", True


def _closing(answer: Answer) -> None:
    answer.closes = True


def _closing_and_saying_so(answer: Answer) -> None:
    answer.fields.append("Connection: close")
    answer.closes = True


def _too_long(answer: Answer) -> None:
    answer.length, answer.closes = f"Content-Length: {len(answer.body) + 2}", True


def _too_short(answer: Answer) -> None:
    answer.body += b"\r\n"
    answer.closes = True


def _chunked(answer: Answer) -> None:
    answer.fields.append("Transfer-Encoding: chunked")
    half = len(answer.body) // 2
    chunks = [answer.body[:half], answer.body[half:], b""]
    answer.length, answer.body = "", b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)


def _chunked_without_an_end(answer: Answer) -> None:
    _chunked(answer)
    answer.body, answer.closes = answer.body[:-2], True


def _wrapped(answer: Answer) -> None:
    answer.body = b'\r\n<?xml version="1.0" encoding="utf-8"?>' + answer.body + b"\r\n\0"
    answer.length = f"Content-Length: {len(answer.body)}"


def _bare_lines(answer: Answer) -> None:
    answer.newline = "\n"


def _called_packed(answer: Answer) -> None:
    answer.fields.append("Content-Encoding: utf-8")


def _length_twice(answer: Answer) -> None:
    answer.fields.append(answer.length)


def _two_lengths(answer: Answer) -> None:
    answer.fields.append("Content-Length: 0")


def _length_in_words(answer: Answer) -> None:
    answer.length += " bytes"


def _length_beside_pieces(answer: Answer) -> None:
    length = answer.length
    _chunked(answer)
    answer.length = length


def _blank_before_colons(answer: Answer) -> None:
    answer.fields = [field.replace(":", " :", 1) for field in answer.fields]


def _line_without_a_colon(answer: Answer) -> None:
    answer.fields.insert(0, "Copyright Acme Werke")


def _padded_pieces(answer: Answer) -> None:
    answer.fields.append("Transfer-Encoding: chunked")
    answer.length, answer.body = "", b"%06X  \r\n%b\r\n0\r\n\r\n" % (len(answer.body), answer.body)


def _not_yet(answer: Answer) -> None:
    answer.status = f"HTTP/1.1 100 Continue\r\n\r\n{answer.status}"


def _blank_lines_first(answer: Answer) -> None:
    answer.status = f"\r\n\r\n{answer.status}"


def _folded(answer: Answer) -> None:
    answer.fields.append("Server: Acme\r\n\tWerke")


ODDITIES: dict[str, Oddity] = {
    "HTTP/1.0": _http10,
    "closes after each answer": _closing,
    "closes after each answer and says so": _closing_and_saying_so,
    "a length that is too large": _too_long,
    "a length that is too small": _too_short,
    "chunked": _chunked,
    "chunked without an end": _chunked_without_an_end,
    "blank lines and a NUL around the XML": _wrapped,
    "bare line feeds": _bare_lines,
    "a charset for an encoding": _called_packed,
    "its length twice": _length_twice,
    "two lengths": _two_lengths,
    "a length in words": _length_in_words,
    "a length beside pieces": _length_beside_pieces,
    "blanks before colons": _blank_before_colons,
    "a line without a colon": _line_without_a_colon,
    "padded sizes of pieces": _padded_pieces,
    "an answer that says to go on first": _not_yet,
    "blank lines before the answer": _blank_lines_first,
    "a folded line": _folded,
}


@dataclass
class OddHttp:
    where: str
    """host:port"""
    connections: list[int] = field(default_factory=list)
    """The number of answers on each."""


@asynccontextmanager
async def odd_http(port: int, oddity: Oddity, *, resets_second: bool = False) -> AsyncIterator[OddHttp]:
    """Stand before the good server at ``port``. ``resets_second``: no connection gets more than one answer."""
    odd = OddHttp("")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        odd.connections.append(0)
        number = len(odd.connections) - 1
        try:
            while True:
                head, body = await _message(reader)
                if resets_second and odd.connections[number]:
                    writer.get_extra_info("socket").setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )
                    return
                answer = _answer(*await _asked(port, head + body))
                oddity(answer)
                writer.write(bytes(answer))
                await writer.drain()
                odd.connections[number] += 1
                if answer.closes:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    odd.where = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield odd
    finally:
        server.close()


async def _asked(port: int, question: bytes) -> tuple[bytes, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(question)
        return await _message(reader)
    finally:
        writer.close()


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return head, await reader.readexactly(lengths[0] if lengths else 0)


def _answer(head: bytes, body: bytes) -> Answer:
    status, *fields = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    kept = [line for line in fields if not line.lower().startswith("content-length:")]
    return Answer(status, kept, f"Content-Length: {len(body)}", body)
