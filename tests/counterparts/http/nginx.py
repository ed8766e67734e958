"""nginx in front of a portal, set up as docs/portal-guide.md says. Not for: what is tried through it."""

import asyncio
import contextlib
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from tests.paths import ROOT

_CONFIGURATION = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    {told}
}}
"""


@contextlib.asynccontextmanager
async def nginx(upstreams: Sequence[int], folder: Path) -> AsyncIterator[int]:
    """The port on which it listens until the block ends; ``upstreams``: those of the portal's replicas."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    assert program is not None, "nginx is not installed: scripts/test brings it"
    guide = (ROOT / "docs" / "portal-guide.md").read_text()
    told = re.search(r"^    upstream portal \{.*?^    server \{.*?^    \}", guide, re.DOTALL | re.MULTILINE)
    assert told is not None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    servers = "".join(f"server 127.0.0.1:{each} max_fails=3 fail_timeout=2s;" for each in upstreams)
    here, replaced = re.subn(r"server 127\.0\.0\.1:8470 .*", servers, told[0])
    assert replaced == 1
    here = here.replace("    server {", f"    server {{ listen 127.0.0.1:{port};").replace(
        "/var/log/nginx", str(folder)
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(_CONFIGURATION.format(folder=folder, told=here))
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
