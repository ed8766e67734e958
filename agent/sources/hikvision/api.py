"""Hikvision's ISAPI as far as footage needs it: questions, searches page by page, downloads. Read-only.

Not for: what times mean (``time``). Source: Hikvision's "IP Surveillance API, RaCM Part" (search, 8.1;
download), and what recorders answer: see tests/counterparts/http/hikvision_stand_in.py. In worker processes only.
"""

import http.client
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from agent.devices.download import Destination
from agent.devices.http import Answer, Http
from agent.sources.hikvision.files import is_media
from exchange.bounded_xml import Element, XmlRefused, read_xml
from exchange.counted import counted
from exchange.errors import CameraAnswerInvalid, CameraRefused

_MOST_XML = 4 * 1024 * 1024
_PAGE = 40
_MOST_PAGES = 600
_LONGEST_URI = 2000
_RECORDS = "//recordType.meta.std-cgi.com"
_NAMESPACE = "http://www.hikvision.com/ver20/XMLSchema"
FORMS = ("web", "bare", "old")
"""Ways to write a search. "web": as the recorder's own page does. "bare": some refuse a declaration, a namespace or
metadata, and want the id in braces. "old": cameras and recorders of before 2015. All misspell "position"."""


@dataclass(frozen=True, slots=True)
class Item:
    """A listed recording. ``start`` and ``end`` as the recorder writes them; ``uri`` names it for the download."""

    track: int
    start: str
    end: str
    uri: str
    codec: str
    size: int | None
    name: str


class UnfitForm(Exception):
    """The recorder does not take a search that is written so."""


class Isapi(Http):
    """Questions to one recorder. Everything that is ever sent is sent from this class."""

    def read(self, path: str) -> tuple[Element, Answer]:
        """GET an XML document."""
        answer = self.ask(path, most=_MOST_XML)
        return self.xml(answer.content), answer

    def xml(self, content: bytes) -> Element:
        try:
            return read_xml(content, most_bytes=_MOST_XML)
        except XmlRefused as why:
            raise self.nonsense(str(why)) from None

    def search(self, track: int, start: str, end: str, form: str, most: int = 20_000) -> Iterator[Item]:
        """All recordings of a track that overlap the labels ``start`` to ``end``, in the recorder's order.

        Raises UnfitForm; CameraAnswerInvalid when it answers nonsense or never comes to an end.
        """
        session = str(uuid.uuid4()).upper()
        position = 0
        seen: set[tuple[str, str]] = set()
        for _ in range(_MOST_PAGES):
            items, count, more = self._page(track, start, end, form, session, position, min(_PAGE, most))
            fresh = [item for item in items if (item.uri, item.start) not in seen]
            seen.update((item.uri, item.start) for item in fresh)
            yield from fresh
            position += count
            if not more or not count or position >= most:
                return
            if not fresh:
                raise self.nonsense("it lists the same recordings again and again")
        raise self.nonsense("its list of recordings does not end")

    def _page(
        self, track: int, start: str, end: str, form: str, session: str, position: int, most: int
    ) -> tuple[list[Item], int, bool]:
        body = _question(track, start, end, form, session, position, most)
        answer = self.ask(
            "/ISAPI/ContentMgmt/search",
            method="POST",
            body=body.encode(),
            headers={"Content-Type": "application/xml"},
            most=_MOST_XML,
            statuses=(200, 400, 404, 405, 500, 501),
        )
        if answer.status in (404, 405, 501):
            raise self.nonsense(f"it has no search for recordings (HTTP {answer.status})")
        if answer.status != 200:
            raise UnfitForm(_why(answer.content))
        root = self.xml(answer.content)
        if root.name == "ResponseStatus":
            raise UnfitForm(_why(answer.content))
        status = (root.text_at("responseStatusStrg") or "").upper()
        if root.name != "CMSearchResult" or not status:
            raise self.nonsense("what it answered is no list of recordings")
        if (root.text_at("responseStatus") or "true").lower() != "true" and "NO MATCHES" not in status:
            raise UnfitForm(status[:60])
        listed = list(root.all("searchMatchItem"))
        items = [item for found in listed if (item := self._item(found, track)) is not None]
        return items, len(listed), status.startswith("MORE")

    def _item(self, found: Element, track: int) -> Item | None:
        segment = found.at("mediaSegmentDescriptor")
        start, end = found.text_at("timeSpan", "startTime"), found.text_at("timeSpan", "endTime")
        uri = (segment.text_at("playbackURI") if segment else None) or ""
        if segment is None or not start or not end or not uri:
            return None
        if (segment.text_at("contentType") or "video").lower() != "video":
            return None
        listed = found.text_at("trackID") or str(track)
        if listed != str(track):
            # Some take the list of tracks under another name, and without it answer for the first camera.
            raise UnfitForm("it answered for another channel")
        if len(uri) > _LONGEST_URI:
            raise self.nonsense("it names a recording by more than it can be asked for")
        uri = re.sub(r"//[^/?@]*@", "//", uri)  # some put the login there; it is not wanted, and never kept
        reported = parse_qs(urlsplit(uri).query)
        size = "".join(reported.get("size", []))
        name = "".join(reported.get("name", [])) or segment.text_at("name") or ""
        codec = segment.text_at("codecType") or ""
        return Item(track, start, end, uri, codec, int(size) if re.fullmatch(r"\d{1,15}", size) else None, name)

    def fetch(self, uri: str, to: Destination) -> Path:
        """Bring a listed recording, as the recorder gives it.

        Busy recorders answer 400 now and then; old ones know the download as GET only.
        """
        reported = escape(uri)
        body = (
            '<?xml version="1.0" encoding="utf-8"?><downloadRequest version="1.0" '
            f'xmlns="http://www.isapi.org/ver20/XMLSchema"><playbackURI>{reported}</playbackURI></downloadRequest>'
        ).encode()
        ways = (("POST", 0.0), ("POST", 1.0), ("GET", 1.0))
        for tried, (method, pause) in enumerate(ways, 1):
            time.sleep(pause)
            try:
                headers = {"Content-Type": "application/xml"}
                path = self.download("/ISAPI/ContentMgmt/download", to, method=method, body=body, headers=headers)
            except CameraAnswerInvalid:
                # Once footage came, another try would only bring the same again.
                if tried == len(ways) or to.part.exists():
                    raise
                continue
            if is_media(path):
                return path
            why = _why(path.read_bytes()[:65536])
            path.unlink()
            if tried == len(ways):
                raise self.nonsense(f"in place of footage it sent {why}")
        raise AssertionError

    def _refused(self, reply: http.client.HTTPResponse) -> CameraRefused:
        refused = super()._refused(reply)
        try:
            root = read_xml(reply.read(65536), most_bytes=65536)
        except (XmlRefused, OSError, http.client.HTTPException):
            return refused
        return _locked(root, self.host) or refused


def _locked(root: Element, host: str) -> CameraRefused | None:
    """The lock-out notice that newer firmware sends along with a 401."""
    reported = _texts(root)
    seconds = reported.get("unlockTime", "")
    if reported.get("lockStatus", "").lower() not in ("lock", "locked"):
        left = reported.get("retryLoginTime", "")
        if not re.fullmatch(r"\d{1,2}", left):
            return None
        return CameraRefused(
            f"The recorder at {host} refuses the user name or password, and takes "
            f"{counted(int(left), 'more try', 'more tries')}.",
            meaning="Nothing was fetched. After that it locks this user out for a while.",
            do="Check both on the recorder's own page before trying again.",
        )
    minutes = -(-int(seconds) // 60) if re.fullmatch(r"\d{1,6}", seconds) else 0
    wait = f" for another {counted(minutes, 'minute')}" if minutes else ""
    return CameraRefused(
        f"The recorder at {host} has locked this user out{wait}, after too many wrong passwords.",
        meaning="Nothing was fetched; even the right password is refused until then.",
        do="Wait, then check user name and password on the recorder's own page.",
    )


def _texts(root: Element) -> dict[str, str]:
    names = ("lockStatus", "unlockTime", "retryLoginTime", "statusString", "subStatusCode")
    return {name: text for name in names for element in root.all(name) if (text := element.text.strip())}


def _why(content: bytes) -> str:
    """What an error answer says, in its own words where they are harmless."""
    try:
        reported = _texts(read_xml(content, most_bytes=65536))
    except XmlRefused:
        return "something that is not XML"
    words = reported.get("subStatusCode") or reported.get("statusString") or "an error without a reason"
    return "".join(letter for letter in words if letter.isalnum() or letter in " _-")[:60]


def _question(track: int, start: str, end: str, form: str, session: str, position: int, most: int) -> str:
    spans = f"<timeSpanList><timeSpan><startTime>{start}</startTime><endTime>{end}</endTime></timeSpan></timeSpanList>"
    where = f"<maxResults>{most}</maxResults><searchResultPostion>{position}</searchResultPostion>"
    kinds = f"<metadataList><metadataDescriptor>{_RECORDS}</metadataDescriptor></metadataList>"
    if form == "bare":
        return (
            f'<CMSearchDescription version="1.0"><searchID>{{{session}}}</searchID><trackList>'
            f"<trackID>{track}</trackID></trackList>{spans}{where}</CMSearchDescription>"
        )
    tracks, attributes = ("trackList", "")
    if form == "old":
        tracks, attributes = "trackIDList", f' version="1.0" xmlns="{_NAMESPACE}"'
    return (
        f'<?xml version="1.0" encoding="utf-8"?><CMSearchDescription{attributes}><searchID>{session}</searchID>'
        f"<{tracks}><trackID>{track}</trackID></{tracks}>{spans}{where}{kinds}</CMSearchDescription>"
    )
