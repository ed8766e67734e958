"""One camera's SOAP over HTTP, within limits: read-only, no redirects, a pinned certificate, bounded answers.

Not for: what the answers mean (``job``). It runs in worker processes only: it is what meets a hostile camera.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import aiohttp
from lxml import etree
from yarl import URL

from agent.devices import http_digest
from agent.devices.address import CameraAddress, Credentials
from agent.devices.odd_xml import read_odd_xml
from agent.devices.onvif import answers, odd_http
from agent.devices.onvif.odd_http import Answer
from agent.devices.unvouched_tls import unvouched
from exchange.bounded_xml import Element, XmlRefused
from exchange.clock import Clock
from exchange.errors import CameraAnswerInvalid, CameraRefused, CameraUnreachable, CertificateChanged

SOAP = "http://www.w3.org/2003/05/soap-envelope"
READ_ONLY = frozenset(
    {"GetSystemDateAndTime", "GetServices", "GetCapabilities", "GetDeviceInformation", "GetProfiles", "GetStreamUri"}
    # Profile G: what a recorder holds, and where it plays it. A search is begun and ended; nothing else changes by it.
    | {"GetRecordingSummary", "GetRecordingInformation", "FindRecordings", "GetRecordingSearchResults"}
    | {"FindEvents", "GetEventSearchResults", "EndSearch", "GetReplayUri"}
)
"""Every operation that is ever sent: nothing is set on a camera."""

MOST_BYTES = 4 * 1024 * 1024
"""Of one answer: the profiles of a recorder with 64 channels take about half a megabyte."""
_ANSWER_SECONDS = 10.0
_CONNECT_SECONDS = 5.0
_MOST_HOPS = 2
_REFUSALS = ("notauthorized", "not authorized", "unauthorized", "sender not authorized", "failedauthentication")


_AROUND = b" \t\r\n"


class _BrokeOff(Exception):
    """The connection ended before an answer began."""


class _OddlyFramed(Exception):
    """The library does not read the answer."""


class _NotThere(Exception):
    """No connection could be made."""


class _Moved(Exception):
    """It sends us on, to another address (``url``) of the same origin."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url


class SoapFault(Exception):
    """The camera understood, and does not do this: it is not offered there, or not with these arguments."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as ``zeep`` takes it, and when it was asked for and had, by our clock (microseconds)."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes
    root: Element
    sent: int
    received: int
    encoding: str | None = None


class CameraTransport:
    """Sends SOAP to one camera, and to no other host. It stands in for the library's transport."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        address: CameraAddress,
        credentials: Credentials | None,
        fingerprint: bytes | None,
        clock: Clock,
    ) -> None:
        self.session, self.address, self.credentials, self.clock = session, address, credentials, clock
        self.cache = None
        self.last: Reply | None = None
        self.date: tuple[str, int, int] | None = None
        """The last HTTP Date header, with when it was asked for and had."""
        self._fingerprint = fingerprint
        self._tls: aiohttp.Fingerprint | bool = aiohttp.Fingerprint(fingerprint) if fingerprint else True
        self._is_odd = False
        """Whether its answers are framed against HTTP's rules."""
        self._is_one_port = False
        """Whether the ports that it names are not those by which it is reached: asked at the one that is."""
        self._digest: http_digest.Digest | None = None

    @property
    def logs_in(self) -> bool:
        """Whether the camera wants the login in HTTP, so that every question carries it."""
        return self._digest is not None

    async def aclose(self) -> None:
        """The session is its owner's to close."""

    async def post_xml(self, url: str, envelope: Any, headers: dict[str, str]) -> Reply:
        """Send one SOAP envelope (lxml) and return the checked answer.

        Raises CameraUnreachable, CameraRefused, CameraAnswerInvalid, CertificateChanged, or SoapFault.
        """
        body = envelope.find(f"{{{SOAP}}}Body")
        operation = etree.QName(body[0])
        if operation.localname not in READ_ONLY:
            raise PermissionError(f"{operation.localname} is not a question; nothing is ever set on a camera")
        data = etree.tostring(envelope, xml_declaration=True, encoding="utf-8")
        fields = {**headers, "Accept-Encoding": "identity", "Connection": "keep-alive"}
        reply = await self._send(url, data, fields)
        _check(reply, operation.localname, operation.namespace or "", self.credentials is not None)
        self.last = reply
        return replace(reply, status_code=200, headers={}, content=answers.written_anew(reply.root))

    async def _send(self, url: str, data: bytes, headers: dict[str, str]) -> Reply:
        """One question, asked again once when a Digest challenge is new or its nonce has grown old; and once when the
        connection was closed: some close it after each answer, and don't say so. Where it sends us on within itself
        it is followed, and where nothing listens at the port that it names, it is asked at the one that was reached.
        """
        fresh = again = False
        hops = 0
        where = f"{self.address.host}:{self.address.port}"
        while True:
            if self._is_one_port:
                url = str(URL(url).with_port(self.address.port))
            if self._digest and self.credentials:
                proof = self._digest.answer("POST", URL(url).raw_path_qs, self.credentials, data)
                if any("\ud800" <= letter <= "\udfff" for letter in proof):
                    self._is_odd = True  # a realm in a code page: the library sends UTF-8 alone
                headers = {**headers, "Authorization": proof}
            try:
                reply, challenges = await self._exchange(url, data, headers)
            except _BrokeOff:
                if again:
                    raise unreachable(where, "it broke the connection off") from None
                again = True
                if self._digest:
                    self._digest.count -= 1  # most likely it was never read, and some count strictly
                continue
            except _OddlyFramed:
                self._is_odd = True
                continue
            except _NotThere:
                if self._is_one_port or URL(url).port == self.address.port:
                    raise unreachable(where, "no connection could be made") from None
                self._is_one_port = True
                continue
            except _Moved as moved:
                hops += 1
                if hops > _MOST_HOPS:
                    raise invalid("it sends us on and on") from None
                url = moved.url
                continue
            again = False
            if reply.status_code != 401 or not challenges:
                return reply
            chosen = http_digest.choose(challenges)
            if chosen is None or self.credentials is None or fresh:
                basic = chosen is None and self.credentials is not None and http_digest.offers(challenges, "basic")
                raise refused(self.credentials is not None, basic=basic)
            self._digest, fresh = chosen, True

    async def _exchange(self, url: str, data: bytes, headers: dict[str, str]) -> tuple[Reply, list[str]]:
        sent = self.clock.now()
        answer = await (self._ask_oddly if self._is_odd else self._ask)(url, data, headers)
        received, status, content = self.clock.now(), answer.status, answer.content
        fields = dict(answer.fields)
        challenges = [value for name, value in answer.fields if name.lower() == "www-authenticate"]
        if date := fields.get("Date"):
            self.date = (date, sent, received)
        content = _unpacked(content, fields).strip(_AROUND)
        if 300 <= status < 400:
            raise _sent_on(url, fields.get("Location", ""))
        root = Element("") if status in (401, 403) else _read(content, status)
        return Reply(status, fields, content, root, sent, received), challenges

    async def _ask(self, url: str, data: bytes, headers: dict[str, str]) -> Answer:
        where = f"{self.address.host}:{self.address.port}"
        limit = aiohttp.ClientTimeout(total=_ANSWER_SECONDS, sock_connect=_CONNECT_SECONDS)
        try:
            async with self.session.post(
                url, data=data, headers=headers, allow_redirects=False, ssl=self._tls, timeout=limit
            ) as response:
                content = await _bounded(response)
                return Answer(response.status, list(response.headers.items()), content)
        except aiohttp.ServerFingerprintMismatch as mismatch:
            raise certificate_changed(mismatch.got.hex(), mismatch.expected.hex()) from None
        except aiohttp.ConnectionTimeoutError:
            raise _NotThere from None
        except (TimeoutError, aiohttp.ServerTimeoutError):
            raise unreachable(where, f"it did not answer within {_ANSWER_SECONDS:g} s") from None
        except aiohttp.ClientConnectorError:
            raise _NotThere from None
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            raise _BrokeOff from None
        except aiohttp.InvalidURL:
            raise invalid("it names an address that is none") from None
        except aiohttp.ClientError:
            raise _OddlyFramed from None

    async def _ask_oddly(self, url: str, data: bytes, headers: dict[str, str]) -> Answer:
        where = f"{self.address.host}:{self.address.port}"
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                answer = await odd_http.ask(
                    URL(url), data, headers,
                    fingerprint=self._fingerprint, most=MOST_BYTES, connect_seconds=_CONNECT_SECONDS,
                )  # fmt: skip
        except odd_http.OtherCertificate as other:
            raise certificate_changed(other.args[0].hex(), other.args[1].hex()) from None
        except TimeoutError:
            raise unreachable(where, f"it did not answer within {_ANSWER_SECONDS:g} s") from None
        except odd_http.TooLarge:
            raise _too_large() from None
        except odd_http.NotHttp as why:
            raise invalid(f"its answer is not proper HTTP: {why}") from None
        except (EOFError, OSError):
            raise _BrokeOff from None
        fields = [(name, http_digest.from_wire(value)) for name, value in answer.fields]
        return Answer(answer.status, fields, answer.content)


def _sent_on(url: str, location: str) -> Exception:
    """Where to: the same scheme, host and port, as neither pin nor password is for another."""
    elsewhere = invalid("it sends us on to another address", do="Name the address where its ONVIF service really is.")
    try:
        asked = URL(url)
        target = asked.join(URL(location[:2048]))
        return _Moved(str(target)) if location and target.origin() == asked.origin() else elsewhere
    except ValueError:
        return elsewhere


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """What came, whatever the header said of its length: whether it is whole is seen by its being XML."""
    content = bytearray()
    try:
        async for chunk in response.content.iter_chunked(64 * 1024):
            content += chunk
            if len(content) > MOST_BYTES:
                raise _too_large()
    except (aiohttp.ClientPayloadError, aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
        if not content:
            raise
    return bytes(content)


def _unpacked(content: bytes, fields: Mapping[str, str]) -> bytes:
    """Some pack their answers though nothing of it was asked for."""
    packed = next((value for name, value in fields.items() if name.lower() == "content-encoding"), "").strip().lower()
    try:
        return answers.unpacked(content, packed, MOST_BYTES)
    except answers.TooLarge:
        raise _too_large() from None
    except ValueError:
        raise invalid("it packed its answer in a way that was not asked for") from None


def _too_large() -> CameraAnswerInvalid:
    return invalid(f"its answer is larger than {MOST_BYTES // 1024 // 1024} MiB")


def _read(content: bytes, status: int) -> Element:
    try:
        return read_odd_xml(content, most_bytes=MOST_BYTES, most_elements=100_000, deepest=64)
    except XmlRefused as why:
        if status in (404, 405, 501):
            raise invalid(f"there is no ONVIF service at this address (HTTP {status})") from None
        if status >= 400:
            raise SoapFault(f"HTTP {status}") from None
        raise invalid(str(why)) from None


def _check(reply: Reply, operation: str, namespace: str, had_password: bool) -> None:
    """The answer is SOAP 1.2 and answers what was asked; a fault that is a refusal becomes CameraRefused."""
    if reply.status_code in (401, 403):
        raise refused(had_password)
    root = reply.root
    body = root.at("Body")
    if root.name != "Envelope" or body is None:
        raise invalid(f"it answered {operation} with something that is not SOAP")
    if fault := body.at("Fault"):
        reported = " ".join(
            element.text for name in ("Value", "Text", "faultstring", "faultcode") for element in fault.all(name)
        )
        if any(word in reported.lower() for word in _REFUSALS):
            raise refused(had_password)
        raise SoapFault("".join(letter for letter in reported if letter.isprintable())[:200])
    if root.namespace not in answers.ENVELOPES:
        raise invalid("it speaks another SOAP than ONVIF's 1.2, or 1.1")
    answer = next(iter(body.children), None)
    if answer is None or answer.name != f"{operation}Response" or answer.namespace != namespace:
        raise invalid(f"what it answered is no answer to {operation}")


async def certificate_of(address: CameraAddress) -> str:
    """SHA-256 (hex) of the certificate that the camera shows; nothing is sent to it. Raises CameraUnreachable."""
    where = f"{address.host}:{address.port}"
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(address.host, address.port, ssl=unvouched())
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.transport.abort()
    except ssl.SSLError as error:
        raise unreachable(where, f"TLS could not be agreed on ({error.reason})") from None
    except (OSError, TimeoutError):
        raise unreachable(where, "no connection could be made") from None
    if not shown:
        raise invalid("it shows no certificate")
    return sha256(shown).hexdigest()


# -- what a person is told ---------------------------------------------------------------------------------------


def unreachable(where: str, why: str) -> CameraUnreachable:
    return CameraUnreachable(
        f"The camera at {where} cannot be reached: {why}.",
        meaning="Nothing could be read from it.",
        do="Check that it has power and network, and that the address and port are right.",
    )


def refused(had_password: bool, *, basic: bool = False) -> CameraRefused:
    if basic:
        return CameraRefused(
            "The camera wants the password readable (HTTP Basic).",
            meaning="Anyone on the network could read it; it was not sent so.",
            do="Switch the camera's authentication to Digest, or to ONVIF's own, in its settings.",
        )
    if had_password:
        return CameraRefused(
            "The camera refused the user name or password.",
            meaning="It answers, but will not say what it is. Some lock themselves for a while after several tries.",
            do="Check both; many cameras keep ONVIF users apart from those of their web page.",
        )
    return CameraRefused(
        "The camera asks for a user name and a password.",
        meaning="Without them it will not say what it is.",
        do="Give both; many cameras keep ONVIF users apart from those of their web page.",
    )


def invalid(why: str, *, do: str = "") -> CameraAnswerInvalid:
    return CameraAnswerInvalid(
        f"The camera's answer cannot be used: {why}.",
        meaning="It may not be an ONVIF camera, or not be one that means well.",
        do=do or "Check the address; if it is right, look for newer firmware.",
    )


def certificate_changed(shown: str, pinned: str) -> CertificateChanged:
    return CertificateChanged(
        f"The camera shows another certificate ({shown}) than the one that was confirmed ({pinned}).",
        meaning="It was replaced or reset, or something else answers in its place. No password was sent.",
        do="If you know why, confirm the new fingerprint; if not, look at the camera first.",
    )
