"""What is read from a camera over ONVIF: a real one's facts, logins and clocks as cameras have them, nothing set."""

import asyncio
import hashlib
import logging
import ssl
import sys
from pathlib import Path

import pytest
import trustme

from agent.devices.clock import compare, http_date
from agent.devices.http_digest import Digest, choose, offers
from agent.devices.onvif import ask as onvif
from agent.devices.onvif.ask import CameraAddress, CameraFacts, Credentials, probe_camera
from exchange.clock import HOUR, SECOND, SystemClock, from_rfc3339
from exchange.errors import CameraRefused, CertificateChanged
from tests.counterparts.onvif.ipycam_camera import ipycam_camera
from tests.counterparts.onvif.soap_camera import SERVICES, SoapCamera, soap_camera
from tests.counterparts.processes import same_process

OWNER = Credentials("owner", "correct horse")
READ_ONLY = {
    "GetSystemDateAndTime",
    "GetServices",
    "GetCapabilities",
    "GetDeviceInformation",
    "GetProfiles",
    "GetStreamUri",
}


@pytest.fixture
def real_worker() -> None:
    """For the tests whose point includes the worker process; the others run its job in this process."""


@pytest.fixture(autouse=True)
def quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "real_worker" not in request.fixturenames:
        monkeypatch.setattr(onvif, "run_job", same_process.run_job)


async def probe(url: str, credentials: Credentials | None = OWNER, *, pin: str | None = None) -> CameraFacts:
    return await probe_camera(CameraAddress.parse(url, pin=pin), credentials, clock=SystemClock())


# -- a camera written by somebody else ---------------------------------------------------------------------------


@pytest.mark.usefixtures("real_worker")
async def test_a_real_camera_tells_what_it_is_and_what_it_streams() -> None:
    async with ipycam_camera("--serial", "O-1", "--width", "800", "--height", "450", "--fps", "10") as camera:
        facts = await probe(camera.onvif, None)
    assert (facts.make, facts.model, facts.serial, facts.firmware) == ("ipycam", "DemoCamera", "O-1", "1.3.0")
    main, sub = facts.profiles
    assert (main.codec, main.width, main.height, main.fps, main.bitrate_kbps) == ("h264", 800, 450, 10, 1000)
    assert main.stream_uri == camera.rtsp
    assert (sub.width, sub.height, sub.audio) == (320, 180, "")
    assert facts.clock is not None
    assert abs(facts.clock.offset_us) <= facts.clock.uncertainty_us
    assert facts.notes == ()


@pytest.mark.usefixtures("real_worker")
async def test_a_real_camera_tells_a_wrong_password_from_a_right_one(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("s3cret!")
    async with ipycam_camera(password_file=secret) as camera:
        facts = await probe(camera.onvif, Credentials("owner", "s3cret!"))
        with pytest.raises(CameraRefused, match="refused the user name or password"):
            await probe(camera.onvif, Credentials("owner", "guess"))
        with pytest.raises(CameraRefused, match="asks for a user name"):
            await probe(camera.onvif, None)
    assert facts.model == "DemoCamera"
    assert any("tells its time only to those who log in" in note for note in facts.notes)


# -- clocks ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("real_worker")
@pytest.mark.parametrize("hours", [-7.5, 26])
async def test_a_clock_that_is_hours_off_is_measured_and_hinders_no_login(hours: float) -> None:
    camera = SoapCamera(offset=hours * 3600)
    async with soap_camera(camera) as url:
        facts = await probe(url)
    assert facts.serial == "SN-42"
    check = facts.clock
    assert check is not None
    assert abs(check.offset_us - hours * HOUR) <= check.uncertainty_us
    assert check.offset_us == check.device_time - check.reference_time
    assert SECOND <= check.uncertainty_us < 6 * SECOND
    assert (check.zone, check.daylight_saving) == ("CET-1CEST,M3.5.0,M10.5.0/3", False)
    # The time is read first, and unasked for a password.
    assert camera.asked[:2] == ["GetSystemDateAndTime"] * 2


async def test_the_offset_is_against_the_injected_clock_and_the_login_still_fits() -> None:
    class Ahead(SystemClock):
        def now(self) -> int:
            return super().now() + 3 * HOUR

    async with soap_camera(SoapCamera(offset=3600)) as url:
        facts = await probe_camera(CameraAddress.parse(url), OWNER, clock=Ahead())
    assert facts.clock is not None
    assert abs(facts.clock.offset_us + 2 * HOUR) <= facts.clock.uncertainty_us
    assert abs(facts.clock.at - Ahead().now()) < HOUR


@pytest.mark.parametrize("login", ["", "token"])
async def test_a_clock_is_compared_to_hundredths_of_a_second_where_the_time_is_taken_for_it(login: str) -> None:
    camera = SoapCamera(offset=-9000, **({"login": login} if login else {}))
    async with soap_camera(camera) as url:
        facts = await probe_camera(CameraAddress.parse(url), OWNER, clock=SystemClock(), narrow=True)
    assert facts.clock is not None
    assert facts.clock.uncertainty_us < 100_000
    assert abs(facts.clock.offset_us + 9000 * SECOND) <= facts.clock.uncertainty_us
    assert camera.asked.count("GetSystemDateAndTime") <= 8


async def test_local_time_and_zone_do_where_a_camera_tells_no_utc() -> None:
    async with soap_camera(SoapCamera(utc=False, summer=True, offset=-600)) as url:
        facts = await probe(url)
    assert facts.clock is not None
    assert abs(facts.clock.offset_us + 600 * SECOND) <= facts.clock.uncertainty_us
    assert "local time" in facts.clock.method
    assert facts.clock.daylight_saving is True


async def test_http_gives_the_time_where_onvif_does_not() -> None:
    async with soap_camera(SoapCamera(utc=False, zone="nonsense?")) as url:
        facts = await probe(url)
    assert facts.clock is not None
    assert facts.clock.method == "HTTP Date header"
    assert any("does not tell its time over ONVIF" in note for note in facts.notes)


def test_an_offset_is_known_to_half_the_round_trip_and_the_devices_second() -> None:
    check = compare(100 * SECOND, sent=90 * SECOND, received=92 * SECOND, method="m")
    assert (check.reference_time, check.offset_us, check.uncertainty_us) == (91 * SECOND, 9 * SECOND, 2 * SECOND)


def test_an_http_date_is_read_and_nonsense_is_not() -> None:
    assert http_date("Sun, 06 Nov 1994 08:49:37 GMT") == from_rfc3339("1994-11-06T08:49:37Z")
    assert http_date("yesterday") is None


# -- logins ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("algorithms", "used"), [(("MD5",), "MD5"), (("MD5", "SHA-256"), "SHA-256"), (("SHA-999", "MD5"), "MD5")]
)
async def test_http_digest_takes_the_strongest_hash_that_is_offered(algorithms: tuple[str, ...], used: str) -> None:
    camera = SoapCamera(login="digest", algorithms=algorithms, offset=-9000)
    async with soap_camera(camera) as url:
        facts = await probe(url)
    assert facts.serial == "SN-42"
    assert {f"algorithm={used}" in header for header in camera.authorizations if header} == {True}
    # One challenge serves all the questions that follow, by counting the nonce's uses.
    assert camera.authorizations.count("") == 3


async def test_a_digest_nonce_that_grows_old_is_renewed_without_a_refusal() -> None:
    camera = SoapCamera(login="digest", nonce_uses=1)
    async with soap_camera(camera) as url:
        assert (await probe(url)).serial == "SN-42"


@pytest.mark.parametrize("login", ["token", "digest"])
async def test_a_wrong_password_is_refused_after_few_tries(login: str) -> None:
    camera = SoapCamera(login=login)
    async with soap_camera(camera) as url:
        with pytest.raises(CameraRefused, match="refused the user name or password") as refused:
            await probe(url, Credentials("owner", "hunter2hunter2"))
    assert "hunter2" not in str(refused.value)
    # Cameras lock their owner out after some.
    assert len([question for question in camera.asked if question != "GetSystemDateAndTime"]) <= 2


async def test_a_password_is_never_sent_readable() -> None:
    camera = SoapCamera(login="basic")
    async with soap_camera(camera) as url:
        with pytest.raises(CameraRefused, match="readable"):
            await probe(url)
    assert set(camera.authorizations) == {""}


def test_a_digest_answer_is_that_of_the_rfc() -> None:
    # RFC 7616, 3.9.1
    for algorithm, response in (
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ):
        digest = Digest(
            "http-auth@example.org",
            "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
            algorithm,
            qop=True,
            cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        )
        header = digest.answer("GET", "/dir/index.html", Credentials("Mufasa", "Circle of Life"))
        assert f'response="{response}"' in header
        assert "nc=00000001" in header


@pytest.mark.parametrize(
    ("headers", "algorithm"),
    [
        (['Basic realm="x", Digest realm="y", nonce="n", qop="auth"'], "MD5"),
        (['Digest realm="y", nonce="n", algorithm=MD5', 'Digest realm="y",nonce="n",algorithm=SHA-256'], "SHA-256"),
        (['Digest realm="a, b=c", nonce="n"'], "MD5"),
        (['Digest realm="y", nonce="n", qop="auth-int"'], "MD5"),
        (['Digest realm="y", nonce="n", qop="other"'], None),
        (['Digest realm="y"; nonce="n"; algorithm=""; qop="auth"'], "MD5"),
        (['Digest realm="y", nonce=""', "Digest", "Negotiate", 'Basic realm="x"'], None),
        (["=,,,==", '"', ""], None),
    ],
)
def test_the_usable_challenge_is_found_among_many(headers: list[str], algorithm: str | None) -> None:
    chosen = choose(headers)
    assert (chosen.algorithm if chosen else None) == algorithm
    assert offers(['Digest realm="y"', 'Basic realm="x"'], "basic")


# -- what it offers ----------------------------------------------------------------------------------------------


async def test_h265_is_told_by_media2_and_profile_g_services_are_listed() -> None:
    async with soap_camera(SoapCamera()) as url:
        facts = await probe(url)
    (profile,) = facts.profiles
    assert (profile.codec, profile.width, profile.fps, profile.audio) == ("h265", 3840, 12.5, "aac")
    assert profile.stream_uri == "rtsp://127.0.0.1:554/Streaming/Channels/m1"
    assert {SERVICES["search"], SERVICES["replay"]} <= facts.services.keys()
    assert facts.make == "Acme·Werke"


async def test_the_first_media_service_does_where_there_is_no_media2() -> None:
    async with soap_camera(SoapCamera(media2=False)) as url:
        facts = await probe(url)
    (profile,) = facts.profiles
    assert (profile.codec, profile.width, profile.fps, profile.audio) == ("h264", 1920, 25, "g711")
    assert (profile.source, profile.bitrate_kbps) == ("channel-1", 4096)


async def test_a_broken_media2_falls_back_to_the_first_media_service_and_says_so() -> None:
    camera = SoapCamera()
    camera.media2_GetProfiles = lambda _: None  # type: ignore[method-assign]
    async with soap_camera(camera) as url:
        facts = await probe(url)
    assert facts.profiles[0].codec == "h264"
    assert any("Media2" in note for note in facts.notes)


async def test_an_old_camera_without_get_services_is_read_by_its_capabilities() -> None:
    async with soap_camera(SoapCamera(get_services=False)) as url:
        facts = await probe(url)
    assert facts.profiles[0].codec == "h264"
    assert any("GetCapabilities" in note for note in facts.notes)


@pytest.mark.parametrize("named", ["0.0.0.0", "172.17.0.2:80", "203.0.113.9:8000"])
async def test_addresses_that_are_wrong_from_here_are_replaced_by_the_one_reached(named: str) -> None:
    async with soap_camera(SoapCamera(named=named)) as url:
        facts = await probe(url)
    reached = url.removesuffix("/onvif/device_service")
    assert {service.rpartition("/onvif/")[0] for service in facts.services.values()} == {reached}
    assert facts.profiles[0].stream_uri == "rtsp://127.0.0.1:554/Streaming/Channels/m1"
    assert any(named.partition(":")[0] in note for note in facts.notes)


@pytest.mark.parametrize(
    ("stream", "stored"),
    [
        ("rtsp://owner:pw@{host}:8554/live?ch=1&sub=0", "rtsp://127.0.0.1:8554/live?ch=1&sub=0"),
        ("rtsp://{host}/user=owner_password={password}_channel=1", None),
        ("http://{host}/stream.mjpeg", None),
        ("rtsp://{host}:99999/", None),
    ],
)
async def test_no_stored_stream_address_holds_a_user_or_a_password(stream: str, stored: str | None) -> None:
    camera = SoapCamera(stream=stream, password="Circle0fLife")
    async with soap_camera(camera) as url:
        facts = await probe(url, Credentials("owner", "Circle0fLife"))
    uri = facts.profiles[0].stream_uri
    if "{password}" in stream:
        assert uri == "rtsp://127.0.0.1/user=owner_password={password}_channel=1"
    else:
        assert uri == stored
    assert "Circle0fLife" not in facts.model_dump_json()
    assert facts.notes


async def test_what_the_daemon_imports_brings_no_parser_and_no_media_library() -> None:
    program = "import sys, agent.devices.onvif.ask, agent.devices.discovery.search; print(*sys.modules)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-I", "-c", program, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert {"zeep", "lxml", "lxml.etree", "onvif", "cv2", "av", "numpy", "aiohttp"} & set(
        output.decode().split()
    ) == set()


async def test_nothing_is_ever_set_on_a_camera() -> None:
    asked: set[str] = set()
    for camera in (SoapCamera(), SoapCamera(media2=False, get_services=False), SoapCamera(login="digest", utc=False)):
        async with soap_camera(camera) as url:
            await probe(url)
        asked |= set(camera.asked)
    assert asked <= READ_ONLY
    assert {"GetServices", "GetCapabilities", "GetProfiles", "GetStreamUri"} <= asked


@pytest.mark.usefixtures("real_worker")
async def test_secrets_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with soap_camera(SoapCamera()) as url:
            await probe(url)
    assert "correct horse" not in caplog.text


# -- TLS ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def certificate() -> tuple[ssl.SSLContext, str]:
    """A server's context, and the SHA-256 of its certificate."""
    issued = trustme.CA().issue_cert("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    der = ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())
    return context, hashlib.sha256(der).hexdigest()


async def test_over_tls_nothing_is_asked_until_the_certificate_is_confirmed(
    certificate: tuple[ssl.SSLContext, str],
) -> None:
    context, fingerprint = certificate
    camera = SoapCamera(login="digest")
    async with soap_camera(camera, tls=context) as url:
        first = await probe(url)
        assert (first.tls_fingerprint, first.model, camera.asked) == (fingerprint, "", [])
        confirmed = await probe(url, pin=fingerprint)
    assert (confirmed.tls_fingerprint, confirmed.serial) == (fingerprint, "SN-42")


async def test_a_changed_certificate_is_told_before_anything_is_sent(certificate: tuple[ssl.SSLContext, str]) -> None:
    context, fingerprint = certificate
    camera = SoapCamera()
    async with soap_camera(camera, tls=context) as url:
        with pytest.raises(CertificateChanged, match=fingerprint):
            await probe(url, pin="ab" * 32)
    assert camera.asked == []
