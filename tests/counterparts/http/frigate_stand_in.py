"""Frigate's HTTP as a stand-in: recordings, their files, clips by the very FFmpeg command, sessions, faults.

Not for: recording. What it rests on, from Frigate's sources (api/record, api/media, api/auth, record/maintainer,
nginx.conf) and documentation: segments of ten seconds, named by the second they began in; lists with ``start_time``,
``end_time`` (seconds since 1970), ``duration``, ``segment_size``, ``motion``, ``objects``; a summary of days and hours,
the latest first; clips joined with inpoint
and outpoint in whole seconds, chunked; 400 with a message when there is nothing; login answering 200 with the cookie
``frigate_token``, or 401; files served by nginx with ranges and ETag.
"""

import json
import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from exchange.clock import SECOND
from tests.agent.media.recordings import ffmpeg
from tests.counterparts.http.nvr_stand_in import Question, StandIn
from tests.sources.counterpart.pieces import Piece
from tests.sources.counterpart.under_test import GOOD, Fault, SourceUnderTest

_LENGTH = 10
COOKIE = "frigate_token=header.payload.signature"


@dataclass(frozen=True)
class Recorded:
    start: float
    duration: float
    path: Path

    @property
    def end(self) -> float:
        return self.start + self.duration


class Frigate(StandIn):
    camera = "gate_cam"

    def __init__(self, under: SourceUnderTest) -> None:
        super().__init__(under)
        self.recorded: list[Recorded] = []
        self.serves_files = True
        self.wants_login = True
        self.summarises = True
        self.config: dict[str, object] = {"enabled": True, "retain": {"days": 7, "mode": "all"}}

    def lay(self, *pieces: Piece) -> None:
        self.recorded = []
        folder = self.under.work / "frigate"
        folder.mkdir(parents=True, exist_ok=True)
        for number, piece in enumerate(pieces):
            began = (piece.start + self.under.device_offset) / SECOND
            lasts = (piece.end - piece.start) / SECOND
            at = 0.0
            while at < lasts:
                path = folder / f"{len(list(folder.iterdir()))}-{number}.mp4"
                part = min(_LENGTH, lasts - at)
                ffmpeg("-ss", f"{at}", "-i", piece.path, "-t", f"{part}", "-c", "copy", "-movflags", "+faststart", path)
                self.recorded.append(Recorded(float(int(began + at)), part, path))
                at += part

    def assert_only_read(self) -> None:
        for method, target, _ in self.asked:
            assert method == "GET" or (method, target) == ("POST", "/api/login")

    def answer(self, question: Question) -> None:
        if question.target == "/api/login":
            self._login(question)
        elif self.wants_login and question.headers.get("Cookie") != COOKIE:
            question.send(b"", 401)
        elif question.target == "/api/version":
            question.send(b"0.16.2-4d58206", Content_Type="text/plain")
        elif question.target == "/api/config":
            question.json({"cameras": {self.camera: {"record": self.config}}})
        elif question.target == f"/api/{self.camera}/recordings":
            self._list(question)
        elif question.target == f"/api/{self.camera}/recordings/summary" and self.summarises:
            self._summary(question)
        elif question.target.endswith("/clip.mp4"):
            self._clip(question)
        elif question.target.startswith("/recordings/") and self.serves_files:
            self._file(question)
        else:
            question.json({"success": False, "message": "Not found"}, 404)

    def _login(self, question: Question) -> None:
        said = json.loads(question.body)
        if said == {"user": GOOD.user, "password": GOOD.password}:
            question.send(b"", 200, Set_Cookie=f"{COOKIE}; HttpOnly; Path=/; SameSite=lax")
        else:
            question.json({"message": "Login failed"}, 401)

    def _list(self, question: Question) -> None:
        after, before = float(question.query["after"]), float(question.query["before"])
        question.json(
            [
                {
                    "id": f"{each.start}-a1b2c3",
                    "start_time": each.start,
                    "end_time": each.end,
                    "segment_size": 1.2,
                    "motion": 0,
                    "objects": 0,
                    "duration": each.duration,
                }
                for each in self.recorded
                if each.end >= after and each.start <= before
            ]
        )

    def _summary(self, question: Question) -> None:
        assert question.query["timezone"] == "utc"
        days: dict[str, list[dict[str, object]]] = {}
        for each in sorted(self.recorded, key=lambda each: -each.start):
            began = datetime.fromtimestamp(each.start, UTC)
            hours = days.setdefault(f"{began:%Y-%m-%d}", [])
            if f"{began:%H}" not in [hour["hour"] for hour in hours]:
                hours.append({"hour": f"{began:%H}", "events": 0, "motion": 0, "objects": 0, "duration": 10})
        question.json([{"events": 0, "hours": hours, "day": day} for day, hours in days.items()])

    def _file(self, question: Question) -> None:
        for each in self.recorded:
            began = datetime.fromtimestamp(each.start, UTC)
            if question.target == f"/recordings/{began:%Y-%m-%d/%H}/{self.camera}/{began:%M.%S}.mp4":
                content = self._less(each.path).read_bytes()
                question.ranged(content, f'"{int(each.start):x}-{len(content):x}"')
                return
        question.send(b"<html>404 Not Found</html>", 404)

    def _less(self, path: Path) -> Path:
        if self.under.fault is not Fault.LESS:
            return path
        made = self.under.work / f"less-{path.name}"
        ffmpeg("-i", path, "-t", "5", "-c", "copy", "-movflags", "+faststart", "-y", made)
        return made

    def _clip(self, question: Question) -> None:
        found = re.fullmatch(rf"/api/{self.camera}/start/([0-9.]+)/end/([0-9.]+)/clip\.mp4", question.target)
        assert found is not None
        start, end = float(found[1]), float(found[2])
        if self.under.fault is Fault.LESS:
            end -= 3
        if self.under.fault is Fault.MORE:
            end += 3
        listed = [
            each
            for each in self.recorded
            if start <= each.start <= end or start <= each.end <= end or (start > each.start and end < each.end)
        ]
        if not listed:
            question.json({"success": False, "message": "No recordings found for the specified time range"}, 400)
            return
        lines = []
        for each in listed:
            lines.append(f"file '{each.path}'")
            lines += [f"inpoint {int(start - each.start)}"] if each.start < start else []
            lines += [f"outpoint {int(end - each.start)}"] if each.end > end else []
        listing = self.under.work / f"playlist-{len(self.asked)}.txt"
        listing.write_text("\n".join(lines) + "\n")
        made = subprocess.run(
            ["ffmpeg", "-hide_banner", "-loglevel", "error", "-y", "-protocol_whitelist", "pipe,file", "-f", "concat",
             "-safe", "0", "-i", str(listing), "-c", "copy", "-movflags", "frag_keyframe+empty_moov", "-f", "mp4",
             "pipe:"],
            capture_output=True, check=True, timeout=60,
        )  # fmt: skip
        question.media(made.stdout, chunked=True, Content_Type="video/mp4")
