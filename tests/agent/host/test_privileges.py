"""Root's commands work on the agent's state as the agent's own user."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

WRITE_A_FILE = """
import sys
from pathlib import Path
from agent.host.privileges import become_owner_of
folder = Path(sys.argv[1])
become_owner_of(folder)
(folder / "made").write_text("x")
"""

AS_ROOT = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]


@pytest.mark.parametrize("owner", ["nobody", "a number without a name"])
def test_a_file_that_root_makes_in_the_agents_folder_belongs_to_the_agent(owner: str) -> None:
    uid, gid = (65534, 65534) if owner == "nobody" else (54321, 54321)
    folder = Path("/tmp") / f"handover-privileges-{os.getpid()}"
    folder.mkdir()
    try:
        subprocess.run([*AS_ROOT, "chown", f"{uid}:{gid}", folder], check=True, timeout=20)
        subprocess.run([*AS_ROOT, sys.executable, "-c", WRITE_A_FILE, folder], check=True, timeout=20)
        made = (folder / "made").stat()
        assert (made.st_uid, made.st_gid) == (uid, gid)
    finally:
        subprocess.run([*AS_ROOT, "rm", "-r", folder], check=True, timeout=20)


def test_whoever_is_not_root_or_owns_the_folder_stays_who_they_are(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", WRITE_A_FILE, tmp_path], check=True, timeout=20)
    assert (tmp_path / "made").stat().st_uid == os.geteuid()
