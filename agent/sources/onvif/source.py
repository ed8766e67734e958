"""Footage of recorders with ONVIF Profile G: searched over SOAP, replayed over RTSP, copied into files.

Not for: the protocols (``agent.footage.replay``), or brands that are better asked in their own way.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.sources.device.kind import DeviceKind, DeviceOptions
from agent.sources.device.orders import (
    FetchAnswer,
    FetchedFile,
    FetchOrder,
    FoundSpan,
    Json,
    LookAnswer,
    LookOrder,
    Name,
    Report,
    TestAnswer,
)
from exchange.clock import SECOND, Window
from exchange.durable import durable_file, sync_folder
from exchange.errors import CameraAnswerInvalid, NoFootage

if TYPE_CHECKING:
    from agent.rtsp.assemble import Written
    from agent.rtsp.playback import Played, Replay

_JOURNAL = "replay.json.part"
_EARLY = SECOND // 2
"""A replay that ends so long before the end of what the recorder lists there brought less than it lists."""


SECOND_STREAM = (
    "The camera's first recording has nothing of some of this time: that is from another of its recordings, which may "
    "be a sub-stream with smaller pictures."
)


class Options(DeviceOptions):
    """What an owner types."""

    recording: str = Field("", max_length=256)
    """Which camera's recordings, where the recorder has several: the number, name or token that it lists."""


SOURCE = DeviceKind(
    title="Recorders with ONVIF Profile G",
    options=Options,
    how_read="ONVIF replay: the recorder's own RTP packets (RTSP over TCP), copied without re-encoding",
    utc_from="the time in the recorder's RTP packets, and the recorder's clock as compared with ours",
)


class _Piece(BaseModel):
    """A file that an earlier fetch began."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    start: int


class _Journal(BaseModel):
    """What an earlier fetch of the same span left; instants in the recorder's own UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reference: str
    start: int
    end: int
    pieces: tuple[_Piece, ...] = ()
    lost: int = 0


# -- what is there ---------------------------------------------------------------------------------------------------


def coverage_job(job: Json, report: Report) -> Json:
    """``LookOrder`` to ``LookAnswer``: spans between the gaps that the recorder tells of."""
    import asyncio

    order, options = LookOrder.model_validate(job), Options.model_validate(job["options"])
    return asyncio.run(_look(order, options)).model_dump(mode="json")


async def _look(order: LookOrder, options: Options) -> LookAnswer:
    from agent.devices.onvif.transport import SoapFault, invalid
    from agent.sources.onvif import search
    from agent.sources.onvif.session import recorder

    pin = options.certificate or ""
    async with recorder(order.address, order.login, pin, order.skew_us, narrow=order.narrow) as asked:
        when = order.time(asked.clock)
        window = when.asked(order.window)
        try:
            listed = search.chosen(await search.recordings(asked), options.recording)
            spans: list[FoundSpan] = []
            for recording in listed:
                for one in await search.stretches(asked, recording, window, when.to_device(order.now())):
                    parts = _uncovered(one, spans, when.offset_us)
                    inside = any(part.start < order.end and part.end > order.start for part in parts)
                    if inside and search.beside(recording, listed):
                        asked.notes.append(SECOND_STREAM)
                    spans += parts
        except SoapFault as fault:
            raise invalid(f"it does not do what ONVIF Profile G asks of it ({fault})") from None
        oldest = min((when.from_device(recording.start) for recording in listed), default=None)
        return LookAnswer(
            spans=tuple(spans),
            clock=asked.clock,
            oldest=None if oldest is None else max(oldest, 0),
            notes=tuple(note[:300] for note in dict.fromkeys(asked.notes)),
        )


def _uncovered(one: Any, spans: list[FoundSpan], offset: int) -> list[FoundSpan]:
    """The parts of a stretch that no recording before it has: recorders list the main stream before others."""
    from agent.footage.source import Span
    from agent.recordings.segments import gaps_between

    whole = Window(one.start - offset, one.end - offset)
    had = tuple(
        Span("", Window(span.start, span.end), "")
        for span in sorted(spans, key=lambda span: span.start)
        if span.start < whole.end and span.end > whole.start and json.loads(span.reference)["recording"] != one.token
    )
    return [
        FoundSpan(
            start=part.start,
            end=part.end,
            reference=json.dumps({"recording": one.token}),
            finished=not (one.growing and part.end == whole.end),
            divisible=True,
        )
        for part in gaps_between(whole, had)
    ]


# -- testing ---------------------------------------------------------------------------------------------------------


def test_job(job: Json, report: Report) -> Json:
    """What ``handover sources test`` shows beside: its recordings of this camera, gaps, and what replay describes."""
    import asyncio

    order, options = LookOrder.model_validate(job), Options.model_validate(job["options"])
    good, wrong, uri = asyncio.run(_tried(order, options))
    if uri is not None:
        from agent.rtsp.playback import Replay
        from agent.sources.device.rtsp_connection import connected

        with connected(uri, order, options.certificate or "") as rtsp:
            described = Replay(rtsp, order.window, order.end, lambda *_: None).describe()
        sound = f" with sound ({described.audio.codec})" if described.audio is not None else " without sound"
        good.append(f"It replays them as {described.video.codec}{sound}.")
        wrong += [f"Of this recording, {note}." for note in described.notes]
    return TestAnswer(good=tuple(good), wrong=tuple(each[:300] for each in wrong[:20])).model_dump(mode="json")


async def _tried(order: LookOrder, options: Options) -> tuple[list[str], list[str], str | None]:
    from agent.devices.onvif.transport import SoapFault, invalid
    from agent.sources.onvif import search
    from agent.sources.onvif.session import recorder

    async with recorder(order.address, order.login, options.certificate or "", order.skew_us) as asked:
        try:
            listed = search.chosen(await search.recordings(asked), options.recording)
        except SoapFault as fault:
            raise invalid(f"it does not do what ONVIF Profile G asks of it ({fault})") from None
        if not listed:
            return [], ["It lists no recordings with pictures: switch recording on, and look at its disk."], None
        first = listed[0]
        named = "".join(filter(str.isprintable, first.names[-1]))[:100]
        good = [f"It lists {len(listed)} recordings of {named}." if len(listed) > 1 else f"It lists {named}."]
        if any(recording.recording for recording in listed):
            good.append("It is recording now.")
        return good, [], await search.replay_uri(asked, max(listed, key=lambda each: each.end).token)


# -- fetching --------------------------------------------------------------------------------------------------------


def fetch_job(job: Json, report: Report) -> Json:
    """``FetchOrder`` to ``FetchAnswer``. What came before a break stays, as far as whole groups, for the next fetch."""
    import asyncio

    from agent.devices.clock import ClockCheck

    order, options = FetchOrder.model_validate(job), Options.model_validate(job["options"])
    uri, told, notes = asyncio.run(_located(order, options))
    check = ClockCheck.model_validate(told) if told else None
    return _Fetch(order, options, check, notes, report).run(uri).model_dump(mode="json")


async def _located(order: FetchOrder, options: Options) -> tuple[str, Json | None, list[str]]:
    from agent.sources.onvif import search
    from agent.sources.onvif.session import recorder

    try:
        token = json.loads(order.reference)["recording"]
    except (ValueError, TypeError, KeyError):
        raise NoFootage("This stretch of footage is none of this recorder's.") from None
    async with recorder(order.address, order.login, options.certificate or "", order.skew_us) as asked:
        uri = await search.replay_uri(asked, str(token))
        return uri, asked.clock.model_dump(mode="json") if asked.clock else None, asked.notes


class _Fetch:
    """One fetch: what an earlier one left, a replay of the rest, and final names when all is there."""

    def __init__(self, order: FetchOrder, options: Options, check: Any, notes: list[str], report: Report) -> None:
        self.order, self.options, self.check, self.notes, self.report = order, options, check, notes, report
        self.time = order.time(check)
        self.asked = self.time.asked(order.window)
        self.replay: Replay | None = None
        self.pieces: list[_Piece] = []
        self.kept: list[Written] = []
        self.lost = 0

    def run(self, uri: str) -> FetchAnswer:
        from agent.rtsp.assemble import Assembler
        from agent.rtsp.playback import Replay
        from agent.sources.device.rtsp_connection import connected

        order = self.order
        asked = self._rest()
        if asked is None:
            return self._whole([], None)
        with connected(uri, order, self.options.certificate or "") as rtsp:
            replay = self.replay = Replay(rtsp, asked, self.time.to_device(order.end), self._say)
            described = replay.describe()
            room = order.most_bytes - sum((order.into / f"{each.name}.part").stat().st_size for each in self.kept)
            assembler = Assembler(order.into, described.video, described.audio, asked, room, self._began)
            whole = False
            try:
                replay.set_up(described, assembler)
                played = replay.play(described, assembler)
                whole = True
            finally:
                self.lost += len(assembler.lost)
                assembler.finish(whole=whole)
                self._keep()
        self.report({"bytes": rtsp.bytes, "total": rtsp.bytes})
        return self._whole(assembler.files, played)

    def _say(self, done: int, total: int | None, speed: float) -> None:
        left = self.replay.left if self.replay is not None else None
        self.report({"bytes": done, "total": total, "speed": round(speed, 2), "left_us": left})

    # -- what is kept between two fetches ------------------------------------------------------------------------

    @property
    def _journal(self) -> Path:
        return self.order.into / _JOURNAL

    def _began(self, name: str, start: int) -> None:
        self.pieces = [piece for piece in self.pieces if piece.name != name] + [_Piece(name=name, start=start)]
        self._keep()

    def _keep(self) -> None:
        order = self.order
        journal = _Journal(
            reference=order.reference, start=order.start, end=order.end, pieces=tuple(self.pieces), lost=self.lost
        )
        with durable_file(self._journal) as file:
            file.write(journal.model_dump_json().encode())

    def _rest(self) -> Window | None:
        """What is still to be played; None when nothing is. What an earlier fetch left is cut to what is whole."""
        from agent.media.containers import segment
        from agent.rtsp.assemble import Written

        order = self.order
        try:
            journal = _Journal.model_validate_json(self._journal.read_bytes())
        except (OSError, ValidationError):
            journal = None
        same = journal is not None and (journal.reference, journal.start, journal.end) == (
            order.reference,
            order.start,
            order.end,
        )
        good = same
        for piece in journal.pieces if journal is not None else ():
            path, named = order.into / f"{piece.name}.part", order.into / piece.name
            if same and named.exists() and not path.exists():
                named.rename(path)  # stopped while the names were given
            try:
                if not good:
                    raise segment.NotFootage("what came before it is gone, or it is another fetch's")
                read = segment.read(path)
            except (segment.NotFootage, OSError):
                good = False
                path.unlink(missing_ok=True)
                continue
            with path.open("r+b") as file:
                file.truncate(read.size)
            video = read.video
            last = max(range(len(video.pts)), key=video.pts.__getitem__)
            lasts = (video.pts[last] + video.durations[last] - read.anchor) * SECOND // video.timescale
            self.pieces.append(piece)
            self.kept.append(Written(piece.name, piece.start, piece.start + lasts, len(video.pts)))
        if journal is not None and same:
            self.lost = journal.lost
        reached = max((each.end for each in self.kept), default=self.asked.start)
        if self.kept and reached >= self.asked.end - SECOND // 25:
            return None
        # A recorder plays from the key frame before; what it so brings twice is left out but for the group it is in.
        return Window(max(self.asked.start, reached + 1 if self.kept else 0), self.asked.end)

    # -- the answer ----------------------------------------------------------------------------------------------

    def _whole(self, came: list[Written], played: Played | None) -> FetchAnswer:
        from agent.rtsp.playback import Ending

        files = sorted([*self.kept, *came], key=lambda each: (each.start, each.name))
        if not files:
            raise NoFootage(
                "The recorder played nothing of what it lists there.",
                meaning="It may have been overwritten meanwhile.",
                do="Look at that time on the recorder itself.",
            )
        notes = list(dict.fromkeys([*self.notes, *(played.notes if played else [])]))
        if self.lost:
            notes.append(
                f"In {self.lost} places packets were missing; the pictures up to the next key frame were left out."
            )
        end = max(each.end for each in files)
        less = self.time.to_device(self.order.end) - end
        torn = less > _EARLY and played is not None and played.ending != Ending.TERMINAL
        if less > _EARLY:
            notes.append(f"The recorder's replay ended {less / SECOND:.1f} s before the end of what it lists there.")
        unsure = (self.check.uncertainty_us if self.check else self.order.uncertainty_us) + (
            played.uncertain if played else 0
        )
        told = [
            FetchedFile(
                name=each.name,
                start=max(self.time.from_device(each.start), 0),
                end=max(self.time.from_device(each.end), 0),
                at_key=True,
                torn=torn and each is files[-1],
                uncertainty_us=unsure,
                notes=tuple(note[:300] for note in notes[:20]),
            )
            for each in files
        ]
        self._name([each.name for each in files])
        return FetchAnswer(files=tuple(told), clock=self.check)

    def _name(self, names: list[str]) -> None:
        """All is there: give the files their names."""
        for name in names:
            (self.order.into / f"{name}.part").rename(self.order.into / name)
        sync_folder(self.order.into)
        self._journal.unlink(missing_ok=True)


__all__ = ["SOURCE", "CameraAnswerInvalid", "Options", "coverage_job", "fetch_job"]
