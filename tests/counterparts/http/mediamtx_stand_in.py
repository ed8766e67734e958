"""MediaMTX's playback server as a stand-in: /list and /get over real footage, with the real one's habits and faults.

Not for: recording. What it rests on, all from MediaMTX's sources (internal/playback: on_list, on_get, muxer_fmp4,
server) and documentation: JSON of ``start`` (RFC 3339, nanoseconds), ``duration`` (seconds), ``url``; the first and
last entry cut to ``start`` and ``end``, both of which may be left out; entries joined over less than half a second
when their tracks are alike; /get chunked, without ranges, stopping at the first gap; a GOP's frames before the start
put on one moment with no duration; 404 with a text when there is nothing, 400 for a path that is not configured;
Basic, and Bearer for tokens.
"""

import base64
from dataclasses import dataclass
from itertools import accumulate
from urllib.parse import urlencode

from agent.media.containers import segment as segments
from exchange.clock import SECOND, from_rfc3339, to_rfc3339
from tests.counterparts.http.nvr_stand_in import Question, StandIn
from tests.sources.counterpart.pieces import FRAME, Piece
from tests.sources.counterpart.under_test import GOOD, Fault, SourceUnderTest

TOKEN = "signed.by.somebody"
_NEAR = SECOND // 2
_FAR = {"start": "1970-01-01T00:00:00Z", "end": "2200-01-01T00:00:00Z"}


@dataclass(frozen=True)
class Sample:
    decoded: int
    """In the time scale of the file, from the recording's start."""
    offset: int
    duration: int
    key: bool
    content: bytes


@dataclass(frozen=True)
class Recording:
    start: int
    end: int
    init: bytes
    scale: int
    samples: tuple[Sample, ...]


class MediaMtx(StandIn):
    path = "yard/gate"

    def __init__(self, under: SourceUnderTest) -> None:
        super().__init__(under)
        self.recordings: list[Recording] = []
        self.wants_token = False

    def lay(self, *pieces: Piece) -> None:
        self.recordings = [recording(piece, self.under.device_offset) for piece in pieces]

    def assert_only_read(self) -> None:
        assert {method for method, _, _ in self.asked} <= {"GET"}
        assert all(target.startswith(("/list?", "/get?")) for _, target, _ in self.asked)

    def answer(self, question: Question) -> None:
        if not self._allowed(question):
            challenge = {} if question.headers.get("Authorization") else {"WWW_Authenticate": 'Basic realm="mediamtx"'}
            question.send(b"", 401, **challenge)
        elif question.query.get("path") != self.path:
            question.send(b"path is not configured", 400)
        elif question.target == "/list":
            self._list(question)
        else:
            self._get(question)

    def _allowed(self, question: Question) -> bool:
        known = "Basic " + base64.b64encode(f"{GOOD.user}:{GOOD.password}".encode()).decode()
        return question.headers.get("Authorization") == (f"Bearer {TOKEN}" if self.wants_token else known)

    def _list(self, question: Question) -> None:
        asked = [from_rfc3339(question.query.get(name, far)) for name, far in _FAR.items()]
        entries: list[list[int]] = []
        for before, each in zip([None, *self.recordings], self.recordings, strict=False):
            if each.end < asked[0] or each.start > asked[1]:
                continue
            if entries and before is not None and before.init == each.init and abs(each.start - before.end) < _NEAR:
                entries[-1][1] = each.end
            else:
                entries.append([max(each.start, asked[0]), each.end])
        if not entries:
            question.send(b"no recording segments found", 404)
            return
        entries[-1][1] = min(entries[-1][1], asked[1])
        question.json([self._entry(start, end) for start, end in entries])

    def _entry(self, start: int, end: int) -> dict[str, object]:
        shown = to_rfc3339(start).replace("Z", "000Z")
        length = (end - start) / SECOND
        url = "http://unknown.invalid/get?" + urlencode({"path": self.path, "start": shown, "duration": length})
        return {"start": shown, "duration": length, "url": url}

    def _get(self, question: Question) -> None:
        start = from_rfc3339(question.query["start"])
        duration = round(float(question.query["duration"]) * SECOND)
        if self.under.fault is Fault.LESS:
            duration -= 2 * SECOND + FRAME
        if self.under.fault is Fault.MORE:
            duration += 2 * SECOND
        content = self.muxed(start, duration)
        if content:
            question.media(content, chunked=True, Accept_Ranges="none", Content_Type="video/mp4")
        else:
            question.send(b"no recording segments found", 404)

    def muxed(self, start: int, duration: int) -> bytes:
        """What /get answers: fragments of a second, from the last GOP before the start to the first gap."""
        into = Muxer()
        for index, each in enumerate(self.recordings):
            before = self.recordings[index - 1] if index and into.init else None
            if each.end <= start or each.start >= start + duration:
                continue
            if before is not None and (before.init != each.init or each.start - before.end >= _NEAR):
                break
            into.init = each.init
            shift = (each.start - start) * each.scale // SECOND
            for sample in each.samples:
                if sample.decoded + shift < duration * each.scale // SECOND:
                    into.take(sample, sample.decoded + shift, each.scale)
        return into.written()


class Muxer:
    """Its muxer for fragmented MP4, for one video track."""

    def __init__(self) -> None:
        self.init = b""
        self.first = -1
        self.rows: list[tuple[Sample, int, int]] = []
        """A sample, its composition offset, its duration."""
        self.out = b""

    def take(self, sample: Sample, decoded: int, scale: int) -> None:
        if decoded < 0:
            self.rows = [] if sample.key else self.rows
            self.rows.append((sample, 0, 0))
            return
        if self.first < 0:
            self.first = decoded
            self.rows = [] if sample.key else self.rows
        self.rows.append((sample, sample.offset, sample.duration))
        if sum(row[2] for row in self.rows) > scale:
            kept = self.rows.pop()
            self._flush()
            self.first, self.rows = decoded, [kept]

    def written(self) -> bytes:
        if self.first >= 0:
            self._flush()
        return self.init + self.out if self.out else b""

    def _flush(self) -> None:
        """A moof and its mdat (ISO/IEC 14496-12, 8.8)."""
        table = b"".join(
            b"%b%b%b%b" % (_int(duration), _int(len(sample.content)), _int(0 if sample.key else 0x10000), _int(offset))
            for sample, offset, duration in self.rows
        )

        def moof(data_at: int) -> bytes:
            trun = _box(b"trun", b"\1\0\x0f\1", _int(len(self.rows)), _int(data_at), table)
            tfdt = _box(b"tfdt", b"\1\0\0\0", self.first.to_bytes(8, "big"))
            tfhd = _box(b"tfhd", b"\0\2\0\0", _int(1))
            return _box(b"moof", _box(b"mfhd", bytes(4), _int(1)), _box(b"traf", tfhd, tfdt, trun))

        self.out += moof(len(moof(0)) + 8) + _box(b"mdat", b"".join(row[0].content for row in self.rows))


def recording(piece: Piece, ahead: int) -> Recording:
    """A piece as MediaMTX would have recorded it."""
    content = piece.path.read_bytes()
    table = segments.read(piece.path)
    video = table.video
    offsets: list[int] = []
    for run in table.runs:
        places = accumulate(video.sizes[run.first : run.first + run.count], initial=run.offset)
        offsets += [] if run.sound else list(places)[:-1]
    decoded = list(accumulate(video.durations, initial=0))
    keys = set(video.keys)
    samples = tuple(
        Sample(
            decoded=decoded[index],
            offset=video.pts[index] - video.pts[0] - decoded[index],
            duration=video.durations[index],
            key=index in keys,
            content=content[offsets[index] : offsets[index] + video.sizes[index]],
        )
        for index in range(len(video.sizes))
    )
    init = content[: content.index(b"moof") - 4]
    return Recording(piece.start + ahead, piece.end + ahead, init, video.timescale, samples)


def _int(number: int) -> bytes:
    return (number % (1 << 32)).to_bytes(4, "big")


def _box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return _int(len(content) + 8) + kind + content
