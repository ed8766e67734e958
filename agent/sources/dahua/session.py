"""One Dahua recorder while a job lasts: its clock, how it counts channels, what it lists, and what it brings.

Not for: the job's order and answer (``dahua``), or the protocol itself (``dahua_cgi``). In workers only.
"""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from agent.devices.device_time import DeviceTime, changes
from agent.devices.time_zones import zone_of
from agent.footage.files import dav
from agent.sources.dahua.api import Cgi, Found, Item
from agent.sources.dahua.options import Options
from agent.sources.dahua.time import Clock, posix, read_clock
from agent.sources.device import oldest as reach
from agent.sources.device.local_list import BACKWARDS, SUB_STREAM, asked_locally, nearest, resolved
from agent.sources.device.orders import MOST_SPANS, FetchedFile, FetchOrder, FoundSpan, Json, Order, Report
from agent.sources.device.session import DeviceTalk
from exchange.clock import DAY, HOUR, SECOND, Window, to_rfc3339
from exchange.errors import CameraAnswerInvalid, NoFootage

_GROWS = 60 * SECOND
"""A file that ends so little before now is taken for one that is still being written."""
_DAY = timedelta(days=1)
UNKNOWN_COUNTING = (
    "Whether the recorder's search counts channels from 0 or from 1 could not be seen: set --option counting=1 (most "
    "recorders) or counting=0 (most cameras), and compare the pictures."
)


class Talk(DeviceTalk[Cgi, Options]):
    """One recorder, its clock read first."""

    def __init__(self, order: Order, options: Options) -> None:
        self._remembered = _Memory.load(order.state)
        http = Cgi(order.address, order.login, order.timeout, order.now, pin=options.certificate or None)
        super().__init__(order, options, http)

    # -- the recorder itself --

    def meet(self) -> None:
        told = self.http.now_there()
        configured = None
        if not self.options.zone:
            configured = posix(self.http.setting("NTP"), self.http.setting("Locales"))
        read = self._clock(told, configured)
        self.check = self.order.compared(read.check, lambda: self._clock(self.http.now_there(), configured).check)
        self.time = self.order.time(self.check, read.zone)
        if read.note:
            self.notes.append(read.note)

    def _clock(self, told: tuple[datetime, int, int], configured: str | None) -> Clock:
        local, sent, received = told
        return read_clock(local, sent=sent, received=received, zone=self.options.zone, configured=configured)

    def facts(self) -> dict[str, str]:
        """What it is; asked once a day."""
        now = self.order.now()
        if not self._remembered.facts or not 0 <= now - self._remembered.facts_at < DAY:
            self._remembered.keep(facts=self.http.facts(), facts_at=now)
        return self._remembered.facts

    def counting(self) -> int | None:
        """What its search calls the first channel; None when that can't be seen.

        A wrong guess would bring the neighbour's camera, so it is seen or not said: the first and the last channel
        cannot both exist under both counts.
        """
        if self.options.counting != "auto":
            return int(self.options.counting)
        if self._remembered.counting is not None:
            return self._remembered.counting
        total = self.http.channels()
        now = self.time.to_local(self.order.now())
        zeroth = self._any(0, now)
        last = total is not None and self._any(total, now)
        if zeroth == last:
            return None
        self._remembered.keep(counting=0 if zeroth else 1)
        return self._remembered.counting

    def _any(self, channel: int, now: datetime) -> bool:
        """Whether something was recorded there within a month."""
        return bool(self.http.find(channel, now - 31 * _DAY, now + _DAY, most=1).items)

    # -- recordings --

    def spans(self, window: Window) -> tuple[list[FoundSpan], list[str]]:
        """What there is of a window, and what to say of it."""
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
            return [], []
        found = self.http.find(self.options.channel - 1 + counting, start, end)
        return self._taken(found, window)

    def oldest(self) -> int | None:
        """Where the oldest recording of this channel begins; asked once an hour, and worth no failure."""
        return reach.oldest(self.order, self._first)

    def _first(self) -> int | None:
        counting = self.counting()
        if counting is None:
            return None
        there = self.time.to_local(self.order.now())
        first = self.http.find(self.options.channel - 1 + counting, there - 400 * _DAY, there + _DAY, most=1).items
        begins = next(iter(resolved(self.time, [(item.start, item.end) for item in first[:1]])), None)
        return None if begins is None else begins.start

    def _taken(self, found: Found, window: Window) -> tuple[list[FoundSpan], list[str]]:
        notes: list[str] = []
        wanted = self.options.stream == "sub"
        items = [item for item in found.items if _is_sub(item) == wanted]
        spans = self._spans(items, window, notes)
        if not spans and not wanted:
            spans = self._spans([item for item in found.items if _is_sub(item)], window, notes)
            if spans:
                notes.append(SUB_STREAM)
        return spans, notes

    def _spans(self, items: list[Item], window: Window, notes: list[str]) -> list[FoundSpan]:
        now = self.order.now()
        spans = []
        when = resolved(self.time, [(item.start, item.end) for item in items])
        for item, stretch in zip(items, when, strict=True):
            if stretch is None:
                notes.append(BACKWARDS)
                continue
            if stretch.start >= window.end or stretch.end <= window.start:
                continue
            if not stretch.sure:
                notes.append(
                    f"The recorder's clock shows this hour twice: what is taken for {to_rfc3339(stretch.start)} may "
                    "have been recorded an hour later."
                )
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
        if len(spans) > MOST_SPANS:
            raise self.http.nonsense(f"it lists more than {MOST_SPANS} recordings")
        return spans


def _is_sub(item: Item) -> bool:
    return item.stream.startswith("Extra")


# -- fetching --------------------------------------------------------------------------------------------------------


def fetched(talk: Talk, order: FetchOrder, wanted: Json, report: Report) -> list[FetchedFile]:
    """Bring a listed file, or the part of it that is asked for."""
    listed = Window(int(wanted["begins"]), int(wanted["ends"]))
    whole = (listed, str(wanted["path"]))
    if talk.options.by == "time" and not _twice(talk.time, order.window):
        # A copy can begin only at a key frame: some seconds more, but no more than was listed.
        more = int(talk.options.margin * SECOND)
        wide = Window(max(0, order.window.start - more), order.window.end + more)
        return _by_time(talk, order, wide.intersect(listed) or order.window, wanted, report)
    name = _name(whole[1], Path(whole[1]).suffix)
    try:
        path = talk.http.by_file(whole[1], order.into, name, most_bytes=order.most_bytes, report=report)
    except (CameraAnswerInvalid, NoFootage):
        # Some answer with an empty file, or an error, and bring the same footage by its time.
        part = order.into / f"{name}.part"
        if _twice(talk.time, listed) or (part.exists() and part.stat().st_size):
            raise
        return _by_time(talk, order, listed, wanted, report)
    return [_placed(path, listed, talk.time)]


def _by_time(talk: Talk, order: FetchOrder, window: Window, wanted: Json, report: Report) -> list[FetchedFile]:
    start, end = (talk.time.to_local(at) for at in (window.start, window.end + SECOND - 1))
    # Never into the file before or after: the recorder might bring that one, or join both.
    start = max(start, datetime.fromisoformat(wanted["from"]))
    end = min(end, datetime.fromisoformat(wanted["to"]))
    name = _name(f"{wanted['path']} {start} {end}", ".dav")
    path = talk.http.by_time(
        talk.options.channel, start, end, bool(wanted["sub"]), order.into, name,
        most_bytes=order.most_bytes, report=report,
    )  # fmt: skip
    return [_placed(path, window, talk.time)]


def _twice(time: DeviceTime, window: Window) -> bool:
    """Whether a window's local times are another time's too, or jump: then only a file's path names it for sure."""
    near = Window(max(0, time.to_device(window.start) - 2 * HOUR), time.to_device(window.end) + 2 * HOUR)
    return bool(changes(zone_of(time.zone), near))


def _name(what: str, suffix: str) -> str:
    kind = suffix if suffix in (".dav", ".mp4") else ".dav"
    return f"{sha256(what.encode()).hexdigest()[:16]}{kind}"


def _placed(path: Path, listed: Window, time: DeviceTime) -> FetchedFile:
    """When a file that came begins: as its frames say where that fits what was listed, else as listed."""
    with path.open("rb") as file:
        if file.read(12)[4:8] == b"ftyp":
            return FetchedFile(name=path.name, start=listed.start, uncertainty_us=time.uncertainty_us + SECOND)
    notes: list[str] = []
    start, uncertain = listed.start, time.uncertainty_us + SECOND
    first, last = _first_picture(path), dav.last_frame(path)
    if first is None:
        return FetchedFile(name=path.name, start=start, torn=True, uncertainty_us=uncertain)
    own = nearest(time.either(first), listed.start)
    until = None if last is None else own + max(0, int((last.local - first).total_seconds())) * SECOND
    if listed.start - 12 * HOUR <= own <= listed.end and (until is None or until >= listed.start - 2 * SECOND):
        start, uncertain = own, time.uncertainty_us
    else:
        notes.append("The times within the recorder's file contradict its list; the list's were taken.")
    if until is not None and start + until - own < listed.end - 3 * SECOND:
        notes.append("The recorder sent less than it listed.")
    return FetchedFile(
        name=path.name, start=start, torn=not dav.is_whole(path), uncertainty_us=uncertain, notes=tuple(notes)
    )


def _first_picture(path: Path) -> datetime | None:
    """The recorder's time at the first picture. Frames tell whole seconds and a counter of milliseconds: where the
    second changes, both are known."""
    first = before = None
    passed = 0
    for frame in dav.frames(path):
        if frame.kind not in dav.VIDEO:
            continue
        if first is None or before is None:
            first = before = frame
            continue
        passed += (frame.counter - before.counter) % 65536
        before = frame
        if frame.local != first.local:
            exact = frame.local - timedelta(milliseconds=passed)
            near = first.local <= exact < first.local + timedelta(seconds=1)
            return exact if near else first.local
    return None if first is None else first.local


@dataclass
class _Memory:
    """What was found out of a recorder, and is worth not finding out again; it may be lost at any time."""

    path: Path
    counting: int | None = None
    facts: dict[str, str] = field(default_factory=dict)
    facts_at: int = 0

    @classmethod
    def load(cls, state: Path) -> "_Memory":
        path = state / "dahua.json"
        try:
            known = json.loads(path.read_bytes()[:4096])
            counting = known["counting"] if known["counting"] in (0, 1) else None
            facts = {str(name): str(value) for name, value in known["facts"].items()}
            return cls(path, counting, facts, int(known["facts_at"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls(path)

    def keep(self, **changed: int | dict[str, str]) -> None:
        for name, value in changed.items():
            setattr(self, name, value)
        told = {name: getattr(self, name) for name in ("counting", "facts", "facts_at")}
        part = self.path.with_name(f"{self.path.name}.part")
        with suppress(OSError):
            part.write_text(json.dumps(told))
            part.rename(self.path)
