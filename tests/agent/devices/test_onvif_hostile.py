"""What a camera that means harm, or is broken, can do to the agent: get a plain error, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from lxml import etree

from agent.devices.onvif import ask as onvif
from agent.devices.onvif import transport as onvif_transport
from agent.devices.onvif.ask import CameraAddress, Credentials, probe_camera
from agent.workers.process import MIB, Limits
from exchange.clock import SystemClock
from exchange.errors import CameraAnswerInvalid, CameraRefused, CameraUnreachable, WorkerFailed
from tests.counterparts.onvif.announcer import BOMB
from tests.counterparts.onvif.soap_camera import SOAP, SoapCamera, soap_camera
from tests.counterparts.processes import same_process

OWNER = Credentials("owner", "correct horse")
Server = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def real_worker() -> None:
    """For the tests whose point includes the worker process; the others run its job in this process."""


@pytest.fixture(autouse=True)
def quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "real_worker" not in request.fixturenames:
        monkeypatch.setattr(onvif, "run_job", same_process.run_job)


@asynccontextmanager
async def served(answer: bytes, *, endless: bytes = b"", then_hang: bool = False) -> AsyncIterator[str]:
    """A server that answers every connection with these bytes, then perhaps with more without end, or with silence."""
    open_writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_writers.append(writer)
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            while endless:
                writer.write(endless)
                await writer.drain()
            await writer.drain()
            if then_hang:
                await reader.read()
                await asyncio.Event().wait()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/onvif/device_service"
    finally:
        server.close()
        for writer in open_writers:
            writer.transport.abort()


def http(body: bytes, *fields: str, status: str = "200 OK") -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *fields])
    return head.encode() + b"\r\n\r\n" + body


def envelope(content: str, namespace: str = SOAP) -> bytes:
    return f'<s:Envelope xmlns:s="{namespace}"><s:Body>{content}</s:Body></s:Envelope>'.encode()


TIME = '<{0}GetSystemDateAndTimeResponse xmlns{1}="{2}"/>'
DEVICE = "http://www.onvif.org/ver10/device/wsdl"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (http(BOMB), "document type"),
        (http(b"\x00\x01\x02 garbage"), "not XML"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not proper HTTP"),
        (http(b"<html><body>Login</body></html>"), "not SOAP"),
        (http(b"not here", status="404 Not Found"), "no ONVIF service"),
        (http(b"", "Location: http://192.0.2.1/onvif/device_service", status="302 Found"), "on to another address"),
        (http(b"", "Location: http://192.0.2.1/", status="307 Temporary Redirect"), "on to another address"),
        (http(b"<a>" * 5000), "deeper"),
        (http(b"<a>" + b"<b/>" * 150_000 + b"</a>"), "more elements"),
        (http(b"\x1f\x8b\x08", "Content-Encoding: gzip"), "packed"),
        (http(envelope(TIME.format("", "", "urn:other"))), "no answer to"),
        (http(envelope(TIME.format("", "", DEVICE), "urn:soap")), "another SOAP"),
        (http(envelope('<GetUsersResponse xmlns="urn:x"/>')), "no answer to"),
        (http(envelope("")), "no answer to"),
    ],
)
async def test_an_answer_that_is_no_usable_answer_is_called_that(answer: bytes, why: str) -> None:
    async with served(answer) as url:
        with pytest.raises(CameraAnswerInvalid, match=why):
            await probe_camera(CameraAddress.parse(url), OWNER, clock=SystemClock())


@pytest.mark.usefixtures("real_worker")
async def test_an_endless_answer_is_cut_off() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n<a>"
    async with served(head, endless=b"<b>x</b>" * 8192) as url:
        with pytest.raises(CameraAnswerInvalid, match="larger than 4 MiB"):
            await probe_camera(CameraAddress.parse(url), OWNER, clock=SystemClock())


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
async def test_a_bare_refusal_is_a_refusal(status: str) -> None:
    async with served(http(b"<html>", status=status)) as url:
        with pytest.raises(CameraRefused):
            await probe_camera(CameraAddress.parse(url), OWNER, clock=SystemClock())


async def test_a_camera_that_is_not_there_is_unreachable() -> None:
    async with served(b"") as url:
        pass
    for address in (url, url.replace("http", "https")):
        with pytest.raises(CameraUnreachable, match="no connection could be made"):
            await probe_camera(CameraAddress.parse(address), OWNER, clock=SystemClock())


async def test_a_camera_that_breaks_off_is_unreachable() -> None:
    async with served(b"") as url:
        with pytest.raises(CameraUnreachable, match="broke the connection off"):
            await probe_camera(CameraAddress.parse(url), OWNER, clock=SystemClock())


async def test_a_camera_that_accepts_and_says_nothing_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onvif_transport, "_ANSWER_SECONDS", 0.3)
    async with served(b"HTTP/1.1 200 OK\r\n", then_hang=True) as url, aiohttp.ClientSession() as session:
        transport = onvif_transport.CameraTransport(session, CameraAddress.parse(url), OWNER, None, SystemClock())
        with pytest.raises(CameraUnreachable, match="did not answer within"):
            await transport.post_xml(url, question("GetServices"), {})


@pytest.mark.usefixtures("real_worker")
async def test_a_camera_that_hangs_a_worker_loses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onvif, "SOAP", Limits(memory=192 * MIB, wall=2.5))
    async with served(b"HTTP/1.1 200 OK\r\n", then_hang=True) as url:
        with pytest.raises(WorkerFailed, match="ran longer than"):
            await probe_camera(CameraAddress.parse(url), OWNER, clock=SystemClock())


def question(name: str) -> etree._Element:
    root = etree.Element(f"{{{SOAP}}}Envelope")
    etree.SubElement(etree.SubElement(root, f"{{{SOAP}}}Body"), f"{{{DEVICE}}}{name}")
    return root


@pytest.mark.parametrize("name", ["SetSystemDateAndTime", "SystemReboot", "CreateUsers", "GetSystemBackup"])
async def test_the_transport_sends_no_operation_that_is_not_a_known_question(name: str) -> None:
    camera = SoapCamera(login="none")
    async with soap_camera(camera) as url, aiohttp.ClientSession() as session:
        transport = onvif_transport.CameraTransport(session, CameraAddress.parse(url), None, None, SystemClock())
        with pytest.raises(PermissionError, match="nothing is ever set"):
            await transport.post_xml(url, question(name), {})
    assert camera.asked == []


NOWHERE = f'<GetServicesResponse xmlns="{DEVICE}"><Service><Namespace/><XAddr>file:///etc/passwd</XAddr></Service>'
ENDLESS_NAME = f'<GetDeviceInformationResponse xmlns="{DEVICE}"><Model>{"x" * 100_000}</Model>'
IMPOSSIBLE = (
    '<GetProfilesResponse xmlns="http://www.onvif.org/ver10/media/wsdl" xmlns:tt="http://www.onvif.org/ver10/schema">'
    '<Profiles token="a"><tt:VideoEncoderConfiguration token="b"><tt:Resolution><tt:Width>-7</tt:Width>'
    "<tt:Height>1e99</tt:Height></tt:Resolution></tt:VideoEncoderConfiguration></Profiles>"
)


@pytest.mark.parametrize(
    ("operation", "content"),
    [
        ("GetDeviceInformation", f'<GetDeviceInformationResponse xmlns="{DEVICE}"/>'),
        ("GetDeviceInformation", ENDLESS_NAME + "</GetDeviceInformationResponse>"),
        ("GetServices", NOWHERE + "</GetServicesResponse>"),
        ("GetServices", f'<GetServicesResponse xmlns="{DEVICE}"/>'),
        ("GetProfiles", '<GetProfilesResponse xmlns="http://www.onvif.org/ver10/media/wsdl"/>'),
        ("GetProfiles", IMPOSSIBLE + "</GetProfilesResponse>"),
        ("GetSystemDateAndTime", f'<GetSystemDateAndTimeResponse xmlns="{DEVICE}"/>'),
    ],
)
async def test_what_is_missing_or_impossible_in_an_answer_is_left_out(operation: str, content: str) -> None:
    camera = SoapCamera(media2=False, answers={operation: envelope(content)})
    async with soap_camera(camera) as url:
        facts = await probe_camera(CameraAddress.parse(url), OWNER, clock=SystemClock())
    assert len(facts.model) <= 128
    assert all(profile.width is None for profile in facts.profiles if profile.token == "a")
    assert all(service.startswith("http://127.0.0.1:") for service in facts.services.values())
    assert facts.clock is not None
