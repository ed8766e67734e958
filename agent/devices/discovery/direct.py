"""Asks a listed host over HTTP whether an ONVIF device service is there, where multicast and UDP do not reach.

Not for: reading what the camera is (``onvif``). No password is ever sent from here. It runs in worker processes only.
"""

import asyncio
from contextlib import suppress

from agent.devices.address import CameraAddress
from agent.devices.unvouched_tls import unvouched
from exchange.bounded_xml import XmlRefused, read_xml

USUAL_PORTS = (80, 8080, 8000, 8899, 2020, 443)
"""Where cameras and recorders keep their device service: the web port, then makers' own."""

_MOST_BYTES = 64 * 1024
_QUESTION = (
    b'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
    b'<GetSystemDateAndTime xmlns="http://www.onvif.org/ver10/device/wsdl"/></s:Body></s:Envelope>'
)


async def answers_as_camera(address: CameraAddress, *, source: str | None, seconds: float) -> bool:
    """Whether GetSystemDateAndTime, which needs no password (ONVIF Core 5.12.2), is answered or refused there.

    ``source``: the address to ask from, or None for whatever the routes say. ``seconds``: for all of it.
    """
    try:
        async with asyncio.timeout(seconds):
            status, body = await _post(address, source)
    except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return False
    if status == 401:
        return True
    try:
        root = read_xml(body, most_bytes=_MOST_BYTES, most_elements=500, deepest=16)
    except XmlRefused:
        return False
    content = root.at("Body")
    return root.name == "Envelope" and bool(
        content and (content.at("GetSystemDateAndTimeResponse") or content.at("Fault"))
    )


async def _post(address: CameraAddress, source: str | None) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection(
        address.host,
        address.port,
        limit=_MOST_BYTES,
        ssl=unvouched() if address.tls else None,  # only whether something answers is asked
        local_addr=(source, 0) if source else None,
    )
    try:
        host = f"[{address.host}]" if ":" in address.host else address.host
        head = (
            f"POST {address.path} HTTP/1.1\r\nHost: {host}:{address.port}\r\n"
            "Content-Type: application/soap+xml; charset=utf-8\r\n"
            f"Content-Length: {len(_QUESTION)}\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode("ascii") + _QUESTION)
        await writer.drain()
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        version, _, rest = lines[0].partition(" ")
        if not version.startswith("HTTP/1."):
            raise ValueError("not HTTP")
        return int(rest[:3]), await _body(reader, fields)
    finally:
        writer.close()
        with suppress(OSError, TimeoutError):
            await writer.wait_closed()


async def _body(reader: asyncio.StreamReader, fields: dict[str, str]) -> bytes:
    if fields.get("transfer-encoding", "").lower() == "chunked":
        return await _chunks(reader)
    if "content-length" in fields:
        length = int(fields["content-length"])
        if not 0 <= length <= _MOST_BYTES:
            raise ValueError("too large")
        return await reader.readexactly(length)
    body = bytearray()
    while chunk := await reader.read(8192):
        body += chunk
        if len(body) > _MOST_BYTES:
            raise ValueError("too large")
    return bytes(body)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        if size < 0 or len(body) + size > _MOST_BYTES:
            raise ValueError("too large")
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    return bytes(body)
