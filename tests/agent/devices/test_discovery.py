"""Discovery: which cameras are found, what a hostile answer can do, and that nothing leaves by another interface."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from agent.devices.discovery.search import Discovery, Found, discover
from tests.counterparts.onvif.announcer import BOMB, announcer, match
from tests.counterparts.onvif.ipycam_camera import ipycam_camera

LISTEN = 1.2
# Other tests may run cameras on this machine's loopback meanwhile: each test looks for its own only.
PRINTER = match(
    endpoint="urn:uuid:printer", xaddrs="http://127.0.0.1:5357/wsd", types="wsdp:Device wprt:Print", scopes=""
)


def of_ours(sweep: Discovery, *endpoints: str) -> list[Found]:
    return sorted((found for found in sweep.found if found.endpoint in endpoints), key=lambda one: one.endpoint)


async def test_two_cameras_on_one_interface_are_both_found_once() -> None:
    async with ipycam_camera("--serial", "D-1") as one, ipycam_camera("--serial", "D-2", "--name", "Gate") as two:
        sweep = await discover(interfaces=["lo"], listen=LISTEN)
    found = of_ours(sweep, one.endpoint, two.endpoint)
    assert len(found) == 2
    assert {camera.xaddrs for camera in found} == {(one.onvif,), (two.onvif,)}
    assert {camera.name for camera in found} == {"Front_door", "Gate"}
    assert {(camera.interface, camera.address) for camera in found} == {("lo", "127.0.0.1")}


async def test_answers_that_are_malformed_hostile_or_not_a_cameras_hide_no_camera() -> None:
    camera = match(endpoint="urn:uuid:honest", xaddrs="http://127.0.0.1:9/onvif/device_service")
    hostile = [b"\x00\xff garbage", BOMB, b"<a>" * 500, camera[:-40], b"<x/>" + b" " * 40_000, PRINTER]
    async with announcer(lambda _: [*hostile, camera, camera], source="127.0.0.98"):
        sweep = await discover(interfaces=["127.0.0.1"], listen=LISTEN)
    assert len(of_ours(sweep, "urn:uuid:honest")) == 1
    # Three probes, sent twice each.
    assert sweep.malformed >= 5 * 6
    assert sweep.others >= 6
    assert not of_ours(sweep, "urn:uuid:printer")


async def test_a_device_that_floods_is_cut_off_and_named() -> None:
    spam = [match(endpoint=f"urn:uuid:spam-{n}", xaddrs=f"http://127.0.0.99/onvif/{n}") for n in range(100)]
    async with announcer(lambda _: spam, address="127.0.0.99"):
        sweep = await discover(interfaces=[], hosts=["127.0.0.99"], listen=LISTEN)
    assert len([found for found in sweep.found if found.address == "127.0.0.99"]) == 64
    assert any("127.0.0.99 sent more than 64 answers" in note for note in sweep.notes)


async def test_a_listed_host_is_found_by_unicast() -> None:
    answer = match(endpoint="urn:uuid:far", xaddrs="http://127.0.0.77/onvif/device_service")
    async with announcer(lambda _: [answer], address="127.0.0.77"):
        sweep = await discover(interfaces=[], hosts=["127.0.0.77"], listen=LISTEN)
    assert [(found.address, found.hardware) for found in of_ours(sweep, "urn:uuid:far")] == [("127.0.0.77", "DS-2CD")]


async def test_a_listed_host_that_is_silent_over_udp_is_found_over_http() -> None:
    async with ipycam_camera("--host", "127.0.0.78") as camera:
        sweep = await discover(interfaces=["lo"], hosts=[f"127.0.0.78:{camera.onvif_port}"], listen=0.3)
    assert camera.onvif in {xaddr for found in sweep.found for xaddr in found.xaddrs}


async def test_a_listed_camera_that_wants_a_password_even_for_the_time_is_found(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("s3cret")
    async with ipycam_camera("--host", "127.0.0.79", password_file=secret) as camera:
        sweep = await discover(interfaces=[], hosts=[camera.onvif], listen=0.1)
    assert camera.onvif in {xaddr for found in sweep.found for xaddr in found.xaddrs}


async def _hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def _endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"<a>" * 10_000)
        try:
            await writer.drain()
        except ConnectionError:
            break
    writer.close()


async def _web_page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n<html>hi</html>")
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("server", [_hang, _endless, _web_page], ids=["hangs", "never ends", "is a web page"])
async def test_a_listed_host_that_is_no_camera_is_told_and_holds_nothing_up(server: object) -> None:
    http = await asyncio.start_server(server, "127.0.0.80", 0)  # type: ignore[arg-type]
    async with http:
        port = http.sockets[0].getsockname()[1]
        sweep = await discover(interfaces=[], hosts=[f"127.0.0.80:{port}"], listen=0.1)
    assert [found for found in sweep.found if found.address == "127.0.0.80"] == []
    assert sweep.notes == ("127.0.0.80 was asked, and does not answer as an ONVIF camera.",)


async def test_what_cannot_be_asked_is_told() -> None:
    sweep = await discover(interfaces=["nowhere0"], hosts=["rtsp://u:p@127.0.0.1/"], listen=0.1)
    assert any("nowhere0 is not there" in note for note in sweep.notes)
    assert any("apart from its address" in note for note in sweep.notes)
    assert "u:p" not in " ".join(sweep.notes)


_IN_A_NAMESPACE = """
import asyncio, json, pathlib, subprocess, sys
for command in ("link set lo up", "link add other0 type veth peer name other1",
                "address add 10.9.9.1/24 dev other0", "link set other1 up", "link set other0 up",
                "route add default via 10.9.9.2"):
    subprocess.run(["ip", *command.split()], check=True)
sent = lambda: int(pathlib.Path("/sys/class/net/other0/statistics/tx_packets").read_text())
from agent.devices.discovery.search import job
before = sent()
named = job({"interfaces": ["lo"], "hosts": ["10.9.9.7", "127.0.0.1"], "listen": 0.1}, print)
between = sent()
every = job({"interfaces": None, "hosts": [], "listen": 0.1}, print)
print(json.dumps([between - before, sent() - between]))
"""


async def test_with_interfaces_named_nothing_leaves_by_another(tmp_path: Path) -> None:
    script = tmp_path / "sweep.py"
    script.write_text(_IN_A_NAMESPACE)
    # sysfs shows the interfaces of the namespace in which it was mounted.
    inside = (
        f"mount -t sysfs none /sys && echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6; {sys.executable} {script}"
    )
    process = await asyncio.create_subprocess_exec(
        "unshare", "--map-root-user", "--net", "--mount", "sh", "-c", inside, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    by_named, by_every = json.loads(output.splitlines()[-1])
    assert by_named == 0
    assert by_every == 6
