"""Reolink's HTTP API (``api.cgi``), asked for the time, for recordings and their files, and nothing else.

Not for: what an owner types (``options``). In worker processes only.

What its answers are like (Reolink's "Camera HTTP API User Guide"; replies quoted by users of ``reolink-aio``): lists of
``{"cmd", "code", "value"}``, or ``"error": {"rspCode", "detail"}``; a session's token in the address; times in local
time, ``PlaybackTime`` being the same moment in UTC. Cameras list files by name; recorders list hours, and cut a part
out when asked (``NvrDownload``).
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel

from agent.devices.clock import ClockCheck, compare
from agent.devices.device_time import DeviceTime, utc_of
from agent.devices.http import Http
from agent.devices.time_zones import zone_of
from agent.footage.files.remux import container_of, is_torn
from agent.sources.device import memory
from agent.sources.device.json_http import is_own_host, parsed, time_of
from agent.sources.device.local_list import BACKWARDS, SUB_STREAM, Stretch, asked_locally, nearest, resolved
from agent.sources.device.orders import FetchedFile, FetchOrder, FoundSpan, LookOrder, Order, Report, TestAnswer
from agent.sources.device.session import HttpSession, Identity
from agent.sources.reolink.api import (
    REPLIES,
    DevInfo,
    Disks,
    Download,
    Found,
    ListedFile,
    Named,
    Reply,
    Search,
    Time,
    Token,
)
from agent.sources.reolink.options import Options
from agent.sources.reolink.time import Fields, fields, posix
from exchange.clock import MINUTE, SECOND, Window
from exchange.counted import counted
from exchange.errors import CameraAnswerInvalid, CameraRefused, NoFootage

_METHOD = "Reolink GetTime"
_WRITING = MINUTE
"""What ends so shortly before now is still being recorded."""
_SESSION = 30 * MINUTE
"""Half of what a session is granted."""
_MOST_DAYS = 62
_MOST_MONTHS = 24
"""Looked back at for the oldest recording, a question each."""
_UNSURE = 2 * SECOND
"""How far from what was asked for a part that a recorder cuts out may begin."""


class Reference(BaseModel):
    """A recording: on a camera, its file; on a recorder, the stretch, with the clock and zone it was listed by."""

    name: str
    stream: str
    start: int
    end: int
    size: int
    offset: int
    unsure: int
    zone: str


class Session(HttpSession[Options]):
    """One device, logged in to, its clock compared."""

    check: ClockCheck

    def __init__(self, order: Order, options: Options) -> None:
        super().__init__(order, options)
        address = order.address if "://" in order.address else f"https://{order.address}"
        self.http = Http(address, None, order.timeout, order.now, pin=options.certificate)
        if not (self.http.tls or options.readable or is_own_host(self.http.host)):
            raise CameraRefused(
                f"The password for the Reolink at {self.http.host} would go over the network readable.",
                meaning="It was not sent.",
                do="Switch https on in its network settings, or set readable=yes if that network is yours alone.",
            )

    def open(self) -> None:
        """Log in, compare the clocks, learn what it is."""
        self.session = self.order.state / "session.json"
        self.token = self._kept_session()
        if not self.token:
            self._log_in()
        try:
            self.check = self._compared()
        except CameraRefused:
            self._log_in()  # the kept session had ended
            self.check = self._compared()
        self.check = self.order.compared(self.check, self._compared)
        self.time = time_of(self.order, self.check, self.options.zone)
        info = self._ask("GetDevInfo", {}, DevInfo).DevInfo
        self._identity = Identity("Reolink", info.model, info.firmVer)
        self.channels = info.channelNum
        self.is_recorder = any(word in (info.exactType or info.type).upper() for word in ("NVR", "HUB"))

    def close(self, *, failed: bool) -> None:
        # After a fetch that broke off, the session is kept: the same address is what a download is gone on with by.
        try:
            if not failed:
                self.session.unlink(missing_ok=True)
                self._post("Logout", {}, 0)
        finally:
            self.http.close()

    # -- questions --

    def _ask(self, command: str, param: dict[str, Any], wanted: type[Any], action: int = 0) -> Any:
        reply = self._post(command, param, action)
        if reply.code != 0:
            raise self._refusal(command, reply.error.rspCode)
        try:
            return wanted.model_validate(reply.value)
        except ValueError:
            raise self.http.nonsense(f"its answer to {command} is not as expected") from None

    def _post(self, command: str, param: dict[str, Any], action: int) -> Reply:
        query = {"cmd": command} | ({"token": self.token} if self.token and command != "Login" else {})
        body = json.dumps([{"cmd": command, "action": action, "param": param}]).encode()
        # Devices of several years answer JSON as text/html.
        answer = self.http.ask(
            f"/cgi-bin/api.cgi?{urlencode(query)}",
            method="POST",
            body=body,
            headers={"Content-Type": "application/json"},
        )
        self.sent, self.received = answer.sent, answer.received
        return parsed(self.http, answer, REPLIES)[0]

    def _refusal(self, command: str, code: int) -> Exception:
        if command == "Login" or code in (-5, -6, -7):
            why = "has too many sessions open" if code == -5 else "refuses the user name or password"
            return CameraRefused(
                f"The Reolink at {self.http.host} {why}.",
                meaning="Nothing was fetched.",
                do="Check both on its own page; some lock a user out for a while after several attempts.",
            )
        return self.http.nonsense(f"it answered {command} with the error {code}")

    def _log_in(self) -> None:
        login = self.order.login
        if login is None:
            raise CameraRefused(f"The Reolink at {self.http.host} wants a user name and password.", do="Use --user.")
        self.token = ""
        user = {"Version": "0", "userName": login.user, "password": login.password}
        found = self._ask("Login", {"User": user}, Named)
        self.token = found.Token.name
        kept = json.dumps({"for": self._whose(), "token": self.token, "until": self.order.now() + _SESSION})
        descriptor = os.open(self.session, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(kept)

    def _kept_session(self) -> str:
        kept = memory.recall(self.session)
        try:
            fits = kept["for"] == self._whose() and self.order.now() < kept["until"]
            return Token(name=kept["token"]).name if fits else ""
        except (ValueError, KeyError, TypeError):
            return ""

    def _whose(self) -> str:
        login = self.order.login
        text = json.dumps([self.order.address, *((login.user, login.password) if login else ())])
        return sha256(text.encode()).hexdigest()

    def _compared(self) -> ClockCheck:
        reported = self._ask("GetTime", {}, Time)
        zone = self.options.zone or posix(reported.Time, reported.Dst)
        try:
            local, known = reported.Time.local(), zone_of(zone)
        except ValueError:
            raise self.http.nonsense("its time or time zone cannot be") from None
        # In the hour that comes twice, the reading nearest to our clock is meant.
        both = [utc_of(local.replace(fold=fold), known) for fold in (0, 1)]
        return compare(nearest(both, self.received), sent=self.sent, received=self.received, method=_METHOD, zone=zone)

    # -- what there is --

    def identity(self) -> Identity:
        return self._identity

    def spans(self, window: Window) -> list[FoundSpan]:
        """What it lists, as true UTC."""
        if 0 < self.channels < self.options.channel:
            raise CameraAnswerInvalid(
                f"The Reolink at {self.http.host} has no channel {self.options.channel}; it has {self.channels}.",
                do="Set the option channel to the camera's number on its own page.",
            )
        spans, notes = self._spans(window, self.options.stream)
        if not spans and self.options.stream == "main":
            spans, more = self._spans(window, "sub")
            notes += [SUB_STREAM, *more] if spans else []
        self.notes += notes
        return spans

    def _spans(self, window: Window, stream: str) -> tuple[list[FoundSpan], list[str]]:
        files = self._list_files(window, stream)
        spans: list[FoundSpan] = []
        notes: list[str] = []
        for file, stretch in zip(files, self._stretches(files), strict=True):
            if stretch is None:
                notes.append(BACKWARDS)
                continue
            if stretch.start < 0 or stretch.end <= window.start or stretch.start >= window.end:
                continue
            reference = Reference(
                name=file.name,
                stream=stream,
                start=stretch.start,
                end=stretch.end,
                size=file.size,
                offset=self.time.offset_us,
                unsure=self.time.uncertainty_us,
                zone=self.time.zone,
            )
            spans.append(
                FoundSpan(
                    start=stretch.start,
                    end=stretch.end,
                    reference=reference.model_dump_json(),
                    finished=self.order.now() - stretch.end > _WRITING,
                    divisible=self.is_recorder or not file.name,
                    size=file.size or None,
                    width=file.width,
                    height=file.height,
                )
            )
        return spans, notes

    def _list_files(self, window: Window, stream: str) -> list[ListedFile]:
        """A search a day: devices stop at the end of one."""
        start, end = asked_locally(self.time, window)
        found: dict[str, ListedFile] = {}
        for _ in range(_MOST_DAYS):
            day_ends = start.replace(hour=23, minute=59, second=59, microsecond=0)
            for file in self._search(start, min(end + timedelta(seconds=1), day_ends), stream).File:
                found.setdefault(file.model_dump_json(), file)
            start = day_ends + timedelta(seconds=1)
            if start > end:
                break
        return sorted(found.values(), key=lambda file: (_when(file), file.name))

    def _search(self, start: datetime, end: datetime, stream: str, *, days: bool = False) -> Found:
        """Files of a stretch of a day; or, with ``days``, on which days of a month anything was recorded."""
        search = {
            "channel": self.options.channel - 1,
            "onlyStatus": int(days),
            "streamType": stream,
            "StartTime": fields(start),
            "EndTime": fields(end),
        }
        found: Found = self._ask("Search", {"Search": search}, Search).SearchResult
        return found

    def _recorded_days(self, month: datetime) -> list[int]:
        """The days of a month (any moment of it) on which it recorded the stream that is wanted."""
        first = month.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        last = (first + timedelta(days=32)).replace(day=1) - timedelta(seconds=1)
        for reported in self._search(first, last, self.options.stream, days=True).Status:
            if (reported.year, reported.mon) == (first.year, first.month):
                return [day for day, there in enumerate(reported.table, 1) if there == "1" and day <= last.day]
        return []

    def find_oldest(self) -> int | None:
        """Where its first recording begins, month by month back to one in which there is nothing."""
        month, first = self.time.to_local(self.order.now()), None
        for back in range(_MOST_MONTHS):
            if days := self._recorded_days(month):
                first = month.replace(day=days[0], hour=0, minute=0, second=0, microsecond=0)
            elif back and (first is not None or back > 1):
                break
            month = month.replace(day=1) - timedelta(days=1)
        if first is None:
            return None
        files = self._search(first, first + timedelta(days=1, seconds=-1), self.options.stream).File
        began = [each.start for each in self._stretches(sorted(files, key=_when)) if each is not None]
        return min(began, default=None)

    def tested(self, order: LookOrder) -> TestAnswer:
        """Its card or disk, and on how many days of a month it recorded."""
        good, wrong = [], []
        with suppress(CameraRefused, CameraAnswerInvalid):  # not every user may see these
            disks = self._ask("GetHddInfo", {}, Disks).HddInfo
            usable = [disk for disk in disks if disk.mount and disk.format]
            if usable:
                size = sum(disk.capacity for disk in usable) / 1000
                good.append(f"It has {len(usable)} card or disk of {size:.0f} GB." if len(usable) == 1 else
                            f"It has {len(usable)} disks of {size:.0f} GB together.")  # fmt: skip
            elif disks:
                wrong.append("Its card or disk can't be used: look at it on its own page, under Storage.")
            else:
                wrong.append("It has no card or disk, and so keeps no recordings.")
        days = self._recorded_days(self.time.to_local(self.order.now()))
        good.append(f"It recorded on {counted(len(days), 'day')} of this month.")
        channels = dict.fromkeys(range(1, min(self.channels, 512) + 1), "")
        return TestAnswer(good=tuple(good), wrong=tuple(wrong), channels=channels)

    def _stretches(self, files: list[ListedFile]) -> list[Stretch | None]:
        try:
            shown = [(file.StartTime.local(), file.EndTime.local()) for file in files]
        except ValueError:
            raise self.http.nonsense("it lists a day that there is not") from None
        found = resolved(self.time, shown)
        for index, (file, (start, end)) in enumerate(zip(files, shown, strict=True)):
            # The same moment in UTC: it tells which of two hours is meant.
            if file.PlaybackTime is None or (utc := _utc(file.PlaybackTime)) is None:
                continue
            began = nearest(self.time.either(start), self.time.from_device(utc))
            if abs(began - self.time.from_device(utc)) > SECOND:
                continue
            if ends := [each for each in self.time.either(end) if each > began]:
                found[index] = Stretch(began, min(ends))
        return found

    # -- bringing it --

    def fetch(self, order: FetchOrder, report: Report) -> list[FetchedFile]:
        """A camera's file whole; of a recorder's, the part that is asked for."""
        wanted = Reference.model_validate_json(order.reference)
        if wanted.name and not self.is_recorder:
            path = order.into / f"reolink-{sha256(wanted.name.encode()).hexdigest()[:16]}.mp4"
            size = self._get(order, wanted.name, path.name, report, wanted.size)
            notes = []
            if size < wanted.size:
                notes.append(f"The device listed {wanted.size} bytes and sent a whole file of {size}.")
            return [FetchedFile(name=path.name, start=wanted.start, notes=tuple(notes))]
        return self._cut_out(order, wanted, report)

    def _cut_out(self, order: FetchOrder, wanted: Reference, report: Report) -> list[FetchedFile]:
        time = DeviceTime(wanted.offset, wanted.unsure, wanted.zone)
        start = max(wanted.start, order.start - wanted.unsure - _UNSURE)
        end = min(wanted.end, order.end + wanted.unsure + _UNSURE)
        begins = time.to_local(start).replace(microsecond=0)
        asked = {
            "channel": self.options.channel - 1,
            "iLogicChannel": 0,
            "streamType": wanted.stream,
            "StartTime": fields(begins),
            "EndTime": fields(time.to_local(end + SECOND - 1)),
        }
        prepared = self._ask("NvrDownload", {"NvrDownload": asked}, Download, action=1).fileList
        if not prepared:
            raise NoFootage("The recorder had nothing to cut out of what it listed.")
        largest = max(prepared, key=lambda each: each.fileSize)
        name = f"reolink-{start}.mp4"
        self._get(order, largest.fileName, name, report, largest.fileSize)
        return [FetchedFile(name=name, start=time.from_local(begins), uncertainty_us=wanted.unsure + _UNSURE)]

    def _get(self, order: FetchOrder, source: str, name: str, report: Report, size: int) -> int:
        """Download a file; how many bytes it has. What is shorter than listed and not whole broke off."""
        path = order.into / name
        query = {"cmd": "Download", "source": source, "output": name, "token": self.token}
        target = f"/cgi-bin/api.cgi?{urlencode(query)}"
        if not path.exists():
            self.http.download(target, order.destination(name, report))
        came = path.stat().st_size
        with path.open("rb") as file:
            if file.read(1) in (b"[", b"{"):
                path.unlink()
                raise self.http.nonsense("it answered a download with an error")
        if came < size and is_torn(path, container_of(path) or "mp4"):
            path.unlink()
            raise self.http.gone(f"it sent {came} of the {size} bytes that it had listed")
        return came


def _when(file: ListedFile) -> tuple[int, ...]:
    shown = file.PlaybackTime or file.StartTime
    return (shown.year, shown.mon, shown.day, shown.hour, shown.min, shown.sec)


def _utc(shown: Fields) -> int | None:
    try:
        return int(shown.local().replace(tzinfo=UTC).timestamp()) * SECOND
    except ValueError:
        return None
