"""The evidence manifest, ``evidence.json``: what a package holds, where it comes from, and what was done to it.

Not for: saying it in words (``exchange.package.readme``), the bag it lies in (``exchange.package.contents``), or
checking it (``exchange.verify.checking``).
"""

import hashlib
import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from exchange.clock import MINUTE, Instant, Window, read_time, to_rfc3339
from exchange.documents.clock_facts import Clocks
from exchange.documents.copies import CopyKind
from exchange.documents.footage_facts import Master, Operation, SourceSegment, TrackKind, WorkingCopy
from exchange.documents.messages import (
    DecidedBy,
    Document,
    Fingerprint,
    GapNote,
    Id,
    Line,
    Part,
    Place,
    Sha256,
    Stretch,
    Text,
    one_line,
)
from exchange.documents.retrieval_facts import LocalTime, Retrieval, StreamSetting


class Edition(Part):
    """A package that is sent again because what was sent could not be played: the same masters, and another copy."""

    number: Annotated[int, Field(ge=2, le=1000)]
    previous_sha256: Sha256
    """Of the manifest of the edition before."""
    complaint_id: Id
    """The officer's document that told so, or the owner's note of it."""
    copies: Annotated[tuple[CopyKind, ...], Field(min_length=1, max_length=8)]
    """The kinds of working copies that were added."""
    decided: Instant
    decided_by: DecidedBy
    """Whoever said that it is sent again."""


def _with_offset(text: str) -> str:
    read_time(text)
    return text


DeviceTime = Annotated[str, Field(max_length=40), AfterValidator(_with_offset)]
"""A time as the device shows it, in RFC 3339 with the offset that the device is set to."""


class Site(Part):
    """Where the camera is."""

    name: Line
    address: Line | None = None
    contact: Line | None = None
    """How whoever is responsible for the system is reached."""


class CameraFacts(Part):
    """The camera, as it says of itself and as its owner registered it."""

    camera_id: Id
    label: Line
    make: Line | None = None
    model: Line | None = None
    serial: Line | None = None
    firmware: Line | None = None
    place: Place | None = None
    direction: Annotated[float, Field(ge=0, lt=360)] | None = None
    """Degrees clockwise from true north to the middle of the view."""
    field_of_view: Annotated[float, Field(gt=0, le=360)] | None = None
    """Degrees."""


class Source(Part):
    """What recorded the pictures, and how they were read from it."""

    make: Line
    model: Line | None = None
    firmware: Line | None = None
    how_read: Line
    """Such as 'RTSP over TCP, packets copied into segments as they came'."""
    serial: Line | None = None
    machine: Line | None = None
    """The computer that records, where it is one with a recording program; ``serial`` is then that computer's."""
    registered_cameras: Annotated[int, Field(ge=1, le=256)] | None = None
    """How many cameras the owner registered for officers to find; there may be others. None when none is."""
    retention_days: Annotated[int, Field(ge=0, le=3650)] | None = None
    """For how long recordings of this camera are kept before they are overwritten."""
    setting: StreamSetting | None = None


class DisplayedStretch(Part):
    start: DeviceTime = Field(alias="from")
    end: DeviceTime = Field(alias="to")


class Windows(Part):
    """What was asked for, what the owner approved, and what is in the masters."""

    requested: Stretch
    approved: Stretch
    narrowed: Stretch | None = None
    """What the owner shortened the requested window to; None when they did not."""
    delivered: Stretch
    """From the first frame's presentation time to the last frame's end."""
    delivered_as_displayed: DisplayedStretch | None = None
    """The delivered window as the device's own clock shows it; None when that clock was never checked. At the earliest,
    where its offset is a range."""
    delivered_as_displayed_latest: DisplayedStretch | None = None
    """At the latest, where its offset is a range."""


class KeyFrameMode(StrEnum):
    """Where a copy begins: it can only do so at a key frame."""

    BEFORE = "key-frame-at-or-before"
    INSIDE = "first-key-frame-inside"


class Widening(Part):
    """How the delivered window differs from the requested one."""

    mode: KeyFrameMode
    before_us: int
    """Microseconds that the copy begins before the requested time; negative when it begins after it."""
    after_us: int
    """Microseconds that the copy ends after the requested time; negative when it ends before it."""


class Sound(Part):
    requested: bool
    approved: bool
    delivered: bool

    @model_validator(mode="after")
    def _none_without_approval(self) -> Self:
        if self.delivered and not self.approved:
            raise ValueError("sound was delivered that was not approved")
        return self


class Observation(Part):
    """What the owner noted of a moment in the recording."""

    at: Instant
    text: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(one_line)]


def observations_sha256(observed: Sequence[Observation]) -> str | None:
    """What a decision names the owner's notes by: SHA-256 of their JSON, lower-case hex. None when there are none."""
    if not observed:
        return None
    text = json.dumps([note.model_dump(mode="json") for note in observed], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Evidence(Document):
    """The manifest of one package: one camera, one window. Signed by the device key."""

    kind: Literal["evidence.v1"] = "evidence.v1"
    schema_version: Annotated[int, Field(ge=1, le=1)] = 1
    evidence_id: Id
    exhibit_reference: Line
    crime_reference: Line
    request_id: Id
    request_sha256: Sha256
    decision_sha256: Sha256
    site: Site
    camera: CameraFacts
    source: Source
    windows: Windows
    gaps: Annotated[tuple[GapNote, ...], Field(max_length=1000)] = ()
    widening: Widening
    clocks: Clocks
    sound: Sound
    masters: Annotated[tuple[Master, ...], Field(min_length=1, max_length=200)]
    working_copies: Annotated[tuple[WorkingCopy, ...], Field(max_length=200)] = ()
    segments: Annotated[tuple[SourceSegment, ...], Field(min_length=1, max_length=1000)]
    operation: Operation
    retrieval: Retrieval | None = None
    local_time: LocalTime | None = None
    agent_version: Line
    device: Fingerprint
    issued: Instant
    notes: Annotated[tuple[Text, ...], Field(max_length=50)] = ()
    """Limits that a reader should know."""
    observed: Annotated[tuple[Observation, ...], Field(max_length=50)] = ()
    """What the owner noted, each at a moment of the delivered window."""
    edition: Edition | None = None
    """None: the first, which was sent before any other."""

    @property
    def files(self) -> tuple[Master | WorkingCopy, ...]:
        """Every recording in the package."""
        return (*self.masters, *self.working_copies)

    @model_validator(mode="after")
    def _masters_are_the_delivered_window(self) -> Self:
        starts = [master.first_frame for master in self.masters]
        if starts != sorted(starts):
            raise ValueError("the masters are not in the order of time")
        delivered = self.windows.delivered
        # They may overlap: where the recording host's clock was set back, the same hour was recorded twice.
        if (delivered.start, delivered.end) != (starts[0], max(master.end for master in self.masters)):
            raise ValueError("the delivered window is not that of the masters")
        paths = [file.path for file in self.files]
        if len(set(paths)) != len(paths):
            raise ValueError("two files have the same path")
        return self

    @model_validator(mode="after")
    def _what_is_said_of_the_windows_follows_from_them(self) -> Self:
        requested, delivered = self.windows.requested, self.windows.delivered
        differences = (requested.start - delivered.start, delivered.end - requested.end)
        if (self.widening.before_us, self.widening.after_us) != differences:
            raise ValueError("the widening is not the difference between requested and delivered")
        sound = any(track.kind is TrackKind.AUDIO for master in self.masters for track in master.tracks)
        if sound != self.sound.delivered:
            raise ValueError("the sound that is said to be delivered is not that of the masters")
        if any(not delivered.start <= note.at < delivered.end for note in self.observed):
            raise ValueError("a note is of a moment that was not delivered")
        return self


def widening(mode: KeyFrameMode, requested: Window, delivered: Window) -> Widening:
    """How the delivered window differs from the requested one."""
    return Widening(mode=mode, before_us=requested.start - delivered.start, after_us=delivered.end - requested.end)


def as_displayed(
    window: Window, offset_us: int, zone_minutes: int, end_zone_minutes: int | None = None
) -> DisplayedStretch:
    """A window of true time as a device shows it whose clock is ``offset_us`` ahead and set to a zone east of UTC.

    ``end_zone_minutes``: the zone at the window's end, where it changes to or from summer time in between.
    """
    at_end = zone_minutes if end_zone_minutes is None else end_zone_minutes
    return DisplayedStretch(
        start=_displayed(window.start + offset_us, zone_minutes), end=_displayed(window.end + offset_us, at_end)
    )


def _displayed(instant: int, zone_minutes: int) -> str:
    sign, zone = "-" if zone_minutes < 0 else "+", abs(zone_minutes)
    local = to_rfc3339(instant + zone_minutes * MINUTE).removesuffix("Z")
    return f"{local}{sign}{zone // 60:02d}:{zone % 60:02d}"
