"""Where the county stands: PostgreSQL, replicas of a portal behind nginx at one address, and its programs as processes.

Not for: what happens there (``scripts.county.__main__``).
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import sys
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil

from portal.settings import Limits, PortalFolder
from tests.counterparts.storage.postgres_server import PostgresServer

BIN = Path(sys.executable).parent
STARTS_WITHIN = 60
ENDS_WITHIN = 15
_NGINX = """
daemon off;
worker_processes {workers};
worker_rlimit_nofile {descriptors};
pid {folder}/nginx.pid;
error_log {folder}/nginx.log crit;
{user}
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    upstream portal {{
        least_conn;
        keepalive 64;
        {servers}
    }}
    split_clients "$request_id" $poll_again {{
        10% 2; 10% 5; 10% 8; 10% 11; 10% 14; 10% 17; 10% 20; 10% 23; 10% 26; * 29;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096 reuseport;
        location / {{ proxy_pass http://portal; }}
        location ~ /v1/inbox$ {{
            proxy_pass http://portal;
            proxy_next_upstream_timeout 1s;
            error_page 502 504 = @poll_again;
        }}
        location @poll_again {{ add_header Retry-After $poll_again always; return 503; }}
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_connect_timeout 2s;
        proxy_read_timeout 75s;
        proxy_request_buffering off;
        proxy_buffering off;
        client_max_body_size 0;
    }}
}}
"""


class CountyFailed(Exception):
    """A step did not do what it should; the text says which and what to look at."""


class Replica:
    """One process of the portal."""

    def __init__(self, process: asyncio.subprocess.Process, listening: str, metrics: str) -> None:
        self.process = process
        self.listening = listening
        self._metrics = metrics

    async def figure(self, name: str) -> float:
        """One of its figures; 0 when it does not answer."""
        try:
            text = await asyncio.to_thread(self._read)
        except OSError:
            return 0
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE))

    def _read(self) -> str:
        with urllib.request.urlopen(self._metrics, timeout=5) as answer:
            return str(answer.read().decode())

    @property
    def spent(self) -> float:
        """Seconds of CPU."""
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    @property
    def memory(self) -> float:
        """MB."""
        return float(psutil.Process(self.process.pid).memory_info().rss) / 1e6

    def kill(self) -> None:
        """As a power cut would."""
        self.process.kill()


class Stand:
    """``folder`` holds everything but the database."""

    def __init__(self, folder: Path, postgres: PostgresServer) -> None:
        self.folder = folder
        self.postgres = postgres
        self.portal = folder / "portal"
        self.force = folder / "force"
        self.officer = folder / "officer"
        self.tmp = folder / "tmp"
        self.tmp.mkdir(exist_ok=True)
        self.port = _free_port()
        self.replicas: list[Replica] = []
        self._processes: list[tuple[str, asyncio.subprocess.Process]] = []

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def command(self, program: str, *words: str) -> str:
        """One of Handover's commands, as a person types it; what it prints. CountyFailed."""
        told, complaints, code = await self.run(program, *words)
        if code:
            raise CountyFailed(f"'{program} {' '.join(words)}' ended with {code}:\n{complaints}")
        return told

    async def run(self, program: str, *words: str) -> tuple[str, str, int]:
        process = await asyncio.create_subprocess_exec(
            BIN / program,
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "COLUMNS": "100"},
        )
        try:
            told, complaints = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return told.decode(), complaints.decode(), process.returncode or 0

    def set_limits(self, **changed: int) -> None:
        """More than one machine's enrolments and one officer's requests."""
        folder = PortalFolder(self.portal)
        settings = folder.load()
        limits = Limits.model_validate({**settings.limits.model_dump(), **changed})
        folder.settings_file.unlink()
        folder.save(settings.model_copy(update={"limits": limits}))

    async def start_replica(self) -> Replica:
        number = len(self.replicas) + 1
        process = await self._start(
            f"replica-{number}",
            *(str(BIN / "handover-portal"), "serve", str(self.portal), "--origin", self.origin),
            *("--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        with contextlib.suppress(TimeoutError, ValueError):
            told = json.loads(await asyncio.wait_for(process.stdout.readline(), STARTS_WITHIN))
            replica = Replica(process, told["listening"].removeprefix("http://"), told["metrics"])
            self.replicas.append(replica)
            return replica
        raise CountyFailed(f"A replica did not start. It says:\n{self.log(f'replica-{number}')}")

    async def start_nginx(self, descriptors: int, workers: int = 2) -> None:
        """One address for all replicas. A worker needs two descriptors for each poll that it has."""
        servers = [f"server {each.listening} max_fails=3 fail_timeout=2s;" for each in self.replicas]
        config = self.folder / "nginx.conf"
        config.write_text(
            _NGINX.format(
                folder=self.folder,
                port=self.port,
                servers="\n        ".join(servers),
                descriptors=descriptors,
                workers=workers,
                connections=descriptors - 100,
                user="user root;" if os.geteuid() == 0 else "",
            )
        )
        found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        if found is None:
            raise CountyFailed("nginx is not installed.")
        process = await self._start("nginx", found, "-e", str(self.folder / "nginx.log"), "-c", str(config))
        async with asyncio.timeout(STARTS_WITHIN):
            while not await asyncio.to_thread(_answers, self.origin):
                if process.returncode is not None:
                    raise CountyFailed(f"nginx ended by itself:\n{self.log('nginx')}")
                await asyncio.sleep(0.1)

    async def start_owners(self, count: int, near: str) -> asyncio.subprocess.Process:
        words = (self.origin, str(self.force / "force.pub"), "--count", str(count), "--near", near)
        command = (sys.executable, "-m", "scripts.county.owners", *words)
        pipe = asyncio.subprocess.PIPE
        return await self._start("owners", *command, stdin=pipe, stdout=pipe)

    async def _start(
        self, name: str, *command: str, stdin: int = asyncio.subprocess.DEVNULL, stdout: int | None = None
    ) -> asyncio.subprocess.Process:
        """What it leaves among temporary files goes with the folder."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=stdin, stdout=log if stdout is None else stdout, stderr=log,
                start_new_session=True, env={**os.environ, "TMPDIR": str(self.tmp)},
            )  # fmt: skip
        self._processes.append((name, process))
        return process

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace")[-2000:] if path.exists() else ""

    async def stop(self) -> None:
        """End all at once; what does not end in time is killed with all that it started."""
        for _, process in self._processes:
            _signal(process, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ENDS_WITHIN):
                await asyncio.gather(*(process.wait() for _, process in self._processes))
        for _, process in self._processes:
            _signal(process, signal.SIGKILL)
            await process.wait()


async def lines(process: asyncio.subprocess.Process) -> AsyncIterator[dict[str, Any]]:
    """The lines of JSON that a process prints."""
    assert process.stdout is not None
    async for line in process.stdout:
        yield json.loads(line)


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _answers(origin: str) -> bool:
    try:
        urllib.request.urlopen(f"{origin}/healthz", timeout=5).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
