"""One question over HTTP whose answer is framed against the rules, as some firmware frames them: a length said twice, a
length beside pieces, blanks before a colon.

Not for: cameras whose answers the library reads; it rightly refuses these. Each question has a connection of its own,
so nothing of one answer can be taken for another's; whether an answer is whole is seen by its being XML.
"""

import asyncio
import hashlib
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from yarl import URL

from agent.devices.unvouched_tls import unvouched

_STATUS = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})(?!\d)")
_END_OF_HEAD = re.compile(rb"\r?\n[ \t]*\r?\n")
_PIECE = re.compile(rb"[ \t\r\n]*([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")
_MOST_HEAD = 64 * 1024
_READ = 64 * 1024
_BLANK = b" \t\r\n\0"


class NotHttp(Exception):
    """What came is no answer over HTTP at all."""


class TooLarge(Exception):
    """The answer is larger than it may be."""


class OtherCertificate(Exception):
    """The first is the SHA-256 of the certificate that was shown, the second the pinned one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``fields``: the header's, in their order; ``content``: what came behind it, its pieces put together."""

    status: int
    fields: list[tuple[str, str]]
    content: bytes


async def ask(
    url: URL, data: bytes, headers: Mapping[str, str], *, fingerprint: bytes | None, most: int, connect_seconds: float
) -> Answer:
    """POST ``data`` and read one answer of at most ``most`` bytes.

    ``fingerprint``: SHA-256 that a certificate must have, instead of an authority's word. Nothing is sent to another.
    Raises NotHttp, TooLarge, OtherCertificate, OSError, EOFError where the connection ended before an answer began.
    """
    async with asyncio.timeout(connect_seconds):
        reader, writer = await asyncio.open_connection(url.host, url.port, ssl=_tls(url, fingerprint))
    try:
        if fingerprint is not None and url.scheme == "https":
            shown = hashlib.sha256(writer.get_extra_info("ssl_object").getpeercert(binary_form=True)).digest()
            if shown != fingerprint:
                raise OtherCertificate(shown, fingerprint)
        writer.write(_question(url, data, headers))
        await writer.drain()
        return await _answer(reader, most)
    finally:
        writer.transport.abort()


def _tls(url: URL, fingerprint: bytes | None) -> ssl.SSLContext | None:
    if url.scheme != "https":
        return None
    return ssl.create_default_context() if fingerprint is None else unvouched()


def _question(url: URL, data: bytes, headers: Mapping[str, str]) -> bytes:
    fields = {"Host": url.authority.rpartition("@")[2], **headers}
    fields |= {"Content-Length": str(len(data)), "Connection": "close"}
    lines = [f"POST {url.raw_path_qs} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    if any(letter in line for line in lines for letter in "\r\n\0"):
        raise NotHttp("its address or its challenge has a line's end in it")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + data


async def _answer(reader: asyncio.StreamReader, most: int) -> Answer:
    received = bytearray()
    head: _Head | None = None
    while not (head and head.ends(received)) and (came := await _more(reader, head)):
        received += came
        head = head or _head(received)
        if head is None and len(received) > _MOST_HEAD:
            raise NotHttp("it has no end of its header")
        if len(received) > most + _MOST_HEAD:
            raise TooLarge
    if head is None:
        if received.strip(_BLANK):
            raise NotHttp("it has no header")
        raise EOFError
    content = head.content(received)
    if len(content) > most:
        raise TooLarge
    return Answer(head.status, head.fields, content)


async def _more(reader: asyncio.StreamReader, head: "_Head | None") -> bytes:
    """What comes next; nothing at the end, which a broken connection is too once an answer has begun."""
    try:
        return await reader.read(_READ)
    except OSError:
        if head is None:
            raise
        return b""


@dataclass(frozen=True, slots=True)
class _Head:
    status: int
    fields: list[tuple[str, str]]
    size: int
    """Bytes before the content."""

    def said(self, name: str) -> list[str]:
        return [value for each, value in self.fields if each.lower() == name]

    @property
    def is_in_pieces(self) -> bool:
        return any("chunked" in value.lower() for value in self.said("transfer-encoding"))

    def ends(self, received: bytearray) -> bool:
        """Whether there is nothing to wait for: cameras leave connections open that they were asked to close."""
        tail = bytes(received[max(self.size, len(received) - 64) :]).rstrip(_BLANK)
        if tail.endswith(b"Envelope>"):
            return True
        if self.is_in_pieces:
            return tail.endswith(b"\n0") or tail == b"0"
        lengths = [int(value) for value in self.said("content-length") if re.fullmatch(r"\d{1,9}", value)]
        return bool(lengths) and len(received) - self.size >= max(lengths)

    def content(self, received: bytearray) -> bytes:
        content = bytes(received[self.size :])
        return _joined(content) if self.is_in_pieces and _PIECE.match(content) else content


def _joined(content: bytes) -> bytes:
    """Pieces put together, as far as they go."""
    whole, at = bytearray(), 0
    while piece := _PIECE.match(content, at):
        size = int(piece[1], 16)
        if size == 0:
            break
        whole += content[piece.end() : piece.end() + size]
        at = piece.end() + size
    return bytes(whole)


def _head(received: bytearray) -> _Head | None:
    """The header, when all of it has come; those of 1xx answers are passed over. NotHttp when it is none."""
    at = 0
    while True:
        while at < len(received) and received[at] in b"\r\n":
            at += 1
        end = _END_OF_HEAD.search(received, at)
        if end is None:
            return None
        first, *rest = bytes(received[at : end.start()]).decode("latin-1").splitlines()
        status = _STATUS.match(first.encode("latin-1"))
        if status is None:
            raise NotHttp("its first line is not one of HTTP")
        at = end.end()
        if not 100 <= int(status[1]) < 200:
            return _Head(int(status[1]), _fields(rest), at)


def _fields(lines: list[str]) -> list[tuple[str, str]]:
    fields: list[tuple[str, str]] = []
    for line in lines:
        if line[:1] in (" ", "\t") and fields:
            fields[-1] = (fields[-1][0], f"{fields[-1][1]} {line.strip()}")
            continue
        name, colon, value = line.partition(":")
        if colon:
            fields.append((name.strip(), value.strip()))
    return fields
