"""What crosses between the daemon and a device source's worker: the orders, the answers, and their limits.

Not for: how a job is run (``footage``), or how a brand does it. Light to import: both ends do.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from agent.devices.address import Credentials
from agent.devices.camera_facts import Line
from agent.devices.clock import Again, ClockCheck, narrow
from agent.devices.device_time import DeviceTime
from agent.devices.download import Destination
from agent.footage.source import ClockQuality, Progress
from exchange.clock import SECOND, SystemClock, Window
from exchange.errors import HandoverError

Json = dict[str, Any]
Report = Callable[[Json], None]

MOST_SPANS = 20_000
MOST_FILES = 2_000

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,199}$")]
"""A file's name in the folder that it is fetched into: no way to other folders."""
MOST_NOTES = 50
NOTE_LENGTH = 300
"""Letters."""
Note = Annotated[str, Field(max_length=NOTE_LENGTH)]
Micros = Annotated[int, Field(ge=0, lt=253_402_300_800 * SECOND)]


class _Crossing(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Order(_Crossing):
    """What every job is told. Instants are microseconds of true UTC.

    ``address`` as the owner typed it; ``options`` as the source's own model wrote them. ``state`` is a folder of this
    camera's source alone, for indexes and the like; it may vanish between two jobs.
    """

    brand: Annotated[str, Field(pattern=r"^[a-z]+(\.[a-z][a-z_]*)+$")]
    """The package with the brand's ``source`` and ``session``, as the registry names it."""
    camera_id: str
    address: str = ""
    credentials: dict[str, str] | None = None
    options: Json = {}
    checked: bool = False
    """Whether the device's clock was ever compared before."""
    settled: bool = False
    """Whether that was on both sides of the time that is asked about: a comparison now tells nothing more of it."""
    offset_us: int = 0
    """By how much the device's clock was ahead then, as far as it is known; 0 when it never was checked."""
    uncertainty_us: Annotated[int, Field(ge=0)] = 0
    """How far off ``offset_us`` may be. Where comparisons contradict each other, the two are a range: its middle, and
    half of it."""
    zone: str = ""
    """The time zone that the device was last found set to: an IANA name or a POSIX TZ string; "" when not known."""
    skew_us: int = 0
    """Our clock minus the clock of this host, which is all that a worker has."""
    state: Path
    narrow: bool = False
    """Whether to take the time for a narrow comparison of its clock (``agent.devices.clock.narrow``)."""
    timeout: float = 20.0
    """Seconds without a byte after which the device counts as gone."""

    def now(self) -> int:
        """Our clock."""
        return SystemClock().now() + self.skew_us

    @property
    def login(self) -> Credentials | None:
        return Credentials(self.credentials["user"], self.credentials["password"]) if self.credentials else None

    def compared(self, first: ClockCheck, again: Again) -> ClockCheck:
        """A comparison as narrow as it is wanted; ``again`` makes another."""
        if not self.narrow:
            return first

        def answered() -> ClockCheck | None:
            try:
                return again()
            except HandoverError:
                return None  # what is known by then has to do

        return narrow(first, answered, self.now)

    def time(self, check: ClockCheck | None = None, zone: str = "") -> DeviceTime:
        """How this device's times are read: by a check made just now and by what was known before, or as much of that
        as there is. Where the two contradict each other, its clock was set in between: it may be anywhere from one to
        the other."""
        if check is None or (self.checked and self.settled):
            return DeviceTime(self.offset_us, self.uncertainty_us, zone or (check and check.zone) or self.zone)
        zone = zone or check.zone or self.zone
        if not self.checked:
            return DeviceTime(check.offset_us, check.uncertainty_us, zone)
        pairs = ((check.offset_us, check.uncertainty_us), (self.offset_us, self.uncertainty_us))
        if abs(check.offset_us - self.offset_us) <= check.uncertainty_us + self.uncertainty_us:
            return DeviceTime(*min(pairs, key=lambda pair: pair[1]), zone)
        low, high = min(offset - unsure for offset, unsure in pairs), max(offset + unsure for offset, unsure in pairs)
        return DeviceTime((low + high) // 2, (high - low + 1) // 2, zone)


class LookOrder(Order):
    """What of [``start``, ``end``) is there?"""

    start: Micros
    end: Micros

    @property
    def window(self) -> Window:
        return Window(self.start, self.end)


class FetchOrder(Order):
    """Bring a span, or the part of a divisible one that ``start`` and ``end`` are, into the folder ``into``.

    ``into`` may hold what an earlier, broken fetch of the same span left there: ``NAME.part`` is gone on with where
    the device allows, else begun anew. No more than ``most_bytes`` may be written.
    """

    reference: str
    start: Micros
    end: Micros
    needed_start: Micros | None = None
    needed_end: Micros | None = None
    into: Path
    most_bytes: int

    def destination(self, name: str, report: Report, *, written: int = 0) -> Destination:
        """Where a file of this fetch goes; ``written``: bytes that went into files before it."""
        return Destination(self.into, name, self.most_bytes - written, report)

    @property
    def needed(self) -> Window:
        """What is needed of a span that can't be divided, for a source that after all can bring less; else all."""
        return Window(
            self.start if self.needed_start is None else self.needed_start,
            self.end if self.needed_end is None else self.needed_end,
        )

    @property
    def window(self) -> Window:
        return Window(self.start, self.end)


class FoundSpan(_Crossing):
    """A stretch of footage on the device, mapped to true UTC. ``reference`` is for ``fetch_job`` alone: it holds
    whatever that needs to ask for the very same stretch again, in the device's own time."""

    start: Micros
    end: Micros
    reference: Annotated[str, Field(max_length=4096)]
    finished: bool = True
    """False while the device still writes it."""
    torn: bool = False
    divisible: bool = False
    size: Annotated[int, Field(ge=0)] | None = None
    path: Path | None = None
    """The file, where it is on this machine already and needs no fetching (a folder of MP4 or Matroska)."""
    clock: ClockQuality | None = None
    """What its times rest on, where that is another than the source's usual."""
    uncertainty_us: Annotated[int, Field(ge=0)] | None = None
    video: Line = ""
    audio: Line = ""
    width: Annotated[int, Field(ge=0, le=65_535)] = 0
    height: Annotated[int, Field(ge=0, le=65_535)] = 0

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> "FoundSpan":
        if self.end <= self.start:
            raise ValueError("a span must end after it starts")
        return self


class LookAnswer(_Crossing):
    """``spans`` in any order; they may overlap and reach beyond the window. A window without footage has none: that
    is no error. ``clock``: the device's clock as compared in this very job. ``oldest``: see ``Coverage``."""

    spans: Annotated[tuple[FoundSpan, ...], Field(max_length=MOST_SPANS)] = ()
    clock: ClockCheck | None = None
    oldest: Micros | None = None
    make: Line = ""
    model: Line = ""
    firmware: Line = ""
    serial: Line = ""
    notes: Annotated[tuple[Note, ...], Field(max_length=MOST_NOTES)] = ()
    trouble: Annotated[str, Field(max_length=NOTE_LENGTH)] = ""
    """What its owner should look after whatever the window, in words that follow on the camera's name."""


class FetchedFile(_Crossing):
    """A file that was brought, whole, under its final name.

    ``start``: true UTC of its first *frame* (or key frame: ``at_key``), as the device's times tell it; ``end`` that
    of its last frame's end where the device tells that, which is what a file without times of its own is placed by.
    """

    name: Name
    start: Micros
    end: Micros | None = None
    at_key: bool = False
    torn: bool = False
    """Its end was lost, and the device will not bring it."""
    clock: ClockQuality | None = None
    uncertainty_us: Annotated[int, Field(ge=0)] | None = None
    notes: Annotated[tuple[Note, ...], Field(max_length=20)] = ()


class FetchAnswer(_Crossing):
    """The files in the order of time. ``clock`` as in ``LookAnswer``."""

    files: Annotated[tuple[FetchedFile, ...], Field(max_length=MOST_FILES)] = ()
    clock: ClockCheck | None = None


class TestAnswer(_Crossing):
    """What a source's own ``test_job`` adds to ``handover sources test``: each a sentence."""

    __test__ = False

    good: Annotated[tuple[Note, ...], Field(max_length=20)] = ()
    wrong: Annotated[tuple[Note, ...], Field(max_length=20)] = ()
    channels: Annotated[dict[int, Annotated[str, Field(max_length=200)]], Field(max_length=512)] = Field(
        default_factory=dict
    )
    """The recorder's channels by number, with their names; empty where it doesn't tell, or has none."""


def reported(report: Report) -> Progress:
    """A job's ``report`` as the progress function that downloads call; a worker is stopped by ending it."""

    def progress(done: int, total: int | None) -> bool:
        report({"bytes": done, "total": total})
        return True

    return progress
