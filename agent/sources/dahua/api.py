"""Dahua's HTTP CGI as far as footage needs it: key=value answers, a search with a finder, downloads. Read-only.

Not for: what times mean (``time``). Source: Dahua's and Amcrest's "HTTP API" (mediaFileFind, loadfile), and what
recorders answer: see tests/counterparts/http/dahua_stand_in.py. In worker processes only.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from agent.devices.download import Destination
from agent.devices.http import Http
from agent.sources.dahua.time import local_time, written
from exchange.errors import CameraAnswerInvalid, CameraRefused

_MOST_TEXT = 1024 * 1024
_PAGE = 100
_MOST_PAGES = 200
_KEY = re.compile(r"items\[(\d{1,3})\]\.([A-Za-z]{1,40})(?:\[\d{1,2}\])?")
_LONGEST_PATH = 500
_ERRORS = (400, 404, 501)


@dataclass(frozen=True, slots=True)
class Item:
    """A listed file; ``start`` and ``end`` in the recorder's local time. ``size`` is of what the disk holds for it."""

    start: datetime
    end: datetime
    path: str
    stream: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """``refused``: the recorder called the question a mistake, as some do when there is nothing, or no such channel."""

    items: tuple[Item, ...]
    refused: bool = False


class Cgi(Http):
    """Questions to one recorder. Everything that is ever sent is sent from this class."""

    def pairs(self, target: str, prefix: str = "") -> dict[str, str]:
        """The key=value lines of an answer, ``prefix`` taken off."""
        return _pairs(self.ask(f"/cgi-bin/{target}", most=_MOST_TEXT).content, prefix)

    def now_there(self) -> tuple[datetime, int, int]:
        """The recorder's local time, and when it was asked and answered."""
        answer = self.ask("/cgi-bin/global.cgi?action=getCurrentTime", most=_MOST_TEXT)
        try:
            return local_time(_pairs(answer.content).get("result", "")), answer.sent, answer.received
        except ValueError as error:
            raise self.nonsense(str(error)) from None

    def setting(self, name: str) -> dict[str, str]:
        """A settings table; empty when this user may not see it."""
        with suppress(CameraRefused, CameraAnswerInvalid):
            return self.pairs(f"configManager.cgi?action=getConfig&name={name}", f"table.{name}.")
        return {}

    def channels(self) -> int | None:
        """How many video inputs there are, where the recorder tells."""
        with suppress(CameraRefused, CameraAnswerInvalid):
            reported = self.pairs("devVideoInput.cgi?action=getCollect").get("result", "")
            if re.fullmatch(r"\d{1,3}", reported) and int(reported):
                return int(reported)
        return None

    def facts(self) -> dict[str, str]:
        """Model, firmware and serial number, as far as it tells."""
        found = {"make": "Dahua"}
        for action, key, name in (
            ("getVendor", "vendor", "make"),
            ("getDeviceType", "type", "model"),
            ("getSoftwareVersion", "version", "firmware"),
            ("getSerialNo", "sn", "serial"),
        ):
            with suppress(CameraRefused, CameraAnswerInvalid):
                reported = self.pairs(f"magicBox.cgi?action={action}").get(key, "")
                if reported:
                    found[name] = "".join(letter for letter in reported if letter.isprintable())[:100]
        return found

    def find(self, channel: int, start: datetime, end: datetime, most: int = 20_000) -> Found:
        """The video files of a channel, by the recorder's own count, that overlap two local times, in its order."""
        answer = self.ask("/cgi-bin/mediaFileFind.cgi?action=factory.create", most=_MOST_TEXT)
        finder = _pairs(answer.content).get("result", "")
        if not re.fullmatch(r"[0-9A-Za-z]{1,32}", finder):
            raise self.nonsense("it begins no search for recordings")
        try:
            return self._found(finder, channel, start, end, most)
        finally:
            # Recorders have few finders. These take nothing but the finder away.
            for action in ("close", "destroy"):
                with suppress(CameraAnswerInvalid):
                    self.ask(
                        f"/cgi-bin/mediaFileFind.cgi?action={action}&object={finder}",
                        most=_MOST_TEXT,
                        statuses=(200, *_ERRORS),
                    )

    def _found(self, finder: str, channel: int, start: datetime, end: datetime, most: int) -> Found:
        question = (
            f"/cgi-bin/mediaFileFind.cgi?action=findFile&object={finder}&condition.Channel={channel}"
            f"&condition.StartTime={_when(start)}&condition.EndTime={_when(end)}&condition.Types[0]=dav"
        )
        answer = self.ask(question, most=_MOST_TEXT, statuses=(200, *_ERRORS))
        if answer.status != 200 or answer.content[:5].lower() == b"error":
            return Found((), refused=True)
        items: dict[str, Item] = {}
        for _ in range(_MOST_PAGES):
            # Until it has no more: some bring fewer at a time than they are asked for.
            count, listed = self._page(finder, min(_PAGE, most))
            known = len(items)
            items |= {item.path: item for item in listed if item.path not in items}
            if not count or len(items) >= most:
                return Found(tuple(items.values()))
            if listed and len(items) == known:
                raise self.nonsense("it lists the same recordings again and again")
        raise self.nonsense("its list of recordings does not end")

    def _page(self, finder: str, page: int) -> tuple[int, list[Item]]:
        answer = self.ask(
            f"/cgi-bin/mediaFileFind.cgi?action=findNextFile&object={finder}&count={page}",
            most=4 * _MOST_TEXT,
            statuses=(200, *_ERRORS),
        )
        if answer.status != 200 or answer.content[:5].lower() == b"error":
            return 0, []
        reported = _pairs(answer.content)
        count = reported.get("found", "")
        if not re.fullmatch(r"\d{1,4}", count):
            raise self.nonsense("what it answered is no list of recordings")
        rows: dict[int, dict[str, str]] = {}
        for key, value in reported.items():
            if found := _KEY.fullmatch(key):
                rows.setdefault(int(found[1]), {})[found[2]] = value
        return int(count), [item for _, row in sorted(rows.items()) if (item := self._item(row)) is not None]

    def _item(self, row: dict[str, str]) -> Item | None:
        path = row.get("FilePath", "")
        if not path.startswith("/") or row.get("Type", "dav") not in ("dav", "mp4"):
            return None
        if len(path) > _LONGEST_PATH:
            raise self.nonsense("it names a file by more than it can be asked for")
        try:
            start, end = local_time(row.get("StartTime", "")), local_time(row.get("EndTime", ""))
        except ValueError as error:
            raise self.nonsense(str(error)) from None
        size = row.get("Length", "")
        return Item(
            start, end, path, row.get("VideoStream", ""), int(size) if re.fullmatch(r"\d{1,15}", size) else None
        )

    def by_file(self, path: str, to: Destination) -> Path:
        """One of its files, whole; gone on with where the recorder allows."""
        target = f"/cgi-bin/RPC_Loadfile{quote(path)}"
        return self._media(self.download(target, to))

    def by_time(self, channel: int, start: datetime, end: datetime, sub: bool, to: Destination) -> Path:
        """A stretch of time, cut out by the recorder. ``channel`` from 1."""
        target = (
            f"/cgi-bin/loadfile.cgi?action=startLoad&channel={channel}&startTime={_when(start)}&endTime={_when(end)}"
            f"&subtype={int(sub)}"
        )
        return self._media(self.download(target, to, resume=False))

    def _media(self, path: Path) -> Path:
        """Recorders tell of errors with HTTP 200 and some text."""
        with path.open("rb") as file:
            begin = file.read(12)
        if begin[:4] == b"DHAV" or begin[:5] == b"DAHUA" or begin[4:8] == b"ftyp":
            return path
        path.unlink()
        raise self.nonsense("in place of footage it sent something else")


def _pairs(content: bytes, prefix: str = "") -> dict[str, str]:
    found = {}
    for line in content.decode("utf-8", "replace").splitlines()[:50_000]:
        key, equals, value = line.strip().partition("=")
        if equals and key.startswith(prefix):
            found[key.removeprefix(prefix)] = value.strip()[:1000]
    return found


def _when(moment: datetime) -> str:
    return quote(written(moment), safe=":-")
