"""UniFi Protect's own HTTP API, asked for cameras and exports of their recording, and nothing else.

Not for: what an owner types (``options``). In worker processes only.

What its answers are like (no documentation; the sources of ``uiprotect``, and reports of its users): its login gives
a cookie and a CSRF token; ``/proxy/protect/api/cameras`` tells where each camera's recording begins and ends, in
milliseconds, and nothing of gaps; ``video/export`` gives an MP4 of about the time asked for, off by some seconds. What
lies between gaps may be joined or not. So an export that is shorter than what was asked for is not used: its halves
are asked for, until a piece is known to lie where it was asked for, within its own length. Of old footage only a
smaller picture may be kept, as channel 2: it begins at ``recordingStartLQ`` and ends where ``recordingStart`` is.
"""

from __future__ import annotations

import json
from typing import Annotated
from urllib.parse import urlencode

from pydantic import BaseModel, Field, TypeAdapter

from agent.devices.device_time import DeviceTime
from agent.devices.http import Http
from agent.footage.files.place import in_us
from agent.media.containers import segment as segments
from agent.media.containers.segment import NotFootage
from agent.sources.device.json_http import Tally, cookies_of, date_compared, is_own_host, parsed, time_of
from agent.sources.device.orders import FetchedFile, FetchOrder, FoundSpan, LookOrder, Order, Report, TestAnswer
from agent.sources.device.session import HttpSession, Identity
from agent.sources.unifi.options import Options
from exchange.clock import MINUTE, SECOND, Window
from exchange.errors import CameraAnswerInvalid, CameraRefused, NoFootage

NO_GAPS = "UniFi Protect does not tell gaps beforehand: they come out when the footage is fetched."
SMALL = "Of this time UniFi Protect no longer keeps the main recording: this is its smaller one."
_API = "/proxy/protect/api"
_MOST = 32 * 1024 * 1024
"""Of the list of cameras: tens of kilobytes each."""
_WRITING = MINUTE
_TIER = MINUTE
"""Both recordings begin within moments of each other where both are kept for the same time."""
_PIECE = 10 * MINUTE
"""Exported at a time: what came of a fetch that broke off is kept in such pieces."""
_SMALLEST = 20 * SECOND
"""Nothing shorter is halved."""
_OFF = 5 * SECOND
"""By how much an export may begin or end elsewhere than asked; key frames are up to five seconds apart."""

_Millis = Annotated[int, Field(ge=0, lt=253_402_300_800_000)] | None


class _Video(BaseModel):
    recordingStart: _Millis = None
    recordingEnd: _Millis = None
    recordingStartLQ: _Millis = None


class _Stats(BaseModel):
    video: _Video = _Video()


class _Settings(BaseModel):
    mode: Annotated[str, Field(max_length=40, pattern="^[A-Za-z]*$")] = ""


class Camera(BaseModel):
    """Of the list of cameras."""

    id: Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{1,64}$")]
    name: Annotated[str, Field(max_length=200)] = ""
    mac: Annotated[str, Field(max_length=20)] = ""
    type: Annotated[str, Field(max_length=100)] = ""
    firmwareVersion: Annotated[str, Field(max_length=100)] = ""
    stats: _Stats = _Stats()
    recordingSettings: _Settings = _Settings()


_CAMERAS = TypeAdapter(list[Camera])


class Reference(BaseModel):
    """By how much Protect's clock was ahead of ours when the span was listed, within ``unsure``; microseconds.
    ``small``: of this time it keeps smaller pictures only."""

    offset: int
    unsure: int
    small: bool = False


class Session(HttpSession[Options]):
    """One Protect. ``camera``: the one that is meant."""

    def __init__(self, order: Order, options: Options) -> None:
        super().__init__(order, options)
        self.lens, self.wanted = options.lens, options.camera
        address = order.address if "://" in order.address else f"https://{order.address}"
        self.http = Http(address, None, order.timeout, order.now, pin=options.certificate)
        if order.login is None or not (self.http.tls or is_own_host(self.http.host)):
            raise CameraRefused(
                f"UniFi Protect at {self.http.host} wants a user name and password, and https.",
                meaning="Nothing was sent to it.",
                do="Make a local user with the role Viewer, give it with --user, and write the address without http://.",
            )
        self.small = False

    def open(self) -> None:
        """Log in, and find the camera that is meant."""
        login = self.order.login
        assert login is not None  # the constructor refuses without
        self._log_in(login.user, login.password)
        self.camera = self._meant(self.wanted)

    def close(self, *, failed: bool) -> None:
        try:
            if not failed:
                self.http.ask("/api/auth/logout", method="POST", body=b"", statuses=(200, 204, 400, 404))
        finally:
            self.http.close()

    def _log_in(self, user: str, password: str) -> None:
        body = json.dumps({"username": user, "password": password, "rememberMe": False}).encode()
        answer = self.http.ask(
            "/api/auth/login",
            method="POST",
            body=body,
            headers={"Content-Type": "application/json"},
            statuses=(200, 400, 429, 499),
        )
        if answer.status != 200:
            why = {429: "lets nobody log in for a while", 499: "wants a second factor, which only a person has"}
            raise CameraRefused(
                f"UniFi Protect at {self.http.host} {why.get(answer.status, 'refuses the user name or password')}.",
                meaning="Nothing was fetched.",
                do="Use a local user (not a UI account) with the role Viewer, and without a second factor.",
            )
        self.http.headers["Cookie"] = cookies_of(answer)
        token = answer.headers.get("x-csrf-token", "")
        if token.isascii() and token.isprintable():
            self.http.headers["X-CSRF-Token"] = token

    def _meant(self, wanted: str) -> Camera:
        answer = self.http.ask(f"{_API}/cameras", most=_MOST)
        self.check = date_compared(self.order, self.http, answer, "/")
        cameras = parsed(self.http, answer, _CAMERAS)
        bare = wanted.replace(":", "").lower()
        found = [each for each in cameras if wanted in (each.id, each.name) or bare == each.mac.lower()]
        if len(found) == 1:
            return found[0]
        names = ", ".join(sorted(each.name for each in cameras if each.name.isprintable()))[:200] or "none"
        raise CameraAnswerInvalid(
            f"UniFi Protect has {len(found) or 'no'} cameras called {wanted!r}; it has {names}.",
            do="Set the option camera to one of them, or to its MAC address where two are called the same.",
        )

    # -- what there is --

    def identity(self) -> Identity:
        return Identity("Ubiquiti", self.camera.type, self.camera.firmwareVersion)

    def oldest(self) -> int | None:
        """Where the oldest recording in full begins."""
        kept = self._kept(False)
        return None if kept is None else max(0, time_of(self.order, self.check).from_device(kept[0]))

    def tested(self, order: LookOrder) -> TestAnswer:
        """When this camera is recorded."""
        mode = self.camera.recordingSettings.mode
        if mode == "always":
            return TestAnswer(good=("Protect records this camera always.",))
        return TestAnswer(
            wrong=(f"Protect records this camera only in part (its mode is {mode or 'unknown'}): set it to Always.",)
        )

    def spans(self, window: Window) -> list[FoundSpan]:
        """From the beginning of its recording to its end, as far as a window."""
        time = time_of(self.order, self.check)
        now, found = self.order.now(), []
        for small in (False, True):
            kept = self._kept(small)
            if kept is None:
                continue
            start, end = time.from_device(kept[0]), now if kept[1] is None else min(now, time.from_device(kept[1]))
            if start < 0 or start >= end or start >= window.end or end <= window.start:
                continue
            reference = Reference(offset=time.offset_us, unsure=time.uncertainty_us, small=small)
            span = FoundSpan(
                start=start,
                end=end,
                reference=reference.model_dump_json(),
                finished=now - end > _WRITING,
                divisible=True,
                uncertainty_us=time.uncertainty_us + _OFF,
            )
            found.append(span)
            self.notes.append(NO_GAPS)
            if small:
                self.notes.append(SMALL)
        return found

    def _kept(self, small: bool) -> tuple[int, int | None] | None:
        """From when to when it keeps the main recording, or the smaller one from before; its own microseconds."""
        video = self.camera.stats.video
        if not small:
            ends = None if video.recordingEnd is None else video.recordingEnd * 1000
            return None if video.recordingStart is None else (video.recordingStart * 1000, ends)
        ends = video.recordingStart if video.recordingStart is not None else video.recordingEnd
        if video.recordingStartLQ is None or (ends is not None and ends - video.recordingStartLQ < _TIER // 1000):
            return None
        return video.recordingStartLQ * 1000, None if ends is None else ends * 1000

    # -- bringing it --

    def fetch(self, order: FetchOrder, report: Report) -> list[FetchedFile]:
        """The window of an order: a file a piece, and shorter ones where there are gaps."""
        reference = Reference.model_validate_json(order.reference)
        time = DeviceTime(reference.offset, reference.unsure)
        wide, self.small = time.asked(order.window), reference.small
        first, last = self._kept(self.small) or (0, None)
        # What is asked for before a recording begins comes from its beginning, and would be told to lie earlier.
        begins, ends = max(wide.start, first), wide.end if last is None else min(wide.end, last)
        tally = Tally(report)
        files: list[FetchedFile] = []
        for start in range(begins, ends, _PIECE):
            files += self._within(order, time, Window(start, min(start + _PIECE, ends)), tally)
        if not files:
            raise NoFootage("UniFi Protect has no footage of that time.", meaning="There is a gap in its recording.")
        return files

    def _within(self, order: FetchOrder, time: DeviceTime, asked: Window, tally: Tally) -> list[FetchedFile]:
        """What is there of a stretch of Protect's time, each file as near as can be to where it lies."""
        came = self._exported(order, asked, tally)
        if came is None:
            return []
        name, lasts, torn = came
        missing = max(0, asked.duration - lasts)
        if missing > 2 * _OFF and asked.duration > _SMALLEST:
            (order.into / name).unlink()
            middle = asked.start + asked.duration // 2
            return [
                *self._within(order, time, Window(asked.start, middle), tally),
                *self._within(order, time, Window(middle, asked.end), tally),
            ]
        unsure = time.uncertainty_us + _OFF + missing
        notes = (SMALL,) if self.small else ()
        start = time.from_device(asked.start)
        return [FetchedFile(name=name, start=start, torn=torn, uncertainty_us=unsure, notes=notes)]

    def _exported(self, order: FetchOrder, asked: Window, tally: Tally) -> tuple[str, int, bool] | None:
        """A file, how long its frames last, and whether it was cut short; None when there is nothing of that time."""
        query = {"camera": self.camera.id, "start": asked.start // 1000, "end": -(-asked.end // 1000)}
        query |= {"channel": 0} if self.lens == 1 else {"lens": 2}
        query |= {"channel": 2} if self.small else {}
        name = f"protect-{asked.start // 1000}-{-(-asked.end // 1000)}.mp4"
        path = order.into / name
        torn = False
        for _ in range(2):
            if not path.exists() or torn:
                tally.next()
                try:
                    to = order.destination(name, tally, written=tally.bytes)
                    self.http.download(f"{_API}/video/export?{urlencode(query)}", to)
                except NoFootage:
                    return None
            try:
                segment = segments.read(path)
            except NotFootage:
                path.unlink()
                return None
            if not (torn := not segment.whole):
                break
        video = segment.video
        last = max(range(len(video.pts)), key=video.pts.__getitem__)
        return name, in_us(video.pts[last] + video.durations[last] - min(video.pts), video), torn
