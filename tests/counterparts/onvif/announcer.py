"""Devices that answer probes in their own way: true ones, cloned ones, and some that mean harm. Loopback only."""

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

GROUP, PORT = "239.255.255.250", 3702

MATCH = """<?xml version="1.0" encoding="UTF-8"?>
<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope"
 xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl">
<SOAP-ENV:Header><wsa:RelatesTo>{relates}</wsa:RelatesTo></SOAP-ENV:Header>
<SOAP-ENV:Body><d:ProbeMatches><d:ProbeMatch>
<wsa:EndpointReference><wsa:Address>{endpoint}</wsa:Address></wsa:EndpointReference>
<d:Types>{types}</d:Types><d:Scopes>{scopes}</d:Scopes><d:XAddrs>{xaddrs}</d:XAddrs>
<d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches></SOAP-ENV:Body></SOAP-ENV:Envelope>"""

BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + step, b"&%c;" % (97 + step) * 10) for step in range(9))
    + b"]><x>&j;</x>"
)


def match(
    *,
    endpoint: str,
    xaddrs: str,
    scopes: str = "onvif://www.onvif.org/name/Yard onvif://www.onvif.org/hardware/DS-2CD",
    types: str = "dn:NetworkVideoTransmitter",
    relates: str = "urn:uuid:0",
) -> bytes:
    """A well-formed answer to a probe."""
    return MATCH.format(endpoint=endpoint, xaddrs=xaddrs, scopes=scopes, types=types, relates=relates).encode()


class _Device(asyncio.DatagramProtocol):
    def __init__(self, answers: Callable[[str], list[bytes]], voice: socket.socket) -> None:
        self.answers, self.voice = answers, voice

    def datagram_received(self, data: bytes, addr: Any) -> None:
        asked = re.search(rb"MessageID>([^<]+)<", data)
        for answer in self.answers(asked[1].decode() if asked else ""):
            self.voice.sendto(answer, addr)


@asynccontextmanager
async def announcer(
    answers: Callable[[str], list[bytes]], *, address: str = "", source: str = ""
) -> AsyncIterator[None]:
    """Answer every probe with the datagrams that ``answers(message id)`` returns.

    With ``address`` (one of 127/8) it hears probes by unicast there only; without, those by multicast on loopback,
    and answers from ``source`` (one of 127/8).
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setblocking(False)
    sock.bind((address or GROUP, PORT))
    if not address:
        joined = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton("127.0.0.1"))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as voice:
        voice.bind((address or source, 0))
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Device(answers, voice), sock=sock
        )
        try:
            yield
        finally:
            transport.close()
