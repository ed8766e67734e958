"""A Chromium that all tests of a process share: started with the first that needs it, ended with the process.

Not for: tests themselves; ``browser.chromium`` lends them its windows.
"""

import atexit
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from functools import cache
from pathlib import Path

CHROMIUM = "/usr/bin/chromium"
_ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-dev-shm-usage", "--mute-audio",
    "--hide-scrollbars", "--no-first-run",
    "--no-default-browser-check", "--disable-background-networking", "--disable-component-update", "--disable-breakpad",
    "--disable-default-apps", "--disable-sync", "--disable-extensions", "--disable-search-engine-choice-screen",
    "--disable-back-forward-cache", "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows", "--password-store=basic", "--force-color-profile=srgb",
    "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4",
    "--remote-debugging-port=0",
)  # fmt: skip
_UNTIL_INPUT_ENDS = '"$@" & read -r _; kill $!; wait $!'
"""For the shell: whoever started this and died leaves no browser behind."""


class SharedBrowser:
    """Where its debugger listens, and its end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        atexit.register(self.end)

    def origin(self) -> str:
        """As ``http://127.0.0.1:PORT``. A browser that has ended is followed by another."""
        with self._lock:
            if self._process is None or not self._listens():
                self.end()
                self._start()
            return f"http://127.0.0.1:{self._port()}"

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port()), timeout=30).close()
        except OSError:
            return False
        return True

    def _start(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="handover-browser-", ignore_cleanup_errors=True)
        command = ["sh", "-c", _UNTIL_INPUT_ENDS, "sh", CHROMIUM, f"--user-data-dir={self._folder.name}", *_ARGUMENTS]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def _port(self) -> int:
        assert self._folder is not None
        told = Path(self._folder.name) / "DevToolsActivePort"
        for _ in range(1200):
            if told.exists() and (lines := told.read_text().splitlines()):
                return int(lines[0])
            time.sleep(0.05)
        raise AssertionError("Chromium did not start.")

    def end(self) -> None:
        if self._process is not None:
            try:
                self._process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.communicate()
            self._process = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


@cache
def shared() -> SharedBrowser:
    return SharedBrowser()
