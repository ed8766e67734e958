"""A Hikvision recorder's ISAPI, as far as footage needs it, with both meanings of Z. Built from captured replies.

Facts and where they were seen: the list (CMSearchResult, playbackURI with name and size, H.264-BP, misspelt
searchResultPostion, braces around the searchID) in Hikvision's ISAPI guide, 4.4.3.2, with a Date header in local time
that says GMT; the time with "CST-1:00:00DST01:00:00,M3.5.0/02:00:00,M10.5.0/03:00:00" from an EZVIZ recorder; Z that
is local time, MORE/OK pages, a 400 to a searchID that is no UUID, downloads refused with 400 when busy, and errors as
XML with status 200, from a DS-7xxx at -03:00; a search without declaration, namespace and metadata, in trackList, from
a DS-7616NXI; trackIDList and GET downloads from cameras of 2015 to 2020; lockStatus, unlockTime and retryLoginTime
from userCheck. Whether downloads honour Range is not known: both are tried.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from exchange.clock import Clock
from tests.counterparts.files.hikvision_file import hikvision_file
from tests.counterparts.files.packets import Coded
from tests.counterparts.http.recorder_server import Call, RecorderServer
from tests.sources.counterpart.under_test import Fault

_NS = 'xmlns="http://www.hikvision.com/ver20/XMLSchema"'
_ZONES = {
    "Europe/London": "CST+0:00:00DST01:00:00,M3.5.0/01:00:00,M10.5.0/02:00:00",
    "Europe/Berlin": "CST-1:00:00DST01:00:00,M3.5.0/02:00:00,M10.5.0/03:00:00",
    "America/Sao_Paulo": "CST+3:00:00",
}
_READS = re.compile(
    r"GET /ISAPI/(System/time|System/deviceInfo|ContentMgmt/InputProxy/channels|System/Video/inputs/channels"
    r"|ContentMgmt/download)|POST /ISAPI/ContentMgmt/(search|download)"
)


@dataclass(frozen=True)
class Recording:
    """One recording file: ``start`` is what the recorder's clock showed at its first frame, as UTC (microseconds)."""

    start: int
    frames: Sequence[Coded]
    codec: str
    track: int = 101
    frame_us: int = 100_000
    sound: bytes = b""

    @property
    def end(self) -> int:
        return self.start + self.frames[-1].after + self.frame_us


class HikvisionStandIn(RecorderServer):
    """``zulu``: "local" or "utc", what its lists mean by Z. ``wants``: the form of search that it takes.

    ``offset``: its clock minus ours."""

    def __init__(self, clock: Clock, user: str = "viewer", password: str = "right horse") -> None:
        super().__init__(user, password)
        self.clock = clock
        self.offset = 0
        self.zone = "Europe/London"
        self.zulu = "local"
        self.wants = "web"
        self.held: list[Recording] = []
        self.channels = {1: "Gate"}
        self.page = 40
        self.writes_offset = True
        self.map_time = True
        self.busy = 0
        self.get_only = False
        self.no_downloads = 0
        """With which status it refuses every download: 403 to a user who may only play, 404 where it has none."""
        self.lock_notice: str | None = None
        self.endless = False
        self.first_only = False
        """Whatever track is asked for, it answers for the first camera's."""

    def strange_to(self, call: Call) -> bool:
        return not _READS.fullmatch(f"{call.command} {call.path}")

    def refusal(self, call: Call) -> tuple[bytes, str]:
        return (self.lock_notice or "").encode(), "application/xml"

    def answer(self, call: Call) -> None:
        path = call.path.removeprefix("/ISAPI/")
        if path == "System/time":
            self._xml(call, f"<Time version=\"2.0\" {_NS}><timeMode>NTP</timeMode><localTime>{self._now()}</localTime>"
                            f"<timeZone>\n{_ZONES[self.zone]}\n</timeZone></Time>")  # fmt: skip
        elif path == "System/deviceInfo":
            self._xml(call, f"<DeviceInfo version=\"2.0\" {_NS}><deviceName>Embedded Net DVR</deviceName><model>"
                            "DS-7616NXI-K2</model><serialNumber>DS-7616NXI-K21620210101CCRR000000000WCVU</serialNumber>"
                            "<firmwareVersion>V4.84.000</firmwareVersion><firmwareReleasedDate>build 240101"
                            "</firmwareReleasedDate></DeviceInfo>")  # fmt: skip
        elif path.endswith("InputProxy/channels"):
            each = (
                f"<InputProxyChannel><id>{number}</id><name>{escape(name)}</name></InputProxyChannel>"
                for number, name in self.channels.items()
            )
            self._xml(call, f'<InputProxyChannelList version="1.0" {_NS}>{"".join(each)}</InputProxyChannelList>')
        elif path == "ContentMgmt/search":
            self._search(call)
        elif path == "ContentMgmt/download":
            self._download(call)
        else:
            self._status(call, 403, "Invalid Operation", "methodNotAllowed")

    # -- lists --

    def _search(self, call: Call) -> None:
        text = call.body.decode()
        if self.fault is Fault.NONSENSE:
            call.send(b"<html><body>Document Error: Not Found</body></html>", kind="text/html")
            return
        form = "old" if "<trackIDList>" in text else "web" if text.startswith("<?xml") else "bare"
        session = re.search(r"<searchID>\{?([0-9A-Fa-f-]{36})\}?</searchID>", text)
        if form != self.wants or session is None:
            self._status(call, 400, "Invalid XML Content", "badXmlContent")
            return
        track, start, end = (_inside(text, name) for name in ("trackID", "startTime", "endTime"))
        position, most = int(_inside(text, "searchResultPostion")), int(_inside(text, "maxResults"))
        wanted = 101 if self.first_only else int(track)
        found = [each for each in self.held if each.track == wanted and self._overlaps(each, start, end)]
        page = found if self.endless else found[position : position + min(most, self.page)]
        more = self.endless or position + len(page) < len(found)
        status = "MORE" if more else "OK" if page else "NO MATCHES"
        self._xml(
            call,
            f'<CMSearchResult version="2.0" {_NS}><searchID>{{{session[1].lower()}}}</searchID><responseStatus>true'
            f"</responseStatus><responseStatusStrg>{status}</responseStatusStrg><numOfMatches>{len(page)}</numOfMatches>"
            f"<matchList>{''.join(self._item(each) for each in page)}</matchList></CMSearchResult>",
        )

    def _item(self, each: Recording) -> str:
        start, end = each.start, each.end
        if self.fault is Fault.MORE:
            start, end = start + 2_000_000, end - 2_000_000  # a list that is clipped, of files that are not
        first, last = self._label(start), self._label(end)
        number = self.held.index(each)
        short = [re.sub("[-:]", "", label) for label in (first, last)]
        uri = (
            f"rtsp://192.0.2.64/Streaming/tracks/{each.track}/?starttime={short[0]}&endtime={short[1]}"
            f"&name={number:017d}&size={len(self.file(each))}"
        )
        codec = "H.265-BP" if each.codec == "h265" else "H.264-BP"
        return (
            "<searchMatchItem><sourceID>{00000000-0000-0000-0000-000000000000}</sourceID>"
            f"<trackID>{each.track}</trackID><timeSpan><startTime>{first}</startTime><endTime>{last}</endTime></timeSpan>"
            f"<mediaSegmentDescriptor><contentType>video</contentType><codecType>{codec}</codecType>"
            f"<playbackURI>{escape(uri)}</playbackURI><lockStatus>unlock</lockStatus><name>{number:017d}</name>"
            "</mediaSegmentDescriptor><metadataMatches><metadataDescriptor>recordType.meta..com/timing"
            "</metadataDescriptor></metadataMatches></searchMatchItem>"
        )

    def _overlaps(self, each: Recording, start: str, end: str) -> bool:
        first = datetime.fromisoformat(self._label(each.start))
        last = max(datetime.fromisoformat(self._label(each.end)), first + timedelta(microseconds=each.end - each.start))
        return first < datetime.fromisoformat(end) and last > datetime.fromisoformat(start)

    def _label(self, shown: int) -> str:
        moment = self._local(shown) if self.zulu == "local" else _utc(shown)
        return f"{moment:%Y-%m-%dT%H:%M:%S}Z"

    def _local(self, shown: int) -> datetime:
        return _utc(shown).astimezone(ZoneInfo(self.zone))

    def _now(self) -> str:
        local = self._local(self.clock.now() + self.offset)
        return local.isoformat(timespec="seconds") if self.writes_offset else f"{local:%Y-%m-%dT%H:%M:%S}"

    # -- footage --

    def file(self, each: Recording, frames: Sequence[Coded] | None = None) -> bytes:
        shown = self._local(each.start).replace(tzinfo=None)
        return hikvision_file(frames or each.frames, each.codec, shown, map_time=self.map_time, sound=each.sound)

    def _download(self, call: Call) -> None:
        named = re.search(r"name=(\d{17})&amp;size=\d+", call.body.decode())
        if self.no_downloads:
            self._status(call, self.no_downloads, "Invalid Operation", "notSupport")
            return
        if self.busy or (self.get_only and call.command != "GET"):
            self.busy = max(0, self.busy - 1)
            self._status(call, 400, "Device Busy", "deviceBusy")
            return
        if named is None or int(named[1]) >= len(self.held):
            self._status(call, 200, "Invalid Operation", "invalidOperation")
            return
        each = self.held[int(named[1])]
        frames = each.frames
        if self.fault is Fault.LESS:
            frames = [frame for frame in frames if frame.after < frames[-1].after - 2_500_000]
        self.send_media(call, self.file(each, frames))

    # -- answers --

    def _xml(self, call: Call, text: str, status: int = 200) -> None:
        # Local time that says GMT, as recorders' do.
        date = format_datetime(self._local(self.clock.now() + self.offset).replace(tzinfo=UTC), usegmt=True)
        content = f'<?xml version="1.0" encoding="UTF-8" ?>\n{text}\n'.encode()
        call.send(content, status, 'application/xml; charset="UTF-8"', {"X-Told-Date": date})

    def _status(self, call: Call, status: int, words: str, code: str) -> None:
        self._xml(
            call,
            f'<ResponseStatus version="2.0" {_NS}><statusCode>4</statusCode>'
            f"<statusString>{words}</statusString><subStatusCode>{code}</subStatusCode></ResponseStatus>",
            status,
        )


def _utc(instant: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant)


def _inside(text: str, name: str) -> str:
    found = re.search(f"<{name}>([^<]*)</{name}>", text)
    assert found, f"a search without {name}"
    return found[1]
