"""Copies one connection's packets into segments, one after the other, without losing any between them.

Not for: connecting and connecting again (``camera``). The loop below runs for every packet of every camera: what it
costs is what the recorder costs.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from agent.host.mount import GONE, is_mounted
from agent.host.wall_clock import WallClock, boot_id
from agent.media.containers import parameter_sets
from agent.media.containers.live_file import Track, can_hold
from agent.recorder.arrival import Arrival
from agent.recorder.config import CameraSource, RecorderConfig
from agent.recorder.finishing import OPENED, Finished, Finisher, Noted
from agent.recorder.meter import Meter, NoRoom, no_room
from agent.recorder.missing_times import MissingTimes
from agent.recorder.segment_writer import SegmentWriter
from agent.recorder.stream import Connection, StreamLost, error_text
from agent.recordings.layout import LONGEST
from exchange.clock import MINUTE, SECOND

PACE = 0.2
"""Seconds the reader rests once it has read all that came, so that it wakes ten times a second, not for each packet."""
_BLOCKED = 0.001
"""Seconds. A read that took longer than this had to wait: nothing more had come."""
_FAR = 4
"""Seconds from one packet's time to the next."""
_OFF_COURSE = 5 * SECOND
"""A key frame whose media time is this far from when it arrived: the camera's clock started anew."""
_EARLY = 500
_REFINE = SECOND // 50
LONGEST_SEGMENT = LONGEST - 10 * MINUTE
"""A stream without a key frame for so long is opened anew, to get one."""
_USUAL_FRAME = 40_000


class Copying:
    """The segments of one connection. ``run`` returns never; it raises StreamLost or NoRoom."""

    def __init__(
        self,
        camera: CameraSource,
        config: RecorderConfig,
        connection: Connection,
        host: WallClock,
        finisher: Finisher,
        meter: Meter,
        why: str,
    ) -> None:
        self.camera, self.config, self.connection = camera, config, connection
        self.host, self.finisher, self.meter, self.why = host, finisher, meter, why
        container = connection.container
        self.video = container.streams.video[0]
        reported = next(iter(container.streams.audio), None) if camera.sound else None
        self.audio = reported if reported is None or _can_be_held(self.video, reported) else None
        refused = "refused by the camera" if connection.sound_refused else ""
        self.sound_left_out = refused if reported is None or self.audio is not None else _name_of(reported)
        self.codec = self.video.codec_context.name
        self.scale = _microseconds(self.video)
        self.arrival = Arrival()
        self.writer: SegmentWriter | None = None
        self.template: VideoStream = self.video
        self._template_owner: InputContainer | None = None
        self.sets = parameter_sets.parameter_sets(self.codec, bytes(self.video.codec_context.extradata or b""))
        self.facts: dict[str, Any] = {}
        self.boot = boot_id()
        self.first_pts = self.first_dts = self.counted = self.began = 0
        self.writer_before: SegmentWriter | None = None
        self.missing_times = MissingTimes(self.video.index)
        self.early: deque[Packet[Stream]] = deque(maxlen=_EARLY)
        self.opened_at = 0
        self.frames_before = self.pictures = 0
        self.streams = [self.video] if self.audio is None else [self.video, self.audio]
        self.ticks = {stream.index: stream.time_base or Fraction(1, 90_000) for stream in self.streams}
        meter.video, meter.audio = self.codec, self.audio.codec_context.name if self.audio else ""
        meter.sound_left_out = self.sound_left_out
        self.near = {index: math.floor(_FAR / tick) for index, tick in self.ticks.items()}
        """By stream, how far a packet may be from the one before to need no second look."""
        self.leapt: dict[int, Packet[Stream]] = {}
        """By stream, the packet that is kept back as its time is far from that of the one before."""

    # -- the loop ---------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Copy until the stream breaks off (StreamLost) or the disk is full (NoRoom)."""
        try:
            self._copy()
        except (OSError, FFmpegError) as error:
            full = self.writer.file.failed if self.writer is not None else None
            self.end(broken=full is not None)
            if full is not None:
                raise no_room(full) from None
            words = error_text(error) if isinstance(error, FFmpegError) else "The stream cannot be read."
            raise StreamLost(self.connection.why or words) from None
        raise StreamLost(self.connection.why or "The camera ended the stream.")

    def _copy(self) -> None:
        """Only what is done for every packet is here; key frames and whatever is unusual go to ``_special``."""
        video, meter = self.video.index, self.meter
        clock, sleep = time.monotonic, time.sleep
        last: dict[int, int] = {}
        near = self.near
        outputs: dict[int, Stream] = {}
        mux: Callable[[Packet[Stream]], None] | None = None
        done = clock()
        connection = self.connection
        for packet in connection.container.demux(self.streams):
            if connection.why is not None:
                return  # broken off, and the camera goes on sending: its socket could not be told from others
            waited = clock() - done > _BLOCKED
            index = packet.stream_index
            dts = packet.dts
            if dts is None and not packet.size:
                continue  # at the stream's end, a sign to decoders
            if index == video:
                if packet.size <= parameter_sets.LONGEST_DELIMITER and parameter_sets.is_delimiter(
                    self.codec, bytes(packet)
                ):
                    continue  # the announcement of a picture that never came; players stumble over it
                meter.frames += 1
                if waited:
                    self._arrived(packet)
                usual = dts is not None and not packet.is_keyframe
            else:
                usual = dts is not None
            if usual and index in last and 0 < dts - last[index] <= near[index]:  # type: ignore[operator]
                last[index] = dts  # type: ignore[assignment]
                packet.stream = outputs[index]
                mux(packet)  # type: ignore[misc]
            elif (writer := self._special(packet, index)) is not None:
                last, outputs, mux = {} if self.leapt else writer.last, writer.outputs, writer.mux
            if waited:
                sleep(PACE)
            done = clock()

    def _arrived(self, packet: Packet[Stream]) -> None:
        """Note when a picture arrived. Only one that had to be waited for tells the time: others lay in a buffer."""
        if packet.pts is None:
            return
        media, now = packet.pts * self.scale, self.host.clock.monotonic()
        if self.arrival.unknown or self.arrival.monotonic(media) - now <= _OFF_COURSE:
            self.arrival.seen(media, now)

    def _special(self, packet: Packet[Stream], index: int) -> SegmentWriter | None:
        """A key frame, a packet without a time, or one whose time doesn't go on: then all before the first segment."""
        held = self.missing_times.pictures + (self.video.index in self.leapt)
        self.pictures = self.meter.frames - held - (index == self.video.index)
        dated = self.missing_times.complete(packet, self.writer.last if self.writer is not None else {})
        for each in [one for late in dated for one in self._in_course(late)]:
            assert each.pts is not None
            assert each.dts is not None
            if each.stream_index == self.video.index and each.is_keyframe:
                now = self.host.clock.monotonic()
                if self.arrival.unknown:
                    self.arrival.seen(each.pts * self.scale, now)
                self._key_frame(each, each.pts, each.dts, now)
                while self.early:
                    self._add_early(self.early.popleft())
            self.pictures += each.stream_index == self.video.index
            if self.writer is not None:
                self.writer.add(each, each.stream_index)
            elif each.stream_index != self.video.index:
                self.early.append(each)
        return self.writer

    def _in_course(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        """What may be written now. A packet whose time is far from that of the one before, and from when it came, is
        kept back until the next one: goes that one on as before, the time was wild, and is replaced; otherwise the
        stream's clock was set."""
        writer, index = self.writer, packet.stream_index
        if writer is None:
            return [packet]
        far = not -_FAR < writer.ahead(packet, index) <= _FAR
        held = self.leapt.pop(index, None)
        if held is None:
            if far and self._off_course(packet):
                self.leapt[index] = packet
                return []
            return [packet]
        if not far:
            assert packet.dts is not None
            half = round(writer.ahead(packet, index) / 2 / float(self.ticks[index]))
            held.dts = held.pts = packet.dts - max(half, 1)
            self.facts["wild_times"] = self.facts.get("wild_times", 0) + 1
        elif not (index == self.video.index and held.is_keyframe):  # which begins a segment, placed anew
            writer.leap(held, index)
        return [held, packet]

    def _off_course(self, packet: Packet[Stream]) -> bool:
        """Whether a packet's time is not the one at which it came."""
        assert packet.dts is not None
        media = float(packet.dts * self.ticks[packet.stream_index] * SECOND)
        return abs(self.host.clock.monotonic() - self.arrival.monotonic(media)) > _OFF_COURSE

    def _add_early(self, sound: Packet[Stream]) -> None:
        """Sound that came before the first picture, if it is of the time after it."""
        assert self.writer is not None
        assert sound.dts is not None
        if sound.dts * self.ticks[sound.stream_index] >= self.first_dts * self.ticks[self.video.index]:
            self.writer.add(sound, sound.stream_index)

    def _key_frame(self, packet: Packet[Stream], pts: int, dts: int, now: int) -> None:
        """Begin a new segment where this key frame is to start one."""
        changed = self._changed(packet)
        writer = self.writer
        off_course = abs(now - self.arrival.monotonic(pts * self.scale)) > _OFF_COURSE
        if off_course:
            self.arrival.reset()
            self.arrival.seen(pts * self.scale, now)
        if writer is None:
            return self._begin(packet, pts, dts, self.why)
        self._count(writer)
        self._notice_step(now)
        if writer.jumped or off_course:
            writer.jumped = True
            self.end(next_frame=True)
            self._begin(packet, pts, dts, "camera_clock_jumped")
        elif changed or (pts - self.first_pts) * self.scale >= self.config.segment - _USUAL_FRAME // 2:
            moment = self._moment(pts)
            start = self.host.wall(moment)
            self.end(start, next_frame=True)
            self.arrival.turn()
            self._begin(packet, pts, dts, "changed" if changed else "continued", (moment, start))

    def _changed(self, packet: Packet[Stream]) -> bool:
        """Whether the stream now describes itself otherwise; then its description is read anew."""
        sets = parameter_sets.in_key_frame(self.codec, packet)
        if not sets or sets == self.sets:
            return False
        had = self.sets
        self.sets = sets
        described = parameter_sets.reread(self.codec, packet)
        if described is None:
            return False
        if self._template_owner is not None:
            self._template_owner.close()
        self._template_owner, self.template = described, described.streams.video[0]
        return bool(had)

    # -- beginning and ending ---------------------------------------------------------------------------------

    def _moment(self, pts: int) -> int:
        """A frame's time by the monotonic clock, which nobody sets."""
        return self.arrival.monotonic(pts * self.scale)

    def _begin(self, packet: Packet[Stream], pts: int, dts: int, why: str, at: tuple[int, int] | None = None) -> None:
        """``at``: the frame's time by the monotonic clock, and in UTC. Both are of one look at the host's clock: it may
        be set at any moment, and the two tell by how much it was off."""
        moment = self._moment(pts) if at is None else at[0]
        start = self.host.wall(moment) if at is None else at[1]
        if not is_mounted(self.config.mount):
            raise NoRoom(f"{GONE} Nothing is mounted at {self.config.mount}.")
        tracks = {self.video.index: Track(self.template, self.ticks[self.video.index])}
        if self.audio is not None:
            tracks[self.audio.index] = Track(self.audio, self.ticks[self.audio.index])
        try:
            writer = SegmentWriter(
                self.config.root, self.camera.camera_id, start, tracks, self.config.fragment, self._zero(dts)
            )
        except OSError as error:
            raise no_room(error) from None
        self.writer = writer
        self.finisher.opened(writer.file.descriptor)
        context = self.template.codec_context
        self.first_pts, self.first_dts, self.counted, self.began = pts, dts, 0, moment
        self.opened_at = self.host.clock.monotonic()
        self.frames_before = self.pictures
        self.meter.segments += 1
        self.meter.size = f"{context.width}x{context.height}"
        self.facts = {
            "why": why,
            "stream": self.camera.stream,
            "video": self.codec,
            "width": context.width,
            "height": context.height,
            "clock": "host_arrival",
            "first_packet": self.host.clock.now(),
            "media_start": round(pts * self.scale),
        }
        if self.boot:
            since = {"boot": self.boot, "uptime": moment}
            self.facts |= since
            noted = Noted(self.config.root, self.camera.camera_id, writer.start, {"event": OPENED, **since})
            self.finisher.submit(noted)
        if self.sound_left_out:
            self.facts["sound_left_out"] = self.sound_left_out
        if self.audio is not None:
            self.facts["audio"] = self.audio.codec_context.name
        if (camera_clock := _camera_clock(packet)) is not None:
            self.facts["camera_clock"] = camera_clock
            self.facts["camera_ahead"] = camera_clock - start

    def _zero(self, dts: int) -> Fraction:
        """What becomes zero in a file, in seconds: the first picture, or the sound that is still to come of the time
        before it, if that is not far back."""
        zero = dts * self.ticks[self.video.index]
        before = self.writer_before
        if self.audio is None or before is None:
            return zero
        heard = (before.last[self.audio.index] + 1) * self.ticks[self.audio.index]
        return heard if zero - 2 < heard < zero else zero

    def _count(self, writer: SegmentWriter) -> None:
        self.meter.bytes += writer.file.bytes - self.counted
        self.counted = writer.file.bytes

    def _notice_step(self, now: int) -> None:
        if by := self.host.step():
            self.facts.setdefault("host_steps", []).append({"at": self.host.wall(now), "by": by})

    def end(self, next_start: int | None = None, *, next_frame: bool = False, broken: bool = False) -> None:
        """End the segment, if there is one. ``next_start``: UTC of the frame that follows without a break;
        ``next_frame``: a frame is at hand that belongs to the next segment."""
        writer, self.writer = self.writer, None
        if writer is None:
            return
        self.writer_before = writer
        error = writer.close()
        self._count(writer)
        until = self.pictures if next_frame else self.meter.frames
        facts, frames = self.facts, max(until - self.frames_before, 1)
        stepped = bool(facts.get("host_steps")) or bool(self.host.step())
        shown = (writer.last[self.video.index] - self.first_dts) * self.scale
        media = round(shown + (shown / (frames - 1) if frames > 1 else _USUAL_FRAME))
        start = writer.start
        late = self.began - self._moment(self.first_pts)
        if facts["why"] != "continued" and not writer.jumped and _REFINE < late <= _OFF_COURSE:
            start -= late  # the first packets came late; later ones show by how much
            if "uptime" in facts:
                facts["uptime"] -= late
        duration = media
        if next_start is not None and not stepped and abs(next_start - start - media) < SECOND // 2:
            duration = next_start - start
        facts |= {
            "last_packet": self.host.clock.now(),
            "media_duration": media,
            "frames": frames,
            "bytes": writer.file.bytes,
            "mended": writer.mended,
            "uncertainty": SECOND,
        }
        self.finisher.submit(
            Finished(
                self.config.root,
                self.camera.camera_id,
                writer.path,
                writer.file.descriptor,
                start,
                max(duration, 1),
                broken or error is not None,
                facts,
            )
        )
        if error is not None and not broken:
            raise no_room(error)


def _can_be_held(video: Stream, sound: Stream) -> bool:
    tracks = [Track(each, each.time_base or Fraction(1, 90_000)) for each in (video, sound)]
    return can_hold(*tracks)


def _name_of(sound: Stream) -> str:
    """What kind of sound it is; libav knows nothing at all of some."""
    try:
        return str(sound.codec_context.name)
    except AttributeError:
        return "of a kind that is not known"


def _microseconds(stream: Stream) -> float:
    assert stream.time_base is not None
    return float(stream.time_base * SECOND)


def _camera_clock(packet: Packet[Stream]) -> int | None:
    """What the camera's clock, by its RTCP sender reports (RFC 3550, 6.4.1), says of a packet: microseconds UTC."""
    if not packet.has_sidedata("prft"):
        return None
    return int.from_bytes(bytes(packet.get_sidedata("prft"))[:8], "little", signed=True)
