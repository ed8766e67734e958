"""Sealing a large clip as an evidence package, beside the age command on the same file.

Not for: the clip before it or the upload after it; other topics measure those.
"""

import hashlib
import os
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from scripts.benchmarks.row import Row

_ROUNDS = 5
"""Each side runs so often, in turn, and its best run counts: what else the machine does only ever adds."""
_LIMIT = 1.3

# As the agent does it: an interpreter of its own, started for this one package.
_OURS = """
import sys
from pathlib import Path
from exchange.age.files import parse_recipient
from exchange.package.writing import PackageEntry, seal_package
source, target, recipient, *known = sys.argv[1:]
facts = (known[0], int(known[1])) if known else ()
entries = [PackageEntry("data/master/clip.mp4", Path(source), *facts)]
seal_package(Path(target), "clip", entries, {}, [parse_recipient(recipient)])
"""


def rows(work: Path) -> Iterator[Row]:
    """Wall time in seconds from start to end of the process.

    Ours packs the file as zip and bag, encrypts, hashes the result and waits until the disk has it; age encrypts, and
    leaves the rest, and the disk, for later. Same recipient, same disk, same file in memory. As the agent seals, the
    clip's SHA-256 and CRC are known from its cutting, where ``clip`` has them on the clock, and the file is held
    against the CRC. The second row takes both in the same pass, which is what a file from elsewhere would cost.
    """
    size = int(os.environ.get("HANDOVER_BENCH_SIZE", 1 << 30))
    source, ours, theirs = work / "clip.mp4", work / "ours.age", work / "theirs.age"
    _fill(source, size)
    key = subprocess.run(["age-keygen"], check=True, capture_output=True, text=True).stdout
    recipient = next(line.split()[-1] for line in key.splitlines() if line.startswith("# public key:"))

    def seal_ours(*known: str) -> None:
        subprocess.run([sys.executable, "-c", _OURS, source, ours, recipient, *known], check=True)

    def seal_theirs() -> None:
        subprocess.run(["age", "-r", recipient, "-o", theirs, source], check=True)

    known = _facts(source)
    rounds = [
        (_time(lambda: seal_ours(*known), ours), _time(seal_ours, ours), _time(seal_theirs, theirs))
        for _ in range(_ROUNDS)
    ]
    source.unlink()
    known_ours, hashing, age = (min(times) for times in zip(*rounds, strict=True))
    yield Row(f"seal {_said(size)}", known_ours, age, "s", _LIMIT)
    yield Row(f"seal {_said(size)}, clip never hashed before", hashing, age, "s", None)


def _time(seal: Callable[[], None], target: Path) -> float:
    """Seconds. The disk has nothing left to do from the run before."""
    os.sync()
    start = time.monotonic()
    seal()
    taken = time.monotonic() - start
    target.unlink()
    return taken


def _fill(path: Path, size: int) -> None:
    with path.open("wb") as file:
        for start in range(0, size, 1 << 20):
            file.write(os.urandom(min(1 << 20, size - start)))


def _facts(path: Path) -> tuple[str, str]:
    digest, crc32 = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
            crc32 = zlib.crc32(piece, crc32)
    return digest.hexdigest(), str(crc32)


def _said(size: int) -> str:
    return f"{size >> 30} GiB" if size % (1 << 30) == 0 else f"{size / (1 << 20):.0f} MiB"
