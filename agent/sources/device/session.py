"""What a brand is written as: a session with one device, opened for one job, asked, and closed.

Not for: the jobs themselves (``jobs``), or how any brand is asked. In worker processes, where it may block.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

from agent.devices.clock import ClockCheck
from agent.devices.http import Http
from agent.devices.time_zones import zone_of
from agent.sources.device.kind import DeviceOptions
from agent.sources.device.oldest import remembered
from agent.sources.device.orders import FetchedFile, FetchOrder, FoundSpan, LookOrder, Order, Report, TestAnswer
from exchange.clock import Window
from exchange.errors import InputInvalid

Options = TypeVar("Options", bound=DeviceOptions)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a device says that it is; empty where it doesn't tell. Lines, at most as long as ``LookAnswer`` takes."""

    make: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""


class DeviceSession(ABC, Generic[Options]):
    """One device, while one job lasts. A brand's ``session.py`` has a subclass of it, called ``Session``.

    ``check``: the device's clock as compared in this session, once it was. ``notes``: what the owner and the officer
    should know of what was listed, a sentence each. ``trouble``: see ``LookAnswer``. Methods raise CameraUnreachable
    (gone, slow, broken off), CameraRefused (user or password), CameraAnswerInvalid (nonsense), CertificateChanged,
    NoFootage (a span that is no longer there), DiskFull.
    """

    def __init__(self, order: Order, options: Options) -> None:
        self.order, self.options = order, options
        self.check: ClockCheck | None = None
        self.notes: list[str] = []
        self.trouble = ""

    def __enter__(self) -> Self:
        try:
            self.open()
        except BaseException:
            self.close(failed=True)
            raise
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.close(failed=kind is not None)

    def open(self) -> None:
        """Log in, read the clock, and whatever else every job wants."""

    def close(self, *, failed: bool) -> None:
        """Let go of the device; also after ``open`` failed. ``failed``: an error is on its way."""

    @abstractmethod
    def spans(self, window: Window) -> Iterable[FoundSpan]:
        """What there is of a window, in true UTC, in any order. A window without footage has none: no error."""

    @abstractmethod
    def fetch(self, order: FetchOrder, report: Report) -> Iterable[FetchedFile]:
        """Bring what was listed into ``order.into``, each file whole and durable under its final name.

        It never trims, joins or converts: a file is what the device gave, in any container that FFmpeg reads.
        ``report({"bytes": …, "total": …})`` shows progress; with ``"left_us"``, how long a device still takes that
        plays in real time.
        """

    def oldest(self) -> int | None:
        """Where this camera's oldest footage begins, true UTC; None when that can't be told. Worth no failure."""
        return remembered(self.order, self.find_oldest)

    def find_oldest(self) -> int | None:
        """``oldest`` by asking the device: done once an hour at most, and may raise."""
        return None

    def identity(self) -> Identity:
        return Identity()

    def tested(self, order: LookOrder) -> TestAnswer:
        """What ``handover sources test`` shows beside what it shows of every source."""
        return TestAnswer()


class HttpSession(DeviceSession[Options]):
    """A session over one HTTP connection, which a brand's constructor opens."""

    http: Http

    def close(self, *, failed: bool) -> None:
        self.http.close()


def check_zone(zone: str) -> None:
    """InputInvalid unless ``zone``, as its owner typed it, is a time zone; "" is one: as the device says itself."""
    try:
        zone_of(zone)
    except ValueError as error:
        raise InputInvalid(
            f"{zone!r} is no time zone.", do="Write it as --option zone=Europe/London, or as +01:00."
        ) from error
