"""nginx in front of a portal, set up as docs/portal-guide.md says. Not for: what is tried through it."""

import asyncio
import contextlib
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

from tests.paths import ROOT

_CONFIGURATION = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    upstream portal {{ server 127.0.0.1:{upstream}; keepalive 4; }}
    server {{ listen 127.0.0.1:{port}; {location} }}
}}
"""


@contextlib.asynccontextmanager
async def nginx(upstream: int, folder: Path) -> AsyncIterator[int]:
    """The port on which it listens until the block ends. It keeps connections to the portal for the next call."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    assert program is not None, "nginx is not installed: scripts/test brings it"
    guide = (ROOT / "docs" / "portal-guide.md").read_text()
    location = re.search(r"^    location / \{.*?^    \}", guide, re.DOTALL | re.MULTILINE)
    assert location is not None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    named = location[0].replace("http://127.0.0.1:8470", "http://portal")
    assert named != location[0]
    configuration = folder / "nginx.conf"
    configuration.write_text(_CONFIGURATION.format(folder=folder, upstream=upstream, port=port, location=named))
    process = subprocess.Popen([program, "-p", folder, "-c", configuration], stderr=subprocess.DEVNULL)
    try:
        async with asyncio.timeout(60):
            while not await _listens(port):
                assert process.poll() is None, (folder / "error.log").read_text()
                await asyncio.sleep(0.02)
        yield port
    finally:
        process.kill()
        process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
