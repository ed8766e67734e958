"""Asks one recorder over SOAP, light and by hand: its time, where its services are, and single questions.

Not for: what recordings it holds (``api``). Answers are read by our own bounded reader, as recorders' answers fit
ONVIF's schemas only more or less; a library that insists on them would refuse footage that is there.
"""

import base64
import contextlib
import hashlib
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from lxml import etree

from agent.devices.address import CameraAddress, Credentials
from agent.devices.clock import (
    HTTP_DATE,
    ONVIF_LOCAL,
    ONVIF_UTC,
    ClockCheck,
    compare,
    http_date,
    narrow_async,
)
from agent.devices.onvif.transport import (
    SOAP,
    CameraTransport,
    SoapFault,
    certificate_changed,
    certificate_of,
    invalid,
)
from agent.devices.onvif.urls import Reached
from agent.devices.time_zones import posix_offset, zone_shown
from exchange.bounded_xml import Element
from exchange.clock import SECOND, ShiftedClock
from exchange.errors import CameraAnswerInvalid, CameraRefused, SettingsInvalid

DEVICE = "http://www.onvif.org/ver10/device/wsdl"
SEARCH = "http://www.onvif.org/ver10/search/wsdl"
REPLAY = "http://www.onvif.org/ver10/replay/wsdl"
SCHEMA = "http://www.onvif.org/ver10/schema"
NOTIFY = "http://docs.oasis-open.org/wsn/b-2"
_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
_DIGEST = f"{_OASIS}-username-token-profile-1.0#PasswordDigest"
_BASE64 = f"{_OASIS}-soap-message-security-1.0#Base64Binary"
_NAMES = {"s": SOAP, "tt": SCHEMA, "wsnt": NOTIFY, "tns1": "http://www.onvif.org/ver10/topics"}

Content = Mapping[str, Any]
"""An element's children: name ("tt:Stream" for another namespace than the service's) to text or further children."""


class Recorder:
    """One recorder being asked. ``notes``: sentences on what is odd about it."""

    def __init__(self, address: CameraAddress, credentials: Credentials | None, transport: CameraTransport) -> None:
        self.address, self.credentials, self.transport = address, credentials, transport
        self.notes: list[str] = []
        self.reached = Reached(address, self.notes)
        self.services = {DEVICE: address.url}
        self.clock: ClockCheck | None = None
        self._shift = 0

    async def ask(
        self, namespace: str, operation: str, content: Content | None = None, *, login: bool = True
    ) -> Element:
        """The answer's element. Raises SoapFault, CameraUnreachable, CameraRefused, CameraAnswerInvalid."""
        if namespace not in self.services:
            raise invalid("it names no service for recordings", do="ONVIF Profile G has to be switched on in it.")
        envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={**_NAMES, "q": namespace})
        header = etree.SubElement(envelope, f"{{{SOAP}}}Header")
        asked = etree.SubElement(etree.SubElement(envelope, f"{{{SOAP}}}Body"), f"{{{namespace}}}{operation}")
        _fill(asked, namespace, content or {})
        if login and self.credentials is not None:
            header.append(self._token(self.credentials))
        headers = {"Content-Type": f'application/soap+xml; charset=utf-8; action="{namespace}/{operation}"'}
        reply = await self.transport.post_xml(self.services[namespace], envelope, headers)
        answer = reply.root.at("Body", f"{operation}Response")
        assert answer is not None, "the transport checked it"
        return answer

    def _token(self, credentials: Credentials) -> Any:
        """A login for the recorder's own time (WS-Security UsernameToken 1.0, a digest, never the password)."""
        moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self.transport.clock.now() + self._shift)
        created, nonce = moment.strftime("%Y-%m-%dT%H:%M:%SZ"), secrets.token_bytes(16)
        digest = hashlib.sha1(nonce + created.encode() + credentials.password.encode(), usedforsecurity=False).digest()
        security = etree.Element(f"{{{_WSSE}}}Security", nsmap={"wsse": _WSSE, "wsu": _WSU})
        token = etree.SubElement(security, f"{{{_WSSE}}}UsernameToken")
        etree.SubElement(token, f"{{{_WSSE}}}Username").text = credentials.user
        etree.SubElement(token, f"{{{_WSSE}}}Password", Type=_DIGEST).text = base64.b64encode(digest).decode()
        etree.SubElement(token, f"{{{_WSSE}}}Nonce", EncodingType=_BASE64).text = base64.b64encode(nonce).decode()
        etree.SubElement(token, f"{{{_WSU}}}Created").text = created
        return security

    async def greet(self, *, narrow: bool = False) -> None:
        """Its time first, as logins hang on it; then where its services are."""
        self.clock = await self._time()
        if narrow and self.clock is not None:
            self.clock = await narrow_async(self.clock, self._asked_time, self.transport.clock.now)
        self._shift = self.clock.offset_us if self.clock else 0
        with contextlib.suppress(SoapFault, CameraAnswerInvalid):
            answer = await self.ask(DEVICE, "GetServices", {"IncludeCapability": "false"})
            self._take_services([(one.text_at("Namespace"), one.text_at("XAddr")) for one in answer.all("Service")])
        if SEARCH not in self.services or REPLAY not in self.services:
            answer = await self.ask(DEVICE, "GetCapabilities", {"Category": "All"})
            named = (("Search", SEARCH), ("Replay", REPLAY))
            self._take_services(
                [(space, found.text_at("XAddr")) for name, space in named for found in answer.all(name)]
            )

    def _take_services(self, pairs: list[tuple[str | None, str | None]]) -> None:
        for name, xaddr in pairs[:64]:
            name = (name or "").rstrip("/")
            if name in (SEARCH, REPLAY) and name not in self.services and (url := self.reached.service(xaddr)):
                self.services[name] = url

    async def _time(self) -> ClockCheck | None:
        """The quicker of two comparisons, as the first pays for the connection."""
        checks = [check for _ in range(2) if (check := await self._asked_time())]
        if not checks and self.transport.date is not None:
            text, sent, received = self.transport.date
            if (moment := http_date(text)) is not None:
                checks.append(compare(moment, sent=sent, received=received, method=HTTP_DATE))
        if not checks:
            self.notes.append("It does not tell its time; its recordings are placed as if its clock were right.")
        return min(checks, key=lambda check: check.uncertainty_us, default=None)

    async def _asked_time(self) -> ClockCheck | None:
        try:
            reported = await self.ask(DEVICE, "GetSystemDateAndTime", login=False)
        except (SoapFault, CameraRefused, CameraAnswerInvalid):
            return None
        return self._compared(reported)

    def _compared(self, reported: Element) -> ClockCheck | None:
        reply, whole = self.transport.last, reported.at("SystemDateAndTime")
        if reply is None or whole is None:
            return None
        zone = "".join(filter(str.isprintable, whole.text_at("TimeZone", "TZ") or ""))[:128]
        summer = (whole.text_at("DaylightSavings") or "").lower() in ("true", "1")
        moment, local = _civil(whole.at("UTCDateTime")), _civil(whole.at("LocalDateTime"))
        if moment is not None:
            method, zone = ONVIF_UTC, zone_shown(zone, utc=moment, local=local, daylight_saving=summer)
        else:
            method, east = ONVIF_LOCAL, posix_offset(zone, daylight_saving=summer)
            if local is None or east is None:
                return None
            moment = local - east * SECOND
        return compare(
            moment, sent=reply.sent, received=reply.received, method=method, zone=zone, daylight_saving=summer
        )


@asynccontextmanager
async def recorder(
    address: str, credentials: Credentials | None, pin: str, skew_us: int, *, narrow: bool = False
) -> AsyncIterator[Recorder]:
    """A recorder that was greeted. Raises SettingsInvalid when its certificate is still to be confirmed, and what
    ``Recorder.ask`` raises."""
    try:
        where = CameraAddress.parse(address, pin=pin or None)
    except ValueError as why:
        raise SettingsInvalid(f"The recorder's address can't be used: {why}.") from None
    fingerprint = None
    if where.tls:
        fingerprint = await certificate_of(where)
        if where.pin is None:
            raise SettingsInvalid(
                "The recorder's certificate is not confirmed; it was asked nothing.",
                do=f"If the recorder itself shows this SHA-256, add: --option certificate={fingerprint}",
            )
        if fingerprint != where.pin:
            raise certificate_changed(fingerprint, where.pin)
    async with aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()) as session:
        pinned = bytes.fromhex(fingerprint) if fingerprint else None
        transport = CameraTransport(session, where, credentials, pinned, ShiftedClock(skew_us))
        asked = Recorder(where, credentials, transport)
        try:
            await asked.greet(narrow=narrow)
        except SoapFault as fault:
            raise invalid(f"it does not say what it offers ({fault})") from None
        yield asked


def _fill(parent: Any, namespace: str, content: Content) -> None:
    for name, value in content.items():
        prefix, _, local = name.rpartition(":")
        child = etree.SubElement(parent, f"{{{_NAMES[prefix] if prefix else namespace}}}{local}")
        if isinstance(value, Mapping):
            for attribute in [key for key in value if key.startswith("@")]:
                child.set(attribute[1:], value[attribute])
            child.text = value.get("#")
            _fill(child, namespace, {key: inner for key, inner in value.items() if key[0] not in "@#"})
        else:
            child.text = value


def _civil(reported: Element | None) -> int | None:
    """An ONVIF DateTime as if it were UTC, in microseconds; None when a part is missing or impossible."""
    if reported is None:
        return None
    try:
        year, month, day = (int(reported.text_at("Date", part) or "") for part in ("Year", "Month", "Day"))
        hour, minute, second = (int(reported.text_at("Time", part) or "") for part in ("Hour", "Minute", "Second"))
        midnight = datetime(year, month, day, tzinfo=UTC) - datetime.fromtimestamp(0, UTC)
    except (ValueError, OverflowError):
        return None
    # Some count to 60 or 24; the sum is still the moment they mean.
    return (midnight // timedelta(seconds=1) + hour * 3600 + minute * 60 + second) * SECOND
