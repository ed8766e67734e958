"""UniFi Protect as a stand-in: login, cameras, exports, faults.

Not for: recording. What it rests on: the sources of uiprotect (login, cookie TOKEN, x-csrf-token, paths, parameters in
milliseconds, recordingStart; "start and end are approximate") and programs that use the same paths; an export begins at
a key frame. recordingStartLQ lies before recordingStart where only smaller pictures are kept of older footage, channel
2 (measured by a user). That an export without footage answers 404 is assumed.
"""

import json
from typing import Any

from exchange.clock import SECOND
from tests.agent.media.recordings import ffmpeg
from tests.counterparts.http.nvr_stand_in import Question, StandIn
from tests.sources.counterpart.pieces import Piece
from tests.sources.counterpart.under_test import GOOD, Fault, SourceUnderTest

COOKIE = "TOKEN=header.payload.signature"
CSRF = "5b0c7c1e-7a8e-4d55-9c1f-0f8b8d0a5b7e"
_API = "/proxy/protect/api"


class Protect(StandIn):
    camera = "614f2c1e00a1b20387000d4f"

    def __init__(self, under: SourceUnderTest) -> None:
        super().__init__(under)
        self.pieces: list[Piece] = []
        self.mode = "always"
        self.small: list[Piece] = []
        """What is kept as smaller pictures only; it lies before all else."""

    def lay(self, *pieces: Piece) -> None:
        self.pieces = list(pieces)

    def assert_only_read(self) -> None:
        for method, target, _ in self.asked:
            assert method == "GET" or target in ("/api/auth/login", "/api/auth/logout")

    def answer(self, question: Question) -> None:
        if question.target == "/api/auth/login":
            self._login(question)
        elif question.headers.get("Cookie") != COOKIE or question.headers.get("X-CSRF-Token") != CSRF:
            question.send(b"", 401)
        elif question.target == "/api/auth/logout":
            question.json({})
        elif question.target == f"{_API}/cameras":
            question.json([self._camera("another", "Barn", "F4E2C60000AA"), self._camera(self.camera, "Gate")])
        elif question.target == f"{_API}/video/export":
            self._export(question)
        else:
            question.send(b"", 404)

    def _login(self, question: Question) -> None:
        said = json.loads(question.body)
        if (said["username"], said["password"]) == (GOOD.user, GOOD.password):
            more = {"Set_Cookie": f"{COOKIE}; path=/; samesite=none; secure; httponly", "X_CSRF_Token": CSRF}
            question.send(b'{"unique_id": "x"}', 200, Content_Type="application/json", **more)
        else:
            question.send(b'{"code": "AUTHENTICATION_FAILED"}', 401)

    def _camera(self, camera: str, name: str, mac: str = "F4E2C60000BB") -> dict[str, Any]:
        ahead = self.under.device_offset
        video = {"recordingStart": None, "recordingEnd": None}
        if self.pieces:
            video["recordingStart"] = (self.pieces[0].start + ahead) // 1000
            video["recordingEnd"] = (self.pieces[-1].end + ahead) // 1000
        if self.small:
            video["recordingStartLQ"] = (self.small[0].start + ahead) // 1000
            video["recordingEndLQ"] = video["recordingEnd"]
        return {
            "id": camera,
            "name": name,
            "mac": mac,
            "type": "UVC G4 Bullet",
            "firmwareVersion": "4.69.55",
            "state": "CONNECTED",
            "stats": {"rxBytes": 1, "video": video},
            "recordingSettings": {"mode": self.mode, "prePaddingSecs": 2},
        }

    def _export(self, question: Question) -> None:
        assert question.query["camera"] == self.camera
        ahead = self.under.device_offset
        start, end = (int(question.query[name]) * 1000 - ahead for name in ("start", "end"))
        if self.under.fault is Fault.LESS:
            end -= 3 * SECOND
        kept = self.small if question.query["channel"] == "2" else self.pieces
        found = [each for each in kept if each.start < end and each.end > start]
        if not found:
            question.send(b"", 404)
            return
        # Of several stretches, only the first comes: an export that is shorter than what was asked for.
        piece = found[0]
        first = max(0, (start - piece.start) // SECOND)
        last = min(piece.end, end)
        made = self.under.work / f"export-{len(self.asked)}.mp4"
        ffmpeg("-ss", f"{first}", "-i", piece.path, "-t", f"{(last - piece.start) / SECOND - first}", "-c", "copy",
               "-movflags", "+frag_keyframe+empty_moov+default_base_moof", "-y", made)  # fmt: skip
        question.media(made.read_bytes(), chunked=True, Content_Type="video/mp4")
