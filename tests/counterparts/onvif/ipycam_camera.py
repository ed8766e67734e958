"""The real camera of the tests: the demo's program, started on loopback and ended with the test."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT

PROGRAM = ROOT / "scripts" / "demo_camera.py"


@dataclass(frozen=True, slots=True)
class RunningCamera:
    """Where a started camera listens; ``onvif`` and ``rtsp`` are URLs without user info."""

    onvif: str
    onvif_port: int
    rtsp: str
    rtsp_port: int
    endpoint: str
    serial: str
    name: str
    pid: int


@asynccontextmanager
async def ipycam_camera(
    *options: str, password_file: Path | None = None, start_timeout: float = 20
) -> AsyncIterator[RunningCamera]:
    """Run ``scripts/demo_camera.py`` with these options until the block ends.

    With ``password_file`` it asks for user "owner" and the password in that file.
    """
    secret = ("--password-file", str(password_file)) if password_file else ()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROGRAM),
        "--until-stdin-closes",
        *secret,
        *options,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), start_timeout)
        ready = json.loads(line)
        del ready["ready"]
        yield RunningCamera(**ready)
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()
