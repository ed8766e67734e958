"""The worker's part of ``onvif``: the questions to one camera, in order, and what is made of the answers.

Not for: import in the daemon. It brings zeep and lxml, and reads what a camera sends.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import onvif.client
import zeep.exceptions
from lxml import etree
from onvif.settings import DEFAULT_SETTINGS

from agent.devices.address import CameraAddress, Credentials
from agent.devices.clock import (
    HTTP_DATE,
    ClockCheck,
    compare,
    http_date,
    narrow_async,
)
from agent.devices.onvif.media import MEDIA, MEDIA2, Media
from agent.devices.onvif.reported_time import reported_clock
from agent.devices.onvif.streams import Stream, from_media, from_media2
from agent.devices.onvif.transport import (
    CameraTransport,
    SoapFault,
    certificate_changed,
    certificate_of,
    invalid,
    unreachable,
)
from agent.devices.onvif.urls import Reached
from exchange.clock import SECOND, ShiftedClock
from exchange.counted import counted
from exchange.errors import CameraAnswerInvalid, CameraRefused, CameraUnreachable

T = TypeVar("T")

DEVICE = "http://www.onvif.org/ver10/device/wsdl"

_ALL_SECONDS = 50.0
_ADDRESSES_SECONDS = 35.0
"""After this, no stream is asked for its address any more: what was told by then is better than nothing."""
_MOST_PROFILES = 256
_ONE_TIME = 5 * SECOND
"""Times that differ by less are one to a login."""
_MOST_OTHERS = 2
"""Further times that a refused login is tried by: cameras lock users out who try often."""
_ABOUT = {
    "make": "Manufacturer",
    "model": "Model",
    "serial": "SerialNumber",
    "firmware": "FirmwareVersion",
    "hardware_id": "HardwareId",
}
_WSDL = Path(onvif.client.__file__).parent / "wsdl"
_library: Any = onvif.client  # it is untyped
_SERVICES = {DEVICE: ("devicemgmt.wsdl", "DeviceBinding")}


def job(order: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """``order``: address, credentials, skew_us, narrow, profile. Returns what ``catalogue.CameraFacts`` takes."""
    # The library logs whole messages, and configures logging when imported.
    logging.disable(logging.CRITICAL)
    # It also lifts the parser's limits; nothing honest needs that, and the answers were bounded before.
    DEFAULT_SETTINGS.xml_huge_tree = False
    DEFAULT_SETTINGS.forbid_dtd = True
    address = CameraAddress(**order["address"])
    credentials = Credentials(**order["credentials"]) if order["credentials"] else None
    how = _How(order["skew_us"], order["narrow"], order.get("profile"))
    return asyncio.run(_within(_ALL_SECONDS, address, credentials, how))


@dataclass(frozen=True)
class _How:
    """See ``onvif.probe_camera``. ``skew_us``: what the injected clock is ahead of this process's."""

    skew_us: int
    narrow: bool
    profile: str | None


async def _within(seconds: float, address: CameraAddress, credentials: Credentials | None, how: _How) -> dict[str, Any]:
    try:
        async with asyncio.timeout(seconds):
            return await _ask(address, credentials, how)
    except TimeoutError:
        where = f"{address.host}:{address.port}"
        raise unreachable(where, f"it took longer than {seconds:g} s to say what it is") from None


async def _ask(address: CameraAddress, credentials: Credentials | None, how: _How) -> dict[str, Any]:
    fingerprint = await certificate_of(address) if address.tls else None
    if fingerprint and address.pin and fingerprint != address.pin:
        raise certificate_changed(fingerprint, address.pin)
    if fingerprint and not address.pin:
        return {
            "tls_fingerprint": fingerprint,
            "notes": ["Its certificate is not confirmed yet; it was asked nothing."],
        }
    async with aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()) as session:
        pin = bytes.fromhex(fingerprint) if fingerprint else None
        transport = CameraTransport(session, address, credentials, pin, ShiftedClock(how.skew_us))
        camera = _Camera(address, credentials, transport)
        try:
            facts = await camera.facts(narrow=how.narrow, first=how.profile)
        except (AttributeError, TypeError):
            # zeep gives None, or plain text, where an answer lacks the element that was to be there.
            raise invalid("parts of its answers are missing") from None
        finally:
            await camera.close()
    return {**facts, "tls_fingerprint": fingerprint, "notes": list(dict.fromkeys(camera.notes))}


class _Camera:
    """One camera being asked."""

    def __init__(self, address: CameraAddress, credentials: Credentials | None, transport: CameraTransport) -> None:
        self.credentials, self.transport = credentials, transport
        self.notes: list[str] = []
        self.reached = Reached(address, self.notes)
        self.shift_us = 0
        self.services: dict[str, str] = {DEVICE: address.url}
        self._open: dict[tuple[str, bool], Any] = {}
        self._begun = time.monotonic()
        self._refused: CameraRefused | None = None
        self.media = Media(transport, self.services, credentials, self._token_shift, self._retime)
        self._local_us = 0
        """What its local time is ahead of its UTC, by its own word."""
        self._other_shifts: list[int] = []
        """Times (as ``shift_us``) that its logins may be held against, if not against the one that it tells."""

    async def close(self) -> None:
        for service in self._open.values():
            await service.close()

    async def facts(self, *, narrow: bool, first: str | None) -> dict[str, Any]:
        """Time first, then everything else with a login that fits it; piece by piece, as some lack one or the other.

        CameraRefused when the login was good for nothing.
        """
        clock = await self._clock(narrow=narrow)
        self.services |= await self._announced_services()
        about = await self._piece("what make and model it is", self._call(DEVICE, "GetDeviceInformation"))
        streams = await self._piece("which streams it has", self._streams(first), needed=about is None) or []
        reported = {name: getattr(about, field, None) or "" for name, field in _ABOUT.items()}
        return reported | {
            "profiles": [self._profile(stream) for stream in streams],
            "services": dict(list(self.services.items())[:64]),
            "clock": clock.model_dump(mode="json") if clock else None,
        }

    async def _piece(self, what: str, asked: Coroutine[Any, Any, T], *, needed: bool = False) -> T | None:
        """One piece of the facts; None, unless ``needed``, when the camera doesn't tell it, or not to this user."""
        try:
            return await asked
        except CameraRefused as error:
            if needed:
                raise (self._refused or error) from None
            self._refused = error
            self.notes.append(f"It does not tell this user {what}.")
        except (CameraAnswerInvalid, CameraUnreachable, SoapFault, AttributeError, TypeError) as error:
            # zeep gives None, or plain text, where an answer lacks the element that was to be there.
            if needed:
                raise
            self.notes.append(f"It does not tell {what}{_why(error)}")
        return None

    # -- asking --------------------------------------------------------------------------------------------------

    async def _call(self, namespace: str, operation: str, *, login: bool = True, **arguments: Any) -> Any:
        """One operation of a service that the library's WSDLs describe. A fault in it is the camera's: not usable."""
        login = login and self.credentials is not None
        told = self.shift_us
        while True:
            try:
                answer = await self._called(namespace, operation, login, arguments)
            except CameraRefused:
                if not login or not await self._retime():
                    raise
                continue
            if login:
                self._other_shifts.clear()
                if self.shift_us != told:
                    self.notes.append("It holds logins against another time than the one that it tells.")
            return answer

    async def _called(self, namespace: str, operation: str, login: bool, arguments: dict[str, Any]) -> Any:
        key = (namespace, login)
        if key not in self._open:
            self._open[key] = await self._service(namespace)
        name = operation if login else f"authless_{operation}"
        try:
            return await getattr(self._open[key], name)(arguments)
        except SoapFault as fault:
            raise invalid(f"it does not answer {operation} ({fault})") from fault
        except CameraAnswerInvalid:
            raise
        except (
            etree.LxmlError,
            LookupError,
            AttributeError,
            TypeError,
            ValueError,
            zeep.exceptions.Error,
        ):
            raise invalid(f"its answer to {operation} does not fit ONVIF's schema") from None

    async def _service(self, namespace: str) -> Any:
        wsdl, binding = _SERVICES[namespace]
        user, password = (self.credentials.user, self.credentials.password) if self.credentials else (None, None)
        service = _library.ONVIFService(
            self.services[namespace],
            user,
            password,
            str(_WSDL / wsdl),
            no_cache=True,
            dt_diff=timedelta(microseconds=self._token_shift()),
            binding_name=f"{{{namespace}}}{binding}",
        )
        service.transport = self.transport
        await service.setup()
        return service

    def _token_shift(self) -> int:
        """Microseconds to add to this process's clock for the camera's: the injected clock's skew, and the offset."""
        own = self.transport.clock
        return self.shift_us + (own.shift_us if isinstance(own, ShiftedClock) else 0)

    # -- time ----------------------------------------------------------------------------------------------------

    async def _clock(self, *, narrow: bool) -> ClockCheck | None:
        """The quicker of two comparisons, as the first pays for the connection, or a narrow one; and the login's shift
        from it."""
        login = False
        try:
            checks = [check for _ in range(2) if (check := await self._time(login=False))]
        except CameraRefused:
            # Against ONVIF, some ask for a password even for this. What HTTP says of the time then has to do.
            hint = self._http_clock()
            self.shift_us = hint.offset_us if hint else 0
            if self.credentials is None:
                raise
            self.notes.append("It tells its time only to those who log in, against ONVIF's rules.")
            login = True
            checks = [check for _ in range(2) if (check := await self._time(login=True))]
        if not checks:
            self.notes.append("It does not tell its time over ONVIF; taken from HTTP, if it says it there.")
        best = min(checks, key=lambda check: check.uncertainty_us, default=self._http_clock())
        if best and checks and narrow:
            best = await narrow_async(best, lambda: self._time(login=login), self.transport.clock.now)
        if best:
            self.shift_us = best.offset_us
            await self._close_logins()
        self._other_shifts = self._other_times()
        return best

    def _other_times(self) -> list[int]:
        """Where it tells a time that is not the right one, others that its logins may be held against, as
        ``shift_us``; the one that it tells is the last to come back to."""
        told, hint = self.shift_us, self._http_clock()
        others: list[int] = []
        for other in (hint.offset_us if hint else 0, 0, told + self._local_us) if abs(told) > _ONE_TIME else ():
            if all(abs(other - each) > _ONE_TIME for each in (told, *others)):
                others.append(other)
        return [*others[:_MOST_OTHERS], told] if others else []

    async def _close_logins(self) -> None:
        """Services that were opened before carry a login by another time."""
        for key in [key for key in self._open if key[1]]:
            await self._open.pop(key).close()

    async def _retime(self) -> bool:
        """Take another time for logins, if there is one: some cameras tell one time and hold logins against another."""
        if self.credentials is None or self.transport.logs_in or not self._other_shifts:
            return False
        self.shift_us = self._other_shifts.pop(0)
        await self._close_logins()
        return bool(self._other_shifts)

    async def _time(self, *, login: bool) -> ClockCheck | None:
        try:
            reported = await self._call(DEVICE, "GetSystemDateAndTime", login=login)
        except CameraAnswerInvalid:
            return None  # what else it answers shows whether it is a camera at all
        reply = self.transport.last
        if reported is None or reply is None:
            return None
        found = reported_clock(reported, reply)
        if found is not None:
            self._local_us = found.local_us
        return found.check if found else None

    def _http_clock(self) -> ClockCheck | None:
        if self.transport.date is None:
            return None
        text, sent, received = self.transport.date
        moment = http_date(text)
        return compare(moment, sent=sent, received=received, method=HTTP_DATE) if moment is not None else None

    # -- services and streams ------------------------------------------------------------------------------------

    async def _announced_services(self) -> dict[str, str]:
        try:
            listed = await self._open_to_all("GetServices", IncludeCapability=False)
            pairs = [((one.Namespace or "").strip().rstrip("/"), one.XAddr) for one in listed or []]
        except (CameraAnswerInvalid, AttributeError, TypeError):
            pairs = []
        # The device service is where it was reached, whatever the camera calls it.
        found = {name: url for name, xaddr in pairs if name != DEVICE and (url := self.reached.service(xaddr))}
        if MEDIA in found or MEDIA2 in found:
            return found
        self.notes.append("It does not tell its services by GetServices; they were taken from GetCapabilities.")
        try:
            reported = await self._open_to_all("GetCapabilities", Category="All")
            url = self.reached.service(reported.Media.XAddr)
        except (AttributeError, TypeError):
            url = None
        return found | ({MEDIA: url} if url else {})

    async def _open_to_all(self, operation: str, **arguments: Any) -> Any:
        """What ONVIF lets anybody ask: with the login, as some want one; and where that may not, without."""
        try:
            return await self._call(DEVICE, operation, **arguments)
        except CameraRefused as error:
            if self.credentials is None or self.transport.logs_in:
                raise  # without would be another try of the same password
            try:
                return await self._call(DEVICE, operation, login=False, **arguments)
            except CameraRefused:
                raise error from None

    async def _streams(self, first: str | None) -> list[Stream]:
        """By Media2 where offered, as only that can name H.265; else, or when that fails, by the first service."""
        if MEDIA2 in self.services:
            try:
                streams = from_media2(await self.media.profiles2())[:_MOST_PROFILES]
                await self._ask_addresses(streams, first, self.media.uri2)
                if any(stream.uri for stream in streams) or (streams and MEDIA not in self.services):
                    return streams
                self.notes.append("Its Media2 service told no stream's address; the first one was asked.")
            except (SoapFault, CameraAnswerInvalid, CameraUnreachable, CameraRefused) as error:
                if isinstance(error, CameraRefused) and (self._refused or MEDIA not in self.services):
                    raise  # the password may be wrong: some lock users out who try often
                self.notes.append(f"Its Media2 service was not usable, the first one was asked instead: {error}")
        if MEDIA not in self.services:
            self.notes.append("It offers no media service; its stream's address has to be typed in.")
            return []
        streams = from_media(await self.media.profiles())[:_MOST_PROFILES]
        await self._ask_addresses(streams, first, self.media.uri)
        return streams

    async def _ask_addresses(
        self, streams: list[Stream], first: str | None, ask: Callable[[str], Coroutine[Any, Any, str | None]]
    ) -> None:
        """Each stream's address: of the one named, then of the larger ones, as long as there is time."""
        order = sorted(streams, key=lambda each: (each.token != first, -(each.width or 0) * (each.height or 0)))
        for number, stream in enumerate(order):
            if time.monotonic() - self._begun > _ADDRESSES_SECONDS:
                self.notes.append(
                    f"It answers slowly: of its {counted(len(order), 'stream')}, "
                    f"{counted(len(order) - number, 'was', 'were')} not asked for an address. Name the "
                    "stream that is wanted to have that one asked first."
                )
                return
            stream.uri = await self._piece(f"where its stream {stream.name or stream.token!r} is", ask(stream.token))

    def _profile(self, stream: Stream) -> dict[str, Any]:
        uri = self.reached.stream(stream.uri, self.credentials)
        if uri is None:
            self.notes.append(f"It gave no usable address for its stream {stream.name or stream.token!r}.")
        return stream.facts() | {"stream_uri": uri}


def _why(error: Exception) -> str:
    """As the end of a sentence."""
    if isinstance(error, SoapFault):
        return f" ({error})."
    return f": {error.what}" if isinstance(error, CameraAnswerInvalid | CameraUnreachable) else "."
