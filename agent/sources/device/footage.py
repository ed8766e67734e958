"""What all sources that are asked over a network, or read foreign files, share: the worker jobs, limits, one at a time.

Not for: the work in the worker (``jobs``), or how any brand is asked (CONTRIBUTING.md tells how to add one).
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent.devices.address import Credentials
from agent.devices.clock import ClockCheck
from agent.devices.clock_history import Around
from agent.footage.provenance import RemuxProvenance
from agent.footage.source import (
    ClockQuality,
    CodecHint,
    Coverage,
    FetchCancelled,
    Gap,
    GapReason,
    Pace,
    Progress,
    SourceFile,
    Span,
)
from agent.recordings.segments import gaps_between
from agent.sources.device.kind import DeviceKind, DeviceOptions
from agent.sources.device.orders import FetchAnswer, FetchOrder, FoundSpan, Json, LookAnswer, LookOrder
from agent.workers.process import MIB, Limits, RunJob
from exchange.clock import SECOND, Clock, SystemClock, Window
from exchange.errors import CameraAnswerInvalid, FootageUnreadable, NoFootage

log = logging.getLogger(__name__)

PLACE = Limits(memory=512 * MIB, cpu=3600, wall=4 * 3600, output=8 * MIB, open_files=256, nice=10)
"""Read what came, and copy it into a container that can be cut."""

LOOK_BACK = 3_600_000_000
"""Microseconds: how far back a source is asked about when it is first set up."""
MOST_BYTES = 64 * 1000**3
"""Of one fetch; two hours at 70 Mbit/s."""


@dataclass(frozen=True, slots=True)
class Device:
    """One camera's source, as the owner set it up, and what is known of its clock."""

    camera_id: str
    name: str
    """The kind of source, as the owner typed it."""
    brand: str
    """The package of its brand; see ``Order``."""
    kind: DeviceKind
    options: DeviceOptions
    state: Path
    address: str = ""
    credentials: Credentials | None = None
    clock: Around | None = None
    """What is known of its clock around the time that is asked about."""

    @property
    def host(self) -> str:
        """What fetches are taken one at a time of: the recorder, however many cameras are on it."""
        bare = self.address.partition("://")[2] or self.address
        return bare.partition("/")[0].lower() or f"{self.brand} {self.camera_id}"

    def order(self, clock: Clock) -> Json:
        """What every job is told."""
        offset, uncertainty = self.clock.known if self.clock else (0, 0)
        return {
            "brand": self.brand,
            "camera_id": self.camera_id,
            "address": self.address,
            "credentials": asdict(self.credentials) if self.credentials else None,
            "options": self.options.model_dump(mode="json"),
            "checked": self.clock is not None,
            "settled": self.clock is not None and self.clock.settled,
            "offset_us": offset,
            "uncertainty_us": uncertainty,
            "zone": self.clock.checks[-1].zone if self.clock else "",
            "skew_us": clock.now() - SystemClock().now(),
            "state": str(self.state),
            "timeout": self.options.timeout,
        }


@dataclass(frozen=True, slots=True)
class Looked:
    """What a device answered: the coverage, and what it said beside it."""

    coverage: Coverage
    answer: LookAnswer


@dataclass
class DeviceFootage:
    """Device sources as coverage and files: jobs in workers, and a queue for each recorder."""

    clock: Clock
    run_job: RunJob
    most_bytes: int = MOST_BYTES
    checked: Callable[[str, ClockCheck], Awaitable[None]] | None = None
    """Told of every comparison of a device's clock that a job made: camera id, check."""
    reached: Callable[[str, int], Awaitable[None]] | None = None
    """Told of how far back a device reaches: camera id, where its oldest footage begins."""
    troubles: dict[str, str] = field(default_factory=dict)
    """By camera id, what the last look found that its owner should look after; see ``LookAnswer``."""
    _queues: dict[str, asyncio.Semaphore] = field(default_factory=dict)

    async def look(self, device: Device, window: Window, *, narrow: bool = False) -> Looked:
        """What there is of a window; ``narrow``: and take some seconds to compare its clock well.

        Raises CameraUnreachable, CameraRefused, CameraAnswerInvalid, WorkerFailed.
        """
        order = device.order(self.clock) | {"start": window.start, "end": window.end, "narrow": narrow}
        LookOrder.model_validate(order)
        await asyncio.to_thread(_folders, device.state)
        try:
            reply = await self.run_job("agent.sources.device.jobs:look_job", order, limits=device.kind.look)
        except FootageUnreadable as error:
            self.troubles[device.camera_id] = f"has recordings that can't be used: {error.what}"
            raise
        answer = _read(LookAnswer, reply)
        self.troubles[device.camera_id] = answer.trouble
        await self._note(device, answer.clock)
        if answer.oldest is not None and self.reached is not None:
            await self.reached(device.camera_id, answer.oldest)
        return Looked(self._coverage(device, window, answer), answer)

    def _coverage(self, device: Device, window: Window, answer: LookAnswer) -> Coverage:
        spans = tuple(
            _span(device, found)
            for found in sorted(answer.spans, key=lambda found: (found.start, found.end))
            if found.start < window.end and found.end > window.start
        )
        now = self.clock.now()
        gaps = tuple(
            Gap(gap, GapReason.NOT_YET if gap.start >= now else GapReason.NOT_RECORDED)
            for gap in gaps_between(window, spans)
        )
        growing = max((span.window.end for span in spans if not span.finished), default=None)
        if growing is not None and growing >= window.end:
            growing = None  # what is asked for is there: nothing that still comes matters
        return Coverage(window, spans, gaps, growing, answer.oldest, answer.notes)

    async def fetch(
        self,
        device: Device,
        span: Span,
        into: Path,
        progress: Progress | None = None,
        most_bytes: int | None = None,
        pace: Pace | None = None,
    ) -> tuple[SourceFile, ...]:
        """Bring a span; see ``FootageSource.fetch``. A second fetch from the same recorder waits for the first."""
        await asyncio.to_thread(_folders, device.state, into)
        order = device.order(self.clock) | {
            "reference": span.reference,
            "start": span.window.start,
            "end": span.window.end,
            "needed_start": None if span.needed is None else span.needed.start,
            "needed_end": None if span.needed is None else span.needed.end,
            "into": str(into),
            "most_bytes": min(self.most_bytes, most_bytes or self.most_bytes),
        }
        asked = FetchOrder.model_validate(order)
        async with self._turn(device):
            reply = await self._job("agent.sources.device.jobs:fetch_job", order, device.kind.fetch, progress, pace)
        answer = _read(FetchAnswer, reply)
        await self._note(device, answer.clock)
        if not answer.files:
            raise NoFootage(
                f"The recorder brought nothing of {span.window}.",
                meaning="It listed footage there and then had none: it may have been overwritten meanwhile.",
                do="Look at that time on the recorder itself.",
            )
        return await self._place_files(device, answer, asked.time(answer.clock).uncertainty_us, into, progress)

    async def _place_files(
        self, device: Device, answer: FetchAnswer, uncertainty: int, into: Path, progress: Progress | None
    ) -> tuple[SourceFile, ...]:
        usual = uncertainty if answer.clock is not None or device.clock is not None else SECOND
        job = {
            "into": str(into),
            "files": [
                each.model_dump(mode="json")
                | {
                    "clock": (each.clock or device.kind.clock).value,
                    "uncertainty_us": usual if each.uncertainty_us is None else each.uncertainty_us,
                }
                for each in answer.files
            ],
        }
        placed = await self._job("agent.footage.files.place:job", job, PLACE, None)
        return tuple(source_file(into, each) for each in placed["files"])

    async def _job(
        self, function: str, order: Json, limits: Limits, progress: Progress | None, pace: Pace | None = None
    ) -> Json:
        """A worker's job that ``progress`` may stop: then the worker is ended, and what it wrote stays."""
        loop = asyncio.get_running_loop()
        stopped = loop.create_future()

        def show(report: Json) -> None:
            if pace is not None and isinstance(left := report.get("left_us"), int):
                pace(left)
            going_on = progress is None or progress(int(report.get("bytes", 0)), report.get("total"))
            if not going_on and not stopped.done():
                stopped.set_result(None)

        work = asyncio.ensure_future(self.run_job(function, order, limits=limits, progress=show))
        try:
            await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise FetchCancelled
            return await work
        finally:
            if not work.done():
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
            stopped.cancel()

    @asynccontextmanager
    async def _turn(self, device: Device) -> AsyncIterator[None]:
        queue = self._queues.setdefault(device.host, asyncio.Semaphore(device.options.fetches))
        async with queue:
            yield

    async def _note(self, device: Device, check: ClockCheck | None) -> None:
        if check is not None and self.checked is not None:
            await self.checked(device.camera_id, check)


def _folders(*folders: Path) -> None:
    for folder in folders:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _read(model: type[Any], reply: Json) -> Any:
    try:
        return model.model_validate(reply)
    except ValidationError as error:
        log.warning("a source's worker answered what cannot be: %s", error.errors(include_input=False)[:3])
        raise CameraAnswerInvalid(
            "What the recorder says of its recordings cannot be used.",
            meaning="Times, sizes or names in its answer cannot be.",
            do="Look for newer firmware; the log has the details.",
        ) from error


def _span(device: Device, found: FoundSpan) -> Span:
    return Span(
        camera_id=device.camera_id,
        window=Window(found.start, found.end),
        reference=found.reference,
        path=found.path,
        finished=found.finished,
        torn=found.torn,
        codec=CodecHint(found.video, found.audio, found.width, found.height),
        divisible=found.divisible,
        size=found.size,
    )


def source_file(folder: Path, reply: Json) -> SourceFile:
    """A file as ``place`` (or ``fetched``) described it; its name is relative to the folder."""
    remux = reply.get("remux")
    return SourceFile(
        path=folder / reply["name"],
        start=reply["start"],
        end=reply["end"],
        clock=ClockQuality(reply["clock"]),
        uncertainty=reply["uncertainty_us"],
        torn=reply["torn"],
        sha256=reply["sha256"],
        remux=RemuxProvenance.model_validate_json(json.dumps(remux)) if remux else None,
        notes=tuple(reply["notes"]),
    )
