"""Reolink's api.cgi as a stand-in: sessions, time and zone, search, downloads, faults; a camera's, or a recorder's.

Not for: recording. What it rests on: Reolink's "Camera HTTP API User Guide" (commands, fields, token in the address)
and replies quoted by users of reolink-aio: files with StartTime and EndTime in local time and PlaybackTime in UTC, size
as text; camera files named Mp4Record/DAY/RecM01_[DST]DATE_START_END_….mp4, recorders' without a name; NvrDownload's
fileList; a month's days as a table of 0 and 1; HddInfo, empty without a card; -7 for a wrong password, -6 for a session
that ended; downloads with Content-Length, and ETag.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from exchange.clock import SECOND
from tests.agent.media.recordings import ffmpeg
from tests.counterparts.http.nvr_stand_in import Question, StandIn
from tests.sources.counterpart.pieces import Piece
from tests.sources.counterpart.under_test import GOOD, Fault, SourceUnderTest

TOKEN = "3f9c0a1b2c3d4e5"
_LONDON = {
    "enable": 1, "offset": 1,
    "startMon": 3, "startWeek": 5, "startWeekday": 0, "startHour": 1, "startMin": 0, "startSec": 0,
    "endMon": 10, "endWeek": 5, "endWeekday": 0, "endHour": 2, "endMin": 0, "endSec": 0,
}  # fmt: skip


@dataclass(frozen=True)
class Recorded:
    start: int
    end: int
    path: Path
    name: str


class Reolink(StandIn):
    channel = 1

    def __init__(self, under: SourceUnderTest) -> None:
        super().__init__(under)
        self.recorded: list[Recorded] = []
        self.is_recorder = False
        self.stream = "main"
        """The only one that it recorded."""
        self.disks = [{"capacity": 30462, "format": 1, "mount": 1, "number": 0, "size": 779, "storageType": 2}]
        self.tells_utc = True
        self.logins = 0
        self.tokens: set[str] = set()
        self.cut: dict[str, Path] = {}

    def lay(self, *pieces: Piece) -> None:
        self.recorded = []
        folder = self.under.work / "reolink"
        folder.mkdir(parents=True, exist_ok=True)
        for piece in pieces:
            start, end = piece.start + self.under.device_offset, piece.end + self.under.device_offset
            path = folder / f"{piece.start}.mp4"
            ffmpeg("-i", piece.path, "-c", "copy", "-movflags", "+faststart", "-y", path)
            begins, ends = self._local(start), self._local(end)
            summer = "_DST" if begins.dst() else "_"
            name = (
                f"Mp4Record/{begins:%Y-%m-%d}/RecM01{summer}{begins:%Y%m%d_%H%M%S}_{ends:%H%M%S}_6D28808_{start:X}.mp4"
            )
            self.recorded.append(Recorded(start, end, path, name))

    def _local(self, instant: int) -> datetime:
        return datetime.fromtimestamp(instant // SECOND, ZoneInfo(self.under.zone))

    def assert_only_read(self) -> None:
        read = {"Login", "Logout", "GetTime", "GetDevInfo", "GetHddInfo", "Search", "NvrDownload"}
        for method, target, body in self.asked:
            if method == "GET":
                assert "cmd=Download&" in target
            else:
                assert {each["cmd"] for each in json.loads(body)} <= read

    def answer(self, question: Question) -> None:
        command = question.query.get("cmd", "")
        if question.target != "/cgi-bin/api.cgi":
            question.send(b"", 404)
        elif command == "Login":
            self._login(question)
        elif question.query.get("token") not in self.tokens:
            self._error(question, command, -6, "please login first")
        elif command == "Logout":
            self.tokens.clear()
            self._value(question, command, {"rspCode": 200})
        elif command == "Download":
            self._download(question)
        else:
            param = json.loads(question.body)[0]["param"]
            self._value(question, command, getattr(self, f"_{command}")(param))

    def _login(self, question: Question) -> None:
        self.logins += 1
        user = json.loads(question.body)[0]["param"]["User"]
        if (user["userName"], user["password"]) != (GOOD.user, GOOD.password):
            self._error(question, "Login", -7, "login failed")
            return
        self.tokens.add(f"{TOKEN}{self.logins}")
        self._value(question, "Login", {"Token": {"leaseTime": 3600, "name": f"{TOKEN}{self.logins}"}})

    def _value(self, question: Question, command: str, value: dict[str, Any]) -> None:
        question.json([{"cmd": command, "code": 0, "value": value}])

    def _error(self, question: Question, command: str, code: int, detail: str) -> None:
        question.json([{"cmd": command, "code": 1, "error": {"detail": detail, "rspCode": code}}])

    def _GetTime(self, param: dict[str, Any]) -> dict[str, Any]:
        now = self._fields(self._local(self.now))
        return {"Dst": _LONDON, "Time": now | {"hourFmt": 0, "timeFmt": "DD/MM/YYYY", "timeZone": 0}}

    def _GetDevInfo(self, param: dict[str, Any]) -> dict[str, Any]:
        kind = "NVR" if self.is_recorder else "IPC"
        model = "RLN8-410" if self.is_recorder else "RLC-811A"
        return {
            "DevInfo": {
                "channelNum": 8 if self.is_recorder else 1,
                "model": model,
                "firmVer": "v3.1.0.989_22081908",
                "exactType": kind,
                "type": kind,
            }
        }

    def _Search(self, param: dict[str, Any]) -> dict[str, Any]:
        search = param["Search"]
        assert search["channel"] == self.channel - 1
        start, end = _naive(search["StartTime"]), _naive(search["EndTime"])
        held = self.recorded if search["streamType"] == self.stream else []
        if search["onlyStatus"]:
            assert (start.year, start.month) == (end.year, end.month)
            return {"SearchResult": {"channel": search["channel"], "Status": self._month(start, held)}}
        assert start.date() == end.date(), "a search goes over one day"
        files = [self._file(each) for each in held if self._within(each, start, end)]
        status = self._month(start, held)
        return {"SearchResult": {"channel": search["channel"], "Status": status} | ({"File": files} if files else {})}

    def _month(self, month: datetime, held: list[Recorded]) -> list[dict[str, Any]]:
        there = {begins.day for each in held if (begins := self._local(each.start)).month == month.month}
        if not there:
            return []
        return [
            {"mon": month.month, "table": "".join(str(int(day in there)) for day in range(1, 32)), "year": month.year}
        ]

    def _GetHddInfo(self, param: dict[str, Any]) -> dict[str, Any]:
        return {"HddInfo": self.disks}

    def _within(self, each: Recorded, start: datetime, end: datetime) -> bool:
        begins, ends = (self._local(at).replace(tzinfo=None) for at in (each.start, each.end))
        return (begins <= end and ends >= start) or start <= begins <= end

    def _file(self, each: Recorded) -> dict[str, Any]:
        described: dict[str, Any] = {
            "EndTime": self._fields(self._local(each.end)),
            "StartTime": self._fields(self._local(each.start)),
            "frameRate": 0,
            "height": 0,
            "width": 0,
            "size": str(each.path.stat().st_size),
            "type": self.stream,
        }
        if self.tells_utc:
            described["PlaybackTime"] = self._fields(datetime.fromtimestamp(each.start // SECOND, UTC))
        return described if self.is_recorder else described | {"name": each.name}

    def _fields(self, at: datetime) -> dict[str, int]:
        return {
            "day": at.day, "hour": at.hour, "min": at.minute, "mon": at.month, "sec": at.second, "year": at.year,
        }  # fmt: skip

    def _NvrDownload(self, param: dict[str, Any]) -> dict[str, Any]:
        asked = param["NvrDownload"]
        start, end = _naive(asked["StartTime"]), _naive(asked["EndTime"])
        assert asked["streamType"] == self.stream
        made = []
        for each in self.recorded:
            begins = self._local(each.start).replace(tzinfo=None)
            first = max(0.0, (start - begins).total_seconds())
            last = min((each.end - each.start) / SECOND, (end - begins).total_seconds())
            if last > first:
                name = f"fragment_{len(self.cut):02d}_{start:%Y%m%d%H%M%S}.mp4"
                path = self.under.work / name
                ffmpeg("-ss", f"{first}", "-i", each.path, "-t", f"{last - first}", "-c", "copy", "-y", path)
                self.cut[name] = path
                made.append({"fileName": name, "fileSize": str(path.stat().st_size)})
        return {"fileCount": len(made), "fileList": made}

    def _download(self, question: Question) -> None:
        source = question.query["source"]
        found = [each.path for each in self.recorded if each.name == source]
        path = self.cut.get(source) or (found[0] if found else None)
        if path is None:
            self._error(question, "Download", -1, "not exist")
            return
        if self.under.fault is Fault.LESS:
            less = self.under.work / "less.mp4"
            ffmpeg("-i", path, "-t", "5", "-c", "copy", "-movflags", "+faststart", "-y", less)
            path = less
        content = path.read_bytes()
        shown = f'attachment; filename="{question.query["output"]}"'
        question.ranged(content, f'"{len(content):x}"', Content_Disposition=shown)


def _naive(shown: dict[str, int]) -> datetime:
    return datetime(shown["year"], shown["mon"], shown["day"], shown["hour"], shown["min"], shown["sec"])  # noqa: DTZ001
