"""Plays a stretch of a recording as fast as the recorder sends it (ONVIF Streaming Specification, 6), into files.

Not for: what recordings there are, or what is kept between two fetches (``sources.onvif``: ``api``, ``files``).
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from struct import unpack_from
from typing import ClassVar

from agent.devices.onvif.times import instant
from agent.rtsp import sdp
from agent.rtsp.assemble import Assembler
from agent.rtsp.client import Answer, Broken, Nonsense, Rtsp
from agent.rtsp.depacketise import Frame, FrameTooLarge, Rtp, depacketiser, wall
from agent.rtsp.pace import Pace
from exchange.clock import SECOND, Window
from exchange.errors import NoFootage

_SAY_EVERY = 0.5
_NEAR_END = SECOND // 2
"""A device that falls silent so near the end of what is wanted is at its end."""
_LINGER = 1.0
"""Seconds that the sound's end is waited for after the pictures'."""
_MOST_EARLY = 48 * 1024 * 1024
"""Bytes of frames that may come before the answer to PLAY is read."""
_SR, _BYE = 200, 203


class Ending:
    """How a replay ended."""

    TERMINAL = "the recorder marked the end"
    REACHED = "all that was asked for came"
    BYE = "the recorder said goodbye"
    SILENCE = "the recorder sent no more"


@dataclass(slots=True)
class Played:
    """What a replay came to. ``uncertain``: microseconds by which times may be off beyond the recorder's clock.
    ``speed``: times real time."""

    ending: str = ""
    uncertain: int = 0
    speed: float = 0.0
    notes: list[str] = field(default_factory=list)


class Replay:
    """One recording being played. ``asked``: the recorder's own UTC; ``wanted``: the end without what was added as its
    clock is uncertain. ``say``: bytes so far, in all (a guess), times real time.

    Raises NoFootage and what ``Rtsp`` and ``Assembler`` raise."""

    requires: ClassVar[Mapping[str, str]] = {"Require": "onvif-replay"}

    def __init__(self, rtsp: Rtsp, asked: Window, wanted: int, say: Callable[[int, int | None, float], None]) -> None:
        self.rtsp, self.asked, self.wanted, self.say = rtsp, asked, min(wanted, asked.end), say
        self.played = Played()
        self.tracks: list[Rtp] = []
        self.channels: list[int] = []
        self._byes: set[int] = set()
        self._reports: dict[int, tuple[int, int]] = {}
        self._require = dict(self.requires)
        self._pace: Pace | None = None
        self._assembler: Assembler | None = None
        self._early: list[tuple[Callable[[Frame], None], Frame]] | None = []
        """Frames that came before the answer to PLAY was read, which tells when they were; None once it was."""
        self._early_bytes = 0
        self.unsure_start = 10 * SECOND
        """Microseconds around the asked start in which a recorder that tells no time begins."""

    # -- setting up ----------------------------------------------------------------------------------------------

    def describe(self) -> sdp.Described:
        rtsp = self.rtsp
        options = rtsp.ask("OPTIONS", rtsp.url)
        rtsp.methods = frozenset(re.findall(r"[A-Z_]+", options.headers.get("public", "")))
        answer = self._ask("DESCRIBE", rtsp.url, {"Accept": "application/sdp"})
        base = rtsp.url
        for name in ("content-base", "content-location"):
            if stated := answer.headers.get(name):
                base = sdp.control_url(stated, rtsp.url)
                break
        try:
            described = sdp.read(answer.body, base)
        except sdp.SdpRefused as why:
            raise Nonsense(str(why)) from None
        self.played.notes += [f"Of this recording, {note}." for note in described.notes]
        return described

    def _ask(self, method: str, url: str, headers: dict[str, str]) -> Answer:
        """A request of a replay. Some recorders play without knowing the requirement's name (551)."""
        answer = self.rtsp.ask(method, url, {**headers, **self._require})
        if answer.status == 551 and self._require:
            self._require = {}
            answer = self.rtsp.ask(method, url, headers)
        if answer.status in (404, 410, 415, 454, 457):
            raise NoFootage(
                f"The recorder does not play this recording (RTSP {answer.status}).",
                meaning="It may have been overwritten meanwhile.",
                do="Look at that time on the recorder itself.",
            )
        if answer.status == 453 or answer.status == 503:
            raise Broken("it plays as many recordings as it can already")
        if answer.status != 200:
            raise Nonsense(f"it does not play the recording (RTSP {answer.status} to {method})")
        return answer

    def set_up(self, described: sdp.Described, assembler: Assembler) -> None:
        takers: list[tuple[sdp.MediaTrack, Callable[[Frame], None]]] = [(described.video, assembler.picture)]
        if described.audio is not None:
            takers.append((described.audio, assembler.sound))
        for index, (track, take) in enumerate(takers):
            transport = f"RTP/AVP/TCP;unicast;interleaved={2 * index}-{2 * index + 1}"
            answer = self._ask("SETUP", track.control, {"Transport": transport})
            stated = re.search(r"interleaved=(\d{1,3})", answer.headers.get("transport", ""))
            channel = int(stated[1]) if stated else 2 * index
            if channel > 254 or channel in self.channels:
                raise Nonsense("it chose channels that cannot be")
            depacketising = depacketiser(track, self._once_anchored(take))
            self.tracks.append(depacketising)
            self.channels.append(channel)
            self.rtsp.sinks[channel] = depacketising.feed
            self.rtsp.sinks[channel + 1] = lambda view, at, stop, index=index: self._control(index, view, at, stop)  # type: ignore[misc]

    def _once_anchored(self, take: Callable[[Frame], None]) -> Callable[[Frame], None]:
        def taking(frame: Frame) -> None:
            if self._early is None:
                take(frame)
            elif (size := self._early_bytes + len(frame.data)) <= _MOST_EARLY:
                self._early.append((take, frame))
                self._early_bytes = size
            else:
                raise Nonsense("it sent very much before it answered that it plays")

        return taking

    def _take_early(self) -> None:
        early, self._early = self._early or [], None
        for take, frame in early:
            take(frame)

    def _control(self, index: int, view: memoryview, at: int, stop: int) -> None:
        """RTCP of a track (RFC 3550, 6): when its clock showed what, and goodbyes."""
        for _ in range(16):
            if stop - at < 8 or view[at] >> 6 != 2:
                return
            kind, size = view[at + 1], 4 + 4 * (view[at + 2] << 8 | view[at + 3])
            if kind == _SR and stop - at >= 20:
                ntp, ticks = unpack_from(">QI", view, at + 8)
                if ntp:
                    self._reports[index] = (wall(ntp), ticks)
            elif kind == _BYE:
                self._byes.add(index)
            at += size

    # -- playing -------------------------------------------------------------------------------------------------

    def play(self, described: sdp.Described, assembler: Assembler) -> Played:
        """Play until the end, whichever sign of it comes first. Broken when the device is gone before that."""
        self._pace, self._assembler = Pace(), assembler
        try:
            answer = self._ask("PLAY", described.control, self._wanted())
            self._anchor(answer, assembler)
            self._take_early()
            ending = self._until_end(assembler)
        except FrameTooLarge:
            raise Nonsense("one of its pictures is larger than any can be") from None
        for index, track in enumerate(self.tracks):
            if index or track.marker or track.terminal:  # else the last picture may be cut short
                track.flush()
        self.played.ending = ending
        self._measure(assembler)
        return self.played

    def _wanted(self) -> dict[str, str]:
        """The headers of PLAY: from when to when, as fast as it can."""
        return {
            "Range": f"clock={clock_time(self.asked.start)}-{clock_time(self.asked.end)}",
            "Rate-Control": "no",
            "Immediate": "yes",
        }

    def _until_end(self, assembler: Assembler) -> str:
        rtsp, silence = self.rtsp, self.rtsp.silence
        last = reply = alive = time.monotonic()
        asked_alive: int | None = None
        over: float | None = None
        before: list[int] = []
        while True:
            rtsp.pump(_SAY_EVERY)
            now = time.monotonic()
            packets = [track.sequence for track in self.tracks]
            if packets != before:  # answers and reports are no sign that more comes
                before, last = packets, now
            if assembler.done:
                return Ending.REACHED
            video, others = self.tracks[0], self.tracks[1:]
            ended = video.terminal or 0 in self._byes or rtsp.ended
            if ended and over is None:
                over = now
            sounds_ended = all(track.terminal or index in self._byes for index, track in enumerate(others, 1))
            assembler.sound_ended = assembler.sound_ended or (sounds_ended and bool(others))
            # A goodbye may overtake the last packets, and all packets of the last picture may have the T bit.
            complete = video.terminal and video.marker and sounds_ended
            if over is not None and (complete or now - max(over, last) > _LINGER):
                return Ending.TERMINAL if video.terminal else Ending.BYE
            if now - reply >= _SAY_EVERY:
                reply = now
                self._measure(assembler)
                self._say(assembler)
            if now - last > 2.0 and assembler.reached >= self.wanted - _NEAR_END:
                return Ending.REACHED
            if asked_alive is not None and rtsp.answered(asked_alive):
                if now - last > silence / 2:
                    return Ending.SILENCE  # the recorder is there, and has no more
                asked_alive = None
            if now - last > silence:
                raise Broken(f"it sent nothing for {silence:g} s in the middle of its replay")
            if now - alive > (silence / 2 if now - last > silence / 2 else rtsp.session_seconds / 2):
                alive, asked_alive = now, rtsp.keep_alive()

    def _anchor(self, answer: Answer, assembler: Assembler) -> None:
        """What times rest on where packets do not carry them: sender reports, or what the answer to PLAY says."""
        start = answer.headers.get("range", "")
        found = re.search(r"clock\s*=\s*(\d{8}T\d{6}(?:\.\d+)?Z)", start)
        stated = instant(found[1]) if found else None
        rtptimes = [int(each) for each in re.findall(r"rtptime=(\d{1,10})", answer.headers.get("rtp-info", ""))]
        assembler.unstamped = lambda kind, frame: self._unstamped(0 if kind == "video" else 1, frame, stated, rtptimes)

    def _unstamped(self, index: int, frame: Frame, stated: int | None, rtptimes: list[int]) -> tuple[int, int]:
        """An anchor, ticks and UTC, for a track whose packets tell no time."""
        rate = self.tracks[index].track.rate
        reported = self._reports.get(index)
        if reported is not None and self.asked.start - 60 * SECOND <= reported[0] <= self.asked.end + 60 * SECOND:
            self._doubt(SECOND, "Its packets tell no time; it was taken from its sender reports.")
            return frame.ticks + _signed(reported[1] - frame.ticks), reported[0]
        if stated is not None:
            self._doubt(2 * SECOND, "Its packets tell no time; it was taken from where it said that its replay begins.")
            ticks = rtptimes[index] if index < len(rtptimes) else frame.ticks
            near = _signed(ticks - frame.ticks)
            return (frame.ticks + near if abs(near) < 60 * rate else frame.ticks), stated
        self._doubt(
            self.unsure_start,
            "It tells no time at all; its replay was taken to begin at the moment that was asked for.",
        )
        return frame.ticks, self.asked.start

    def _doubt(self, uncertain: int, note: str) -> None:
        if uncertain > self.played.uncertain:
            self.played.uncertain = uncertain
            self.played.notes.append(note)

    def _measure(self, assembler: Assembler) -> None:
        pace = self._pace
        if pace is not None and assembler.first is not None and assembler.reached > assembler.first:
            known = pace.real_time
            pace.played(assembler.reached - assembler.first)
            self.played.speed = pace.speed
            if pace.real_time and not known:
                self.played.notes.append("It plays in real time, though it was asked not to: fetching takes as long.")

    @property
    def left(self) -> int | None:
        """Microseconds until the end is there, of a recorder that plays in real time; None of one that doesn't."""
        if self._pace is None or self._assembler is None:
            return None
        return self._pace.left(self.asked.end - self._assembler.reached)

    def _say(self, assembler: Assembler) -> None:
        total = None
        if assembler.first is not None and (came := assembler.reached - assembler.first) > SECOND:
            whole = max(self.asked.end - assembler.first, came)
            total = self.rtsp.bytes * whole // came
        self.say(self.rtsp.bytes, total, self.played.speed)


def clock_time(micros: int) -> str:
    """An instant as RTSP's absolute time (RFC 2326, 3.7), to the millisecond."""
    moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)
    return moment.strftime("%Y%m%dT%H%M%S.") + f"{moment.microsecond // 1000:03d}Z"


def _signed(ticks: int) -> int:
    """A difference of RTP times, the shorter way round."""
    return ((ticks + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)
