"""What a recorder holds, by ONVIF's Recording Search Service: recordings, when there is footage in them, and gaps.

Not for: playing them (``session``). All instants here are the recorder's own UTC, in microseconds.
"""

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from agent.devices.onvif.times import instant, xml_time
from agent.devices.onvif.transport import SoapFault, invalid
from agent.sources.onvif.soap import REPLAY, SEARCH, Recorder
from exchange.bounded_xml import Element
from exchange.clock import SECOND, Window
from exchange.errors import CameraAnswerInvalid, NoFootage, SettingsInvalid

_SEARCH_SECONDS = 25.0
_MOST_RECORDINGS = 512
_MOST_EVENTS = 20_000
_ROUNDS = 200
_KEEP = "PT30S"
_TOPICS = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"
"""Times in 1970 or before: a recorder's word for "none"."""


@dataclass(frozen=True, slots=True)
class Recording:
    """``source``: what makes recordings one camera's. ``start``, ``end``: of its pictures; ``videos``: their tracks."""

    token: str
    source: str
    names: tuple[str, ...]
    start: int
    end: int
    recording: bool
    videos: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Footage without a known gap. ``growing``: it is still being recorded."""

    token: str
    start: int
    end: int
    growing: bool


async def recordings(recorder: Recorder) -> list[Recording]:
    """Every recording with pictures in it. Raises CameraAnswerInvalid and what ``Recorder.ask`` raises."""
    found: list[Element] = []
    try:
        begun = await recorder.ask(SEARCH, "FindRecordings", {"Scope": {}, "KeepAliveTime": _KEEP})
        found = await _results(recorder, begun, "GetRecordingSearchResults", "RecordingInformation", _MOST_RECORDINGS)
    except SoapFault as fault:
        raise invalid(f"it does not list its recordings ({fault})") from None
    if found and not any(_recording(one) for one in found):
        recorder.notes.append("It does not say from when to when its recordings reach; its summary was taken.")
        return await _by_summary(recorder, found)
    return [recording for one in found if (recording := _recording(one))]


async def _by_summary(recorder: Recorder, found: list[Element]) -> list[Recording]:
    try:
        summary = (await recorder.ask(SEARCH, "GetRecordingSummary")).at("Summary")
    except SoapFault as fault:
        raise invalid(f"it does not say from when to when it recorded ({fault})") from None
    start, end = (instant(summary.text_at(name) if summary else None) for name in ("DataFrom", "DataUntil"))
    if start is None or end is None or end <= start:
        return []
    return [recording for one in found if (recording := _recording(one, Window(start, end)))]


async def _results(recorder: Recorder, begun: Element, operation: str, name: str, most: int) -> list[Element]:
    """All results of a search that was begun. It is ended in any case, as recorders have few places for searches."""
    token = begun.text_at("SearchToken")
    if token is None or len(token) > 256:
        raise invalid("it began a search without saying which")
    found: list[Element] = []
    until = time.monotonic() + _SEARCH_SECONDS
    try:
        for _ in range(_ROUNDS):
            asked = {"SearchToken": token, "MinResults": "1", "MaxResults": "100", "WaitTime": "PT5S"}
            answer = (await recorder.ask(SEARCH, operation, asked)).at("ResultList")
            came = [child for child in answer.children if child.name == name] if answer else []
            found += came
            state = (answer.text_at("SearchState") or "") if answer else "Completed"
            if len(found) > most:
                raise invalid("its search has more results than it can need")
            # Some stay "Searching" for ever, or say "Completed" while results are still to be had.
            if (state != "Searching" and len(came) < 100) or (not came and time.monotonic() > until - 15):
                break
            if time.monotonic() > until:
                recorder.notes.append("Its search took too long; what it had found by then was taken.")
                break
    finally:
        with suppress(SoapFault, CameraAnswerInvalid):
            await recorder.ask(SEARCH, "EndSearch", {"SearchToken": token})
    return found


def _recording(reported: Element, usual: Window | None = None) -> Recording | None:
    token = reported.text_at("RecordingToken")
    if token is None or len(token) > 256:
        return None
    tracks = [child for child in reported.children if child.name == "Track"]
    videos = [track for track in tracks if (track.text_at("TrackType") or "").lower() == "video"]
    if tracks and not videos:
        return None
    starts = _known(track.text_at("DataFrom") for track in videos)
    ends = _known(track.text_at("DataTo") for track in videos)
    start = min(starts) if starts else _first(reported.text_at("EarliestRecording"), usual.start if usual else None)
    end = max(ends) if ends else _first(reported.text_at("LatestRecording"), usual.end if usual else None)
    recording = (reported.text_at("RecordingStatus") or "").lower() == "recording"
    if start is None or end is None or end <= start:
        return None
    source = reported.at("Source")
    names = tuple(
        text for name in ("SourceId", "Name", "Location", "Address") if source and (text := source.text_at(name))
    )
    tokens = tuple(text for track in videos if (text := track.text_at("TrackToken")))
    return Recording(token, names[0] if names else token, (token, *names), start, end, recording, tokens)


def _known(texts: Iterable[str | None]) -> list[int]:
    return [moment for text in texts if (moment := instant(text)) is not None]


def _first(text: str | None, usual: int | None) -> int | None:
    found = instant(text)
    return usual if found is None else found


def chosen(found: list[Recording], wanted: str) -> list[Recording]:
    """The recordings of one camera: of the source with this name, token or number, or of the only one."""
    sources = list(dict.fromkeys(recording.source for recording in found))
    if wanted:
        if matching := [recording for recording in found if wanted in recording.names]:
            return matching
        if wanted.isdecimal() and 1 <= int(wanted) <= len(sources):
            return [recording for recording in found if recording.source == sources[int(wanted) - 1]]
        if not found:
            return []
        raise SettingsInvalid(
            f"The recorder has no recording {wanted!r}.",
            meaning=_recording_names(found, sources),
            do="Choose one of them.",
        )
    if len(sources) > 1:
        raise SettingsInvalid(
            f"The recorder has recordings of {len(sources)} cameras.",
            meaning=_recording_names(found, sources),
            do="Say which one is meant: --option recording=NUMBER, or its name.",
        )
    return found


def beside(recording: Recording, listed: list[Recording]) -> bool:
    """Whether it ran at the same time as one that is listed before it, as a sub-stream's recording does."""
    before = listed[: listed.index(recording)]
    return any(each.start < recording.end and each.end > recording.start for each in before)


def _recording_names(found: list[Recording], sources: list[str]) -> str:
    named = {recording.source: recording.names[-1] for recording in reversed(found)}
    words = [f"{number}: {named[source]}" for number, source in enumerate(sources[:32], 1)]
    return "There are " + "".join(filter(str.isprintable, "; ".join(words)))[:600] + "."


async def stretches(recorder: Recorder, recording: Recording, window: Window, now: int) -> list[Stretch]:
    """What there is of a window, between gaps as far as the recorder tells of them by its events."""
    start, end = max(recording.start, window.start), min(recording.end, window.end)
    if end <= start:
        return []
    present = await _present(recorder, recording, window)
    # A recording still going on tells its end now and then only.
    growing = recording.recording and recording.end > now - 120 * SECOND
    found = []
    for one in present if present is not None else [Window(start, end)]:
        inside = one.intersect(Window(start, end))
        if inside is not None:
            found.append(Stretch(recording.token, inside.start, inside.end, growing and inside.end >= recording.end))
    return found


async def _present(recorder: Recorder, recording: Recording, window: Window) -> list[Window] | None:
    """When there was data, by the events of RecordingHistory (Recording Search, 5.24); None when it tells none."""
    asked = {
        "StartPoint": xml_time(window.start),
        "EndPoint": xml_time(window.end),
        "Scope": {"tt:IncludedRecordings": recording.token},
        "SearchFilter": {"wsnt:TopicExpression": {"@Dialect": _TOPICS, "#": "tns1:RecordingHistory//."}},
        "IncludeStartState": "true",
        "KeepAliveTime": _KEEP,
    }
    events: list[Element] = []
    for content in (asked, {**asked, "SearchFilter": {}}):
        try:
            begun = await recorder.ask(SEARCH, "FindEvents", content)
            events = await _results(recorder, begun, "GetEventSearchResults", "Result", _MOST_EVENTS)
            break
        except (SoapFault, CameraAnswerInvalid):
            continue
    changes = _changes(events, recording)
    if not changes:
        recorder.notes.append("It does not tell of gaps inside its recordings; those show when they are fetched.")
        return None
    return _windows(changes, window)


def _changes(events: list[Element], recording: Recording) -> list[tuple[int, bool]]:
    """Instants and whether there is data from then on. A track's own state is worth more than its recording's."""
    found: dict[str, list[tuple[int, bool]]] = {"Track/State": [], "Recording/State": []}
    for event in events:
        if event.text_at("RecordingToken") not in (None, recording.token):
            continue
        holder = event.at("Event")
        topic = (holder.text_at("Topic") or "") if holder else ""
        kind = next((kind for kind in found if topic.endswith(kind)), None)
        moment = instant(event.text_at("Time"))
        if kind is None or moment is None or holder is None:
            continue
        track = event.text_at("TrackToken")
        if kind == "Track/State" and recording.videos and track and track not in recording.videos:
            continue
        items = {item.attributes.get("Name", ""): item.attributes.get("Value", "") for item in holder.all("SimpleItem")}
        value = items.get("IsDataPresent" if kind == "Track/State" else "IsRecording")
        if value is not None:
            found[kind].append((moment, value.strip().lower() in ("true", "1")))
    return sorted(found["Track/State"] or found["Recording/State"])


def _windows(changes: list[tuple[int, bool]], window: Window) -> list[Window]:
    # What was before the first change is its contrary.
    since = window.start if not changes[0][1] else None
    found = []
    for moment, there in changes:
        if there and since is None:
            since = max(moment, window.start)
        elif not there and since is not None:
            if moment > since:
                found.append(Window(since, moment))
            since = None
    if since is not None and since < window.end:
        found.append(Window(since, window.end))
    return found


async def replay_uri(recorder: Recorder, token: str) -> str:
    """Where a recording is played, on the host that was reached, without user info."""
    setup = {"tt:Stream": "RTP-Unicast", "tt:Transport": {"tt:Protocol": "RTSP"}}
    try:
        answer = await recorder.ask(REPLAY, "GetReplayUri", {"StreamSetup": setup, "RecordingToken": token})
    except SoapFault as fault:
        raise NoFootage(
            f"The recorder does not play this recording ({fault}).",
            meaning="It may have been overwritten, or replay be switched off.",
            do="Look at that time on the recorder itself.",
        ) from None
    uri = recorder.reached.stream(answer.text_at("Uri"), recorder.credentials)
    if uri is None:
        raise invalid("it gave no usable address for its replay")
    return uri
