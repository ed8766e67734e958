"""The SOAP side of an ONVIF Profile G recorder: its recordings, their gaps as events, and where they are replayed.

Its answers, and what it is asked, are checked against the schemas that come with the ONVIF library. Not for: replay.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from aiohttp import web
from lxml import etree

from tests.counterparts.onvif.soap_camera import SCHEMA, SERVICES, SOAP, SoapCamera, _element, _schema

NOTIFY = "http://docs.oasis-open.org/wsn/b-2"


@dataclass
class Held:
    """One recording, in microseconds of the recorder's UTC. ``stretches``: when there is footage in it."""

    token: str
    stretches: list[tuple[int, int]]
    source: str = "channel-1"
    name: str = "Gate"
    growing: bool = False
    sound: bool = False


@dataclass
class SoapRecorder(SoapCamera):
    """``stretches``, if at all, are told by events: ``tells_gaps``. ``ranges``: whether recordings tell their own."""

    held: list[Held] = field(default_factory=list)
    clock: Callable[[], float] = time.time
    replay: str = "rtsp://{host}:554/replay/{token}"
    tells_gaps: bool = True
    filters: bool = True
    """Whether it takes a topic filter, or answers that with a fault."""
    ranges: bool = True
    page: int = 100
    dead: Callable[[], bool] = lambda: False
    """While true, every connection is broken off."""
    _searches: dict[str, list[str]] = field(default_factory=dict)

    def now(self) -> float:
        return self.clock() + self.offset

    async def handle(self, request: web.Request) -> web.Response:
        if self.dead():
            assert request.transport is not None
            request.transport.abort()
        body = etree.fromstring(await request.read()).find(f"{{{SOAP}}}Body")
        namespace = etree.QName(body[0]).namespace
        if namespace in (SERVICES["search"], SERVICES["replay"]):
            service = "search" if namespace == SERVICES["search"] else "replay"
            _schema(service).assertValid(etree.fromstring(etree.tostring(body[0])))
        return await super().handle(request)

    # -- search --------------------------------------------------------------------------------------------------

    def search_GetRecordingSummary(self, _: etree._Element) -> str:
        starts, ends = [one.stretches[0][0] for one in self.held], [one.stretches[-1][1] for one in self.held]
        return _element(
            "search",
            "GetRecordingSummaryResponse",
            f"<tse:Summary><tt:DataFrom>{utc(min(starts))}</tt:DataFrom><tt:DataUntil>{utc(max(ends))}</tt:DataUntil>"
            f"<tt:NumberRecordings>{len(self.held)}</tt:NumberRecordings></tse:Summary>",
        )

    def search_FindRecordings(self, _: etree._Element) -> str:
        return self._begun("FindRecordings", [self._information(one) for one in self.held])

    def search_GetRecordingSearchResults(self, asked: etree._Element) -> str:
        return self._page("GetRecordingSearchResults", asked)

    def search_FindEvents(self, asked: etree._Element) -> str | None:
        if not self.tells_gaps:
            return None
        if not self.filters and asked.find(".//{*}TopicExpression") is not None:
            return None
        start, end = (asked.findtext(f"{{*}}{name}") for name in ("StartPoint", "EndPoint"))
        token = asked.findtext(".//{*}IncludedRecordings")
        events = [
            event
            for one in self.held
            if one.token == token
            for event in self._events(one, datetime.fromisoformat(start), datetime.fromisoformat(end))
        ]
        return self._begun("FindEvents", events)

    def search_GetEventSearchResults(self, asked: etree._Element) -> str:
        return self._page("GetEventSearchResults", asked)

    def search_EndSearch(self, asked: etree._Element) -> str:
        del self._searches[asked.findtext("{*}SearchToken")]
        return _element("search", "EndSearchResponse", f"<tse:Endpoint>{utc(round(self.now() * 1e6))}</tse:Endpoint>")

    @property
    def searching(self) -> int:
        """Searches that were begun and not ended."""
        return len(self._searches)

    def _begun(self, name: str, results: list[str]) -> str:
        token = f"search-{len(self.asked)}"
        self._searches[token] = results
        return _element("search", f"{name}Response", f"<tse:SearchToken>{token}</tse:SearchToken>")

    def _page(self, name: str, asked: etree._Element) -> str:
        left = self._searches[asked.findtext("{*}SearchToken")]
        page, left[:] = left[: self.page], left[self.page :]
        state = "Searching" if left else "Completed"
        listed = f"<tt:SearchState>{state}</tt:SearchState>{''.join(page)}"
        return _element("search", f"{name}Response", f"<tse:ResultList>{listed}</tse:ResultList>")

    def _information(self, one: Held) -> str:
        start, end = one.stretches[0][0], one.stretches[-1][1]
        from_to = (start, end) if self.ranges else (0, 0)
        kinds = [("VIDEO001", "Video"), ("AUDIO001", "Audio")][: 1 + one.sound]
        tracks = "".join(
            f"<tt:Track><tt:TrackToken>{token}</tt:TrackToken><tt:TrackType>{kind}</tt:TrackType>"
            f"<tt:Description/><tt:DataFrom>{utc(from_to[0])}</tt:DataFrom><tt:DataTo>{utc(from_to[1])}</tt:DataTo>"
            "</tt:Track>"
            for token, kind in kinds
        )
        return (
            f"<tt:RecordingInformation><tt:RecordingToken>{one.token}</tt:RecordingToken><tt:Source>"
            f"<tt:SourceId>{one.source}</tt:SourceId><tt:Name>{one.name}</tt:Name><tt:Location/><tt:Description/>"
            f"<tt:Address/></tt:Source><tt:Content/>{tracks}"
            f"<tt:RecordingStatus>{'Recording' if one.growing else 'Stopped'}</tt:RecordingStatus>"
            "</tt:RecordingInformation>"
        )

    def _events(self, one: Held, start: datetime, end: datetime) -> list[str]:
        def moment(micros: int) -> datetime:
            return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)

        there = any(moment(first) <= start < moment(last) for first, last in one.stretches)
        found = [(start, there, True)]
        for index, (first, last) in enumerate(one.stretches):
            found.append((moment(first), True, False))
            if not (one.growing and index == len(one.stretches) - 1):
                found.append((moment(last), False, False))
        return [_event(one.token, at, state, first) for at, state, first in found if start <= at <= end]

    # -- replay --------------------------------------------------------------------------------------------------

    def replay_GetReplayUri(self, asked: etree._Element) -> str | None:
        token = asked.findtext("{*}RecordingToken")
        if token not in [one.token for one in self.held]:
            return None
        uri = self.replay.format(host=(self.named or self.where).partition(":")[0], token=token)
        return _element("replay", "GetReplayUriResponse", f"<trp:Uri>{uri}</trp:Uri>")


def _event(token: str, at: datetime, there: bool, first: bool) -> str:
    moment = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return (
        f"<tt:Result><tt:RecordingToken>{token}</tt:RecordingToken><tt:TrackToken>VIDEO001</tt:TrackToken>"
        f'<tt:Time>{moment}</tt:Time><tt:Event><n:Topic xmlns:n="{NOTIFY}" '
        'xmlns:tns1="http://www.onvif.org/ver10/topics" '
        'Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet">tns1:RecordingHistory/Track/State'
        f'</n:Topic><n:Message xmlns:n="{NOTIFY}"><tt:Message xmlns:tt="{SCHEMA}" UtcTime="{moment}" '
        f'PropertyOperation="Changed"><tt:Source><tt:SimpleItem Name="RecordingToken" Value="{token}"/>'
        '<tt:SimpleItem Name="Track" Value="VIDEO001"/></tt:Source><tt:Data>'
        f'<tt:SimpleItem Name="IsDataPresent" Value="{str(there).lower()}"/></tt:Data></tt:Message></n:Message>'
        f"</tt:Event><tt:StartStateEvent>{str(first).lower()}</tt:StartStateEvent></tt:Result>"
    )


def utc(micros: int) -> str:
    return (datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


__all__ = ["Held", "SoapRecorder", "utc"]
