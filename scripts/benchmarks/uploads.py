"""An upload of 256 MiB through the portal beside @tus/server: both hash it on its way, and answer once it is kept.

On the disk both wait for its fsync; in a bucket both send to the same SeaweedFS on this machine, and the portal signs
each part with its hash. HANDOVER_BENCH_SIZE sets the bytes. The sender is curl.
"""

import asyncio
import contextlib
import hashlib
import os
import secrets
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import aiohttp

from exchange.clock import SystemClock
from exchange.documents import api
from exchange.signing.tokens import mint
from scripts.benchmarks.row import Row
from tests.counterparts.portals.portal import Place, PortalProcess, make_place
from tests.counterparts.processes.npm import npm_package
from tests.counterparts.storage.bucket_server import REGION, BucketServer
from tests.counterparts.storage.seaweed_server import seaweed_server
from tests.portal.upload_places import bucket_of, kept
from tests.portal.wire import Agent

_SIZE = 256 << 20
_ROUNDS = 3
_TUS = {"Tus-Resumable": "1.0.0"}
_PACKAGES = ("@tus/file-store@2.1.1", "@tus/s3-store@2.0.7")
Headers = Callable[[], dict[str, str]]


def rows(work: Path) -> Iterator[Row]:
    """Seconds; the middle one of three of each, in turn."""
    size = int(os.environ.get("HANDOVER_BENCH_SIZE", _SIZE))
    folder = work / "uploads"
    folder.mkdir()
    film = folder / "film"
    with film.open("wb") as file:
        for _ in range(size >> 20):
            file.write(secrets.token_bytes(1 << 20))
    yield _row("into a folder", folder / "disk", film, None)
    with seaweed_server(folder) as server:
        yield _row("into a bucket", folder / "bucket", film, server)


def _row(name: str, folder: Path, film: Path, server: BucketServer | None) -> Row:
    folder.mkdir()
    size = film.stat().st_size
    with film.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    with _tus_server(folder, server) as (theirs, said), _portal(folder, server) as (portal, agent):

        def headers() -> dict[str, str]:
            return {"Authorization": f"Bearer {mint(agent.key, portal.origin, agent.clock)}"}

        ours_took, theirs_took = [], []
        for _ in range(_ROUNDS):
            seconds, url = asyncio.run(_send(portal.origin + api.UPLOADS, film, size, headers))
            with contextlib.suppress(FileNotFoundError):
                assert hashlib.sha256(kept(portal.place, server, url)).hexdigest() == sha256
            ours_took.append(seconds)
            theirs_took.append(asyncio.run(_send(theirs, film, size, dict))[0])
            assert said() == sha256
    return Row(
        f"upload of {size >> 20} MiB {name}", statistics.median(ours_took), statistics.median(theirs_took), "s", 1.0
    )


@contextlib.contextmanager
def _portal(folder: Path, server: BucketServer | None) -> Iterator[tuple[PortalProcess, Agent]]:
    place: Place = make_place(folder)
    if server is not None:
        settings = place.settings.model_copy(update={"bucket": bucket_of(server, folder)})
        place.folder.settings_file.unlink()
        place.folder.save(settings)
        place = replace(place, settings=settings)
    with PortalProcess(place) as portal:
        yield portal, asyncio.run(_enrolled(portal))


async def _enrolled(portal: PortalProcess) -> Agent:
    async with aiohttp.ClientSession() as session:
        agent = Agent(session, portal.origin, SystemClock())
        answer = await agent.enrol(portal.place)
        assert answer.status == 201, answer.content
        return agent


@contextlib.contextmanager
def _tus_server(folder: Path, server: BucketServer | None) -> Iterator[tuple[str, Callable[[], str]]]:
    """Its address, and what says the SHA-256 of the upload that it took last."""
    package = npm_package("@tus/server", "2.4.5", *_PACKAGES)
    script = package / "tus_server.mjs"
    script.write_bytes((Path(__file__).parent / "tus_server.mjs").read_bytes())
    (folder / "theirs").mkdir()
    command = ["node", str(script), "disk" if server is None else "bucket", str(folder / "theirs")]
    login = ""
    if server is not None:
        command += [server.endpoint, server.bucket, REGION]
        login = f"{server.access_key}\n{server.secret_key}\n"
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(login)
        process.stdin.close()
        lines = process.stdout
        try:
            yield f"http://127.0.0.1:{int(lines.readline())}/files", lambda: lines.readline().strip()
        finally:
            process.kill()


async def _send(endpoint: str, film: Path, size: int, headers: Headers) -> tuple[float, str]:
    """The seconds from the first byte to the answer, and the upload's address."""
    told = {**_TUS, **headers(), "Upload-Length": str(size)}
    async with aiohttp.ClientSession() as session, session.post(endpoint, headers=told) as made:
        assert made.status == 201, await made.text()
        url = made.headers["Location"]
    sent = {
        **_TUS,
        **headers(),
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
        "Expect": "",
    }
    lines = "\n".join(f"{name}: {value}" if value else f"{name}:" for name, value in sent.items())
    command = ["curl", "--silent", "--show-error", "--request", "PATCH", "--upload-file", str(film)]
    command += ["--header", "@-", "--write-out", "%{http_code}", "--output", os.devnull, url]
    begun = time.monotonic()
    done = await asyncio.to_thread(subprocess.run, command, input=lines, capture_output=True, text=True, timeout=120)
    took = time.monotonic() - begun
    assert done.stdout == "204", done.stdout + done.stderr
    return took, url
