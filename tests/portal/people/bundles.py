"""The link's script as scripts/bundle makes it, made once for the same sources and kept. Not for: tests themselves."""

import hashlib
import subprocess
from pathlib import Path

from tests.counterparts.processes.npm import CACHE
from tests.paths import ROOT

SOURCES = ROOT / "portal" / "public" / "script"


def make_script(folder: Path) -> Path:
    """The folder again. Raises CalledProcessError when it can't be made: there is no skipping."""
    subprocess.run([ROOT / "scripts" / "bundle", folder], check=True, capture_output=True, timeout=120)
    return folder


def made_script() -> Path:
    every = b"".join(path.read_bytes() for path in sorted(SOURCES.iterdir())) + (ROOT / "scripts/bundle").read_bytes()
    folder = CACHE / f"link-script-{hashlib.sha256(every).hexdigest()[:16]}"
    if not (folder / "answer.js.sha256").exists():
        CACHE.mkdir(exist_ok=True)
        (CACHE / ".gitignore").write_text("*\n")
        make_script(folder)
    return folder
