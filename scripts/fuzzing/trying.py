"""Random changes of what gets far into a door, by hypothesis: for the suite, and where atheris has no wheel."""

import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from scripts.fuzzing.targets import TARGETS

CORPUS = Path(__file__).with_name("corpus")
_TOKENS = (
    b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"PK\6\7", b"\xff\xff\xff\xff", bytes(16),
    b"-> X25519 ", b"-> scrypt ", b"--- ", b"-----BEGIN ", b"SSHSIG", b"ssh-ed25519 ", b"sha512",
    b"\xe2\x80\x94 handover/", b"\n\n", b"\r\n", b'"index":', b'"proof":', b'"line":', b"null", b"NaN", b"1e999",
    b'{"', b'"}', b"[[[[", b"\\ud800", b"\\u0000", b"2025-03-14T12:00:00.000000Z", b"9" * 25, b"../", b"\xef\xbb\xbf",
)  # fmt: skip


def corpus(name: str) -> list[Path]:
    """The kept inputs of a target."""
    return sorted((CORPUS / name).glob("*"))


@st.composite
def mutated(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """One of the seeds with up to four stretches of it replaced, by anything, by a token, or by a part of another."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 40)))
        other = draw(st.sampled_from(seeds))
        at = draw(st.integers(0, len(other)))
        piece = draw(st.binary(max_size=8) | st.sampled_from(_TOKENS) | st.just(other[at : at + 40]))
        data = data[:start] + piece + data[end:]
    return data


def try_target(name: str, examples: int) -> None:
    """Raises what the target raises, with hypothesis's smallest example of it."""
    target = TARGETS[name]
    seeds = [*target.seeds(), *(path.read_bytes() for path in corpus(name))]

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(mutated(seeds) | st.binary(max_size=200))
    def attempt(data: bytes) -> None:
        target.check(data)

    attempt()


def try_for(name: str, seconds: float, crashes: Path) -> Path | None:
    """The same until the time is up; where it fails, the file with the input that made it fail."""
    target = TARGETS[name]
    seeds = [*target.seeds(), *(path.read_bytes() for path in corpus(name))]
    end = time.monotonic() + seconds
    last = b""

    @settings(
        max_examples=2000,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(mutated(seeds) | st.binary(max_size=target.longest))
    def attempt(data: bytes) -> None:
        nonlocal last
        if time.monotonic() < end:
            last = data
            target.check(data)

    while time.monotonic() < end:
        try:
            attempt()
        except Exception:
            crashes.mkdir(parents=True, exist_ok=True)
            found = crashes / f"{name}-by-hypothesis"
            found.write_bytes(last)
            return found
    return None
