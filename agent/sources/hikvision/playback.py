"""Footage of a Hikvision that gives no downloads: its playback over RTSP, in real time, packets copied into files.

Not for: the search that found it (``session``), or RTSP itself (``agent.rtsp``). In worker processes only.

What recorders do (their owners' reports; programs that ask them): ``/Streaming/tracks/TRACK/?starttime=…&endtime=…``
on port 554, times as in the list, whole seconds; they begin at a key frame near the start, some play on past the end,
and nothing need tell when a packet was recorded.
"""

import re
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlsplit

from agent.devices.device_time import DeviceTime, changes, local_of
from agent.devices.onvif.times import instant
from agent.devices.onvif.transport import invalid
from agent.devices.time_zones import zone_of
from agent.rtsp.assemble import Assembler
from agent.rtsp.client import Answer
from agent.rtsp.playback import Played, Replay
from agent.sources.device.orders import FetchedFile, FetchOrder, Json, Report
from agent.sources.device.rtsp_connection import connected
from agent.sources.hikvision.time import Meaning
from exchange.clock import HOUR, MINUTE, SECOND, Window, to_rfc3339
from exchange.counted import counted
from exchange.durable import sync_folder
from exchange.errors import NoFootage

NOTE = (
    "It was fetched by RTSP playback, in real time: when that began is known only to the distance of two key frames. "
    "Compare with the clock in the picture."
)
_AT_ITS_BEGINNING = 2 * SECOND
"""Microseconds by which a playback from where a recording begins may begin elsewhere: its list tells whole seconds."""
_FAR = MINUTE


class Playback(Replay):
    """A track being played from the moment that its URL names, as any player would ask for it."""

    requires: ClassVar[Mapping[str, str]] = {}

    def _wanted(self) -> dict[str, str]:
        return {"Range": "npt=0.000-", "Rate-Control": "no"}

    def _anchor(self, answer: Answer, assembler: Assembler) -> None:
        reported = re.search(r"clock\s*=\s*(\d{8}T\d{6}(?:\.\d+)?Z)", answer.headers.get("range", ""))
        begins = instant(reported[1]) if reported else None
        if begins is not None and abs(begins - self.asked.start) > _FAR:
            # Some play from their oldest recording when they do not understand what they are asked for.
            raise invalid("it plays another time than it was asked for")
        super()._anchor(answer, assembler)


def played(
    host: str, port: int, time: DeviceTime, order: FetchOrder, wanted: Json, report: Report
) -> list[FetchedFile]:
    """Play what is needed of a listed recording into files. It can't be gone on with: each time it begins anew.

    Raises NoFootage, CameraUnreachable, CameraRefused, CameraAnswerInvalid, DiskFull.
    """
    asked, target = _asked(time, order.needed, wanted)
    for part in order.into.glob("*.part"):
        part.unlink()
    bracketed = f"[{host}]" if ":" in host else host
    with connected(f"rtsp://{bracketed}:{port}{target}", order) as rtsp:
        playback = Playback(rtsp, asked, asked.end, lambda *reported: _say(playback, report, *reported))
        playback.unsure_start = _AT_ITS_BEGINNING if asked.start <= _recorded(time, wanted).start else 10 * SECOND
        described = playback.describe()
        assembler = Assembler(order.into, described.video, described.audio, asked, order.most_bytes, lambda *_: None)
        try:
            playback.set_up(described, assembler)
            came = playback.play(described, assembler)
        finally:
            assembler.finish(whole=True)
    return _named(time, order, came, assembler)


def _say(playback: Playback, report: Report, done: int, total: int | None, speed: float) -> None:
    report({"bytes": done, "total": total, "speed": round(speed, 2), "left_us": playback.left})


def _named(time: DeviceTime, order: FetchOrder, came: Played, assembler: Assembler) -> list[FetchedFile]:
    """All is there: give the files their names."""
    if not assembler.files:
        raise NoFootage(
            "The recorder played nothing of what it lists there.",
            meaning="It may have been overwritten meanwhile.",
            do="Look at that time on the recorder itself.",
        )
    notes = list(dict.fromkeys([NOTE, *came.notes]))
    if assembler.lost:
        notes.append(
            f"In {counted(len(assembler.lost), 'place')} packets were missing; pictures up to the next "
            "key were left out."
        )
    short = assembler.asked.end - max(each.end for each in assembler.files)
    if short > came.uncertain + 2 * SECOND:
        notes.append(f"Its playback ended {short / SECOND:.0f} s before what it lists.")
    for each in assembler.files:
        (order.into / f"{each.name}.part").rename(order.into / each.name)
    sync_folder(order.into)
    return [
        FetchedFile(
            name=each.name,
            start=max(0, time.from_device(each.start)),
            end=max(0, time.from_device(each.end)),
            at_key=True,
            uncertainty_us=time.uncertainty_us + came.uncertain,
            notes=tuple(note[:300] for note in notes[:20]),
        )
        for each in sorted(assembler.files, key=lambda each: each.start)
    ]


def _recorded(time: DeviceTime, wanted: Json) -> Window:
    """The recording in the recorder's own UTC."""
    return Window(time.to_device(int(wanted["begins"])), time.to_device(int(wanted["ends"])))


def _asked(time: DeviceTime, needed: Window, wanted: Json) -> tuple[Window, str]:
    """What to play, in the recorder's own UTC, and the path and query that ask for it.

    Never beyond the listed recording: what lies before or after would be placed as if it followed without a gap.
    """
    listed = _recorded(time, wanted)
    parts = urlsplit(str(wanted["uri"]))
    path = (
        parts.path if re.fullmatch(r"/[A-Za-z0-9/_-]{1,200}", parts.path) else f"/Streaming/tracks/{wanted['track']}/"
    )
    meaning = Meaning(wanted["meaning"])
    inside = time.asked(needed).intersect(listed)
    twice = meaning is Meaning.LOCAL and changes(
        zone_of(time.zone), Window(max(0, listed.start - 2 * HOUR), listed.end + 2 * HOUR)
    )
    if inside is None or twice:
        # A local time near a change of the clocks may be another's too: the list's own words name the recording.
        if not re.fullmatch(r"[!-~]{1,1000}", parts.query):
            raise invalid("it names a recording by what can't be asked for")
        return listed, f"{path}?{parts.query}"
    start = max(inside.start // SECOND * SECOND, listed.start)
    end = min(-(-inside.end // SECOND) * SECOND, listed.end)
    first, last = (_label(time, at, meaning) for at in (start, end + SECOND - 1))
    return Window(start, end), f"{path}?starttime={first}&endtime={last}"


def _label(time: DeviceTime, shown: int, meaning: Meaning) -> str:
    """A time as the recorder's lists have it, without separators."""
    text = to_rfc3339(shown)[:19]
    if meaning is Meaning.LOCAL:
        text = local_of(shown, zone_of(time.zone)).replace(tzinfo=None).isoformat(timespec="seconds")
    return re.sub(r"[-:]", "", text) + "Z"
