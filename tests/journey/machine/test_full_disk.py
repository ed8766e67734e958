"""A disk that is full while cutting, sealing or noting: told, nothing half-made left, and gone on with by itself."""

import os
import subprocess
import sys
from pathlib import Path

from tests.paths import ROOT

PROGRAM = Path(__file__).with_name("on_a_small_disk.py")


def test_a_full_disk_stops_each_step_and_room_lets_it_go_on(tmp_path: Path) -> None:
    """In a mount namespace of its own, on a file system of a few megabytes: the errors are the kernel's."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = f'mount -t tmpfs -o size=24m tmpfs "{disk}" && exec "$@"'
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", mounted, "sh", sys.executable, str(PROGRAM), str(disk)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.split() == ["clipping", "sealing", "store", "delivered", "backing-up"], done.stdout
