"""Frames as they come into groups that begin with a key frame, onto the wall clock, and those into files.

Not for: connections (``session``), or writing (``writer``). A file ends where the time jumps, where packets were lost,
and where the pictures' parameters change; nothing is joined over any of these.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.media.containers.live_file import container_for
from agent.media.containers.parameter_sets import parameter_sets
from agent.rtsp.depacketise import DISCONTINUITY, Frame, wall
from agent.rtsp.sdp import MediaTrack
from agent.rtsp.writer import Described, Picture, ReplayFile, Sound
from exchange.clock import SECOND, Window
from exchange.errors import CameraAnswerInvalid

JUMP = SECOND // 2
"""Where the wall clock and the RTP clock part by more than this between two frames, the recording has a gap."""
DRIFT = SECOND // 4
"""Where they part by so much little by little, the RTP clock is not the recording's, and is not used any more."""
GAP = SECOND
"""Two pictures that are further apart than this, and than four usual ones, have a gap between them."""
MOST_HELD = 48 * 1024 * 1024
"""Bytes of pictures that wait for their group's end, or for the sound of their time."""
_HELD_FOR_SOUND = 8 * 1024 * 1024
_MOST_SOUND = 8 * 1024 * 1024
_HEAD = 2048


class TrackClock:
    """RTP ticks of one track to UTC in microseconds: by the extension where frames have it, else from an anchor."""

    def __init__(self, rate: int, unstamped: Callable[[Frame], tuple[int, int] | None]) -> None:
        self.rate, self.unstamped = rate, unstamped
        self.anchor: tuple[int, int] | None = None
        """Ticks and UTC of the same moment."""
        self.by_wall = False
        self._before: tuple[int, int] | None = None
        self._jump = False

    def at(self, frame: Frame) -> tuple[int | None, bool]:
        """A frame's UTC, and whether the time jumped before it; None as long as nothing tells.

        A jump counts from the next key frame on, as no file can begin before: until then, the RTP clock goes on.
        """
        reported = wall(frame.ntp) if frame.ntp else None
        jumped = False
        if reported is not None:
            self._jump = self._jump or self._parted(frame, reported)
            self._before = (frame.ticks, reported)
            if self.anchor is None or (self._jump and frame.key):
                jumped, self._jump = self._jump, False
                self.anchor = (frame.ticks, reported)
        if self.anchor is None:
            self.anchor = self.unstamped(frame)
        if self.anchor is None:
            return None, False
        counted = self.anchor[1] + (frame.ticks - self.anchor[0]) * SECOND // self.rate
        if reported is None or self._jump:
            return counted, jumped
        self.by_wall = self.by_wall or abs(reported - counted) > DRIFT
        return (reported if self.by_wall else counted), jumped

    def _parted(self, frame: Frame, reported: int) -> bool:
        """Whether the wall clock and the RTP clock went different ways since the frame before."""
        if self._before is None or self.anchor is None:
            return False
        ticks, before = self._before
        if self.by_wall:
            return not -JUMP < reported - before < 10 * SECOND
        return abs((reported - before) - (frame.ticks - ticks) * SECOND // self.rate) > JUMP


@dataclass
class Group:
    """A key frame and what follows it, in the order it was sent. ``end``: UTC of the next key frame, or a guess."""

    pictures: list[Picture] = field(default_factory=list)
    fresh: bool = False
    """A new file has to begin with it."""
    size: int = 0
    end: int = 0

    @property
    def at(self) -> int:
        return self.pictures[0].at


@dataclass(frozen=True, slots=True)
class Written:
    """A finished file: UTC of its first key frame and of its last frame's end."""

    name: str
    start: int
    end: int
    frames: int


class Assembler:
    """``picture`` and ``sound`` take what comes; ``finish`` when no more does. ``asked``: the recorder's own UTC;
    groups outside of it are left out, and ``done`` is set when one begins after it.

    Raises DiskFull and CameraAnswerInvalid.
    """

    def __init__(
        self,
        into: Path,
        video: MediaTrack,
        audio: MediaTrack | None,
        asked: Window,
        most_bytes: int,
        began: Callable[[str, int], None],
    ) -> None:
        self.into, self.video, self.audio, self.asked = into, video, audio, asked
        self.most_bytes, self.began = most_bytes, began
        self.files: list[Written] = []
        self.done = False
        self.first: int | None = None
        self.reached = -1
        """UTC of the end of the last picture that came, written or not."""
        self.bytes = 0
        self.lost: list[int] = []
        """UTC of groups that were cut short, as something was missing."""
        self.unstamped: Callable[[str, Frame], tuple[int, int] | None] = lambda _kind, _frame: None
        """Where a track whose packets tell no time begins: ticks and UTC of the same moment."""
        self.video_clock = TrackClock(video.rate, lambda frame: self.unstamped("video", frame))
        self.audio_clock = TrackClock(audio.rate if audio else 1, lambda frame: self.unstamped("audio", frame))
        self.sound_ended = audio is None
        self._group: Group | None = None
        self._waiting: deque[Group] = deque()
        self._held = 0
        self._sounds: deque[Sound] = deque()
        self._sound_bytes = 0
        self._heard = -1
        self._file: ReplayFile | None = None
        self._sets = b""
        self._fresh = True
        self._step = SECOND // 25
        self._last_at: int | None = None

    # -- what comes ----------------------------------------------------------------------------------------------

    def picture(self, frame: Frame) -> None:
        at, jumped = self.video_clock.at(frame)
        if at is None:
            return
        step = at - self._last_at if self._last_at is not None else 0
        # Some call every key frame a discontinuity: one without a step is none.
        gap = step > (2 * self._step if frame.bits & DISCONTINUITY else max(GAP, 4 * self._step))
        if frame.key and (jumped or gap):
            self._end_group(None)
            self._fresh = True
        self._last_at = at
        if frame.damaged:
            self.lost.append(at)
            self._end_group(None)
            self._fresh = True
            return
        if frame.key:
            self._end_group(at)
            if self.asked.end <= at:
                self.done = True
                return
            self.first = at if self.first is None else self.first
            self._group = Group(fresh=self._fresh)
            self._fresh = False
        group = self._group
        if group is None or (group.fresh and at < group.at if group.pictures else False):
            return  # it hangs on pictures that are not there
        if group.pictures:
            step = at - group.pictures[-1].at
            self._step = step if 0 < step < 2 * SECOND else self._step
        group.pictures.append(Picture(at, frame.data, frame.key))
        group.size += len(frame.data)
        self.reached = max(self.reached, at + self._step)
        if group.size > MOST_HELD // 2:
            self._end_group(at + self._step)
            self._group = Group()  # the same group goes on

    def sound(self, frame: Frame) -> None:
        assert self.audio is not None
        at, _ = self.audio_clock.at(frame)
        if at is None or self._sound_bytes > _MOST_SOUND:
            return
        ticks = 1024 if self.audio.codec == "aac" else len(frame.data) // self.audio.channels
        self._sounds.append(Sound(at, frame.data, ticks))
        self._sound_bytes += len(frame.data)
        self._heard = max(self._heard, at)
        if self._waiting:
            self._write()

    def finish(self, *, whole: bool) -> None:
        """No more comes. ``whole``: the last group ended properly; else it is left out, but for a later fetch."""
        if not whole:
            self._group = None
        self._end_group(None)
        self.sound_ended = True
        self._write()
        self._end_file()

    # -- groups --------------------------------------------------------------------------------------------------

    def _end_group(self, following: int | None) -> None:
        group, self._group = self._group, None
        if group is None or not group.pictures:
            return
        last = max(picture.at for picture in group.pictures)
        group.end = following if following is not None and following > last else last + self._step
        self._waiting.append(group)
        self._held += group.size
        self._write()

    def _write(self) -> None:
        """Write the groups whose sound has come, or will not."""
        while self._waiting:
            group = self._waiting[0]
            if not self.sound_ended and self._heard < group.end and self._held < _HELD_FOR_SOUND:
                return
            self._waiting.popleft()
            self._held -= group.size
            if group.end > self.asked.start:
                self._write_group(group)
            else:
                self._drop_sounds(group.end)

    def _write_group(self, group: Group) -> None:
        depth, pictures = _depth(group.pictures), group.pictures
        if group.pictures[0].key:
            sets = parameter_sets(self.video.codec, bytes(group.pictures[0].data[:_HEAD]))
            changed = bool(sets and self._sets and sets != self._sets)
            self._sets = sets or self._sets
            if self._file is None or group.fresh or changed or depth > self._file.depth:
                self._begin_file(group, depth)
                # What is shown before the first key frame hangs on pictures that are not in this file.
                pictures = [picture for picture in pictures if picture.at >= group.at]
        if self._file is None:
            return  # a group that goes on, of which the beginning was left out
        self._drop_sounds(self._file.start)
        for index, picture in enumerate(pictures):
            following = pictures[index + 1].at if index + 1 < len(pictures) else group.end
            while self._sounds and self._sounds[0].at < picture.at:
                self._write_sound()
            self._file.picture(picture, following - picture.at if following > picture.at else self._step)
        while self._sounds and self._sounds[0].at < group.end:
            self._write_sound()
        if self.bytes + self._file.written > self.most_bytes:
            raise CameraAnswerInvalid(
                f"The recorder sent more than the {self.most_bytes // 1_000_000} MB that a fetch may bring.",
                meaning="The fetch was stopped; what came is kept.",
                do="Ask for a shorter time.",
            )

    def _write_sound(self) -> None:
        assert self._file is not None
        sound = self._sounds.popleft()
        self._sound_bytes -= len(sound.data)
        self._file.sound(sound)

    def _drop_sounds(self, before: int) -> None:
        """Leave out the sound of a time of which there are no pictures."""
        while self._sounds and self._sounds[0].at < before:
            self._sound_bytes -= len(self._sounds.popleft().data)

    # -- files ---------------------------------------------------------------------------------------------------

    def _begin_file(self, group: Group, depth: int) -> None:
        self._end_file()
        first = group.pictures[0]
        described = Described(self.video, self.video.config, first.data, self.audio)
        ending = container_for(self.video.codec, self.audio.codec if self.audio is not None else None)
        name = f"replay-{first.at}.{ending}"
        zero = first.at - depth * self._step
        path = self.into / f"{name}.part"
        path.unlink(missing_ok=True)
        try:
            self._file = ReplayFile(path, self.video, self.audio, described, zero)
        finally:
            described.close()
        self._file.begin(first, depth, self._step)
        self.began(name, first.at)

    def _end_file(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        file.close()
        self.bytes += file.written
        self.files.append(Written(file.path.name.removesuffix(".part"), file.start, file.end, file.frames))

    @property
    def written(self) -> int:
        """Bytes in all files up to now."""
        return self.bytes + (self._file.written if self._file is not None else 0)


def _depth(pictures: list[Picture]) -> int:
    """By how many places pictures are sent before they are shown, at most: 0 without B-frames."""
    order = sorted(range(len(pictures)), key=lambda index: pictures[index].at)
    return max((sent - shown for shown, sent in enumerate(order)), default=0)


def facts(written: Written) -> dict[str, Any]:
    """As the journal keeps it."""
    return {"name": written.name, "start": written.start, "end": written.end}
