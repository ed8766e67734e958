"""What the daemon loads at its start stays in memory for months: only what every agent needs is among it."""

import subprocess
import sys

LATER = {
    "OpenSSL",
    "apprise",
    "argon2",
    "asyncssh",
    "av",
    "botocore",
    "cv2",
    "lxml",
    "numpy",
    "onvif",
    "rich",
    "segno",
    "urllib3",
    "weasyprint",
    "webauthn",
    "zeep",
}
"""Loaded when first used, or in a worker only."""


def imported(*modules: str) -> set[str]:
    """The packages that are loaded once these modules are, in a Python of their own."""
    program = f"import sys, {', '.join(modules)}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout.decode().split())


def test_the_daemons_start_loads_nothing_that_may_never_be_used() -> None:
    """As ``handover run`` does."""
    loaded = imported("agent.cli.main", "agent.daemon")
    assert {"agent", "aiohttp"} <= loaded
    assert loaded & LATER == set()


def test_what_opens_places_is_loaded_with_them() -> None:
    """So the names above are those that libraries go by."""
    assert {"OpenSSL", "asyncssh", "botocore", "urllib3"} <= imported("agent.places.sftp", "agent.places.s3")


READING = """
import asyncio, os, re, sys, time
from pathlib import Path
from agent.host.malloc import one_arena

def kept():
    return int(re.search(r"RssAnon:\\s*([0-9]+)", Path("/proc/self/status").read_text())[1])

async def read():
    await asyncio.gather(*(asyncio.to_thread(time.sleep, 0.01) for _ in range(8)))
    for _ in range(100):
        await asyncio.to_thread(os.pread, file, 1 << 20, 0)

if sys.argv[1] == "one":
    one_arena()
file = os.open("/dev/zero", os.O_RDONLY)
before = kept()
asyncio.run(read())
print(kept() - before)
"""


def test_threads_that_read_large_blocks_in_turn_keep_none_of_them() -> None:
    """As an upload does: kB that stay after 100 blocks of 1 MiB, beside what would stay else. The least of some tries:
    what else the machine does only adds to it."""
    one, many = (
        min(
            int(subprocess.run([sys.executable, "-c", READING, how], check=True, capture_output=True).stdout)
            for _ in range(3)
        )
        for how in ("one", "many")
    )
    assert one < 3_000 < many
