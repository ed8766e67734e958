"""Asks a camera's media services for its streams: the envelope by hand, the library's login, our own reader.

Not for: what the answers mean (``streams``). The library has no WSDL for Media2, and leaves out of the first service's
answers what doesn't stand where its schema has it.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import onvif.client
from lxml import etree

from agent.devices.address import Credentials
from agent.devices.onvif.transport import SOAP, CameraTransport, SoapFault, invalid
from exchange.bounded_xml import Element
from exchange.errors import CameraRefused

MEDIA = "http://www.onvif.org/ver10/media/wsdl"
MEDIA2 = "http://www.onvif.org/ver20/media/wsdl"
_SCHEMA = "http://www.onvif.org/ver10/schema"
_library: Any = onvif.client  # it is untyped


class Media:
    """``services``: their addresses, by namespace. ``shift``: microseconds to add to this process's clock for logins;
    ``retime``: takes another time for them, if there is one."""

    def __init__(
        self,
        transport: CameraTransport,
        services: Mapping[str, str],
        credentials: Credentials | None,
        shift: Callable[[], int],
        retime: Callable[[], Awaitable[bool]],
    ) -> None:
        self.transport, self.services, self.credentials = transport, services, credentials
        self._shift, self._retime = shift, retime
        self._protocols = ["RtspUnicast", "RTSP"]

    async def profiles(self) -> Element:
        return await self._first("GetProfiles")

    async def profiles2(self) -> Element:
        return await self._ask(MEDIA2, "GetProfiles", _told(MEDIA2, "Type", "All"))

    async def uri(self, token: str) -> str | None:
        setup = _told(MEDIA, "StreamSetup")
        setup.append(_told(_SCHEMA, "Stream", "RTP-Unicast"))
        etree.SubElement(setup, f"{{{_SCHEMA}}}Transport").append(_told(_SCHEMA, "Protocol", "RTSP"))
        answer = await self._first("GetStreamUri", setup, _told(MEDIA, "ProfileToken", token))
        return next((found.text.strip() for found in answer.all("Uri") if found.text.strip()), None)

    async def uri2(self, token: str) -> str | None:
        fault: SoapFault | None = None
        for protocol in list(self._protocols):
            arguments = _told(MEDIA2, "Protocol", protocol), _told(MEDIA2, "ProfileToken", token)
            try:
                answer = await self._ask(MEDIA2, "GetStreamUri", *arguments)
            except SoapFault as error:
                fault = error
                continue
            self._protocols.sort(key=lambda each: each != protocol)  # the one that it knows, first from now on
            return answer.text_at("Uri")
        raise fault or SoapFault("no address")

    async def _first(self, operation: str, *arguments: Any) -> Element:
        """The first media service, that nothing comes after: a fault in it is the camera's, not usable."""
        try:
            return await self._ask(MEDIA, operation, *arguments)
        except SoapFault as fault:
            raise invalid(f"it does not answer {operation} ({fault})") from fault

    async def _ask(self, namespace: str, operation: str, *arguments: Any) -> Element:
        while True:
            try:
                return await self._once(namespace, operation, *arguments)
            except CameraRefused:
                if not await self._retime():
                    raise

    async def _once(self, namespace: str, operation: str, *arguments: Any) -> Element:
        envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"s": SOAP, "q": namespace, "tt": _SCHEMA})
        etree.SubElement(envelope, f"{{{SOAP}}}Header")
        asked = etree.SubElement(etree.SubElement(envelope, f"{{{SOAP}}}Body"), f"{{{namespace}}}{operation}")
        asked.extend(arguments)
        if self.credentials:
            token = _library.UsernameDigestTokenDtDiff(
                self.credentials.user,
                self.credentials.password,
                dt_diff=timedelta(microseconds=self._shift()),
                use_digest=True,
            )
            envelope, _ = token.apply(envelope, {})
        headers = {"Content-Type": f'application/soap+xml; charset=utf-8; action="{namespace}/{operation}"'}
        reply = await self.transport.post_xml(self.services[namespace], envelope, headers)
        answer = reply.root.at("Body", f"{operation}Response")
        assert answer is not None, "the transport checked it"
        return answer


def _told(namespace: str, name: str, text: str | None = None) -> Any:
    """An element of a question."""
    element = etree.Element(f"{{{namespace}}}{name}")
    element.text = text
    return element
