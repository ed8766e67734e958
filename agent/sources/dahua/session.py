"""One Dahua recorder while a job lasts: its clock, how it counts channels, what it lists, and what it brings.

Not for: the protocol itself (``api``), or when a file that came began (``files``). In worker processes only.
"""

import json
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from agent.devices.clock import ClockCheck
from agent.devices.device_time import DeviceTime, changes
from agent.devices.time_zones import zone_of
from agent.sources.dahua.api import Cgi, Found, Item
from agent.sources.dahua.files import placed_file
from agent.sources.dahua.options import Options
from agent.sources.dahua.time import Clock, posix, read_clock
from agent.sources.device import memory
from agent.sources.device.local_list import SUB_STREAM, asked_locally, resolved, within
from agent.sources.device.orders import FetchedFile, FetchOrder, FoundSpan, Json, LookOrder, Order, Report, TestAnswer
from agent.sources.device.session import HttpSession, Identity, check_zone
from exchange.clock import DAY, HOUR, SECOND, Window
from exchange.errors import CameraAnswerInvalid, NoFootage

_GROWS = 60 * SECOND
"""A file that ends so little before now is taken for one that is still being written."""
_DAY = timedelta(days=1)
UNKNOWN_COUNTING = (
    "Whether the recorder's search counts channels from 0 or from 1 could not be seen: set --option counting=1 (most "
    "recorders) or counting=0 (most cameras), and compare the pictures."
)


class Session(HttpSession[Options]):
    """One recorder, its clock read first."""

    http: Cgi
    check: ClockCheck

    def __init__(self, order: Order, options: Options) -> None:
        super().__init__(order, options)
        check_zone(options.zone)
        self._path = order.state / "dahua.json"
        self._known = memory.recall(self._path)
        self.http = Cgi(order.address, order.login, order.timeout, order.now, pin=options.certificate or None)

    # -- the recorder itself --

    def open(self) -> None:
        reported = self.http.now_there()
        configured = None
        if not self.options.zone:
            configured = posix(self.http.setting("NTP"), self.http.setting("Locales"))
        read = self._clock(reported, configured)
        self.check = self.order.compared(read.check, lambda: self._clock(self.http.now_there(), configured).check)
        self.time = self.order.time(self.check, read.zone)
        if read.note:
            self.notes.append(read.note)

    def _clock(self, reported: tuple[datetime, int, int], configured: str | None) -> Clock:
        local, sent, received = reported
        return read_clock(local, sent=sent, received=received, zone=self.options.zone, configured=configured)

    def _remember(self, **found: object) -> None:
        self._known |= found
        memory.keep(self._path, self._known)

    def identity(self) -> Identity:
        """What it is; asked once a day."""
        now, at, known = self.order.now(), self._known.get("facts_at"), self._known.get("facts")
        if not (isinstance(at, int) and 0 <= now - at < DAY and isinstance(known, dict) and known):
            known = self.http.facts()
            self._remember(facts=known, facts_at=now)
        return Identity(**{name: str(known.get(name, "")) for name in ("make", "model", "firmware", "serial")})

    def counting(self) -> int | None:
        """What its search calls the first channel; None when that can't be seen.

        A wrong guess would bring the neighbour's camera, so it is seen or not said: the first and the last channel
        cannot both exist under both counts.
        """
        if self.options.counting != "auto":
            return int(self.options.counting)
        if (known := self._known.get("counting")) in (0, 1):
            return int(known)
        total = self.http.channels()
        now = self.time.to_local(self.order.now())
        zeroth = self._any(0, now)
        last = total is not None and self._any(total, now)
        if zeroth == last:
            return None
        counting = 0 if zeroth else 1
        self._remember(counting=counting)
        return counting

    def _any(self, channel: int, now: datetime) -> bool:
        """Whether something was recorded there within a month."""
        return bool(self.http.find(channel, now - 31 * _DAY, now + _DAY, most=1).items)

    # -- recordings --

    def spans(self, window: Window) -> list[FoundSpan]:
        """What it lists of a window."""
        start, end = asked_locally(self.time, window)
        counting = self.counting()
        if counting is None:
            first, second = (self.http.find(self.options.channel - 1 + each, start, end) for each in (0, 1))
            if first.items or second.items:
                raise CameraAnswerInvalid(
                    f"The recorder at {self.http.host} may call this camera channel {self.options.channel - 1} or "
                    f"{self.options.channel}, and has footage of at least one of them.",
                    meaning="Nothing was taken, as it might have been another camera's.",
                    do=UNKNOWN_COUNTING.partition(": ")[2],
                )
            return []
        found = self.http.find(self.options.channel - 1 + counting, start, end)
        return self._taken(found, window)

    def find_oldest(self) -> int | None:
        """Where the oldest recording of this channel begins."""
        counting = self.counting()
        if counting is None:
            return None
        there = self.time.to_local(self.order.now())
        first = self.http.find(self.options.channel - 1 + counting, there - 400 * _DAY, there + _DAY, most=1).items
        begins = next(iter(resolved(self.time, [(item.start, item.end) for item in first[:1]])), None)
        return None if begins is None else begins.start

    def _taken(self, found: Found, window: Window) -> list[FoundSpan]:
        wanted = self.options.stream == "sub"
        items = [item for item in found.items if _is_sub(item) == wanted]
        spans = self._spans(items, window)
        if not spans and not wanted:
            spans = self._spans([item for item in found.items if _is_sub(item)], window)
            if spans:
                self.notes.append(SUB_STREAM)
        return spans

    def _spans(self, items: list[Item], window: Window) -> list[FoundSpan]:
        now = self.order.now()
        spans = []
        when = resolved(self.time, [(item.start, item.end) for item in items])
        for item, stretch in within(items, when, window, self.notes):
            reference = {
                "path": item.path, "sub": _is_sub(item), "begins": stretch.start, "ends": stretch.end,
                "from": item.start.isoformat(), "to": item.end.isoformat(),
            }  # fmt: skip
            spans.append(
                FoundSpan(
                    start=stretch.start,
                    end=stretch.end,
                    reference=json.dumps(reference),
                    finished=stretch.end < now - _GROWS,
                    divisible=self.options.by == "time",
                    size=item.size,
                )
            )
        return spans

    def tested(self, order: LookOrder) -> TestAnswer:
        """How its channels are counted, and what its clock goes by."""
        good, wrong = [], []
        total, counting = self.http.channels(), self.counting()
        if total is not None and self.options.channel > total:
            wrong.append(f"There is no channel {self.options.channel}; the recorder has {total}.")
        if counting is None:
            wrong.append(UNKNOWN_COUNTING)
        else:
            good.append(f"Its search calls the first channel {counting}.")
        good.append(f"Its local time is read as {self.check.zone or 'UTC'}.")
        channels = dict.fromkeys(range(1, min(total or 0, 512) + 1), "")
        return TestAnswer(good=tuple(good), wrong=(*wrong, *self.notes), channels=channels)

    # -- fetching --

    def fetch(self, order: FetchOrder, report: Report) -> list[FetchedFile]:
        """A listed file, or the part of it that is asked for."""
        wanted: Json = json.loads(order.reference)
        listed = Window(int(wanted["begins"]), int(wanted["ends"]))
        there = str(wanted["path"])
        if self.options.by == "time" and not _twice(self.time, order.window):
            # A copy can begin only at a key frame: some seconds more, but no more than was listed.
            more = int(self.options.margin * SECOND)
            wide = Window(max(0, order.window.start - more), order.window.end + more)
            return self._by_time(order, wide.intersect(listed) or order.window, wanted, report)
        name = _name(there, Path(there).suffix)
        try:
            path = self.http.by_file(there, order.destination(name, report))
        except (CameraAnswerInvalid, NoFootage):
            # Some answer with an empty file, or an error, and bring the same footage by its time.
            part = order.into / f"{name}.part"
            if _twice(self.time, listed) or (part.exists() and part.stat().st_size):
                raise
            return self._by_time(order, listed, wanted, report)
        return [placed_file(path, listed, self.time)]

    def _by_time(self, order: FetchOrder, window: Window, wanted: Json, report: Report) -> list[FetchedFile]:
        start, end = (self.time.to_local(at) for at in (window.start, window.end + SECOND - 1))
        # Never into the file before or after: the recorder might bring that one, or join both.
        start = max(start, datetime.fromisoformat(wanted["from"]))
        end = min(end, datetime.fromisoformat(wanted["to"]))
        name = _name(f"{wanted['path']} {start} {end}", ".dav")
        to = order.destination(name, report)
        path = self.http.by_time(self.options.channel, start, end, bool(wanted["sub"]), to)
        return [placed_file(path, window, self.time)]


def _is_sub(item: Item) -> bool:
    return item.stream.startswith("Extra")


def _twice(time: DeviceTime, window: Window) -> bool:
    """Whether a window's local times are another time's too, or jump: then only a file's path names it for sure."""
    near = Window(max(0, time.to_device(window.start) - 2 * HOUR), time.to_device(window.end) + 2 * HOUR)
    return bool(changes(zone_of(time.zone), near))


def _name(what: str, suffix: str) -> str:
    kind = suffix if suffix in (".dav", ".mp4") else ".dav"
    return f"{sha256(what.encode()).hexdigest()[:16]}{kind}"
