"""Thousands of owners' agents in one process, as a portal sees them: each holds a long poll on a connection of its own.

    python -m scripts.simulated_agents ORIGIN KEYS --count 2000 --wait 55 --ramp 20

KEYS holds raw Ed25519 keys of devices that are enrolled there (32 bytes each). Prints JSON lines: ``{"held": n}`` once
all poll, ``{"device": i, "at": t}`` for each request that comes (``t`` of the machine's monotonic clock, seconds); ends
when its standard input does, with ``{"polls": n, "failed": n, "put_off": n}``. Not for: what an agent does with them.
"""

import argparse
import asyncio
import json
import random
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.clock import SystemClock
from exchange.documents import api
from exchange.signing.documents import SigningKey
from exchange.signing.tokens import mint
from portal.server import loop_factory

KEY = 32
SPARE = 200
"""Descriptors beside the connections."""
PAUSE = 2.0
"""Seconds before an agent whose call failed tries again, at random up to twice as long."""


class Later(Exception):
    """The portal has no room now, and says when it wants to be asked again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"in {seconds} seconds")
        self.seconds = seconds


class Crowd:
    def __init__(
        self,
        origin: str,
        keys: list[SigningKey],
        wait: int,
        taken: Callable[[int, dict[str, Any]], None] | None = None,
    ) -> None:
        """``taken`` is called with each item of an inbox, and whose it is."""
        self.polls = self.failed = 0
        self.put_off = 0
        """Polls for which the portal had no room."""
        self._taken = taken or _say_taken
        self._origin = origin
        self._address = urlsplit(origin)
        self._keys = keys
        self._wait = wait
        self._begun: set[int] = set()
        self.all_poll = asyncio.Event()

    async def run(self, ramp: float) -> None:
        """Begin one after the other within ``ramp`` seconds, and poll until cancelled."""
        async with asyncio.TaskGroup() as group:
            for index in range(len(self._keys)):
                group.create_task(self._agent(index, ramp * index / len(self._keys)))

    async def _agent(self, index: int, delay: float) -> None:
        await asyncio.sleep(delay)
        cursor = 0
        while True:
            try:
                reader, writer = await asyncio.open_connection(
                    self._address.hostname, self._address.port, limit=1 << 21
                )
            except OSError:
                self.failed += 1
                await asyncio.sleep(PAUSE * random.uniform(1, 2))
                continue
            try:
                while True:
                    try:
                        cursor = await self._poll(index, cursor, reader, writer)
                    except Later as later:
                        self.put_off += 1
                        await asyncio.sleep(later.seconds * random.uniform(1, 1.25))
            except (OSError, asyncio.IncompleteReadError, ValueError):
                self.failed += 1
                await asyncio.sleep(PAUSE * random.uniform(1, 2))
            finally:
                writer.close()

    async def _poll(self, index: int, cursor: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        """One call; the cursor after it. ValueError when it is answered otherwise than with an inbox."""
        token = mint(self._keys[index], self._origin, SystemClock())
        head = (
            f"GET {api.INBOX}?after={cursor}&wait={self._wait} HTTP/1.1\r\nHost: {self._address.netloc}\r\n"
            f"Authorization: Bearer {token}\r\n\r\n"
        )
        writer.write(head.encode())
        self._note_begun(index)
        answer = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(int(_header(answer, b"content-length")))
        if answer.startswith(b"HTTP/1.1 503") and (after := _header(answer, b"retry-after")):
            raise Later(float(after))
        if not answer.startswith(b"HTTP/1.1 200"):
            raise ValueError(answer[:40])
        self.polls += 1
        inbox = json.loads(body)
        for item in inbox["items"]:
            self._taken(index, item)
        return int(inbox["cursor"])

    def _note_begun(self, index: int) -> None:
        self._begun.add(index)
        if len(self._begun) == len(self._keys):
            self.all_poll.set()


def _header(answer: bytes, name: bytes) -> bytes:
    return answer.lower().partition(b"\r\n" + name + b":")[2].partition(b"\r\n")[0].strip()


def _say_taken(index: int, item: dict[str, Any]) -> None:
    say({"device": index, "at": time.monotonic()})


def say(line: dict[str, float | str]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def read_keys(path: Path, count: int) -> list[SigningKey]:
    with path.open("rb") as file:
        raw = file.read(count * KEY)
    return [SigningKey(Ed25519PrivateKey.from_private_bytes(raw[at : at + KEY])) for at in range(0, len(raw), KEY)]


async def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts.simulated_agents")
    parser.add_argument("origin")
    parser.add_argument("keys", type=Path)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--wait", type=int, default=55, help="seconds that a poll may be held")
    parser.add_argument("--ramp", type=float, default=20, help="seconds within which all begin")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    crowd = Crowd(options.origin, read_keys(options.keys, options.count), options.wait)
    running = asyncio.create_task(crowd.run(options.ramp))
    await crowd.all_poll.wait()
    say({"held": len(crowd._keys)})
    await asyncio.to_thread(sys.stdin.read)
    say({"polls": crowd.polls, "failed": crowd.failed, "put_off": crowd.put_off})
    running.cancel()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(main())
