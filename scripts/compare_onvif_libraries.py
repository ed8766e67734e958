#!/usr/bin/env python3
"""What ``docs/decisions/0009-onvif-library.md`` rests on: our reading of a camera beside that of ``onvif-zeep``.

Not for: the benchmark's table. It needs a folder for a throw-away environment, into which pip installs ``onvif-zeep``.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
from agent.devices.address import CameraAddress
from tests.counterparts.onvif.ipycam_camera import ipycam_camera
from tests.counterparts.onvif.soap_camera import SoapCamera, soap_camera

THEIR_VERSION = "onvif-zeep==0.2.12"
PASSWORD = "correct horse"
_PEAK = "next(int(line.split()[1]) / 1024 for line in open('/proc/self/status') if line.startswith('VmHWM'))"

# As its README has it, with what helps it most: no cache on disk, the login shifted by the camera's clock.
THEIRS = f"""
import json, os, sys
import onvif
order = json.load(sys.stdin)
folder = os.path.join(os.path.dirname(os.path.dirname(onvif.__file__)), "wsdl")
setup = {{"Stream": "RTP-Unicast", "Transport": {{"Protocol": "RTSP"}}}}
try:
    camera = onvif.ONVIFCamera(
        order["host"], order["port"], "owner", order["password"], wsdl_dir=folder, no_cache=True, adjust_time=True
    )
    about = camera.devicemgmt.GetDeviceInformation()
    media = camera.create_media_service()
    uris = [media.GetStreamUri({{"StreamSetup": setup, "ProfileToken": p.token}}).Uri for p in media.GetProfiles()]
    told = f"read; stream {{uris[0]}}"
except Exception as error:
    told = f"{{type(error).__name__}}: {{error}}"
print(json.dumps({{"told": told, "peak": {_PEAK}}}))
"""

OURS = f"""
import json, sys
from agent.devices.onvif.job import job
order = json.load(sys.stdin)
try:
    facts = job(order, print)
    told = f"read; stream {{facts['profiles'][0]['stream_uri']}}"
except Exception as error:
    told = f"{{type(error).__name__}}: {{error.what}}"
print(json.dumps({{"told": told, "peak": {_PEAK}}}))
"""


async def ask(python: Path, program: str, order: dict[str, Any]) -> tuple[dict[str, Any], float]:
    """What one side told of the camera, and the seconds from the start of its process to its end."""
    started = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        str(python),
        "-I",
        "-c",
        program,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(json.dumps(order).encode()), 60)
    except TimeoutError:
        process.kill()
        await process.wait()
        return {"told": "nothing within 60 s", "peak": 0}, 60.0
    return json.loads(output.splitlines()[-1]), time.monotonic() - started


async def both(url: str, password: str, their_python: Path) -> list[tuple[dict[str, Any], float]]:
    address = CameraAddress.parse(url)
    ours = {"address": asdict(address), "credentials": {"user": "owner", "password": password}, "skew_us": 0}
    theirs = {"host": address.host, "port": address.port, "password": password}
    return [await ask(Path(sys.executable), OURS, ours), await ask(their_python, THEIRS, theirs)]


SITUATIONS: dict[str, tuple[Callable[[], SoapCamera], str]] = {
    "clock 2.5 h ahead, WS-Security": (lambda: SoapCamera(offset=9000), PASSWORD),
    "HTTP Digest, MD5 and SHA-256, Basic beside them": (lambda: SoapCamera(login="digest"), PASSWORD),
    "wrong password": (SoapCamera, "wrong"),
    "calls itself by an address that is not its own": (lambda: SoapCamera(named="127.0.0.9:9"), PASSWORD),
    "tells no UTC": (lambda: SoapCamera(utc=False), PASSWORD),
    "knows no GetServices": (lambda: SoapCamera(get_services=False), PASSWORD),
}


def their_environment(folder: Path) -> Path:
    """The Python of the throw-away environment, which is made when it is not there."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", THEIR_VERSION], check=True)
    return python


async def main(their_python: Path, runs: int) -> None:
    async with ipycam_camera() as camera:
        taken: list[list[tuple[float, float]]] = [[], []]
        for _ in range(runs + 1):
            for side, (answer, seconds) in enumerate(await both(camera.onvif, "x", their_python)):
                taken[side].append((seconds, answer["peak"]))
    print(f"| ipycam, median of {runs} | ours | {THEIR_VERSION} |\n| --- | --- | --- |")
    for index, (what, unit) in enumerate((("process start to facts", "s"), ("peak memory", "MB"))):
        # The first run of each warms the file cache and is left out.
        medians = [statistics.median(run[index] for run in side[1:]) for side in taken]
        print(f"| {what} | {medians[0]:.2f} {unit} | {medians[1]:.2f} {unit} |")
    print(f"\n| situation | ours | {THEIR_VERSION} |\n| --- | --- | --- |")
    for name, (make, password) in SITUATIONS.items():
        stand_in: AbstractAsyncContextManager[str] = soap_camera(make())
        async with stand_in as url:
            (ours, _), (theirs, _) = await both(url, password, their_python)
        print(f"| {name} | {ours['told']} | {theirs['told']} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the throw-away environment is, or is made")
    parser.add_argument("--runs", type=int, default=7)
    arguments = parser.parse_args()
    asyncio.run(main(their_environment(arguments.folder), arguments.runs))
