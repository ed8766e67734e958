"""ClamAV's clamd, with a signature database of its own that knows one harmless text. Not for: tests themselves."""

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HARMFUL = b"Handover's own test text, which a scanner takes for malware: 7f4c1e"
NAME = "Handover.Test"
STARTS_WITHIN = 60


@contextlib.contextmanager
def clamd(most: str = "4M") -> Iterator[str]:
    """Where it listens, as ``scanner.yaml`` says it. ``most``: StreamMaxLength."""
    with tempfile.TemporaryDirectory(prefix="handover-clamd-") as name:
        folder = Path(name)
        (folder / "db").mkdir()
        digest = hashlib.sha256(HARMFUL).hexdigest()
        (folder / "db" / "own.hsb").write_text(f"{digest}:{len(HARMFUL)}:{NAME}\n")
        listening = folder / "clamd.ctl"
        settings = folder / "clamd.conf"
        settings.write_text(
            f"Foreground yes\nLocalSocket {listening}\nDatabaseDirectory {folder / 'db'}\nTemporaryDirectory {folder}\n"
            f"StreamMaxLength {most}\nSelfCheck 0\nBytecode no\nMaxThreads 2\n"
        )
        for path in (folder, folder / "db"):
            path.chmod(0o755)
        program = shutil.which("clamd") or "/usr/sbin/clamd"
        log = (folder / "log").open("w")
        with log, subprocess.Popen([program, "-c", settings], stdout=log, stderr=log) as process:
            try:
                _wait_for(listening, process, folder / "log")
                yield f"unix:{listening}"
            finally:
                process.kill()


def _wait_for(listening: Path, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
            connection.connect(os.fspath(listening))
            return
        time.sleep(0.05)
    raise AssertionError(f"clamd did not start: {log.read_text()}")
