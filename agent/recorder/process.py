"""``handover record``: one process that records all cameras, with no key and no business on the internet.

Not for: deciding what is kept, for how long, or for whom; the daemon does that with the files. Reads its own small
file (``config``), again when it changes or on SIGHUP; says how it fares in ``<root>/.state/recorder.json``.
"""

import contextlib
import errno
import fcntl
import gc
import json
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

import av
import sdnotify

from agent.host.malloc import no_fast_bins
from agent.host.mount import GONE, is_mounted
from agent.recorder.camera import CameraRecorder, CameraState
from agent.recorder.config import CameraSource, RecorderConfig, load
from agent.recorder.finishing import Finisher, recover_all
from agent.recordings import layout
from exchange.clock import Clock, SystemClock
from exchange.durable import read_only
from exchange.errors import AlreadyRunning, DiskFull, HandoverError

_log = logging.getLogger("handover.recorder")

STATE_EVERY = 2.0
"""Seconds between two writings of the state file."""
_TICK = 0.5
_PATIENCE = 15.0


def main(config_path: Path | str) -> int:
    """Record until SIGTERM or SIGINT; 0 then. Raises SettingsInvalid, AlreadyRunning, DiskFull."""
    path = Path(config_path)
    if not _wait_for(path):
        return 0
    read_at, config = _written(path), load(path)
    while not is_mounted(config.mount):
        if not _wait_for_disk(path, config):
            return 0
        read_at, config = _written(path), load(path)
    av.logging.set_level(None)  # libavformat's messages quote URLs, and those hold passwords
    no_fast_bins()
    with _only_one(config.root):
        recorder = Recorder(path, config, SystemClock(), read_at)
        recorder.run()
        if any(camera.is_alive() for camera in recorder.cameras.values()):
            # Stuck in the library, connecting: the interpreter must not take itself apart around it.
            logging.shutdown()
            os._exit(0)
    return 0


class Recorder:
    """All cameras of a configuration, and what watches over them."""

    def __init__(self, path: Path, config: RecorderConfig, clock: Clock, read_at: int) -> None:
        """``read_at``: what ``_written`` said before ``config`` was read."""
        self.path, self.config, self.clock = path, config, clock
        self.cameras: dict[str, CameraRecorder] = {}
        self.finisher = Finisher(config.sync, config.mount)
        self.started = clock.now()
        self._wake = threading.Event()
        self._ending = self._reload = False
        self._read_at = read_at
        self._system = sdnotify.SystemdNotifier()

    def run(self) -> None:
        """Until a signal ends it. To be called in the main thread."""
        for path in recover_all(self.config.root):
            _log.info("saved what was whole of %s", path.name)
        handlers = {
            each: signal.signal(each, self._signalled) for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        }
        self.finisher.start()
        try:
            self._apply()
            gc.collect()
            gc.freeze()  # what is loaded by now stays; it needs no looking at again
            self._system.notify("READY=1")
            self._watch()
        finally:
            self._system.notify("STOPPING=1")
            self._stop(list(self.cameras.values()))
            self.finisher.stop()
            self._write_state()
            for each, handler in handlers.items():
                signal.signal(each, handler)

    def _signalled(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._reload = True
        else:
            self._ending = True
        self._wake.set()

    def _watch(self) -> None:
        reported = 0.0
        while not self._ending:
            if self._reload or _written(self.path) != self._read_at:
                self._reload = False
                self._read_again()
            for camera in self.cameras.values():
                camera.watch()
            if time.monotonic() - reported >= STATE_EVERY:
                reported = time.monotonic()
                self._system.notify("WATCHDOG=1")
                self._write_state()
            self._wake.wait(_TICK)
            self._wake.clear()

    # -- which cameras ----------------------------------------------------------------------------------------

    def _read_again(self) -> None:
        self._read_at = _written(self.path)
        try:
            config = load(self.path)
        except HandoverError as error:
            _log.error("%s Recording goes on as before.", error)
            return
        if config.root != self.config.root:
            _log.error("The recordings' folder changed: that needs a restart. Recording goes on as before.")
            return
        self.config = config
        self._apply()
        _log.info("read the cameras again: %d", len(config.cameras))

    def _apply(self) -> None:
        """Stop cameras that are gone or changed, start those that are new or changed; leave the others alone."""
        wanted = {camera.camera_id: camera for camera in self.config.cameras}
        gone = [
            running
            for camera_id, running in self.cameras.items()
            if wanted.get(camera_id) != running.camera or not _same_terms(running.config, self.config)
        ]
        self._stop(gone)
        for running in gone:
            del self.cameras[running.camera.camera_id]
        for camera_id, camera in wanted.items():
            if camera_id not in self.cameras:
                self._start(camera)
        for refused in self.config.unusable:
            _log.error("camera %s is not recorded: %s", refused.camera_id, refused.why)

    def _start(self, camera: CameraSource) -> None:
        recorder = CameraRecorder(camera, self.config, self.clock, self.finisher)
        self.cameras[camera.camera_id] = recorder
        recorder.start()

    def _stop(self, cameras: list[CameraRecorder]) -> None:
        for camera in cameras:
            camera.stop()
        until = time.monotonic() + _PATIENCE
        for camera in cameras:
            # One that is still connecting has nothing to finish, and may take its time over it.
            while camera.is_alive() and camera.writing and time.monotonic() < until:
                camera.join(_TICK / 10)

    # -- how it fares -----------------------------------------------------------------------------------------

    def _write_state(self) -> None:
        if not is_mounted(self.config.mount):
            return  # each camera's log says it; here there is nowhere to write to
        state: dict[str, Any] = {
            "v": 1,
            "pid": os.getpid(),
            "at": self.clock.now(),
            "started": self.started,
            "stopped": self._ending,
            "cameras": {name: asdict(camera.status()) for name, camera in sorted(self.cameras.items())}
            | {each.camera_id: {"state": "unusable", "error": each.why} for each in self.config.unusable},
        }
        target = self.config.root / layout.STATE / "recorder.json"
        temporary = target.with_name("recorder.json.new")
        try:
            target.parent.mkdir(mode=0o770, parents=True, exist_ok=True)  # another disk may have come
            # Not put on the disk by force: after a power cut it is out of date anyhow.
            temporary.write_text(json.dumps(state, indent=1))
            temporary.chmod(0o640)
            temporary.replace(target)
        except OSError as error:
            if not any(camera.state is CameraState.NO_ROOM for camera in self.cameras.values()):
                _log.warning("The recorder's state cannot be written: %s", error.strerror)


def _written(path: Path) -> int:
    """When a file was last replaced, in nanoseconds; 0 while there is none. The daemon can't signal another user."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _wait_for(path: Path) -> bool:
    """Until the daemon has written the file for the first time, which is no fault. False when SIGTERM came before."""
    if _written(path):
        return True
    notifier, ended = sdnotify.SystemdNotifier(), threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: ended.set())
    try:
        _log.info("waiting for the daemon to write %s", path)
        notifier.notify("READY=1")
        while not _written(path):
            notifier.notify("WATCHDOG=1")
            if ended.wait(_TICK):
                return False
    finally:
        signal.signal(signal.SIGTERM, before)
    return True


def _wait_for_disk(path: Path, config: RecorderConfig) -> bool:
    """Until the recordings' disk is mounted, or the daemon wrote the file anew. False when SIGTERM came before."""
    notifier, ended = sdnotify.SystemdNotifier(), threading.Event()
    before, read_at = signal.signal(signal.SIGTERM, lambda *_: ended.set()), _written(path)
    try:
        _log.warning("%s Nothing is mounted at %s. Recording begins when it is.", GONE, config.mount)
        notifier.notify(f"READY=1\nSTATUS={GONE}")
        while not is_mounted(config.mount) and _written(path) == read_at:
            notifier.notify("WATCHDOG=1")
            if ended.wait(_TICK):
                return False
        notifier.notify("STATUS=")
    finally:
        signal.signal(signal.SIGTERM, before)
    return True


def _same_terms(one: RecorderConfig, other: RecorderConfig) -> bool:
    def terms(config: RecorderConfig) -> tuple[object, ...]:
        return (config.segment, config.fragment, config.stall, config.reserve, config.mount)

    return terms(one) == terms(other)


@contextlib.contextmanager
def _only_one(root: Path) -> Iterator[None]:
    """Hold the recordings' folder for this process. AlreadyRunning, DiskFull."""
    try:
        (root / layout.STATE).mkdir(mode=0o770, parents=True, exist_ok=True)
        descriptor = os.open(root / layout.STATE / "recorder.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o640)
    except OSError as error:
        if error.errno == errno.EROFS:
            raise read_only(f"the disk that holds {root}") from None
        raise DiskFull(
            f"Nothing can be written to {root}: {error.strerror}.",
            meaning="Nothing is recorded.",
            do="Check that the disk is there, has room, and may be written to by the recorder's user.",
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                f"Another recorder already records into {root}.",
                meaning="Two of them would record every camera twice.",
                do="Stop the other one first, or use another folder.",
            ) from None
        yield
    finally:
        os.close(descriptor)
