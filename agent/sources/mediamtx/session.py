"""MediaMTX's playback server (``/list``, ``/get``), asked so that no frame it gives has another time than its own.

Not for: what an owner types (``options``). In worker processes only.

What its answers are like (MediaMTX's documentation and sources, ``internal/playback``): ``/list`` joins recordings
less than half a second apart, and cuts its first and last entry to the times asked for. ``/get`` stops silently at a
gap, and after an error in the middle. Asked from the middle of a GOP, it puts all of that GOP's earlier frames on the
first moment, with no duration, which is not when they were. So it is asked from just before a key frame, which is
looked for first.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

from pydantic import AfterValidator, BaseModel, Field, TypeAdapter

from agent.devices.device_time import DeviceTime
from agent.devices.download import Destination
from agent.devices.http import Http
from agent.media.containers import segment as segments
from agent.media.containers.segment import NotFootage, Segment
from agent.sources.device.json_http import Tally, date_compared, error_text, is_own_host, parsed, time_of, with_port
from agent.sources.device.orders import FetchedFile, FetchOrder, FoundSpan, LookOrder, Order, Report, TestAnswer
from agent.sources.device.session import HttpSession, Identity
from agent.sources.mediamtx.options import Options
from exchange.clock import MINUTE, SECOND, Window, from_rfc3339, to_rfc3339
from exchange.counted import counted
from exchange.errors import CameraRefused, NoFootage

PORT = 9996
_AROUND = MINUTE
"""Listed beyond a window: a copy may have to begin earlier."""
_WRITING = 15 * SECOND
"""What ends so shortly before its clock's now is still being recorded."""
_PIECE = 10 * MINUTE
"""Asked for at a time: what came of a fetch that broke off is kept in such pieces, as /get cannot be gone on with."""
_BACK = (10 * SECOND, MINUTE, 10 * MINUTE)
"""How far back a key frame is looked for, step by step."""
_LEAD = 1_000
"""Asked before a key frame: less than a frame, more than what rounding to any time scale takes away."""
_SHORT = SECOND


def _instant(text: str) -> str:
    from_rfc3339(text)
    return text


class _Entry(BaseModel):
    """Of /list; its ``url`` names hosts that only the server may know, and is not used."""

    start: Annotated[str, Field(max_length=64), AfterValidator(_instant)]
    duration: Annotated[float, Field(ge=0, le=10 * 366 * 86_400, allow_inf_nan=False)]

    @property
    def window(self) -> tuple[int, int]:
        start = from_rfc3339(self.start)
        return start, start + round(self.duration * SECOND)


_ENTRIES = TypeAdapter(list[_Entry])


class Reference(BaseModel):
    """A listed stretch in the server's time, and by how much that was ahead of ours when it was listed, within
    ``unsure``. ``cut``: it goes on before its start, which then need not be a key frame."""

    start: int
    end: int
    offset: int
    unsure: int
    cut: bool


@dataclass(frozen=True, slots=True)
class Key:
    """A key frame: when it is shown, and what to ask for so that the answer begins with it; the server's time."""

    at: int
    ask: int


class Session(HttpSession[Options]):
    """One playback server."""

    def __init__(self, order: Order, options: Options) -> None:
        super().__init__(order, options)
        self.path = options.path
        token = options.login == "token" and order.login is not None
        self.http = Http(
            with_port(order.address, PORT),
            None if token else order.login,
            order.timeout,
            order.now,
            pin=options.certificate,
        )
        self.http.basic = options.readable or is_own_host(self.http.host)
        if token and order.login is not None:
            if not (self.http.tls or self.http.basic):
                raise CameraRefused(
                    "The token for MediaMTX would go over the network so that anyone there could read it.",
                    meaning="It was not sent.",
                    do="Give MediaMTX a certificate (playbackEncryption) and write https://, or set readable=yes.",
                )
            self.http.headers["Authorization"] = f"Bearer {order.login.password}"

    def identity(self) -> Identity:
        return Identity(make="MediaMTX")

    # -- what there is --

    def spans(self, window: Window) -> list[FoundSpan]:
        """What it lists around a window, as true UTC."""
        time = time_of(self.order, None)
        found, asked = self._list(time, window)
        now = time_of(self.order, self.check)
        if abs(now.offset_us - time.offset_us) > _AROUND // 2:
            found, asked = self._list(now, window)  # it was asked for another time than ours
        return [span for each in found if (span := self._span(each.window, asked, now)) is not None]

    def _list(self, time: DeviceTime, window: Window) -> tuple[list[_Entry], Window]:
        wide = time.asked(window)
        asked = Window(max(0, wide.start - _AROUND), wide.end + _AROUND)
        query = {"path": self.path, "start": to_rfc3339(asked.start), "end": to_rfc3339(asked.end)}
        answer = self.http.ask(f"/list?{urlencode(query)}", statuses=(200, 400, 404))
        little = urlencode(query | {"end": to_rfc3339(asked.start + SECOND)})
        self.check = self.check or date_compared(self.order, self.http, answer, f"/list?{little}")
        if answer.status == 404:
            return [], asked
        if answer.status == 400:
            raise self.http.nonsense(f"it lists nothing for {self.path!r} and says: {error_text(answer)}")
        return parsed(self.http, answer, _ENTRIES), asked

    def find_oldest(self) -> int | None:
        """Where its first recording of the path begins: asked without times, it lists all there are."""
        answer = self.http.ask(f"/list?{urlencode({'path': self.path})}", statuses=(200, 404))
        entries = parsed(self.http, answer, _ENTRIES) if answer.status == 200 else []
        return min((time_of(self.order, self.check).from_device(each.window[0]) for each in entries), default=None)

    def tested(self, order: LookOrder) -> TestAnswer:
        """How much of the window was recorded."""
        window = order.window
        parts = [part for span in self.spans(window) if (part := Window(span.start, span.end).intersect(window))]
        if not parts:
            nothing = f"It recorded nothing of {self.path!r} for a day: look for record: yes, and for its source."
            return TestAnswer(wrong=(nothing,))
        share = sum(part.duration for part in parts) * 100 / window.duration
        stretches = counted(len(parts), "stretch", "stretches")
        return TestAnswer(good=(f"It recorded {share:.1f} % of the last day, without a gap in {stretches}.",))

    def _span(self, listed: tuple[int, int], asked: Window, time: DeviceTime) -> FoundSpan | None:
        start, end = listed
        if end <= start or time.from_device(start) < 0:
            return None
        now = time.to_device(self.order.now())
        # Entries of older servers are not cut, and reach as far as they reach.
        reference = Reference(
            start=start,
            end=end,
            offset=time.offset_us,
            unsure=time.uncertainty_us,
            cut=abs(start - asked.start) <= _LEAD,
        )
        return FoundSpan(
            start=time.from_device(start),
            end=time.from_device(end),
            reference=reference.model_dump_json(),
            finished=end >= asked.end - _LEAD or now - end > _WRITING,
            divisible=True,
        )

    # -- bringing it --

    def fetch(self, order: FetchOrder, report: Report) -> list[FetchedFile]:
        """The window of an order, out of one listed stretch; a file a piece, each beginning with a key frame."""
        wanted = Reference.model_validate_json(order.reference)
        time = DeviceTime(wanted.offset, wanted.unsure)
        asked = time.asked(order.window)
        first, last = max(wanted.start, asked.start), min(wanted.end, asked.end)
        if not self._list(DeviceTime(wanted.offset, wanted.unsure), order.window)[0]:  # and its clock is told again
            raise NoFootage("MediaMTX no longer has this footage.", meaning="It has been deleted since it was listed.")
        tally = Tally(report)
        self.order, self._most, self._into = order, order.most_bytes, order.into
        edges = [first, *range(first + _PIECE, last - _PIECE // 10, _PIECE)]
        begins = list(dict.fromkeys(self._key_before(at, wanted, tally) for at in edges))
        asks = [*(key.ask for key in begins), last + _LEAD]
        return [self._piece(start, end, time, tally) for start, end in pairwise(asks) if start < end]

    def _piece(self, start: int, end: int, time: DeviceTime, tally: Tally) -> FetchedFile:
        name = f"mediamtx-{start}.mp4"
        path = self._into / name
        came = self._seen(path, start) if path.exists() else None
        for _ in range(2):
            if came is not None and came[0].whole and came[1] >= end - _SHORT:
                break
            # Cut short in the middle, or less than was listed: once more, as it ends an answer alike either way.
            again = came
            self._get(start, end, name, tally)
            came = self._seen(path, start)
            if again is not None and again[1] == came[1]:
                break
        assert came is not None
        segment, until = came
        notes = []
        if until < end - _SHORT:
            notes.append(f"MediaMTX stopped {(end - until) / SECOND:.1f} s before the end of what it had listed.")
        at = start + _us(segment.anchor, segment)
        return FetchedFile(
            name=name, start=time.from_device(at), at_key=True, torn=not segment.whole, notes=tuple(notes)
        )

    def _seen(self, path: Path, start: int) -> tuple[Segment, int]:
        """What came, and until when it reaches, in the server's time."""
        try:
            segment = segments.read(path)
        except NotFootage as reason:
            path.unlink()
            raise self.http.gone(f"what it sent is no footage ({reason})") from None
        video = segment.video
        last = max(range(len(video.pts)), key=video.pts.__getitem__)
        return segment, start + _us(video.pts[last] + video.durations[last], segment)

    def _get(self, start: int, end: int, name: str, tally: Tally) -> None:
        asked = {"path": self.path, "start": to_rfc3339(start), "duration": _seconds(end - start), "format": "fmp4"}
        tally.next()
        to = Destination(self._into, name, self._most - tally.bytes, tally)
        self.http.download(f"/get?{urlencode(asked)}", to, resume=False)

    def _key_before(self, at: int, wanted: Reference, tally: Tally) -> Key:
        """The last key frame at or before an instant; the stretch's first when there is none."""
        for back in _BACK:
            begin = at - back
            if not wanted.cut:
                begin = max(begin, wanted.start)
            if begin == at:
                return Key(at, at)
            keys = self._keys(begin, at + 2 * _LEAD, tally)
            before = [key for key in keys if key.at <= at + _LEAD]
            if before:
                return before[-1]
            if keys and wanted.cut:
                return keys[0]  # its recording begins in between
        return Key(wanted.start, wanted.start)

    def _keys(self, start: int, end: int, tally: Tally) -> list[Key]:
        """The key frames of a stretch that have their own time."""
        probe = self._into / "probe.mp4"
        try:
            self._get(start, end, probe.name, tally)
            video = (segment := segments.read(probe)).video
        except (NoFootage, NotFootage):
            return []
        finally:
            probe.unlink(missing_ok=True)
        keys, decoded = [], 0
        # Decoding time is what the server cuts by; frames put on the first moment have an offset of nothing.
        crowded = video.durations[0] == 0
        begins = video.pts[0] if crowded else 0
        wanted = set(video.keys)
        for index, duration in enumerate(video.durations):
            if index in wanted and not (crowded and index == 0):
                ahead = min(begins + decoded, video.pts[index])
                keys.append(Key(start + _us(video.pts[index], segment), start + _us(ahead, segment) - _LEAD))
            decoded += duration
        return keys


def _us(units: int, segment: Segment) -> int:
    return (units * SECOND + segment.video.timescale // 2) // segment.video.timescale


def _seconds(microseconds: int) -> str:
    return f"{microseconds / SECOND:.6f}"
