"""What is read out of a device's answer, and what an owner may type as an address."""

import pytest

from agent.devices.address import CameraAddress, Credentials
from agent.devices.discovery.wsdiscovery import Found, merge, probes, read_answer
from exchange.bounded_xml import XmlRefused, read_xml
from tests.counterparts.onvif.announcer import BOMB, match


def answer(**fields: str) -> Found:
    (found,) = read_answer(match(**fields), interface="eth0", address="192.0.2.7")
    return found


def found(endpoint: str, *xaddrs: str, address: str = "192.0.2.7") -> Found:
    return Found(xaddrs, endpoint, "", "", (), "eth0", address)


def test_the_three_probes_ask_for_both_types_and_for_none() -> None:
    types = [read_xml(probe, most_bytes=4096).text_at("Body", "Probe", "Types") for probe in probes()]
    assert types == ["dn:NetworkVideoTransmitter", "tds:Device", None]
    assert len({read_xml(probe, most_bytes=4096).text_at("Header", "MessageID") for probe in probes()}) == 3


def test_name_and_hardware_come_from_the_scopes() -> None:
    camera = answer(
        endpoint="urn:uuid:1",
        xaddrs="http://192.0.2.7/onvif/device_service",
        scopes="onvif://www.onvif.org/name/Back%20yard onvif://www.onvif.org/hardware/IPC-1%0A",
    )
    assert (camera.name, camera.hardware) == ("Back yard", "IPC-1")


def test_the_address_that_answered_is_tried_first_and_user_info_is_dropped() -> None:
    camera = answer(
        endpoint="urn:uuid:1",
        xaddrs="http://10.0.0.9/onvif/device_service ftp://192.0.2.7/x http://a:b@192.0.2.7:8000/onvif/device_service",
    )
    assert camera.xaddrs == ("http://192.0.2.7:8000/onvif/device_service", "http://10.0.0.9/onvif/device_service")


@pytest.mark.parametrize("namespace", ["http://docs.oasis-open.org/ws-dd/ns/discovery/2009/01", "urn:wrong"])
def test_another_discovery_namespace_is_understood(namespace: str) -> None:
    data = match(endpoint="urn:uuid:1", xaddrs="http://192.0.2.7/onvif/device_service").replace(
        b"http://schemas.xmlsoap.org/ws/2005/04/discovery", namespace.encode()
    )
    assert len(read_answer(data, interface="eth0", address="192.0.2.7")) == 1


def test_a_device_without_a_usable_address_is_not_a_camera_found() -> None:
    for xaddrs in ("", "rtsp://192.0.2.7/", "http://[::bad/onvif/", "http:///onvif/"):
        assert read_answer(match(endpoint="urn:uuid:1", xaddrs=xaddrs), interface="", address="192.0.2.7") == []


@pytest.mark.parametrize(
    ("xaddrs", "usable"),
    [
        ("http://ca!m/onvif/device_service", "http://192.0.2.7/onvif/device_service"),
        ("http://kam\u00e9ra/onvif/device_service", "http://192.0.2.7/onvif/device_service"),
        (f"http://{'a' * 64}.local/onvif/device_service", "http://192.0.2.7/onvif/device_service"),
        ("http://0.0.0.0:8080/onvif/device_service", "http://192.0.2.7:8080/onvif/device_service"),
        ("http://169.254.1.2/onvif/device_service", "http://192.0.2.7/onvif/device_service"),
        ("https://[fe80::1]/onvif/device_service", "https://192.0.2.7/onvif/device_service"),
        ("http://[::]/onvif/device_service", "http://192.0.2.7/onvif/device_service"),
        ("http://127.0.0.1/onvif/device_service", "http://192.0.2.7/onvif/device_service"),
        ("http://IPCAM-1234:8000/onvif/device_service", "http://192.0.2.7:8000/onvif/device_service"),
        ("http://cam.example/onvif/device_service", "http://cam.example/onvif/device_service"),
    ],
)
def test_an_address_that_leads_nowhere_from_here_is_taken_to_be_where_the_answer_came_from(
    xaddrs: str, usable: str
) -> None:
    assert answer(endpoint="urn:uuid:1", xaddrs=xaddrs).xaddrs == (usable,)


@pytest.mark.parametrize(
    "odd", ["http://x:99999/onvif/", "http://[::bad/", "http://192.0.2.7/onvif/\u00e9", "http://:80/"]
)
def test_an_odd_address_costs_itself_and_not_the_camera(odd: str) -> None:
    good = "http://192.0.2.7/onvif/device_service"
    assert answer(endpoint="urn:uuid:1", xaddrs=f"{odd} {good}").xaddrs == (good,)


def test_one_camera_heard_twice_is_one_entry_and_keeps_both_its_addresses() -> None:
    a, b = "http://192.0.2.7/onvif/device_service", "http://192.0.2.7:8000/onvif/device_service"
    assert [one.xaddrs for one in merge([found("urn:uuid:1", a), found("urn:uuid:1", b)])] == [(a, b)]
    assert len(merge([found("urn:uuid:1", a), found("urn:uuid:2", a)])) == 1


def test_two_cameras_that_carry_the_same_endpoint_reference_stay_two() -> None:
    one = found("urn:uuid:same", "http://192.0.2.7/onvif/device_service")
    two = found("urn:uuid:same", "http://192.0.2.8/onvif/device_service", address="192.0.2.8")
    assert merge([one, two]) == [one, two]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (BOMB, "document type"),
        (b"<!DOCTYPE a SYSTEM 'http://127.0.0.1/x'><a/>", "document type"),
        (b"<a>" * 100, "deeper"),
        (b"<a>" + b"<b/>" * 300 + b"</a>", "more elements"),
        (b"<a " + b" ".join(b"x%d='1'" % n for n in range(100)) + b"/>", "more elements"),
        (b"<a>" + b"x" * 5000 + b"</a>", "larger than"),
        (b"<a>", "not XML"),
        (b"", "not XML"),
        (b"\xff\xfe\x00", "not XML"),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', "encoding"),
    ],
)
def test_xml_that_is_malformed_or_too_much_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(XmlRefused, match=why):
        read_xml(data, most_bytes=4096, most_elements=200, deepest=32)


def test_a_declared_code_page_that_the_parser_does_not_know_is_read() -> None:
    data = '<?xml version="1.0" encoding="GB2312"?><a><b>后院</b></a>'.encode("gb2312")
    assert read_xml(data, most_bytes=99).text_at("b") == "后院"


def test_letters_in_another_code_page_do_not_spoil_an_answer() -> None:
    assert read_xml("<a><b>Hof</b><c>Tür</c></a>".encode("latin-1"), most_bytes=99).text_at("b") == "Hof"


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("192.0.2.7", "http://192.0.2.7:80/onvif/device_service"),
        (" camera.local:8080 ", "http://camera.local:8080/onvif/device_service"),
        ("https://192.0.2.7", "https://192.0.2.7:443/onvif/device_service"),
        ("http://192.0.2.7/onvif/Device?x=1", "http://192.0.2.7:80/onvif/Device?x=1"),
        ("2001:db8::7", "http://[2001:db8::7]:80/onvif/device_service"),
        ("[2001:db8::7]:8000", "http://[2001:db8::7]:8000/onvif/device_service"),
    ],
)
def test_an_address_is_read_as_an_owner_types_it(typed: str, url: str) -> None:
    assert CameraAddress.parse(typed).url == url


@pytest.mark.parametrize(
    "typed",
    ["", "http://", "me:pw@192.0.2.7", "http://me:pw@192.0.2.7/", "rtsp://192.0.2.7", "a b", "x:99999", "a/b c"],
)
def test_an_address_that_names_no_host_or_holds_a_password_is_refused(typed: str) -> None:
    with pytest.raises(ValueError) as refused:
        CameraAddress.parse(typed)
    assert "me:pw" not in str(refused.value)


def test_a_pin_is_a_sha_256_with_or_without_colons() -> None:
    pin = ":".join(["AB"] * 32)
    assert CameraAddress.parse("192.0.2.7", pin=pin).pin == "ab" * 32
    with pytest.raises(ValueError, match="64 hexadecimal"):
        CameraAddress.parse("192.0.2.7", pin="ab")


def test_a_password_does_not_show_in_a_repr() -> None:
    assert "hunter2" not in repr(Credentials("me", "hunter2"))
