"""Frigate's HTTP API, asked for recordings and their files, and nothing else.

Not for: what an owner types (``options``), or when a segment really began (``time``). In worker processes only.

What its answers are like (Frigate's documentation and sources: ``api/record``, ``api/media``, nginx.conf):
``/api/CAMERA/recordings`` lists segments by seconds since 1970. ``/recordings/DATE/HOUR/CAMERA/MM.SS.mp4`` is a
segment's very file, dated in UTC. ``clip.mp4`` joins whatever lies in a time, gaps or not, and takes a segment's part
by whole seconds; its length is not told beforehand, and it ends alike when its FFmpeg fails. Port 5000 asks for no
password, port 8971 for a session (``/api/login``, a cookie).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter

from agent.devices.device_time import DeviceTime
from agent.devices.http import Http
from agent.footage.files.place import edges
from agent.footage.files.remux import is_torn
from agent.media.containers import segment as segments
from agent.media.containers.segment import NotFootage
from agent.sources.device.json_http import Tally, cookies_of, date_compared, is_own_host, parsed, time_of, with_port
from agent.sources.device.orders import FetchedFile, FetchOrder, FoundSpan, LookOrder, Order, Report, TestAnswer
from agent.sources.device.session import HttpSession, Identity
from agent.sources.frigate.options import Options
from agent.sources.frigate.time import ListedSegment, Located, stretches
from exchange.clock import HOUR, MINUTE, SECOND, Window
from exchange.counted import counted
from exchange.errors import CameraRefused, NoFootage

_AROUND = MINUTE
"""Listed beyond a window: what lies before tells better when a segment began."""
_WRITING = 40 * SECOND
"""A segment is listed once it is whole and moved: what ended so shortly before now is followed by more."""
_LISTED = 24 * HOUR
"""Asked for at a time, some 9000 segments."""
_CLIP = 60
"""Segments a clip: ten minutes. What came of a fetch that broke off is kept in such pieces."""
_SHORT = SECOND

_Seconds = Annotated[float, Field(ge=0, lt=253_402_300_800, allow_inf_nan=False)]


class _Segment(BaseModel):
    start_time: _Seconds
    end_time: _Seconds
    duration: Annotated[float, Field(allow_inf_nan=False)]

    @property
    def listed(self) -> ListedSegment:
        return ListedSegment(round(self.start_time * SECOND), round((self.end_time - self.start_time) * SECOND))


class _Hour(BaseModel):
    hour: Annotated[str, Field(pattern=r"^([01]?\d|2[0-3])$")]


class _Day(BaseModel):
    """Of the summary: the hours of a day in which anything was recorded."""

    day: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]
    hours: Annotated[list[_Hour], Field(max_length=25)]

    def began(self) -> list[int]:
        """The instants at which its hours begin, microseconds. ValueError for a day that there is not."""
        midnight = datetime.fromisoformat(self.day).replace(tzinfo=UTC)
        return [int(midnight.timestamp() + 3600 * int(each.hour)) * SECOND for each in self.hours]


_DAYS = TypeAdapter(Annotated[list[_Day], Field(max_length=20_000)])
_SEGMENTS = TypeAdapter(list[_Segment])
_OBJECT = TypeAdapter(dict[str, Any])


class Reference(BaseModel):
    """By how much Frigate's clock was ahead of ours when the span was listed, within ``unsure``; microseconds."""

    offset: int
    unsure: int


@dataclass(frozen=True, slots=True)
class _Want:
    """One fetch: its order, how the device's times are read, and its progress."""

    order: FetchOrder
    time: DeviceTime
    tally: Tally


class Session(HttpSession[Options]):
    """One Frigate; logged in to when there is a password for it."""

    def __init__(self, order: Order, options: Options) -> None:
        super().__init__(order, options)
        self.camera = options.camera
        self.via = options.via
        bare = order.address if "://" in order.address or order.login is None else f"https://{order.address}"
        usual = 5000 if order.login is None else 8971
        self.http = Http(with_port(bare, usual), None, order.timeout, order.now, pin=options.certificate)
        if order.login is not None and not (self.http.tls or options.readable or is_own_host(self.http.host)):
            raise CameraRefused(
                "The password for Frigate would go over the network so that anyone there could read it.",
                meaning="It was not sent.",
                do="Write https:// before the address, or set readable=yes if that network is yours alone.",
            )

    def open(self) -> None:
        login = self.order.login
        if login is not None:
            self._log_in(login.user, login.password)

    def _log_in(self, user: str, password: str) -> None:
        body = json.dumps({"user": user, "password": password}).encode()
        answer = self.http.ask(
            "/api/login",
            method="POST",
            body=body,
            headers={"Content-Type": "application/json"},
            statuses=(200, 400, 401, 429),
        )
        if answer.status != 200:
            why = "let nobody log in for a while" if answer.status == 429 else "refused the user name or password"
            raise CameraRefused(
                f"Frigate at {self.http.host} {why}.",
                meaning="Nothing was fetched.",
                do="Check both on Frigate's own page; too many attempts lock everybody out for a minute.",
            )
        self.http.headers["Cookie"] = cookies_of(answer)

    # -- what there is --

    def spans(self, window: Window) -> list[FoundSpan]:
        """What it lists in a window and around it, as true UTC."""
        time = time_of(self.order, None)
        found = self._list(time, window)
        now = time_of(self.order, self.check)
        if abs(now.offset_us - time.offset_us) > _AROUND // 2:
            found = self._list(now, window)  # it was asked for another time than ours
        reference = Reference(offset=now.offset_us, unsure=now.uncertainty_us).model_dump_json()
        shown = now.to_device(self.order.now())
        return [
            FoundSpan(
                start=now.from_device(run[0].start),
                end=now.from_device(run[-1].end),
                reference=reference,
                finished=shown - run[-1].end > _WRITING,
                divisible=True,
                uncertainty_us=now.uncertainty_us + run[0].within,
            )
            for run in found
            if now.from_device(run[0].start) >= 0
        ]

    def _list(self, time: DeviceTime, window: Window) -> list[list[Located]]:
        asked = time.asked(window)
        listed: set[ListedSegment] = set()
        for start in range(max(0, asked.start - _AROUND), asked.end + _AROUND, _LISTED):
            end = min(start + _LISTED, asked.end + _AROUND)
            target = f"/api/{self.camera}/recordings?after={_seconds(start)}&before={_seconds(end)}"
            answer = self.http.ask(target, statuses=(200, 404))
            self.check = self.check or date_compared(self.order, self.http, answer, "/api/version")
            if answer.status == 404:
                raise self.http.nonsense(f"it knows no camera {self.camera}, or is no Frigate")
            listed |= {each.listed for each in parsed(self.http, answer, _SEGMENTS)}
        return stretches(each for each in listed if 0 < each.length < HOUR)

    def find_oldest(self) -> int | None:
        """Where its first segment of the camera begins: by its summary the hour, by its list the second."""
        answer = self.http.ask(f"/api/{self.camera}/recordings/summary?timezone=utc", statuses=(200, 404))
        days = parsed(self.http, answer, _DAYS) if answer.status == 200 else []
        hour = min((began for day in days for began in day.began()), default=None)
        if hour is None:
            return None
        target = f"/api/{self.camera}/recordings?after={_seconds(hour)}&before={_seconds(hour + HOUR)}"
        listed = parsed(self.http, self.http.ask(target), _SEGMENTS)
        first = min((each.listed.start for each in listed), default=hour)
        return time_of(self.order, self.check).from_device(first)

    def identity(self) -> Identity:
        return Identity(make="Frigate", firmware=self._version())

    def _version(self) -> str:
        answer = self.http.ask("/api/version", most=1000, statuses=(200, 404))
        text = answer.content.decode("ascii", "replace").strip()
        return text if answer.status == 200 and text.isprintable() and len(text) < 64 else ""

    def tested(self, order: LookOrder) -> TestAnswer:
        """Whether this camera is recorded, and for how long it is kept."""
        good, wrong = self._retention()
        return TestAnswer(good=tuple(good), wrong=tuple(wrong))

    def _retention(self) -> tuple[list[str], list[str]]:
        """What is good about this camera's recording, and what is wrong."""
        config = parsed(self.http, self.http.ask("/api/config"), _OBJECT)
        cameras = config.get("cameras")
        if not isinstance(cameras, dict) or not isinstance(camera := cameras.get(self.camera), dict):
            known = ", ".join(sorted(map(str, cameras))[:20])[:200] if isinstance(cameras, dict) else "none"
            return [], [f"Frigate has no camera {self.camera}; it has {known}."]
        record = camera.get("record")
        if not isinstance(record, dict) or not record.get("enabled"):
            return [], [f"Frigate does not record {self.camera}: set record: enabled: true for it."]
        for section in ("continuous", "retain"):
            kept = record.get(section)
            days = kept.get("days") if isinstance(kept, dict) else None
            if (
                isinstance(kept, dict)
                and isinstance(days, int | float)
                and days > 0
                and kept.get("mode", "all") == "all"
            ):
                return [f"Frigate keeps all of {self.camera}'s recording for {counted(days, 'day')}."], []
        return [], [f"Frigate keeps only parts of {self.camera}'s recording, those with motion or objects in them."]

    # -- bringing it --

    def fetch(self, order: FetchOrder, report: Report) -> list[FetchedFile]:
        """The segments that an order's window touches, in the order of time."""
        reference = Reference.model_validate_json(order.reference)
        time = DeviceTime(reference.offset, reference.unsure)
        asked = time.asked(order.window)
        want = _Want(order, time, Tally(report))
        files: list[FetchedFile] = []
        for run in self._list(time, order.window):
            if needed := [each for each in run if each.start < asked.end and each.end > asked.start]:
                files += self._clips(want, needed) if self.via == "clip" else self._files(want, needed)
        if not files:
            raise NoFootage("Frigate no longer lists this footage.", meaning="It has been deleted meanwhile.")
        return files

    def _files(self, want: _Want, run: list[Located]) -> list[FetchedFile]:
        """Frigate's own files. One begins where the one before ends, by the frames' own times."""
        files: list[FetchedFile] = []
        follows: int | None = None
        for index, each in enumerate(run):
            began = datetime.fromtimestamp(each.listed.start // SECOND, UTC)
            target = f"/recordings/{began:%Y-%m-%d/%H}/{self.camera}/{began:%M.%S}.mp4"
            try:
                self._get(want, target, name := f"frigate-{began:%Y%m%dT%H%M%SZ}.mp4", resume=True)
            except NoFootage:
                if self.via == "auto":
                    return files + self._clips(want, run[index:])
                raise
            if is_torn(want.order.into / name, "mp4"):
                # What is left of it comes out whole where Frigate's FFmpeg reads it.
                (want.order.into / name).unlink()
                files += self._clips(want, [each])
                follows = None
                continue
            start = each.start if follows is None or abs(follows - each.start) > _SHORT else follows
            files.append(self._file(want, name, start, each))
            follows = self._until(want, name, start)
        return files

    def _clips(self, want: _Want, run: list[Located]) -> list[FetchedFile]:
        """MP4s that Frigate joins its files to; of one unbroken stretch, as it is silent about gaps."""
        files = []
        for first in range(0, len(run), _CLIP):
            some = run[first : first + _CLIP]
            # Half a second later: the segment before does not touch it, and whole seconds of it are none.
            start, end = some[0].listed.start + SECOND // 2, some[-1].listed.start + some[-1].listed.length
            target = f"/api/{self.camera}/start/{_seconds(start)}/end/{_seconds(end)}/clip.mp4"
            name = f"frigate-clip-{some[0].listed.start}.mp4"
            reached: int | None = None
            for _ in range(2):  # cut short, it ends as if it were whole: once more
                self._get(want, target, name, resume=False, again=reached is not None)
                before, reached = reached, self._until(want, name, some[0].start)
                if reached is None or reached >= some[-1].end - _SHORT or reached == before:
                    break
            note = "Frigate joined its files to this one. It is silent about a change of codec inside."
            files.append(self._file(want, name, some[0].start, some[0], note))
        return files

    def _get(self, want: _Want, target: str, name: str, *, resume: bool, again: bool = False) -> None:
        if (want.order.into / name).exists() and not again:
            return
        want.tally.next()
        to = want.order.destination(name, want.tally, written=want.tally.bytes)
        self.http.download(target, to, resume=resume)

    def _file(self, want: _Want, name: str, start: int, at: Located, *notes: str) -> FetchedFile:
        return FetchedFile(
            name=name,
            start=want.time.from_device(start),
            uncertainty_us=want.time.uncertainty_us + at.within,
            notes=notes,
        )

    def _until(self, want: _Want, name: str, start: int) -> int | None:
        """Where a file's last frame ends; None when it can't be told."""
        try:
            return edges(segments.read(want.order.into / name), start)[1]
        except NotFootage:
            return None


def _seconds(microseconds: int) -> str:
    return f"{microseconds // SECOND}.{microseconds % SECOND:06d}"
