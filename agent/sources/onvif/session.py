"""One ONVIF recorder while a job lasts: its recordings of this camera, where they have gaps, and their replay.

Not for: SOAP (``soap``), what its answers mean (``api``), or the files that a replay is written into (``files``).
"""

import asyncio
import json
from contextlib import AbstractAsyncContextManager

from agent.devices.onvif.transport import SoapFault, invalid
from agent.footage.source import Span
from agent.recordings.segments import gaps_between
from agent.rtsp.playback import Replay
from agent.sources.device.orders import FetchedFile, FetchOrder, FoundSpan, LookOrder, Order, Report, TestAnswer
from agent.sources.device.rtsp_connection import connected
from agent.sources.device.session import DeviceSession
from agent.sources.onvif import api
from agent.sources.onvif.files import ReplayFetch
from agent.sources.onvif.options import Options
from agent.sources.onvif.soap import Recorder, recorder
from exchange.clock import Window
from exchange.errors import NoFootage

SECOND_STREAM = (
    "The camera's first recording has nothing of some of this time: that is from another of its recordings, which may "
    "be a sub-stream with smaller pictures."
)


class Session(DeviceSession[Options]):
    """One recorder, asked in an event loop of its own for each question."""

    def __init__(self, order: Order, options: Options) -> None:
        super().__init__(order, options)
        self._pin = options.certificate or ""
        self._oldest: int | None = None

    def _met(self, *, narrow: bool = False) -> AbstractAsyncContextManager[Recorder]:
        order = self.order
        return recorder(order.address, order.login, self._pin, order.skew_us, narrow=narrow)

    async def _recordings(self, asked: Recorder) -> list[api.Recording]:
        """Its recordings of this camera, the main stream's first."""
        return api.chosen(await api.recordings(asked), self.options.recording)

    # -- what is there --

    def spans(self, window: Window) -> list[FoundSpan]:
        """Spans between the gaps that the recorder tells of."""
        return asyncio.run(self._look(window))

    async def _look(self, window: Window) -> list[FoundSpan]:
        async with self._met(narrow=self.order.narrow) as asked:
            when = self.order.time(asked.clock)
            spans: list[FoundSpan] = []
            try:
                listed = await self._recordings(asked)
                for recording in listed:
                    now = when.to_device(self.order.now())
                    for one in await api.stretches(asked, recording, when.asked(window), now):
                        parts = _uncovered(one, spans, when.offset_us)
                        inside = any(part.start < window.end and part.end > window.start for part in parts)
                        if inside and api.beside(recording, listed):
                            asked.notes.append(SECOND_STREAM)
                        spans += parts
            except SoapFault as fault:
                raise _unfit(fault) from None
            began = min((when.from_device(recording.start) for recording in listed), default=None)
            self._oldest = None if began is None else max(began, 0)
            self.check, self.notes = asked.clock, asked.notes
            return spans

    def oldest(self) -> int | None:
        """Where its first recording begins, as it was listed with the spans."""
        return self._oldest

    # -- testing --

    def tested(self, order: LookOrder) -> TestAnswer:
        """Its recordings of this camera, and what replay describes."""
        good, wrong, uri = asyncio.run(self._tried())
        if uri is not None:
            with connected(uri, order, self._pin) as rtsp:
                described = Replay(rtsp, order.window, order.end, lambda *_: None).describe()
            sound = f" with sound ({described.audio.codec})" if described.audio is not None else " without sound"
            good.append(f"It replays them as {described.video.codec}{sound}.")
            wrong += [f"Of this recording, {note}." for note in described.notes]
        return TestAnswer(good=tuple(good), wrong=tuple(each[:300] for each in wrong[:20]))

    async def _tried(self) -> tuple[list[str], list[str], str | None]:
        async with self._met() as asked:
            try:
                listed = await self._recordings(asked)
            except SoapFault as fault:
                raise _unfit(fault) from None
            if not listed:
                return [], ["It lists no recordings with pictures: switch recording on, and look at its disk."], None
            named = "".join(filter(str.isprintable, listed[0].names[-1]))[:100]
            good = [f"It lists {len(listed)} recordings of {named}." if len(listed) > 1 else f"It lists {named}."]
            if any(recording.recording for recording in listed):
                good.append("It is recording now.")
            return good, [], await api.replay_uri(asked, max(listed, key=lambda each: each.end).token)

    # -- fetching --

    def fetch(self, order: FetchOrder, report: Report) -> list[FetchedFile]:
        """A replay of the span. What came before a break stays, as far as whole groups, for the next fetch."""
        try:
            token = str(json.loads(order.reference)["recording"])
        except (ValueError, TypeError, KeyError):
            raise NoFootage("This stretch of footage is none of this recorder's.") from None
        uri = asyncio.run(self._located(token))
        return ReplayFetch(order, self.options, self.check, self.notes, report).run(uri)

    async def _located(self, token: str) -> str:
        async with self._met() as asked:
            uri = await api.replay_uri(asked, token)
            self.check, self.notes = asked.clock, asked.notes
            return uri


def _unfit(fault: SoapFault) -> Exception:
    return invalid(f"it does not do what ONVIF Profile G asks of it ({fault})")


def _uncovered(one: api.Stretch, spans: list[FoundSpan], offset: int) -> list[FoundSpan]:
    """The parts of a stretch that no recording before it has: recorders list the main stream before others."""
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
