"""One Hikvision recorder while a job lasts: its clock, what it is, what it lists of a window, and when files begin.

Not for: the protocol itself (``api``), or what Z means in its times (``time``). In worker processes only.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from hashlib import sha256
from pathlib import Path

from agent.devices.clock import ClockCheck
from agent.devices.device_time import DeviceTime, local_of
from agent.devices.time_zones import zone_of
from agent.sources.device import memory
from agent.sources.device.local_list import SUB_STREAM, micros, nearest, within
from agent.sources.device.orders import FetchedFile, FetchOrder, FoundSpan, Json, LookOrder, Order, Report, TestAnswer
from agent.sources.device.session import HttpSession, Identity, check_zone
from agent.sources.hikvision import files
from agent.sources.hikvision.api import FORMS, Isapi, Item, UnfitForm
from agent.sources.hikvision.options import Options
from agent.sources.hikvision.time import (
    Clock,
    Meaning,
    asked,
    instants,
    judged,
    read_clock,
    stretches,
    zone_matters,
)
from exchange.clock import DAY, HOUR, MINUTE, SECOND, Window, to_rfc3339
from exchange.errors import CameraAnswerInvalid, CameraRefused, HandoverError, NoFootage

_GROWS = 60 * SECOND
"""A recording that ends so little before now is taken for one that is still being written."""
_FAR = 400 * DAY
UNKNOWN_MEANING = (
    "Whether the recorder's times are UTC or local could not be seen from what it records now; they were read as local "
    "time. Compare with the time in the picture, then set --option z=local or z=utc."
)


class Session(HttpSession[Options]):
    """One recorder, its clock read first."""

    http: Isapi
    check: ClockCheck

    def __init__(self, order: Order, options: Options) -> None:
        super().__init__(order, options)
        check_zone(options.zone)
        self._remembered = _Memory.load(order.state)
        self.http = Isapi(order.address, order.login, order.timeout, order.now, pin=options.certificate or None)

    # -- the recorder itself --

    def open(self) -> None:
        read = self._clock()
        self.check = self.order.compared(read.check, lambda: self._clock().check)
        self.time = self.order.time(self.check, read.zone)
        if read.note:
            self.notes.append(read.note)

    def _clock(self) -> Clock:
        root, answer = self.http.read("/ISAPI/System/time")
        if root.name != "Time":
            raise self.http.nonsense("what it answered does not tell the time")
        try:
            return read_clock(root, sent=answer.sent, received=answer.received, zone=self.options.zone)
        except ValueError as error:
            raise self.http.nonsense(str(error)) from None

    def identity(self) -> Identity:
        try:
            root, _ = self.http.read("/ISAPI/System/deviceInfo")
        except (CameraRefused, CameraAnswerInvalid):
            return Identity()  # some users may play recordings back and nothing else
        firmware = filter(None, (root.text_at("firmwareVersion"), root.text_at("firmwareReleasedDate")))
        return Identity(
            make=_line(root.text_at("manufacturer") or "Hikvision"),
            model=_line(root.text_at("model")),
            firmware=_line(" ".join(firmware)),
            serial=_line(root.text_at("serialNumber")),
        )

    def channels(self) -> dict[int, str]:
        """Names by channel; empty when the recorder does not tell."""
        for path, each in (
            ("/ISAPI/ContentMgmt/InputProxy/channels", "InputProxyChannel"),
            ("/ISAPI/System/Video/inputs/channels", "VideoInputChannel"),
        ):
            with suppress(CameraRefused, CameraAnswerInvalid):
                root, _ = self.http.read(path)
                found = {
                    int(number): _line(channel.text_at("name"))
                    for channel in root.all(each)
                    if (number := channel.text_at("id") or "").isdecimal()
                }
                if found:
                    return found
        return {}

    # -- recordings --

    def meaning(self) -> tuple[str, str]:
        """What Z means, and how that is known; "" for how when it is only assumed."""
        if self.options.z != "auto":
            return self.options.z, "as you set it"
        now = self.order.now()
        shown = self.time.to_device(now)
        # Both readings of "the last hours up to now", in labels.
        start, end = min(shown, self._as_label(shown)) - 2 * HOUR, max(shown, self._as_label(shown)) + 10 * MINUTE
        ends = [item.end for item in self.list_recordings(self.track, _written(start), _written(end))]
        found = judged(ends, shown=shown, zone=self.time.zone)
        if found is not None and (found.certain or not self._remembered.certain):
            self._remembered.keep(meaning=found.meaning.value, certain=found.certain)
            return found.meaning.value, "by what it is recording now"
        if self._remembered.meaning:
            return self._remembered.meaning, "as was seen earlier"
        return Meaning.LOCAL.value, ""

    def _as_label(self, shown: int) -> int:
        """Local time at a time by the recorder's clock, counted as if it were UTC."""
        return micros(local_of(shown, zone_of(self.time.zone)).replace(tzinfo=UTC))

    @property
    def track(self) -> int:
        return self.options.channel * 100 + (2 if self.options.stream == "sub" else 1)

    def list_recordings(self, track: int, start: str, end: str, most: int = 20_000) -> list[Item]:
        """The recorder's list between two labels, in whichever form of the question it takes."""
        known = self._remembered.form
        why = ""
        for form in sorted(FORMS, key=lambda each: each != known):
            try:
                found = list(self.http.search(track, start, end, form, most))
            except UnfitForm as unfit:
                why = why or str(unfit)
                continue
            self._remembered.keep(form=form)
            return found
        raise self.http.nonsense(f"it takes no search for recordings ({why})")

    def spans(self, window: Window) -> list[FoundSpan]:
        """What it lists of a window."""
        found, known_how = (
            self.meaning() if zone_matters(self.time.zone, window) else (Meaning.LOCAL.value, "no matter")
        )
        if not known_how:
            self.notes.append(UNKNOWN_MEANING)
        meaning = Meaning(found)
        start, end = asked(self.time, window, meaning)
        spans = self._spans(self.track, start, end, meaning, window)
        if not spans and self.options.stream == "main":
            spans = self._spans(self.track + 1, start, end, meaning, window)
            if spans:
                self.notes.append(SUB_STREAM)
        return spans

    def _spans(self, track: int, start: str, end: str, meaning: Meaning, window: Window) -> list[FoundSpan]:
        items = self.list_recordings(track, start, end)
        try:
            when = stretches(self.time, [(item.start, item.end) for item in items], meaning)
        except ValueError as error:
            raise self.http.nonsense(str(error)) from None
        now = self.order.now()
        spans = []
        for item, stretch in within(items, when, window, self.notes):
            reference = {
                "uri": item.uri, "track": track, "start": item.start, "end": item.end, "size": item.size,
                "meaning": meaning.value, "begins": stretch.start, "ends": stretch.end,
            }  # fmt: skip
            spans.append(
                FoundSpan(
                    start=stretch.start,
                    end=stretch.end,
                    reference=json.dumps(reference),
                    finished=stretch.end < now - _GROWS,
                    size=item.size,
                    video=_codec(item.codec),
                )
            )
        return spans

    def find_oldest(self) -> int | None:
        """Where the oldest recording of this track begins."""
        now = self.order.now()
        first = self.list_recordings(self.track, _written(now - _FAR), _written(now + DAY), most=1)
        meaning = Meaning(self._remembered.meaning or (self.options.z if self.options.z != "auto" else "local"))
        begins = next(iter(stretches(self.time, [(item.start, item.end) for item in first[:1]], meaning)), None)
        return None if begins is None else begins.start

    def tested(self, order: LookOrder) -> TestAnswer:
        """The channel's name, and what Z was found to mean."""
        good, wrong = [], []
        names, channel = self.channels(), self.options.channel
        if channel in names:
            good.append(f"Channel {channel} is called {names[channel] or 'nothing'} on the recorder.")
        elif names:
            known = ", ".join(str(number) for number in sorted(names)[:32])
            wrong.append(f"There is no channel {channel}; the recorder has {known}.")
        meaning, known_how = self.meaning()
        if known_how:
            good.append(f"Its times with a Z are {'UTC' if meaning == 'utc' else 'local time'} ({known_how}).")
        else:
            wrong.append(UNKNOWN_MEANING)
        return TestAnswer(good=tuple(good), wrong=tuple(wrong), channels=names)

    # -- fetching --

    def fetch(self, order: FetchOrder, report: Report) -> list[FetchedFile]:
        """The recorder's file; or what it plays, where that is wanted, or where it gives no files."""
        wanted: Json = json.loads(order.reference)
        if self.options.by == "rtsp":
            return self._played(order, wanted, report)
        size, path = wanted["size"], order.into / _file_name(wanted)
        if size is not None and size > order.most_bytes:
            raise self.http.nonsense(f"the recording has {size} bytes, more than the {order.most_bytes} allowed")
        try:
            self.http.fetch(wanted["uri"], order.destination(path.name, report))
        except (CameraRefused, CameraAnswerInvalid, NoFootage) as refusal:
            if self.options.by == "file" or path.with_name(f"{path.name}.part").exists():
                raise
            try:
                return self._played(order, wanted, report)
            except HandoverError:
                if any(order.into.glob("*.part")):
                    raise  # it does play; what went wrong then is what matters
                raise refusal from None
        return [_placed_file(path, wanted, self.time)]

    def _played(self, order: FetchOrder, wanted: Json, report: Report) -> list[FetchedFile]:
        from agent.sources.hikvision.playback import played

        return played(self.http.host, self.options.rtsp_port, self.time, order, wanted, report)


@dataclass
class _Memory:
    """What was found out of a recorder, and is worth not finding out again; it may be lost at any time."""

    path: Path
    form: str = "web"
    meaning: str = ""
    certain: bool = False

    @classmethod
    def load(cls, state: Path) -> "_Memory":
        path = state / "hikvision.json"
        kept = memory.recall(path)
        return cls(path, str(kept.get("form", "web")), str(kept.get("meaning", "")), kept.get("certain") is True)

    def keep(self, **changed: str | int) -> None:
        if all(getattr(self, name) == value for name, value in changed.items()):
            return
        for name, value in changed.items():
            setattr(self, name, value)
        memory.keep(self.path, {name: getattr(self, name) for name in ("form", "meaning", "certain")})


def _file_name(wanted: Json) -> str:
    """A name of its own for each recording, also where the clock showed its time twice."""
    stamp = "".join(letter for letter in wanted["start"] if letter.isalnum())
    return f"{wanted['track']}-{stamp}-{sha256(wanted['uri'].encode()).hexdigest()[:8]}.mpg"


def _placed_file(path: Path, wanted: Json, time: DeviceTime) -> FetchedFile:
    """When a file that came begins: as it says itself where that fits the list, else as the list says."""
    listed, until = int(wanted["begins"]), int(wanted["ends"])
    times = files.read_times(path)
    start, at_key, notes, uncertain = listed, False, [], time.uncertainty_us + SECOND
    if times.begins is not None:
        # Which of the two it is written in is not known; one of them agrees with the list.
        own = nearest([at for meaning in Meaning for at in instants(time, times.begins, meaning)], listed)
        # Some bring the whole file of which they listed a part: its own beginning is then before the listed one.
        if listed - 12 * HOUR <= own <= until and (times.lasts is None or own + times.lasts >= listed - 2 * SECOND):
            start, at_key, uncertain = own, True, time.uncertainty_us
            if abs(own - listed) > 2 * SECOND:
                notes.append("The recorder sent another stretch than it listed; it is placed by the times within it.")
        else:
            notes.append("The times within the recorder's file contradict its list; the list's were taken.")
    short = times.lasts is not None and start + times.lasts < until - 2 * SECOND
    cut = wanted["size"] is not None and path.stat().st_size < int(wanted["size"])
    if short and not notes:
        notes.append("The recorder sent less than it listed.")
    return FetchedFile(
        name=path.name, start=start, at_key=at_key, torn=short and cut, uncertainty_us=uncertain, notes=tuple(notes)
    )


def _codec(name: str) -> str:
    upper = name.upper()
    return "hevc" if "265" in upper else "h264" if "264" in upper else ""


def _line(text: str | None) -> str:
    return "".join(letter for letter in text or "" if letter.isprintable())[:100].strip()


def _written(shown: int) -> str:
    return f"{to_rfc3339(max(0, shown))[:19]}Z"
