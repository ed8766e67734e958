"""The doors that scripts/fuzz tries for minutes keep their promises for everything that it found, and a little more."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.fuzzing import targets
from scripts.fuzzing.targets import TARGETS, PromiseBroken
from scripts.fuzzing.trying import CORPUS, corpus, try_for, try_target
from tests.paths import ROOT

pytestmark = pytest.mark.slow


def test_there_is_a_small_corpus_for_every_target_and_none_besides() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
    files = [path for name in TARGETS for path in corpus(name)]
    assert all(corpus(name) for name in TARGETS)
    assert sum(path.stat().st_size for path in files) < 500_000


@pytest.mark.parametrize("name", TARGETS)
def test_a_door_keeps_its_promises_for_the_corpus_that_was_kept(name: str) -> None:
    for content in [*TARGETS[name].seeds(), *(path.read_bytes() for path in corpus(name))]:
        TARGETS[name].check(content)


@pytest.mark.parametrize("name", TARGETS)
def test_a_door_keeps_its_promises_for_random_changes_of_what_gets_far_in(name: str) -> None:
    try_target(name, 80 if name == "package" else 150)


def test_a_promise_that_is_broken_is_noticed_and_its_input_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a reader of headers that forgets to look at the end of one."""

    def careless(source: object) -> object:
        raise IndexError("end")

    monkeypatch.setattr(targets, "read_header", careless)
    kept = try_for("age-header", 5, tmp_path)
    assert kept is not None
    with pytest.raises(IndexError):
        TARGETS["age-header"].check(kept.read_bytes())


def test_a_door_that_would_accept_what_another_program_reads_otherwise_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (sealed, *_) = TARGETS["age-header"].seeds()
    real = targets.read_header(io.BytesIO(sealed).readline)
    monkeypatch.setattr(targets, "read_header", lambda source: real.__class__(real.stanzas, b"other", real.mac))
    with pytest.raises(PromiseBroken):
        TARGETS["age-header"].check(sealed)


def test_an_input_is_tried_again_by_the_command_that_is_told() -> None:
    (one, *_) = corpus("sshsig")
    command = [sys.executable, "-m", "scripts.fuzzing", "--replay", str(one), "sshsig"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "sshsig keeps its promises" in answer.stdout
