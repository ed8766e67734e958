"""WS-Discovery as cameras speak it: the probes, and what their answers mean (WS-Discovery 2005/04, ONVIF Core 7).

Not for: sockets and timing (``search``). It runs in worker processes only.
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from agent.devices.address import CameraAddress, is_host
from exchange.bounded_xml import Element, XmlRefused, read_xml

GROUP = "239.255.255.250"
PORT = 3702
MOST_BYTES = 32 * 1024
"""Of one answer; a datagram holds at most 64 KiB, and an honest answer about two."""

_MOST_XADDRS = 16
_SCOPE = "onvif://www.onvif.org/"
_PROBE = """<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"\
 xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"\
 xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"\
 xmlns:dn="http://www.onvif.org/ver10/network/wsdl"\
 xmlns:tds="http://www.onvif.org/ver10/device/wsdl">\
<s:Header><a:MessageID>{identity}</a:MessageID>\
<a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>\
<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action></s:Header>\
<s:Body><d:Probe>{types}</d:Probe></s:Body></s:Envelope>"""


@dataclass(frozen=True, slots=True)
class Found:
    """A device that answered. ``xaddrs``: its device service, the most reachable first. ``interface``: which of ours
    heard it ("" when asked directly). ``address``: where the answer came from. ``endpoint`` is "" when it told none.
    """

    xaddrs: tuple[str, ...]
    endpoint: str
    name: str
    hardware: str
    scopes: tuple[str, ...]
    interface: str
    address: str


def probes() -> list[bytes]:
    """Three questions, as devices differ in what they answer to: by either type, and by none."""
    kinds = ("<d:Types>dn:NetworkVideoTransmitter</d:Types>", "<d:Types>tds:Device</d:Types>", "")
    return [_PROBE.format(identity=uuid.uuid4().urn, types=types).encode() for types in kinds]


def read_answer(data: bytes, *, interface: str, address: str) -> list[Found]:
    """The ONVIF devices that one datagram announces; none when it is some other kind of device's.

    Raises XmlRefused when it is no WS-Discovery answer. Names are compared without namespaces: devices use the 2005
    and the 2009 one, and wrong ones.
    """
    root = read_xml(data, most_bytes=MOST_BYTES, most_elements=2000, deepest=16)
    matches = list(root.all("ProbeMatch"))
    if root.name != "Envelope" or not matches:
        raise XmlRefused("it is not an answer to a probe")
    return [found for match in matches[:64] if (found := _found(match, interface, address))]


def _found(match: Element, interface: str, address: str) -> Found | None:
    xaddrs = tuple(_usable((match.text_at("XAddrs") or "").split(), address))
    scopes = tuple((match.text_at("Scopes") or "").split())[:64]
    types = (match.text_at("Types") or "").split()
    is_camera = (
        any(name.rpartition(":")[2] == "NetworkVideoTransmitter" for name in types)
        or any(scope.lower().startswith(_SCOPE) for scope in scopes)
        or any("/onvif/" in xaddr.lower() for xaddr in xaddrs)
    )
    if not xaddrs or not is_camera:
        return None
    endpoint = (match.text_at("EndpointReference", "Address") or "")[:256]
    return Found(xaddrs, endpoint, _scoped(scopes, "name"), _scoped(scopes, "hardware"), scopes, interface, address)


def _usable(xaddrs: Sequence[str], address: str) -> Iterator[str]:
    """Those that are web addresses, without user info; the ones at the answering address come first.

    One that leads nowhere from here (0.0.0.0, link-local, a bare name, a name that can't be one) is taken to be at the
    address that answered; one that can't be understood at all is passed over.
    """
    good = []
    for xaddr in xaddrs[:_MOST_XADDRS]:
        try:
            parts = urlsplit(xaddr)
            if parts.scheme not in ("http", "https") or not parts.hostname or len(xaddr) > 512 or parts.port == 0:
                continue
            host = parts.hostname if _leads_somewhere(parts.hostname, address) else address
            port = "" if parts.port is None else f":{parts.port}"
            url = parts._replace(netloc=f"[{host}]{port}" if ":" in host else f"{host}{port}").geturl()
            CameraAddress.parse(url)
            good.append((host != address, url))
        except ValueError:
            continue
    good.sort(key=lambda pair: pair[0])
    return iter(dict.fromkeys(url for _, url in good))


def _leads_somewhere(host: str, address: str) -> bool:
    """Whether a host in an announcement can be reached from here, by what it is."""
    try:
        announced = ip_address(host)
    except ValueError:
        return "." in host.strip(".") and is_host(host)
    if announced.is_unspecified or announced.is_link_local or announced.is_multicast:
        return host == address
    return not announced.is_loopback or ip_address(address).is_loopback


def _scoped(scopes: Sequence[str], kind: str) -> str:
    start = f"{_SCOPE}{kind}/"
    for scope in scopes:
        if scope.lower().startswith(start):
            value = unquote(scope[len(start) :], errors="replace")
            return "".join(letter for letter in value if letter.isprintable())[:128]
    return ""


def merge(answers: Sequence[Found]) -> list[Found]:
    """One entry a device: by a shared XAddr, or by endpoint reference from the same address.

    An endpoint reference alone is not enough: makers ship series of cameras that all carry the same one.
    """
    merged: list[Found] = []
    for answer in answers:
        for index, known in enumerate(merged):
            same_name = answer.endpoint and answer.endpoint == known.endpoint and answer.address == known.address
            if same_name or set(answer.xaddrs) & set(known.xaddrs):
                merged[index] = Found(
                    tuple(dict.fromkeys(known.xaddrs + answer.xaddrs)),
                    known.endpoint or answer.endpoint,
                    known.name or answer.name,
                    known.hardware or answer.hardware,
                    tuple(dict.fromkeys(known.scopes + answer.scopes)),
                    known.interface or answer.interface,
                    known.address,
                )
                break
        else:
            merged.append(answer)
    return merged
