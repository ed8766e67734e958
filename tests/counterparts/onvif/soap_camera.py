"""An ONVIF device service to test against: its clock, login, addresses and services can be set as cameras have them.

Its answers are checked against the schemas that come with the library before they are sent; Media2, which the library
has no schema for, against the names of the specification only. It does what ``ipycam`` cannot: hours off, Digest, TLS.
"""

import base64
import functools
import hashlib
import re
import secrets
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import onvif
from aiohttp import web
from lxml import etree

SOAP = "http://www.w3.org/2003/05/soap-envelope"
SCHEMA = "http://www.onvif.org/ver10/schema"
SERVICES = {
    "device": "http://www.onvif.org/ver10/device/wsdl",
    "media": "http://www.onvif.org/ver10/media/wsdl",
    "media2": "http://www.onvif.org/ver20/media/wsdl",
    "search": "http://www.onvif.org/ver10/search/wsdl",
    "replay": "http://www.onvif.org/ver10/replay/wsdl",
}
_WSDL = Path(onvif.__file__).parent / "wsdl"


@dataclass
class SoapCamera:
    """How the camera is set up, and what it was asked. ``offset``: seconds that its clock is ahead."""

    user: str = "owner"
    password: str = "correct horse"
    login: str = "token"
    """"none", "token" (WS-Security), "digest" (HTTP), "basic" (HTTP)."""
    algorithms: tuple[str, ...] = ("MD5", "SHA-256")
    nonce_uses: int = 1000
    offset: float = 0.0
    zone: str = "CET-1CEST,M3.5.0,M10.5.0/3"
    summer: bool = False
    utc: bool = True
    time_needs_login: bool = False
    get_services: bool = True
    media2: bool = True
    named: str = ""
    """host[:port] that it calls itself; "" for where it listens."""
    stream: str = "rtsp://{host}:554/Streaming/Channels/{number}"
    where: str = ""
    asked: list[str] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    answers: dict[str, bytes] = field(default_factory=dict)
    """Raw answers by operation, in place of the true ones."""
    _nonces: dict[str, int] = field(default_factory=dict)

    def now(self) -> float:
        return time.time() + self.offset

    async def handle(self, request: web.Request) -> web.Response:
        root = etree.fromstring(await request.read())
        body = root.find(f"{{{SOAP}}}Body")
        question = etree.QName(body[0])
        self.asked.append(question.localname)
        self.authorizations.append(request.headers.get("Authorization", ""))
        open_to_all = question.localname == "GetSystemDateAndTime" and not self.time_needs_login
        if not open_to_all and (refusal := self._refusal(request, root)):
            return refusal
        if question.localname in self.answers:
            return _xml(self.answers[question.localname])
        service = next(name for name, namespace in SERVICES.items() if namespace == question.namespace)
        make = getattr(self, f"{service}_{question.localname}", None)
        if make is None or (service == "media2" and not self.media2):
            return _fault("ter:ActionNotSupported", "Optional Action Not Implemented")
        answer = make(body[0])
        if answer is None:
            return _fault("ter:ActionNotSupported", "Optional Action Not Implemented")
        if service != "media2":
            _schema(service).assertValid(etree.fromstring(answer))
        return _xml(_envelope(answer))

    # -- login ---------------------------------------------------------------------------------------------------

    def _refusal(self, request: web.Request, root: etree._Element) -> web.Response | None:
        if self.login == "none":
            return None
        if self.login == "token":
            return None if self._token_holds(root) else _fault("ter:NotAuthorized", "Sender not Authorized")
        if self.login == "basic":
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="camera"'})
        if self._digest_holds(request):
            return None
        answer = web.Response(status=401, text="<html>Unauthorized</html>")
        answer.headers.add("WWW-Authenticate", 'Basic realm="camera"')
        for algorithm in self.algorithms:
            nonce = secrets.token_hex(16)
            self._nonces[nonce] = 0
            challenge = (
                f'Digest realm="the \\"camera\\"", qop="auth", nonce="{nonce}", algorithm={algorithm}, opaque="x y"'
            )
            answer.headers.add("WWW-Authenticate", challenge)
        return answer

    def _token_holds(self, root: etree._Element) -> bool:
        told = {etree.QName(element).localname: element.text or "" for element in root.iter("{*}UsernameToken", "{*}*")}
        if not {"Username", "Password", "Nonce", "Created"} <= told.keys():
            return False
        created = datetime.fromisoformat(told["Created"])
        digest = hashlib.sha1(
            base64.b64decode(told["Nonce"]) + told["Created"].encode() + self.password.encode()
        ).digest()
        right = told["Username"] == self.user and base64.b64decode(told["Password"]) == digest
        return right and abs(created.timestamp() - self.now()) <= 5

    def _digest_holds(self, request: web.Request) -> bool:
        header = request.headers.get("Authorization", "")
        if not header.startswith("Digest "):
            return False
        told = {
            name: quoted or bare
            for name, quoted, bare in re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))', header)
        }
        uses = self._nonces.get(told["nonce"])
        if uses is None or uses >= self.nonce_uses or int(told["nc"], 16) != uses + 1:
            return False
        self._nonces[told["nonce"]] += 1
        make = hashlib.sha256 if told["algorithm"] == "SHA-256" else hashlib.md5

        def hashed(text: str) -> str:
            return make(text.encode()).hexdigest()

        secret = hashed(f'{self.user}:the "camera":{self.password}')
        what = hashed(f"POST:{request.path_qs}")
        wanted = hashed(f"{secret}:{told['nonce']}:{told['nc']}:{told['cnonce']}:auth:{what}")
        return told["response"] == wanted and told["uri"] == request.path_qs and told["username"] == self.user

    # -- the device service --------------------------------------------------------------------------------------

    def device_GetSystemDateAndTime(self, _: etree._Element) -> str:
        def civil(name: str, moment: datetime) -> str:
            return (
                f"<tt:{name}><tt:Time><tt:Hour>{moment.hour}</tt:Hour><tt:Minute>{moment.minute}</tt:Minute>"
                f"<tt:Second>{moment.second}</tt:Second></tt:Time><tt:Date><tt:Year>{moment.year}</tt:Year>"
                f"<tt:Month>{moment.month}</tt:Month><tt:Day>{moment.day}</tt:Day></tt:Date></tt:{name}>"
            )

        east = 3600 + 3600 * self.summer
        utc = civil("UTCDateTime", datetime.fromtimestamp(self.now(), UTC)) if self.utc else ""
        return _element(
            "device",
            "GetSystemDateAndTimeResponse",
            "<tds:SystemDateAndTime><tt:DateTimeType>Manual</tt:DateTimeType>"
            f"<tt:DaylightSavings>{str(self.summer).lower()}</tt:DaylightSavings>"
            f"<tt:TimeZone><tt:TZ>{self.zone}</tt:TZ></tt:TimeZone>{utc}"
            f"{civil('LocalDateTime', datetime.fromtimestamp(self.now() + east, UTC))}</tds:SystemDateAndTime>",
        )

    def device_GetDeviceInformation(self, _: etree._Element) -> str:
        return _element(
            "device",
            "GetDeviceInformationResponse",
            "<tds:Manufacturer>Acme\u00b7Werke</tds:Manufacturer><tds:Model>Dome 4</tds:Model>"
            "<tds:FirmwareVersion>V1.2 build 3</tds:FirmwareVersion><tds:SerialNumber>SN-42</tds:SerialNumber>"
            "<tds:HardwareId>88</tds:HardwareId>",
        )

    def device_GetServices(self, _: etree._Element) -> str | None:
        if not self.get_services:
            return None
        names = [name for name in SERVICES if name != "media2" or self.media2]
        return _element(
            "device",
            "GetServicesResponse",
            "".join(
                f"<tds:Service><tds:Namespace>{SERVICES[name]}</tds:Namespace><tds:XAddr>{self._url(name)}</tds:XAddr>"
                "<tds:Version><tt:Major>2</tt:Major><tt:Minor>60</tt:Minor></tds:Version></tds:Service>"
                for name in names
            ),
        )

    def device_GetCapabilities(self, _: etree._Element) -> str:
        return _element(
            "device",
            "GetCapabilitiesResponse",
            f"<tds:Capabilities><tt:Media><tt:XAddr>{self._url('media')}</tt:XAddr><tt:StreamingCapabilities/></tt:Media>"
            "</tds:Capabilities>",
        )

    # -- media ---------------------------------------------------------------------------------------------------

    def media_GetProfiles(self, _: etree._Element) -> str:
        return _element(
            "media",
            "GetProfilesResponse",
            '<trt:Profiles token="p1" fixed="true"><tt:Name>main</tt:Name>'
            '<tt:VideoSourceConfiguration token="vs1"><tt:Name>v</tt:Name><tt:UseCount>1</tt:UseCount>'
            '<tt:SourceToken>channel-1</tt:SourceToken><tt:Bounds x="0" y="0" width="1920" height="1080"/>'
            "</tt:VideoSourceConfiguration>"
            '<tt:VideoEncoderConfiguration token="ve1"><tt:Name>e</tt:Name><tt:UseCount>1</tt:UseCount>'
            "<tt:Encoding>H264</tt:Encoding><tt:Resolution><tt:Width>1920</tt:Width><tt:Height>1080</tt:Height>"
            "</tt:Resolution><tt:Quality>4</tt:Quality><tt:RateControl><tt:FrameRateLimit>25</tt:FrameRateLimit>"
            "<tt:EncodingInterval>1</tt:EncodingInterval><tt:BitrateLimit>4096</tt:BitrateLimit></tt:RateControl>"
            f"{_MULTICAST}</tt:VideoEncoderConfiguration>"
            '<tt:AudioEncoderConfiguration token="ae1"><tt:Name>a</tt:Name><tt:UseCount>1</tt:UseCount>'
            "<tt:Encoding>G711</tt:Encoding><tt:Bitrate>64</tt:Bitrate><tt:SampleRate>8</tt:SampleRate>"
            f"{_MULTICAST}</tt:AudioEncoderConfiguration></trt:Profiles>",
        )

    def media_GetStreamUri(self, asked: etree._Element) -> str:
        return _element(
            "media",
            "GetStreamUriResponse",
            f"<trt:MediaUri><tt:Uri>{self._stream(asked)}</tt:Uri><tt:InvalidAfterConnect>false</tt:InvalidAfterConnect>"
            "<tt:InvalidAfterReboot>false</tt:InvalidAfterReboot><tt:Timeout>PT0S</tt:Timeout></trt:MediaUri>",
        )

    def media2_GetProfiles(self, _: etree._Element) -> str:
        return _element(
            "media2",
            "GetProfilesResponse",
            '<tr2:Profiles token="m1" fixed="true"><tr2:Name>main</tr2:Name><tr2:Configurations>'
            '<tr2:VideoSource token="vs1"><tt:SourceToken>channel-1</tt:SourceToken></tr2:VideoSource>'
            '<tr2:VideoEncoder token="ve1"><tt:Encoding>H265</tt:Encoding><tt:Resolution><tt:Width>3840</tt:Width>'
            '<tt:Height>2160</tt:Height></tt:Resolution><tt:RateControl ConstantBitRate="false">'
            "<tt:FrameRateLimit>12.5</tt:FrameRateLimit><tt:BitrateLimit>6144</tt:BitrateLimit></tt:RateControl>"
            "<tt:Quality>4</tt:Quality></tr2:VideoEncoder>"
            '<tr2:AudioEncoder token="ae1"><tt:Encoding>MP4A-LATM</tt:Encoding></tr2:AudioEncoder>'
            "</tr2:Configurations></tr2:Profiles>"
            '<tr2:Profiles token="no-video"><tr2:Name>meta</tr2:Name></tr2:Profiles>',
        )

    def media2_GetStreamUri(self, asked: etree._Element) -> str:
        return _element("media2", "GetStreamUriResponse", f"<tr2:Uri>{self._stream(asked)}</tr2:Uri>")

    def _stream(self, asked: etree._Element) -> str:
        host = (self.named or self.where).partition(":")[0]
        token = next(element.text for element in asked.iter() if etree.QName(element).localname == "ProfileToken")
        return self.stream.format(host=host, number=token, password=self.password).replace("&", "&amp;")

    def _url(self, service: str) -> str:
        return f"http://{self.named or self.where}/onvif/{service}_service"


_MULTICAST = (
    "<tt:Multicast><tt:Address><tt:Type>IPv4</tt:Type><tt:IPv4Address>0.0.0.0</tt:IPv4Address></tt:Address>"
    "<tt:Port>0</tt:Port><tt:TTL>1</tt:TTL><tt:AutoStart>false</tt:AutoStart></tt:Multicast>"
    "<tt:SessionTimeout>PT60S</tt:SessionTimeout>"
)
_PREFIXES = {"device": "tds", "media": "trt", "media2": "tr2", "search": "tse", "replay": "trp"}


def _element(service: str, name: str, content: str) -> str:
    prefix = _PREFIXES[service]
    return f'<{prefix}:{name} xmlns:{prefix}="{SERVICES[service]}" xmlns:tt="{SCHEMA}">{content}</{prefix}:{name}>'


def _envelope(content: str) -> bytes:
    return f'<s:Envelope xmlns:s="{SOAP}"><s:Body>{content}</s:Body></s:Envelope>'.encode()


def _xml(data: bytes, status: int = 200) -> web.Response:
    return web.Response(body=data, status=status, content_type="application/soap+xml", charset="utf-8")


def _fault(subcode: str, reason: str) -> web.Response:
    content = (
        "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode>"
        f'<s:Value xmlns:ter="http://www.onvif.org/ver10/error">{subcode}</s:Value></s:Subcode></s:Code>'
        f'<s:Reason><s:Text xml:lang="en">{reason}</s:Text></s:Reason></s:Fault>'
    )
    return _xml(_envelope(content), 400)


@functools.cache
def _schema(service: str) -> etree.XMLSchema:
    wsdl = _WSDL / {"device": "devicemgmt.wsdl"}.get(service, f"{service}.wsdl")
    types = etree.parse(wsdl).find(".//{http://www.w3.org/2001/XMLSchema}schema")
    return etree.XMLSchema(etree.fromstring(etree.tostring(types), base_url=str(wsdl)))


@asynccontextmanager
async def soap_camera(camera: SoapCamera, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve the camera on loopback until the block ends; yields the URL of its device service."""
    app = web.Application()
    app.router.add_post("/onvif/{service}_service", camera.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        camera.where = f"127.0.0.1:{runner.addresses[0][1]}"
        yield f"{'https' if tls else 'http'}://{camera.where}/onvif/device_service"
    finally:
        await runner.cleanup()
