"""A Dahua recorder's CGI, as far as footage needs it, counting channels from 0 or from 1. Built from captured replies.

Facts and where they were seen: the list (found=, items[0].Channel … WorkDirSN, with CRLF), the paging by findNextFile
until found=0 and "Error / ErrorID=2, Detail=Invalid Request!" in python-amcrest's tests, taken from an Amcrest camera;
channel 0 is a bad request, empty windows answer 400 "Error", HTTP Date is local time that says GMT, Length is of
clusters, an error comes as text with status 200: an NVR at -03:00; the search counts from 0 though all else counts from
1: an NVR4108 with firmware 3.215; RPC_Loadfile brings nothing on some firmware (MHDX 4), where loadfile.cgi does:
three clients; NTP.TimeZone and Locales as an Amcrest and a Lorex tell them; that Range is honoured by RPC_Loadfile:
one client relies on it. Files are packed by the clock, so a change of the clocks begins a new one: an assumption.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

from exchange.clock import Clock
from tests.counterparts.files.dav_file import frame as dav_frame
from tests.counterparts.files.packets import Coded
from tests.counterparts.http.recorder_server import Call, RecorderServer
from tests.sources.counterpart.under_test import Fault

_LONDON = {
    "NTP": {"Address": "time.windows.com", "Enable": "true", "Port": "123", "TimeZone": "0", "TimeZoneDesc": "London"},
    "Locales": {
        "DSTEnable": "true", "DSTStart.Year": "2026", "DSTStart.Month": "3", "DSTStart.Week": "-1", "DSTStart.Day": "0",
        "DSTStart.Hour": "1", "DSTStart.Minute": "0", "DSTEnd.Year": "2026", "DSTEnd.Month": "10", "DSTEnd.Week": "-1",
        "DSTEnd.Day": "0", "DSTEnd.Hour": "2", "DSTEnd.Minute": "0",
    },
}  # fmt: skip
_READS = re.compile(
    r"GET /cgi-bin/(global\.cgi\?action=getCurrentTime|magicBox\.cgi\?action=get\w+"
    r"|devVideoInput\.cgi\?action=getCollect"
    r"|configManager\.cgi\?action=getConfig&name=(NTP|Locales)|mediaFileFind\.cgi\?action="
    r"(factory\.create|findFile&.*|findNextFile&.*|close&.*|destroy&.*)|RPC_Loadfile/.*|loadfile\.cgi\?action=startLoad&.*)"
)
_BAD = b"Error\r\nErrorID=2, Detail=Invalid Request!\r\n"


@dataclass(frozen=True)
class DavRecording:
    """One file: ``start`` is what the recorder's clock showed at its first frame, as UTC (microseconds)."""

    start: int
    frames: Sequence[Coded]
    codec: str
    channel: int = 1
    stream: str = "Main"
    frame_us: int = 100_000

    @property
    def end(self) -> int:
        return self.start + self.frames[-1].after - self.frames[0].after + self.frame_us


class DahuaStandIn(RecorderServer):
    """``first``: what its search calls the first channel. ``offset``: its clock minus ours."""

    def __init__(self, clock: Clock, user: str = "viewer", password: str = "right horse") -> None:
        super().__init__(user, password)
        self.clock = clock
        self.offset = 0
        self.zone = "Europe/London"
        self.first = 1
        self.channels = 1
        self.held: list[DavRecording] = []
        self.page = 100
        self.settings = _LONDON
        self.empty_files = False
        self.preamble = False
        self.endless = False
        self._finders: dict[str, list[DavRecording]] = {}
        self._number = 8137

    def strange_to(self, call: Call) -> bool:
        return not _READS.fullmatch(f"{call.command} {call.path}")

    def answer(self, call: Call) -> None:
        parts = urlsplit(call.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        name = parts.path.removeprefix("/cgi-bin/")
        if name == "global.cgi":
            # As it is written there: no leading zeros.
            now = self._local(self.clock.now() + self.offset)
            self._say(call, f"result={now.year}-{now.month}-{now.day} {now:%H:%M:%S}")
        elif name == "magicBox.cgi":
            told = {"getVendor": "vendor=Dahua", "getDeviceType": "type=NVR4108", "getSerialNo": "sn=6A00000PAZ00000",
                    "getSoftwareVersion": "version=3.215.0000000.1,build:2018-10-22"}  # fmt: skip
            self._say(call, told[query["action"]])
        elif name == "devVideoInput.cgi":
            self._say(call, f"result={self.channels}")
        elif name == "configManager.cgi":
            self._setting(call, query["name"])
        elif name == "mediaFileFind.cgi":
            self._find(call, query)
        elif name == "loadfile.cgi":
            self._by_time(call, query)
        else:
            self._by_file(call, unquote(name.removeprefix("RPC_Loadfile")))

    def _setting(self, call: Call, name: str) -> None:
        if name not in self.settings:
            call.send(_BAD, 400, "text/plain")
            return
        self._say(call, *(f"table.{name}.{key}={value}" for key, value in self.settings[name].items()))

    # -- lists --

    def _find(self, call: Call, query: dict[str, str]) -> None:
        if self.fault is Fault.NONSENSE:
            call.send(b"<html><title>Login</title></html>", kind="text/html")
            return
        action, finder = query["action"], query.get("object", "")
        if action == "factory.create":
            self._number += 1
            self._say(call, f"result={self._number:05d}")
        elif action == "findFile":
            channel = int(query["condition.Channel"]) - self.first + 1
            start, end = (datetime.fromisoformat(query[f"condition.{name}"]) for name in ("StartTime", "EndTime"))
            found = [each for each in self.held if each.channel == channel and self._overlaps(each, start, end)]
            if not 1 <= channel <= self.channels or not found:
                call.send(b"Error\r\n", 400, "text/plain")
                return
            self._finders[finder] = found
            self._say(call, "OK")
        elif action == "findNextFile" and finder in self._finders:
            left = self._finders[finder]
            page = left[: min(int(query["count"]), self.page)]
            if not self.endless:
                self._finders[finder] = left[len(page) :]
            listed = (line for number, each in enumerate(page) for line in self._row(number, each))
            self._say(call, f"found={len(page)}", *listed, "")
        elif finder:
            self._finders.pop(finder, None)
            self._say(call, "OK")
        else:
            call.send(_BAD, 400, "text/plain")

    def _row(self, number: int, each: DavRecording) -> list[str]:
        start, end = each.start, each.end
        if self.fault is Fault.MORE:
            start, end = start + 2_000_000, end - 2_000_000
        told = {
            "Channel": each.channel - 1, "Cluster": 0, "Compressed": "false", "Disk": 0,
            "Duration": (end - start) // 1_000_000, "EndTime": f"{self._local(end):%Y-%m-%d %H:%M:%S}",
            "FilePath": self.path(each), "Flags[0]": "Timing",
            "Length": -(-len(self.file(each)) // 2_097_152) * 2_097_152,
            "Overwrites": 0, "Partition": 0, "Redundant": "false", "Repeat": 0,
            "StartTime": f"{self._local(start):%Y-%m-%d %H:%M:%S}", "Type": "dav", "VideoStream": each.stream,
            "WorkDir": "/mnt/dvr/sda0", "WorkDirSN": 0,
        }  # fmt: skip
        return [f"items[{number}].{key}={value}" for key, value in told.items()]

    def path(self, each: DavRecording) -> str:
        begin, end = self._local(each.start), self._local(each.end)
        number = self.held.index(each)
        day = f"/mnt/dvr/sda0/{begin:%Y-%m-%d}/{each.channel:03d}/dav/{begin:%H}"
        return f"{day}/{begin:%H.%M.%S}-{end:%H.%M.%S}[R][0@0][{number}].dav"

    def _overlaps(self, each: DavRecording, start: datetime, end: datetime) -> bool:
        first = self._local(each.start)
        return first < end and max(self._local(each.end), first + timedelta(seconds=1)) > start

    def _local(self, shown: int) -> datetime:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=shown)).astimezone(
            ZoneInfo(self.zone)
        ).replace(tzinfo=None, fold=0)  # fmt: skip

    # -- footage --

    def file(self, each: DavRecording, frames: Sequence[Coded] | None = None) -> bytes:
        codec = {"h264": "h264", "h265": "hevc"}[each.codec]
        content = b"DAHUA".ljust(1024, b"\0") if self.preamble else b""
        for number, one in enumerate(frames or each.frames):
            shown = self._local(each.start + one.after - each.frames[0].after)
            content += dav_frame(one.data, shown, number, one.key, codec, (160, 120), 10)
        return content

    def _cut(self, frames: Sequence[Coded]) -> Sequence[Coded]:
        if self.fault is not Fault.LESS:
            return frames
        return [frame for frame in frames if frame.after < frames[-1].after - 2_500_000]

    def _by_file(self, call: Call, path: str) -> None:
        each = next((each for each in self.held if self.path(each) == path), None)
        if each is None:
            self._say(call, "Error", "No such file")
        elif self.empty_files:
            call.send(b"", kind="application/octet-stream")
        else:
            self.send_media(call, self.file(each, self._cut(each.frames)))

    def _by_time(self, call: Call, query: dict[str, str]) -> None:
        start, end = (datetime.fromisoformat(query[name]) for name in ("startTime", "endTime"))
        stream = "Extra1" if query["subtype"] == "1" else "Main"
        more = timedelta(seconds=2 if self.fault is Fault.MORE else 0)
        for each in self.held:
            taken = [
                frame
                for frame in each.frames
                if start - more <= self._local(each.start + frame.after - each.frames[0].after) < end + more
            ]
            if each.channel == int(query["channel"]) and each.stream == stream and taken:
                while not taken[0].key:  # it begins at a key frame, the one before
                    taken.insert(0, each.frames[list(each.frames).index(taken[0]) - 1])
                self.send_media(call, self.file(each, self._cut(taken)))
                return
        call.send(_BAD, 400, "text/plain")

    def _say(self, call: Call, *lines: str) -> None:
        call.send("".join(f"{line}\r\n" for line in lines).encode(), kind="text/plain")
