"""Programs from npm that tests run against, each at one version, installed once and kept.

Not for: what the product itself uses; it has nothing from npm.
"""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from tests.paths import ROOT

CACHE = ROOT / "tests" / ".npm"
"""Kept between runs and shared by all of them; it hides itself from git, and may be deleted at any time."""
os.environ.setdefault("NODE_COMPILE_CACHE", str(CACHE / "compiled"))  # node does not compile each program anew


def npm_package(name: str, version: str, *beside: str) -> Path:
    """The folder to run node in so that ``import "name"`` finds exactly ``version``; installs it the first time.

    ``beside``: more packages that it needs, as ``name@version``.

    Two runs at once wait for each other. Raises CalledProcessError when npm cannot install it, which is a failure
    of the test that asked: there is no skipping.
    """
    folder = CACHE / f"{name.replace('/', '+')}@{version}"
    CACHE.mkdir(exist_ok=True)
    (CACHE / ".gitignore").write_text("*\n")
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            (folder / "package.json").write_text('{"name": "counterpart", "private": true, "type": "module"}\n')
            command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--save-exact"]
            subprocess.run(
                [*command, f"{name}@{version}", *beside], cwd=folder, check=True, capture_output=True, timeout=120
            )
            (folder / "installed").touch()
    return folder
