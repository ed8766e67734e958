"""What cameras write against XML's, SOAP's and ONVIF's rules is read for what it says; each was seen on one."""

import gzip
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from aiohttp import web

from agent.devices.address import CameraAddress, Credentials
from agent.devices.onvif import ask as onvif
from agent.devices.onvif.ask import CameraFacts, probe_camera
from agent.devices.onvif.urls import Reached
from exchange.clock import SystemClock
from tests.counterparts.onvif.soap_camera import SOAP, SoapCamera, soap_camera
from tests.counterparts.processes import same_process

OWNER = Credentials("owner", "correct horse")
Words = Callable[[bytes], bytes]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onvif, "run_job", same_process.run_job)


async def probe(url: str) -> CameraFacts:
    return await probe_camera(CameraAddress.parse(url), OWNER, clock=SystemClock())


@dataclass
class Odd(SoapCamera):
    """Writes the true answers otherwise."""

    words: Words = bytes
    headers: tuple[tuple[str, str], ...] = ()
    status: int | None = None

    async def handle(self, request: web.Request) -> web.Response:
        answer = await super().handle(request)
        assert isinstance(answer.body, bytes)
        status = self.status if self.status and answer.status == 200 else answer.status
        kind = {"Content-Type": "application/soap+xml; charset=utf-8"}
        return web.Response(body=self.words(answer.body), status=status, headers={**kind, **dict(self.headers)})


def swapped(*pairs: tuple[str, str]) -> Words:
    """Each pattern replaced, in the order given."""

    def swap(content: bytes) -> bytes:
        for pattern, instead in pairs:
            content = re.sub(pattern.encode(), instead.encode(), content, flags=re.DOTALL)
        return content

    return swap


DECLARED = b'<?xml version="1.0" encoding="%s"?>'
WORDS: dict[str, Words] = {
    "SOAP 1.1": swapped((SOAP, "http://schemas.xmlsoap.org/soap/envelope/")),
    "UTF-16": lambda content: b"\xff\xfe" + content.decode().encode("utf-16-le"),
    "called ASCII": lambda content: DECLARED % b"us-ascii" + content,
    "called what nobody knows": lambda content: DECLARED % b"utf-8mb4" + content,
    "two byte order marks": lambda content: b"\xef\xbb\xbf" * 2 + content,
    "text behind it": lambda content: content + b"OK\r\n<!-- end --><html></html>",
    "a part of several": lambda content: (
        b"--x\r\nContent-Type: application/xop+xml\r\n\r\n" + content + b"\r\n--x--\r\n"
    ),
    "control characters": lambda content: content.replace(b"SN-42", b"SN-\x0142"),
    "a reference to none": lambda content: content.replace(b"SN-42", b"SN-&#1;42"),
    "bare ampersands": lambda content: content.replace(b"Dome 4", b"Dome & 4").replace(
        b"/Streaming", b"/s?a=1&b=2&/Streaming"
    ),
    "prefixes that nothing explains": swapped((' xmlns:tt="[^"]*"', "")),
    "types that nobody knows": swapped(
        ("<tt:VideoEncoderConfiguration ", "<tt:VideoEncoderConfiguration xsi:type='tt:Our' ")
    ),
    "more than the schema has": swapped(("<tt:Encoding>", "<tt:Vendor>x</tt:Vendor><tt:Encoding>")),
    "in another order": swapped(("(<tt:Name>e</tt:Name>)(.*?)(<tt:Encoding>H264</tt:Encoding>)", r"\3\2\1")),
    "tokens with a prefix": swapped(("Profiles token=", "Profiles tt:token=")),
    "tokens as elements": swapped((r'Profiles token="(\w+)" fixed="true">', r"Profiles><tt:token>\1</tt:token>")),
    "profiles twice": swapped((r"(<(t..:Profiles) .*?</\2>)", r"\1\1")),
    "codecs by other names": swapped((">H264<", ">H.264H<"), (">H265<", ">H.265<")),
    "no services": swapped(("<tds:Service>.*</tds:Service>", "")),
    "services without an address": swapped(("<tds:XAddr>[^<]*", "<tds:XAddr>")),
    "a path for an address": swapped(("<tds:XAddr>http://[^/]*", "<tds:XAddr>")),
    "addresses without a scheme": swapped(("<tds:XAddr>http://", "<tds:XAddr>")),
    "an address of each kind": swapped(("<tds:XAddr>(http://[^/]*)([^<]*)", r"<tds:XAddr>http://[fe80::1]\2 \1\2")),
    "an IPv6 address without brackets": swapped(("<tds:XAddr>http://[^/]*", "<tds:XAddr>http://fe80::20c:29ff:1")),
    "a port where nothing listens": swapped(("<tds:XAddr>(http://[^:]*)[^/]*", r"<tds:XAddr>\1:9")),
    "a namespace with a slash": swapped((r"<tds:Namespace>([^<]*)", r"<tds:Namespace>\1/")),
    "no time": swapped(("<tds:GetSystemDateAndTimeResponse.*</tds:GetSystemDateAndTimeResponse>", "")),
    "a page for the time": lambda content: b"<html><br></html>" if b"SystemDateAndTime" in content else content,
    "nothing for the time": lambda content: b"" if b"SystemDateAndTime" in content else content,
    "a time that logins aren't held against": swapped((r"<tt:Year>\d+", "<tt:Year>2001")),
}


@pytest.mark.parametrize("media2", [True, False])
@pytest.mark.parametrize("how", WORDS)
async def test_a_camera_is_read_however_it_writes(how: str, media2: bool) -> None:
    camera = Odd(words=WORDS[how], media2=media2)
    async with soap_camera(camera) as url:
        facts = await probe(url)
    (profile,) = facts.profiles
    assert facts.serial.removeprefix("SN-") == "42"
    assert facts.model.startswith("Dome")
    assert (profile.codec, profile.token) in [("h265", "m1"), ("h264", "p1")]
    assert (profile.stream_uri or "").endswith(f"/Streaming/Channels/{profile.token}")
    assert facts.clock is not None


PACKED: dict[str, tuple[str, Words]] = {
    "gzip": ("gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "deflate without its head": ("Deflate", lambda content: zlib.compress(content)[2:-4]),
}


@pytest.mark.parametrize("how", PACKED)
async def test_an_answer_that_is_packed_unasked_is_unpacked(how: str) -> None:
    name, pack = PACKED[how]
    async with soap_camera(Odd(words=pack, headers=(("Content-Encoding", name),))) as url:
        assert (await probe(url)).model == "Dome 4"


async def test_an_answer_that_unpacks_to_very_much_is_not_taken() -> None:
    camera = Odd(words=lambda _: gzip.compress(b" " * 5_000_000), headers=(("Content-Encoding", "gzip"),))
    async with soap_camera(camera) as url:
        with pytest.raises(Exception, match="larger than 4 MiB"):
            await probe(url)


@pytest.mark.parametrize("status", [202, 500])
async def test_a_good_answer_of_another_status_is_read(status: int) -> None:
    async with soap_camera(Odd(status=status)) as url:
        assert (await probe(url)).model == "Dome 4"


@pytest.mark.parametrize(("location", "followed"), [("/onvif/device_service?x", True), ("http://127.0.0.2/", False)])
async def test_a_camera_is_followed_within_itself_and_nowhere_else(location: str, followed: bool) -> None:
    class Moved(SoapCamera):
        async def handle(self, request: web.Request) -> web.Response:
            if request.query_string:
                return await super().handle(request)
            return web.Response(status=308, headers={"Location": location})

    async with soap_camera(Moved(media2=False)) as url:
        if followed:
            assert (await probe(url)).model == "Dome 4"
        else:
            with pytest.raises(Exception, match="sends us on to another address"):
                await probe(url)


@pytest.mark.parametrize("code", ["NotAuthorized", "ActionNotSupported"])
async def test_a_media2_that_is_refused_leaves_it_to_the_first_media_service(code: str) -> None:
    fault = (
        f'<s:Envelope xmlns:s="{SOAP}"><s:Body><s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode>'
        f"<s:Value>ter:{code}</s:Value></s:Subcode></s:Code></s:Fault></s:Body></s:Envelope>"
    ).encode()
    async with soap_camera(Odd(words=lambda content: fault if b"tr2:" in content else content)) as url:
        facts = await probe(url)
    assert [each.token for each in facts.profiles if each.stream_uri] == ["p1"]


@pytest.mark.parametrize(
    ("reported", "stored"),
    [
        ("rtsp://owner:p@ss/w@10.0.0.9:554/live", "rtsp://192.0.2.7:554/live"),
        ("rtsp://10.0.0.9/live?a=1&amp;b=2", "rtsp://192.0.2.7/live?a=1&b=2"),
        ("/live/1", "rtsp://192.0.2.7/live/1"),
        ("10.0.0.9:8554/live", "rtsp://192.0.2.7:8554/live"),
        ("rtsp://fe80::1:554/live", "rtsp://192.0.2.7/live"),
        ("live", None),
        ("http://10.0.0.9/live", None),
    ],
)
def test_a_streams_address_is_read_as_cameras_write_it(reported: str, stored: str | None) -> None:
    reached = Reached(CameraAddress.parse("http://192.0.2.7/onvif/device_service"), [])
    assert reached.stream(reported, Credentials("owner", "p@ss/w")) == stored
