"""Keeps one camera recorded: connects, copies, and connects again, with back-off and jitter; watched from outside.

Not for: what is done with packets (``copying``), or several cameras (``recorder``).
"""

import contextlib
import logging
import os
import random
import threading
import traceback
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from agent.host.mount import GONE, READ_ONLY, is_mounted
from agent.host.wall_clock import WallClock
from agent.recorder.config import CameraSource, RecorderConfig
from agent.recorder.copying import LONGEST_SEGMENT, Copying
from agent.recorder.finishing import Finisher, Noted
from agent.recorder.meter import Meter, NoRoom
from agent.recorder.stream import Connection, StreamLost, Trouble, connect
from exchange.clock import MINUTE, SECOND, Clock
from exchange.durable import takes_writes

_log = logging.getLogger("handover.recorder")

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds between attempts; doubled from the first to the longest, a third more or less by chance."""
REFUSED_WAIT = 60.0
"""Seconds after a refused password: cameras lock users out who try too often."""
ROOM_WAIT = 2.0
_STEADY = MINUTE
_NO_KEY_FRAME = MINUTE


class CameraState(StrEnum):
    CONNECTING = "connecting"
    RECORDING = "recording"
    WAITING = "waiting"
    REFUSED = "refused"
    NO_ROOM = "no_room"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Status:
    """For ``handover status``: instants in microseconds UTC, None where there was none."""

    state: CameraState
    since: int
    last_packet: int | None
    error: str | None
    bytes: int
    fps: float
    segments: int
    reconnects: int
    video: str
    audio: str
    size: str
    sound_left_out: str


class CameraRecorder(threading.Thread):
    """One camera's thread. ``stop`` ends it; its segment is finished first."""

    def __init__(self, camera: CameraSource, config: RecorderConfig, clock: Clock, finisher: Finisher) -> None:
        super().__init__(name=f"camera {camera.camera_id}", daemon=True)
        self.camera, self.config, self.clock, self.finisher = camera, config, clock, finisher
        self.host = WallClock(clock)
        self.meter = Meter()
        self.state, self.since, self.error = CameraState.CONNECTING, clock.now(), ""
        self.reconnects = 0
        self._ending = threading.Event()
        self._connection: Connection | None = None
        self._copying: Copying | None = None
        self._told_of_sound = False
        self._connected = 0
        self._progress = (0, 0)
        """How many pictures there were when ``watch`` last saw their number change, and when that was (monotonic)."""
        self._counted = (clock.monotonic(), 0)
        self._fps = 0.0

    # -- the thread -------------------------------------------------------------------------------------------

    def run(self) -> None:
        wait, why = FIRST_WAIT, "started"
        while not self._ending.is_set():
            began, pause = self.clock.monotonic(), 0.0
            try:
                self._once(why)
            except StreamLost as lost:
                refused = lost.trouble is Trouble.REFUSED
                self._became(CameraState.REFUSED if refused else CameraState.WAITING, str(lost), lost.trouble)
                if self.clock.monotonic() - began > _STEADY:
                    wait = FIRST_WAIT
                pause = REFUSED_WAIT if refused else wait
                wait = min(wait * 2, LONGEST_WAIT)
            except NoRoom as full:
                self._became(CameraState.NO_ROOM, str(full), Trouble.DISK_FULL)
                pause = ROOM_WAIT
            except Exception as error:  # a fault of ours in one connection must not end this camera's recording
                _log.error("%s: fault in recording: %s", self.camera.camera_id, _place_of(error))
                self._became(CameraState.WAITING, "The recorder had a fault; it tries again.", Trouble.LOST)
                pause, wait = wait, min(wait * 2, LONGEST_WAIT)
            why = "reconnected"
            self._ending.wait(pause * random.uniform(0.67, 1.33))  # noqa: S311  # only spreads attempts
        self.state, self.error = CameraState.STOPPED, ""

    def _once(self, why: str) -> None:
        """One connection, from beginning to end."""
        if not is_mounted(self.config.mount):
            raise NoRoom(f"{GONE} Nothing is mounted at {self.config.mount}.")
        with contextlib.suppress(OSError):  # what is wrong with it is told when it is written to
            self.config.root.mkdir(mode=0o770, parents=True, exist_ok=True)
        if not takes_writes(self.config.root):
            raise NoRoom(READ_ONLY)
        if (free := _free(self.config)) < self.config.reserve:
            raise NoRoom(f"The recordings' disk is full: {free // 1_000_000} MB are free.")
        connection = connect(self.camera, stall=self.config.stall / SECOND)
        try:
            self._connection = connection
            self._connected = self.clock.monotonic()
            self._progress = (self.meter.frames, self._connected)
            self._copying = Copying(self.camera, self.config, connection, self.host, self.finisher, self.meter, why)
            self.state, self.since, self.error = CameraState.RECORDING, self.clock.now(), ""
            _log.info("%s: recording", self.camera.camera_id)
            if (left_out := self._copying.sound_left_out) and not self._told_of_sound:
                self._told_of_sound = True
                _log.warning("%s: its sound (%s) can't be recorded; the pictures are", self.camera.camera_id, left_out)
            if self._ending.is_set():
                return
            self._copying.run()
        except StreamLost:
            if not self._ending.is_set():
                self.reconnects += 1
                raise
        finally:
            self._connection = None
            try:
                if self._copying is not None:
                    self._copying.end()
            finally:
                self._copying = None  # only now: whoever stops the recorder waits for the segment's end
                connection.close()
                if self._ending.is_set():
                    self._note(Trouble.STOPPED, "The recorder was stopped.")

    def _became(self, state: CameraState, words: str, trouble: Trouble) -> None:
        """Say a change once, in the log and the journal, not each attempt."""
        if (state, words) != (self.state, self.error):
            _log.warning("%s: %s", self.camera.camera_id, words)
            self._note(trouble, words)
        if state is not self.state:
            self.since = self.clock.now()
        self.state, self.error = state, words

    def _note(self, trouble: Trouble, words: str) -> None:
        entry: dict[str, Any] = {"event": "lost", "reason": trouble.value, "words": words}
        self.finisher.submit(Noted(self.config.root, self.camera.camera_id, self.clock.now(), entry))

    # -- from outside -----------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ask it to end; ``join`` waits for that."""
        self._ending.set()
        self._interrupt("The recorder was stopped.")

    @property
    def writing(self) -> bool:
        """Whether there is a stream, and so perhaps a segment to be finished."""
        return self._copying is not None

    def watch(self) -> None:
        """Break off what doesn't get on: progress counts, not a connection that is merely open."""
        now = self.clock.monotonic()
        copying = self._copying
        if copying is None:
            return
        if self.meter.frames != self._progress[0]:
            self._progress = (self.meter.frames, now)
        if now - self._progress[1] > self.config.stall:
            seconds = self.config.stall // SECOND
            self._interrupt(f"The stream froze: no picture for {seconds} seconds, though the connection was open.")
        elif copying.writer is None and now - self._connected > _NO_KEY_FRAME:
            self._interrupt("The stream has no key frame to start at.")
        elif copying.writer is not None and now - copying.opened_at > LONGEST_SEGMENT:
            self._interrupt("The stream had no key frame for too long.")
        elif not is_mounted(self.config.mount):
            self._interrupt(GONE)
        elif _free(self.config) < self.config.reserve:
            self._interrupt("The recordings' disk is full.")

    def _interrupt(self, why: str) -> None:
        connection = self._connection
        if connection is not None:
            connection.interrupt(why)

    def status(self) -> Status:
        now, frames = self.clock.monotonic(), self.meter.frames
        if now - self._counted[0] >= SECOND:
            self._fps = (frames - self._counted[1]) * SECOND / (now - self._counted[0])
            self._counted = (now, frames)
        meter = self.meter
        return Status(
            state=self.state,
            since=self.since,
            last_packet=self.host.wall(self._progress[1]) if frames else None,
            error=self.error or None,
            bytes=meter.bytes,
            fps=round(self._fps, 2),
            segments=meter.segments,
            reconnects=self.reconnects,
            video=meter.video,
            audio=meter.audio,
            size=meter.size,
            sound_left_out=meter.sound_left_out,
        )


def _place_of(error: Exception) -> str:
    """What kind of fault, and where; not its text, which may quote a URL."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {at.name}, {os.path.basename(at.filename)}:{at.lineno}"


def _free(config: RecorderConfig) -> int:
    """Bytes; none where the disk does not even say."""
    try:
        disk = os.statvfs(config.root)
    except OSError:
        return 0
    return disk.f_bavail * disk.f_frsize
