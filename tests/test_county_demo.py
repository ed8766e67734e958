"""The county's demo, small: it ends with 0 only when every step was done, and leaves no process and no file."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.county.owners import BESIDE
from tests.paths import ROOT
from tests.test_demo import assert_nothing_runs, until

PATIENCE = 240
pytestmark = pytest.mark.timeout(480)


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    (folder / "tmp").mkdir()
    environment = {**os.environ, "TMPDIR": str(folder / "tmp"), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "scripts.county", "--agents", "40", *words]
    with (folder / "shown.txt").open("w") as shown:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=shown,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            env=environment,
        )


def test_a_crime_in_a_county_loses_nothing_when_a_replica_is_killed(tmp_path: Path) -> None:
    demo = start(tmp_path, "--keep", str(tmp_path / "kept"))
    code = demo.wait(PATIENCE)
    said = (tmp_path / "shown.txt").read_text()
    assert code == 0, said
    assert "Traceback" not in said
    assert said.rstrip().endswith("Every step was done and checked.")
    assert_nothing_runs(tmp_path)
    opened = list((tmp_path / "kept" / "opened").glob("*.zip.age"))
    assert len(opened) == BESIDE.count("yes")
    manifests = [json.loads(path.read_text()) for path in (tmp_path / "kept").glob("opened/*/*/data/evidence.json")]
    assert len({manifest["device"] for manifest in manifests}) == BESIDE.count("yes")


def test_a_county_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    demo = start(tmp_path)
    until(demo, tmp_path, "nginx hands calls")
    demo.send_signal(signal.SIGINT)
    code = demo.wait(PATIENCE)
    said = (tmp_path / "shown.txt").read_text()
    assert code == 130, said
    assert "Traceback" not in said
    assert_nothing_runs(tmp_path)


def test_too_few_owners_are_refused() -> None:
    command = [sys.executable, "-m", "scripts.county", "--agents", "3"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 2
    assert "at least" in ended.stderr
