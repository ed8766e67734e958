"""The evidence manifest of one approved cut: what was asked, approved and copied, from where, by which clock.

Not for: the cut itself (``clip.py``), or sealing (``seal.py``).
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from agent.devices.camera_facts import CameraFacts as DeviceFacts
from agent.devices.clock_history import Around
from agent.devices.time_zones import seconds_east
from agent.footage.provenance import SourceProvenance
from agent.host.clock import HostClock
from agent.host.local_zone import cameras_time, hosts_time
from agent.host.machine import UNKNOWN, Machine
from agent.media import facts
from agent.recordings.layout import parse as parse_name
from agent.requests.camera_signing.looking import Signing
from agent.requests.clocks import clock_check_entry, displayed, host_clock_entry, offset_range
from agent.requests.decision import Approval, ApprovedCut
from agent.requests.plan import PlannedCamera
from exchange import VERSION
from exchange.clock import SECOND, Window
from exchange.documents.clock_facts import Clocks
from exchange.documents.clock_facts import HostClock as HostClockEntry
from exchange.documents.evidence import CameraFacts, Evidence, KeyFrameMode, Site, Sound, Source, Windows, widening
from exchange.documents.footage_facts import Master, Operation, SourceSegment, Tool, Track, TrackKind, WorkingCopy
from exchange.documents.messages import CameraRegistration, Fingerprint, Stretch
from exchange.documents.retrieval_facts import LocalTime, Retrieval, StreamSetting
from exchange.signing.documents import document_sha256

_MOST_NOTES = 50
_MODES = {"before": KeyFrameMode.BEFORE, "inside": KeyFrameMode.INSIDE}
_KINDS = {"video": TrackKind.VIDEO, "audio": TrackKind.AUDIO}
_HOW_READ = "RTSP over TCP from the camera, packets copied into segments by Handover's recorder as they came"
_UTC_FROM = "the clock of the recording host, when the pictures arrived there; they are older by the camera's delay"


@dataclass(frozen=True)
class CameraKnown:
    """What the agent knows of the camera: as the owner registered it, and as it says of itself."""

    registration: CameraRegistration | None
    device: DeviceFacts | None
    clock: Around | None = None
    """The comparisons of its clock, or of that of the recorder it is on, around the window."""
    stream_uri: str = ""
    """The stream that it is recorded from; it only tells which of the camera's own words are about that."""


@dataclass(frozen=True)
class SystemKnown:
    """What the agent knows of the system as a whole, and of when the copy was taken."""

    owner: str
    contact: str | None = None
    registered_cameras: int = 0
    cut: tuple[int, int] | None = None
    """When cutting began and ended, microseconds UTC; None of a cut of an older version."""
    machine: Machine = UNKNOWN
    """The computer that records."""
    zone: str | None = None
    """The IANA name of the host's time zone."""


def build(
    approval: Approval,
    cut: ApprovedCut,
    result: facts.CutResult,
    working: tuple[list[WorkingCopy], list[str]],
    signing: list[Signing],
    camera: CameraKnown,
    system: SystemKnown,
    *,
    exhibit_reference: str,
    device: Fingerprint,
    host: HostClock,
    issued: int,
) -> Evidence:
    """The manifest, whole. Its own validation refuses what contradicts itself.

    ``working``: the working copies, and notes on those that were not made. ``signing``: what the camera signed of each
    master.
    """
    copies, missing = working
    told = zip(result.masters, signing, strict=True)
    missing = [*missing, *filter(None, (each.note(master.file) for master, each in told))]
    delivered = Window(result.masters[0].first_us, max(map(_end, result.masters)))
    requested, planned = cut.camera.requested.window, cut.camera
    clocks = _clocks(camera.clock, host_clock_entry(host, issued), planned.source, host.synchronised)
    shown, latest = (None, None) if camera.clock is None else displayed(camera.clock, delivered)
    sound = any(track.kind == "audio" for master in result.masters for track in master.tracks)
    return Evidence(
        evidence_id=cut.evidence_id,
        exhibit_reference=exhibit_reference,
        crime_reference=approval.request.crime_reference,
        request_id=approval.request.request_id,
        request_sha256=document_sha256(approval.signed_request),
        decision_sha256=document_sha256(approval.signed_decision),
        site=Site(name=system.owner, address=_place_text(camera.registration), contact=system.contact),
        camera=_camera(planned.camera_id, planned.label, camera),
        source=_source(planned.source, camera, system),
        windows=Windows(
            requested=planned.requested,
            narrowed=planned.narrowed,
            approved=Stretch.of(planned.actual.window) if planned.actual else planned.requested,
            delivered=Stretch.of(delivered),
            delivered_as_displayed=shown,
            delivered_as_displayed_latest=latest,
        ),
        gaps=planned.gaps,
        widening=widening(_MODES[planned.trim], requested, delivered),
        clocks=clocks,
        sound=Sound(requested=planned.sound_asked, approved=cut.sound, delivered=sound),
        masters=tuple(_master(master, each) for master, each in zip(result.masters, signing, strict=True)),
        working_copies=tuple(copies),
        segments=tuple(_segments(result, planned.source)),
        operation=Operation(
            exactly=result.masters[0].operation,
            tools=tuple(Tool(name=name, version=version) for name, version in sorted(result.tools.items())),
        ),
        retrieval=_retrieval(approval, system),
        local_time=_local_time(camera.clock, _around(requested, delivered), system.zone),
        agent_version=VERSION,
        device=device,
        issued=issued,
        notes=_notes(planned, result.masters, missing),
        observed=cut.observed,
    )


def _end(master: facts.Master) -> int:
    return master.first_us + master.duration_us


def _master(master: facts.Master, signing: Signing) -> Master:
    return Master(
        path=f"data/{master.file}",
        sha256=master.sha256,
        size=master.size,
        container=master.container,
        codec=master.codec,
        width=master.width,
        height=master.height,
        frames=master.frames,
        first_frame=master.first_us,
        last_frame=master.last_us,
        end=_end(master),
        duration_us=master.duration_us,
        tracks=tuple(
            Track(
                kind=_KINDS.get(track.kind, TrackKind.DATA),
                codec=track.codec,
                packets=track.packets,
                stream_sha256_before=track.before,
                stream_sha256_after=track.after,
            )
            for track in master.tracks
        ),
        camera_signatures=signing.signatures or None,
        user_data=signing.user_data or None,
    )


def _source(answer: SourceProvenance | None, camera: CameraKnown, system: SystemKnown) -> Source:
    """What recorded it: Handover's own recorder, or the one that its window was fetched from."""
    days = camera.registration.retention_days if camera.registration else None
    registered = system.registered_cameras or None
    if answer is None:
        return Source(
            make="Handover",
            model="recorder",
            firmware=VERSION,
            how_read=_HOW_READ,
            serial=system.machine.serial,
            machine=system.machine.model,
            registered_cameras=registered,
            retention_days=days,
            setting=_setting(camera),
        )
    return Source(
        make=(answer.make or answer.title)[:200],
        model=answer.model or None,
        firmware=answer.firmware or None,
        serial=answer.serial or None,
        how_read=answer.how_read,
        registered_cameras=registered,
        retention_days=days,
    )


def _setting(camera: CameraKnown) -> StreamSetting | None:
    """How the camera said that it encodes the stream that is recorded."""
    profiles = camera.device.profiles if camera.device and camera.stream_uri else ()
    found = next((profile for profile in profiles if profile.stream_uri == camera.stream_uri), None)
    if found is None:
        return None
    return StreamSetting(
        codec=found.codec or None,
        width=found.width or None,
        height=found.height or None,
        frames_per_second=found.fps or None,
        kilobits_per_second=found.bitrate_kbps or None,
        sound=found.audio or None,
    )


def _retrieval(approval: Approval, system: SystemKnown) -> Retrieval | None:
    if system.cut is None:
        return None
    by = approval.decision.decided_by
    started, finished = system.cut
    # A host's clock that was set back meanwhile says nothing of how long it took.
    return Retrieval(by=by.name if by else system.owner, started=min(started, finished), finished=finished)


def _local_time(clock: Around | None, window: Window, zone: str | None) -> LocalTime | None:
    """By this host's zone, where it has one; else by the camera's, where it told one."""
    if zone is not None:
        return hosts_time(window, zone)
    named = None if clock is None else clock_check_entry(clock.best).zone
    if clock is None or named is None:
        return None
    check = clock.best

    def offset(instant: int) -> int:
        return (seconds_east(check.zone, instant, daylight_saving=check.daylight_saving) or 0) // 60

    return cameras_time(window, named, offset)


def _around(requested: Window, delivered: Window) -> Window:
    return Window(min(requested.start, delivered.start), max(requested.end, delivered.end))


def _segments(result: facts.CutResult, answer: SourceProvenance | None) -> list[SourceSegment]:
    """Every segment that was copied from, once, as its name and its bytes say."""
    fetched = {file.name.rpartition("/")[2]: file for file in answer.files} if answer is not None else {}
    segments: dict[Path, SourceSegment] = {}
    for master in result.masters:
        for source in master.sources:
            name = parse_name(source.path.name)
            end = name.end if name is not None and name.duration else _end(master)
            file = fetched.get(source.path.name)
            end = end if file is None else file.end
            segments[source.path] = SourceSegment(
                name=source.path.name,
                start=source.start_us,
                end=max(end, source.start_us + 1),
                sha256=source.sha256,
                size=source.size,
                torn=not source.whole or ".torn." in source.path.name or (file is not None and file.torn),
            )
    return list(segments.values())


def _camera(camera_id: str, label: str, known: CameraKnown) -> CameraFacts:
    registration, device = known.registration, known.device
    return CameraFacts(
        camera_id=camera_id,
        label=label,
        make=(device.make or None) if device else None,
        model=(device.model or None) if device else None,
        serial=(device.serial or None) if device else None,
        firmware=(device.firmware or None) if device else None,
        place=registration.place if registration else None,
        direction=registration.direction if registration else None,
        field_of_view=registration.field_of_view if registration else None,
    )


def _clocks(
    around: Around | None, host: HostClockEntry, answer: SourceProvenance | None, synchronised: bool | None
) -> Clocks:
    """What is known of the clocks."""
    utc_from = _UTC_FROM if answer is None else answer.utc_from
    if around is None:
        return Clocks(camera_checked=False, host_synchronised=synchronised, host=host, utc_from=utc_from)
    return Clocks(
        camera_checked=True,
        camera=clock_check_entry(around.best),
        camera_other=None if around.other is None else clock_check_entry(around.other),
        camera_range=offset_range(around),
        host_synchronised=synchronised,
        host=host,
        utc_from=utc_from,
    )


def _place_text(registration: CameraRegistration | None) -> str | None:
    return registration.place.description if registration else None


def _notes(planned: PlannedCamera, masters: tuple[facts.Master, ...], missing: list[str]) -> tuple[str, ...]:
    answer = planned.source
    notes = [f"A recorded file could not be read: {entry}" for entry in planned.unreadable]
    notes += [*planned.notes, *missing]
    if any(after.first_us < _end(before) for before, after in pairwise(masters)):
        notes.append(
            "The recording host's clock was set back within this window: the times of some masters overlap, though "
            "they were recorded one after the other. Nothing is in them twice."
        )
    if answer is not None:
        notes += answer.notes
        for file in answer.files:
            name = file.name.rpartition("/")[2]
            notes += [f"{name}: {note}" for note in file.notes]
            if file.torn:
                notes.append(f"{name}: its end was lost, at the recorder or on the way; what came was used.")
            if file.remux is not None:
                notes.append(file.remux.as_text(name))
        seconds = answer.uncertainty_us / SECOND
        notes.append(f"The times of these recordings may be off by {seconds:.1f} s: {answer.utc_from}.")
    return tuple(note[:4000] for note in notes[:_MOST_NOTES])
