"""A package's custody as a program in Go finds it, with ``sumdb/note`` and ``sumdb/tlog``, by other authors.

Not for: what the lines tell.
"""

import os
import subprocess
from pathlib import Path

_SOURCE = Path(__file__).parent / "custody"
CUSTODY = ("device.pub", "custody.checkpoint", "custody.jsonl")


def built(folder: Path) -> Path:
    """The program, built against Debian's own copy of the libraries: seconds, or none when Go kept an earlier build."""
    program = folder / "custody"
    environment = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "", "GOTOOLCHAIN": "local"}
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "go-build"
    subprocess.run(
        ["go", "build", "-o", program, "./"],
        cwd=_SOURCE,
        env={**os.environ, **environment, "GOCACHE": str(cache)},
        check=True,
        timeout=280,
    )
    return program


def asked(program: Path, folder: Path) -> tuple[int, str]:
    """Its exit code and what it says of the three files of ``CUSTODY`` in a folder."""
    answer = subprocess.run([program, folder], capture_output=True, text=True, timeout=30)
    return answer.returncode, answer.stdout.strip()
