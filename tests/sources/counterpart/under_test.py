"""What a source must bring along to be tested: a counterpart that holds given footage and can misbehave.

Not for: the tests (``test_conformance``), or any one source (a module each beside this one, such as ``recorder.py``).

A device source's counterpart is a subclass of ``DeviceUnderTest``: it starts something real on loopback in ``serve``,
keeps what it is given in ``lay``, and misbehaves as ``self.fault`` says, from then on until that is None again.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

from agent.devices.address import Credentials
from agent.devices.passwords import Passwords
from agent.footage.source import FootageSource
from agent.recordings.segments import RecordedFootage, SegmentStore
from agent.sources.device.footage import DeviceFootage
from agent.sources.registry import Sources, checked_setting
from agent.store.database import Store
from agent.workers.process import run_job
from tests.counterparts.processes import same_process
from tests.sources.counterpart.pieces import Piece, ShiftedClock

CAMERA = "gate"
GOOD = Credentials("viewer", "right horse")


class Case(StrEnum):
    """What every source is put through."""

    MIDNIGHT = "footage across midnight, UTC and local"
    GAP = "a window over a gap"
    SPRING = "the clocks are put forward inside"
    AUTUMN = "the clocks are put back: the hour that comes twice"
    PARTLY_MISSING = "a window of which the beginning or the end is missing"
    WHOLLY_MISSING = "a window of which nothing is there"
    STILL_WRITTEN = "a file still being written"
    CODEC_CHANGE = "the codec changes inside"
    CLOCK_WRONG = "the device's clock is forty minutes ahead, or behind"
    WRONG_PASSWORD = "a wrong password"
    SLOW = "a slow device"
    HANGS = "a device that falls silent and stays connected"
    GONE = "a device that is gone in the middle"
    TRUNCATED = "an answer that is cut short, and looks as if it were whole"
    LESS = "a device that brings less than it was asked for"
    MORE = "a device that brings more than it was asked for"
    NONSENSE = "an answer that is no answer"
    CANCELLED = "the caller has had enough in the middle"
    AWAY = "nothing answers at all"


class Fault(StrEnum):
    """How a counterpart misbehaves, if told to."""

    SLOW = "slow"
    """Media come in pieces with pauses: at least four pieces, each within half a second of the last."""
    HANGS = "hangs"
    """About half of the media comes, then nothing; the connection stays."""
    GONE = "gone"
    """About half of the media comes, then the connection breaks; so does every new one until the fault is over."""
    TRUNCATED = "truncated"
    """About half of the media comes, then a clean end, and where the protocol lets it, headers that fit."""
    LESS = "less"
    """Whole media, but they end two seconds or more before the end of what was asked for."""
    MORE = "more"
    """Whole media that begin two seconds or more before what was asked for, and end as much after it."""
    NONSENSE = "nonsense"
    """Searches are answered with what is not the protocol's."""
    AWAY = "away"
    """No connection can be made."""


class SourceUnderTest(ABC):
    """One source with its counterpart. ``cannot``: cases that can't apply to it, each with the reason in words."""

    name: ClassVar[str]
    cannot: ClassVar[Mapping[Case, str]] = {}
    precision: ClassVar[int] = 1
    """Microseconds by which a frame's UTC may differ from the truth: 1_000_000 where it tells whole seconds."""
    zone: ClassVar[str] = "Europe/London"
    """Where the device stands, if it speaks local time."""

    def __init__(self, work: Path, clock: ShiftedClock) -> None:
        self.work = work
        self.clock = clock
        """Our clock. The device's own shows ``clock.now() + device_offset``."""
        self.device_offset = 0
        self.fault: Fault | None = None

    @abstractmethod
    async def lay(self, *pieces: Piece, growing: bool = False) -> None:
        """Have the device hold these, in the order of time, and nothing else: as if it had recorded them, labelled by
        its own clock (``device_offset``) and zone. ``growing``: it is still writing the last of them."""

    @abstractmethod
    def source(self, *, password: str | None = None, workers: bool = False) -> "AsyncContextSource":
        """The footage source of a house that has one camera, CAMERA, on this device; with another password if given.

        ``workers``: jobs run in processes of their own, as they do outside of tests; a hundred of them take minutes,
        so that one case alone, the cancelled fetch and the whole one after it, has every source's run so.
        """


AsyncContextSource = Any
"""An async context manager of a FootageSource."""


@dataclass(frozen=True)
class Served:
    """How the counterpart is reached: what an owner would type."""

    address: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    credentials: Credentials | None = GOOD


class DeviceUnderTest(SourceUnderTest):
    """A device source: ``kind`` is its module's name. ``source`` builds what the daemon would."""

    kind: ClassVar[str]

    @abstractmethod
    def serve(self) -> Any:
        """An async context manager of ``Served``: the counterpart runs while it is open."""

    @asynccontextmanager
    async def source(self, *, password: str | None = None, workers: bool = False) -> AsyncIterator[FootageSource]:
        async with AsyncExitStack() as stack:
            served: Served = await stack.enter_async_context(self.serve())
            sources = await stack.enter_async_context(house_of(self.work / "house", self.clock, workers=workers))
            await add_source(sources, self.kind, served, password)
            yield sources


@asynccontextmanager
async def house_of(folder: Path, clock: ShiftedClock, *, workers: bool = False) -> AsyncIterator[Sources]:
    """The sources of a house without cameras; ``workers`` as in ``SourceUnderTest.source``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recordings").mkdir(exist_ok=True)
    store = await Store.open(folder / "agent.db")
    try:
        recorded = RecordedFootage(SegmentStore(folder / "recordings", clock))
        devices = DeviceFootage(clock, run_job if workers else same_process.run_job)
        yield Sources(store, recorded, devices, Passwords(folder / "sources.json"), folder / "sources")
    finally:
        await store.close()


async def add_source(sources: Sources, kind: str, served: Served, password: str | None = None) -> None:
    """CAMERA with a source, as ``handover cameras add --source`` leaves it in the store."""
    options = {"timeout": "2", **served.options}
    setting = checked_setting(kind, served.address, options)
    async with sources.store.transaction() as tx:
        await tx.execute("DELETE FROM cameras WHERE camera_id = ?", [CAMERA])
        await tx.insert(
            "cameras",
            camera_id=CAMERA,
            registration="{}",
            address="{}",
            stream_uri="",
            facts="{}",
            added_at=0,
            source=setting.model_dump_json(),
        )
    known = served.credentials
    if known is not None and password is not None:
        known = Credentials(known.user, password)
    sources.passwords.keep(CAMERA, known)
