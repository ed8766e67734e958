"""Sealing a large clip as an evidence package, beside the age command on the same file.

Not for: the clip before it or the upload after it; other topics measure those.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from exchange.age.keys import generate_identity
from scripts.benchmarks.row import Row

_ROUNDS = 5
"""Each side runs so often, in turn, and its best run counts: what else the machine does only ever adds."""
_LIMIT = 1.3

# As the agent does it: an interpreter of its own, started for this one package.
_OURS = """
import sys, time
from pathlib import Path
from exchange.age.files import parse_recipient
from exchange.package.writing import PackageEntry, seal_package
source, target, recipient, *known = sys.argv[1:]
facts = (known[0], int(known[1])) if known else ()
entries = [PackageEntry("data/master/clip.mp4", Path(source), *facts)]
begun = time.monotonic()
seal_package(Path(target), "clip", entries, {}, [parse_recipient(recipient)])
took = time.monotonic() - begun
peak = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(took, int(peak[0]) / 1000)
"""

# As handover-verify begins: the seal, the zip, the bag and every hash; what is kept are the documents.
_VERIFY = """
import sys, time
from pathlib import Path
from exchange.age.keys import read_identities
from exchange.verify.opening import open_bag
sealed, identity, room = map(Path, sys.argv[1:])
begun = time.monotonic()
bag, findings = open_bag(sealed, room, read_identities(identity), kept=False, deep=False)
assert bag is not None and [str(finding.verdict) for finding in findings] == ["holds", "holds"]
print(time.monotonic() - begun)
"""
MEMORY = Path("/dev/shm")
_BOUND = 1.25
"""At least 0.8 of the speed of the slower of SHA-256 and ChaCha20-Poly1305, each alone."""


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
        _run(_OURS, source, ours, recipient, *known)

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
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield from _without_disk(Path(folder), min(size, 1 << 30))
    yield from _memory(work, size)


def _without_disk(folder: Path, size: int) -> Iterator[Row]:
    """On files in memory, without the start of a process, beside the slower algorithm alone on as many bytes."""
    source, sealed, identity = folder / "clip.mp4", folder / "sealed.age", folder / "key"
    _fill(source, size)
    key = subprocess.run(["age-keygen"], check=True, capture_output=True, text=True).stdout
    identity.write_text(key)
    identity.chmod(0o600)
    recipient, known = key.split("public key: ")[1].split()[0], _facts(source)

    def seal(*facts: str) -> float:
        sealed.unlink(missing_ok=True)
        return _run(_OURS, source, sealed, recipient, *facts)[0]

    def verify() -> float:
        with tempfile.TemporaryDirectory(dir=folder) as room:
            return _run(_VERIFY, sealed, identity, room)[0]

    rounds = [(seal(*known), seal(), verify(), _alone(size)) for _ in range(_ROUNDS)]
    sealing, hashing, verifying, alone = (min(times) for times in zip(*rounds, strict=True))
    yield Row(f"seal {_said(size)} beside the slower algorithm alone", sealing, alone, "s", _BOUND)
    yield Row("the same, clip never hashed before", hashing, alone, "s", None)
    yield Row(f"verify {_said(size)} beside the slower algorithm alone", verifying, alone, "s", _BOUND)


def _alone(size: int) -> float:
    """Seconds for ``size`` bytes, of the slower of the two, in one thread, from memory to memory."""
    block, out = memoryview(os.urandom(1 << 20)), bytearray((1 << 16) + 16)
    digest, cipher = hashlib.sha256(), ChaCha20Poly1305(os.urandom(32))

    def hash_all() -> None:
        for _ in range(size >> 20):
            digest.update(block)

    def encrypt_all() -> None:
        for number in range(size >> 20):
            for place in range(0, 1 << 20, 1 << 16):
                cipher.encrypt_into(number.to_bytes(12, "big"), block[place : place + (1 << 16)], None, out)

    return max(_seconds(hash_all), _seconds(encrypt_all))


def _memory(work: Path, size: int) -> Iterator[Row]:
    """Peak memory (VmHWM) of sealing a small and a large file, whose bytes are all zero: only their count matters."""
    source, sealed = work / "zeros", work / "zeros.age"
    recipient = str(generate_identity("x25519").recipient)
    for count in (10_000_000, 10 * size):
        with source.open("wb") as file:
            file.truncate(count)
        _, peak = _run(_OURS, source, sealed, recipient)
        sealed.unlink()
        yield Row(f"seal {_said(count)}, memory", peak, None, "MB", 40)
    source.unlink()


def _run(program: str, *arguments: str | Path) -> list[float]:
    """What the program prints: seconds, and for sealing its peak memory in MB."""
    command = [sys.executable, "-c", program, *arguments]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [float(word) for word in told.split()]


def _seconds(work: Callable[[], None]) -> float:
    start = time.monotonic()
    work()
    return time.monotonic() - start


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
    return f"{size >> 30} GiB" if size and size % (1 << 30) == 0 else f"{size / (1 << 20):.0f} MiB"
