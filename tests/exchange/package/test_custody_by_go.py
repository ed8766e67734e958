"""The custody of a package, checked by a program in Go with ``sumdb/note`` and ``sumdb/tlog``, by other authors."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from exchange.custody.log import CustodyKind, ProvenLines, line_leaf, next_line, prove_lines
from exchange.signing.documents import SigningKey
from scripts.vector_making.__main__ import VECTORS
from tests.counterparts.golang.custody_program import CUSTODY, asked, built

pytestmark = pytest.mark.slow

pytestmark = pytest.mark.timeout(300)
"""The first build compiles Go's own libraries."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("go"))


def laid(folder: Path, proven: ProvenLines, key: SigningKey) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in zip(CUSTODY, (f"{key.public.line}\n", proven.checkpoint, proven.jsonl.decode()), strict=True):
        (folder / name).write_text(content)
    return folder


def a_log(size: int) -> list[str]:
    lines: list[str] = []
    for seq in range(size):
        previous = lines[-1] if lines else None
        kind = CustodyKind.PRESERVED
        line = next_line(previous, seq=seq, at=seq, monotonic_us=seq, actor="Kämmerer 👮", event=kind, request_id="r-1")
        lines.append(line)
    return lines


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The custody files of a package that our own writer made."""
    with zipfile.ZipFile(VECTORS / "good/plain.zip") as archive:
        for name in CUSTODY:
            (tmp_path / name).write_bytes(archive.read(f"ev-1/data/{name}"))
    return tmp_path


def test_go_opens_a_packages_checkpoint_and_finds_every_line_in_the_log(program: Path, package: Path) -> None:
    assert asked(program, package) == (0, "4 lines hold in a log of 7")


def test_go_agrees_with_every_proof_in_logs_of_every_shape(program: Path, tmp_path: Path) -> None:
    key = SigningKey.generate()
    for size in (*range(1, 18), 100):
        lines = a_log(size)
        folder = laid(tmp_path / "log", prove_lines(list(enumerate(lines)), map(line_leaf, lines), key), key)
        assert asked(program, folder) == (0, f"{size} lines hold in a log of {size}")


def swap(package: Path, name: str, change: Callable[[str], str]) -> None:
    before = (package / name).read_text()
    after = change(before)
    assert after != before
    (package / name).write_text(after)


def turned(text: str) -> str:
    """The first row's proof the other way round."""
    first, *rest = text.splitlines(keepends=True)
    row = json.loads(first)
    return "".join([json.dumps({**row, "proof": row["proof"][::-1]}) + "\n", *rest])


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("custody.checkpoint", lambda text: text.replace("\n7\n", "\n8\n"), "checkpoint: "),
        ("custody.checkpoint", lambda text: text.replace("handover/", "handover-"), "checkpoint: "),
        ("custody.checkpoint", lambda text: text[:-40] + text[-40:-4].swapcase() + text[-4:], "checkpoint: "),
        ("custody.jsonl", lambda text: text.replace("approved", "declined"), "row 1: "),
        ("custody.jsonl", lambda text: text.replace('"index":1,', '"index":2,'), "row 0: "),
        ("custody.jsonl", turned, "row 0: "),
        ("device.pub", lambda text: SigningKey.generate().public.line, "checkpoint: "),
    ],
)
def test_go_finds_what_was_altered(
    program: Path, package: Path, name: str, change: Callable[[str], str], words: str
) -> None:
    swap(package, name, change)
    code, reply = asked(program, package)
    assert code == 1
    assert reply.startswith(words), reply
