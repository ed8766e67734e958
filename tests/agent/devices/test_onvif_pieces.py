"""What a camera tells is taken piece by piece, over HTTP as cameras speak it; what is missing is said."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from lxml import etree

from agent.devices.onvif import ask as onvif
from agent.devices.onvif import job as onvif_job
from agent.devices.onvif import transport as onvif_transport
from agent.devices.onvif.ask import CameraAddress, CameraFacts, Credentials, probe_camera
from exchange.clock import SystemClock
from exchange.errors import CameraRefused
from tests.counterparts.http.odd_http import ODDITIES, odd_http
from tests.counterparts.onvif.soap_camera import SOAP, SoapCamera, soap_camera
from tests.counterparts.processes import same_process

OWNER = Credentials("owner", "correct horse")
Special = Callable[[web.Request], Awaitable[web.Response]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onvif, "run_job", same_process.run_job)


async def probe(url: str, profile: str | None = None) -> CameraFacts:
    return await probe_camera(CameraAddress.parse(url), OWNER, clock=SystemClock(), profile=profile)


@dataclass
class Particular(SoapCamera):
    """Answers some operations in a way of its own: by operation, or by operation and the profile asked for."""

    special: dict[str, Special] = field(default_factory=dict)
    profiles: int = 0
    """Of the first media service; 0: the usual one."""

    async def handle(self, request: web.Request) -> web.Response:
        body = etree.fromstring(await request.read()).find(f"{{{SOAP}}}Body")
        name = etree.QName(body[0]).localname
        tokens = [each.text or "" for each in body.iter("{*}ProfileToken")]
        for key in (name, " ".join([name, *tokens])):
            if key in self.special:
                self.asked.append(name)
                return await self.special[key](request)
        return await super().handle(request)

    def media_GetProfiles(self, asked: etree._Element) -> str:
        one = super().media_GetProfiles(asked)
        if not self.profiles:
            return one
        head, _, rest = one.partition("<trt:Profiles")
        profile, _, tail = rest.partition("</trt:Profiles>")
        many = (
            f"<trt:Profiles{profile}</trt:Profiles>".replace('"p1"', f'"p{number}"').replace(">main<", f">{number}<")
            for number in range(1, self.profiles + 1)
        )
        return head + "".join(many) + tail


def answering(status: int, body: str = "") -> Special:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, text=body, content_type="text/html")

    return answer


FAULT = (
    f'<s:Envelope xmlns:s="{SOAP}"><s:Body><s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode>'
    '<s:Value xmlns:ter="http://www.onvif.org/ver10/error">ter:NotAuthorized</s:Value></s:Subcode></s:Code>'
    '<s:Reason><s:Text xml:lang="en">Sender not Authorized</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>'
)
NOT_PERMITTED = {
    "a fault": answering(400, FAULT),
    "a fault in 200": answering(200, FAULT),
    "403": answering(403, "<html>Forbidden</html>"),
    "401 without a body": answering(401),
}
NOT_SOAP = {
    "400": answering(400, "<html>Bad Request</html>"),
    "500": answering(500, "Internal Server Error"),
    "500 without a body": answering(500),
    "503": answering(503, "busy"),
    "404": answering(404, "<html>Not Found</html>"),
    "200 with a page": answering(200, "<html>Welcome</html>"),
    "an empty 200": answering(200),
}


# -- HTTP ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("oddity", ODDITIES)
async def test_a_camera_is_read_however_its_web_server_frames_the_answers(oddity: str) -> None:
    camera = SoapCamera()
    async with soap_camera(camera) as url:
        plain = await probe(url)
        async with odd_http(int(camera.where.partition(":")[2]), ODDITIES[oddity]) as odd:
            camera.named = odd.where
            facts = await probe(f"http://{odd.where}/onvif/device_service")
    assert facts.model == "Dome 4"
    assert [each.stream_uri for each in facts.profiles] == [each.stream_uri for each in plain.profiles]
    assert facts.notes == ()


@pytest.mark.parametrize("oddity", ["its length twice", "a length beside pieces"])
async def test_a_camera_that_counts_how_often_its_nonce_was_used_is_read_however_it_frames_the_answers(
    oddity: str,
) -> None:
    camera = SoapCamera(login="digest")
    async with (
        soap_camera(camera),
        odd_http(int(camera.where.partition(":")[2]), ODDITIES[oddity]) as odd,
    ):
        camera.named = odd.where
        facts = await probe(f"http://{odd.where}/onvif/device_service")
    assert facts.model == "Dome 4"
    assert [each.token for each in facts.profiles if each.stream_uri] == ["m1"]


@pytest.mark.parametrize("login", ["token", "digest"])
async def test_a_camera_that_resets_a_connection_that_was_used_once_is_asked_over_new_ones(login: str) -> None:
    camera = SoapCamera(login=login)
    async with (
        soap_camera(camera),
        odd_http(int(camera.where.partition(":")[2]), lambda _: None, resets_second=True) as odd,
    ):
        camera.named = odd.where
        facts = await probe(f"http://{odd.where}/onvif/device_service")
    assert facts.model == "Dome 4"
    assert set(odd.connections) <= {0, 1}
    assert sum(odd.connections) >= 6


# -- pieces --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", NOT_PERMITTED)
async def test_a_user_who_may_not_read_what_the_camera_is_still_gets_its_streams(how: str) -> None:
    async with soap_camera(Particular(special={"GetDeviceInformation": NOT_PERMITTED[how]})) as url:
        facts = await probe(url)
    assert (facts.make, facts.model) == ("", "")
    assert [each.token for each in facts.profiles if each.stream_uri] == ["m1"]
    assert "It does not tell this user what make and model it is." in facts.notes


@pytest.mark.parametrize("how", NOT_SOAP)
async def test_a_camera_that_answers_one_question_with_nonsense_still_tells_the_rest(how: str) -> None:
    async with soap_camera(Particular(special={"GetDeviceInformation": NOT_SOAP[how]})) as url:
        facts = await probe(url)
    assert [each.token for each in facts.profiles if each.stream_uri] == ["m1"]
    assert any("It does not tell what make and model it is" in note for note in facts.notes)


@pytest.mark.parametrize("how", NOT_PERMITTED | NOT_SOAP)
async def test_one_profile_that_gets_no_address_costs_no_other_its_own(how: str) -> None:
    special = {"GetStreamUri p2": (NOT_PERMITTED | NOT_SOAP)[how]}
    async with soap_camera(Particular(media2=False, profiles=3, special=special)) as url:
        facts = await probe(url)
    assert [each.token for each in facts.profiles if each.stream_uri] == ["p1", "p3"]
    assert any("where its stream '2' is" in note for note in facts.notes)


@pytest.mark.parametrize("how", NOT_PERMITTED)
async def test_services_that_are_told_only_without_a_login_are_found(how: str) -> None:
    async def only_without(request: web.Request) -> web.Response:
        if b"UsernameToken" in await request.read():
            return await NOT_PERMITTED[how](request)
        login, camera.login = camera.login, "none"
        try:
            return await SoapCamera.handle(camera, request)
        finally:
            camera.login = login

    camera = Particular(special={"GetServices": only_without})
    async with soap_camera(camera) as url:
        facts = await probe(url)
    assert facts.model == "Dome 4"
    assert [each.token for each in facts.profiles if each.stream_uri] == ["m1"]


@pytest.mark.parametrize("how", NOT_SOAP)
async def test_a_camera_that_has_no_get_services_in_whatever_words_is_read_by_its_capabilities(how: str) -> None:
    async with soap_camera(Particular(special={"GetServices": NOT_SOAP[how]})) as url:
        facts = await probe(url)
    assert [each.token for each in facts.profiles if each.stream_uri] == ["p1"]
    assert any("GetCapabilities" in note for note in facts.notes)


async def test_a_media2_that_tells_no_address_leaves_it_to_the_first_media_service() -> None:
    async with soap_camera(Particular(special={"GetStreamUri m1": answering(500)})) as url:
        facts = await probe(url)
    assert [each.token for each in facts.profiles if each.stream_uri] == ["p1"]


async def test_a_login_that_is_good_for_nothing_is_refused() -> None:
    refused = answering(400, FAULT)
    async with soap_camera(Particular(special={"GetDeviceInformation": refused, "GetProfiles": refused})) as url:
        with pytest.raises(CameraRefused, match="refused the user name or password"):
            await probe(url)


async def test_a_profile_that_never_answers_costs_no_other_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onvif_transport, "_ANSWER_SECONDS", 1.0)

    over = asyncio.Event()

    async def never(request: web.Request) -> web.Response:
        await over.wait()
        return web.Response()

    async with soap_camera(Particular(media2=False, profiles=3, special={"GetStreamUri p1": never})) as url:
        facts = await probe(url)
        over.set()
    assert [each.token for each in facts.profiles if each.stream_uri] == ["p2", "p3"]
    assert any("did not answer within 1 s" in note for note in facts.notes)


async def test_64_slow_profiles_are_asked_as_long_as_there_is_time_the_one_that_is_wanted_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    camera = Particular(media2=False, profiles=64)

    class EachTakesASecond:
        @staticmethod
        def monotonic() -> float:
            return float(camera.asked.count("GetStreamUri"))

    monkeypatch.setattr(onvif_job, "time", EachTakesASecond)
    async with soap_camera(camera) as url:
        facts = await probe(url, "p60")
    assert len(facts.profiles) == 64
    told = [each.token for each in facts.profiles if each.stream_uri]
    assert told == [*(f"p{number}" for number in range(1, 36)), "p60"]
    assert any("of its 64 streams, 28 were not asked" in note for note in facts.notes)
