"""READ-ME-FIRST.html: the evidence manifest in plain words, for whoever opens a package without knowing it.

The page has no script and loads nothing but the contact sheet beside it. The same documents make the same page, which
the device signs. Not for: what a program reads (``exchange.documents.evidence``).
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from exchange.counted import counted
from exchange.documents.copies import CopyKind
from exchange.documents.evidence import DisplayedStretch, Evidence, KeyFrameMode, Widening, Windows
from exchange.documents.footage_facts import WorkingCopy
from exchange.documents.human_time import device_time_text, duration_text, time_text, wall_text, zone_text
from exchange.documents.messages import Credential, Decision, Place, Request, Stretch
from exchange.documents.noted import IDENTIFIED_WORDS, NotedOfficer, NotedRequest
from exchange.package.clock_words import clock_sentences, display_sentences, host_warning, is_place
from exchange.package.drawing import plan
from exchange.package.limits import limits, play_sentences
from exchange.package.signature_words import signature_sentences
from exchange.signing.sshsig import PublicKey

CONTACT_SHEET = "data/working/contact-sheet.jpg"
"""The working copy that the page shows, where the manifest lists it."""
_TEMPLATE = "read_me_first.html"
_STYLE = "read_me_first.css"
_KINDS = {
    CopyKind.PLAYABLE: "for players",
    CopyKind.AVI: "AVI for old players",
    CopyKind.ENHANCED: "enhanced",
    CopyKind.TIGHT: "exactly the stretch that was asked for",
    CopyKind.SMALLER: "smaller files",
    CopyKind.QUALITY: "report of the pictures’ quality",
    CopyKind.CONTACT_SHEET: "contact sheet",
}
_FORMATS = {
    "h264": "H.264",
    "hevc": "H.265",
    "h265": "H.265",
    "mjpeg": "Motion JPEG",
    "mp4": "MP4",
    "matroska": "Matroska",
    "aac": "AAC",
    "opus": "Opus",
    "pcm_alaw": "G.711 A-law",
    "pcm_mulaw": "G.711 µ-law",
}
_COMPASS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")


@dataclass(frozen=True)
class _Drawn:
    """The camera as it is drawn: how far it sees is not in the manifest."""

    camera_id: str
    label: str
    place: Place
    direction: float | None
    field_of_view: float | None
    range_m: float | None = None


def render_readme(
    evidence: Evidence,
    request: Request | NotedRequest,
    officer: Credential | NotedOfficer,
    decision: Decision,
    *,
    device: PublicKey,
    force: PublicKey | None,
    bag_name: str,
    stamps: Sequence[str] = (),
) -> bytes:
    """The page in UTF-8. ``bag_name`` is the folder that unzipping makes; ``stamps``: the paths of its time stamps."""
    template, style = _template()
    style += _footer(evidence.exhibit_reference)
    camera = evidence.camera
    facts = [camera.make, camera.model, camera.serial and f"serial number {camera.serial}"]
    facts.append(camera.firmware and f"firmware {camera.firmware}")
    windows = evidence.windows
    page = template.render(
        evidence=evidence,
        request=request,
        officer=officer,
        noted=request if isinstance(request, NotedRequest) else None,
        officer_text=_officer_text(officer),
        identified=IDENTIFIED_WORDS,
        decision=decision,
        device=device,
        force=force,
        bag_name=bag_name,
        stamps=stamps,
        signature_sentences=signature_sentences,
        facts=", ".join(fact for fact in facts if fact),
        recorder=", ".join(filter(None, _recorder(evidence))),
        setting=_setting(evidence),
        shown_us=sum(master.duration_us for master in evidence.masters),
        torn=sum(segment.torn for segment in evidence.segments),
        windows=_windows(windows),
        displayed=_displayed(windows),
        place_zone=_place_zone(evidence),
        widening_text=widening_text(evidence.widening),
        local=lambda instant: _local(evidence, instant),
        looks=None if camera.direction is None else _COMPASS[round(camera.direction / 45) % 8],
        plan=_plan(evidence, request),
        sheet=next((copy for copy in evidence.working_copies if copy.path == CONTACT_SHEET), None),
        display_sentences=display_sentences(evidence),
        clock_sentences=clock_sentences(evidence.clocks, evidence.windows.delivered.window),
        host_warning=host_warning(evidence.clocks),
        play_sentences=play_sentences(evidence),
        limits=limits(evidence, request),
        style=Markup(style),  # noqa: S704 - our own file; the one value in it is escaped letter by letter
        style_hash="sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )
    return page.encode()


def _footer(reference: str) -> str:
    """What stands at the foot of each printed page: every letter of the reference as a CSS escape."""
    letters = "".join(
        letter if letter.isascii() and letter.isalnum() else f"\\{ord(letter):x} " for letter in reference
    )
    return f'@page {{ @bottom-left {{ content: "Exhibit {letters}"; }} }}\n'


def _officer_text(officer: Credential | NotedOfficer) -> str:
    """Who asked, on one line."""
    named = f"{officer.rank} {officer.name}" if officer.rank else officer.name
    return ", ".join(filter(None, (named, officer.collar_number, officer.unit, officer.force)))


def _recorder(evidence: Evidence) -> list[str | None]:
    source = evidence.source
    named = f"{source.make} {source.model}" if source.model else source.make
    machine = source.machine and f"on {source.machine}"
    return [named, source.firmware, machine, source.serial and f"serial number {source.serial}"]


def _setting(evidence: Evidence) -> str | None:
    """How the camera was set to encode, as it told it."""
    setting = evidence.source.setting
    if setting is None:
        return None
    size = f"{setting.width} × {setting.height}" if setting.width and setting.height else None
    rate = f"{counted(setting.frames_per_second, 'frame')} a second" if setting.frames_per_second else None
    flow = f"{setting.kilobits_per_second:,} kbit/s" if setting.kilobits_per_second else None
    sound = f"sound {setting.sound}" if setting.sound else None
    return ", ".join(filter(None, (setting.codec, size, rate, flow, sound))) or None


def _local(evidence: Evidence, instant: int) -> tuple[str, str] | None:
    """A moment of the windows in local time, and that time's offset; None where the local time is not known."""
    local = evidence.local_time
    return None if local is None else (wall_text(local.wall_clock(instant)), zone_text(local.offset_at(instant)))


def _place_zone(evidence: Evidence) -> str | None:
    zone = None if evidence.local_time is None else evidence.local_time.zone
    return zone if zone is not None and is_place(zone) else None


def _plan(evidence: Evidence, request: Request | NotedRequest) -> Markup:
    """Where the camera stands and looks, and where it happened; nothing where the camera's place is not known."""
    camera = evidence.camera
    if camera.place is None:
        return Markup("")
    drawn = _Drawn(camera.camera_id, camera.label, camera.place, camera.direction, camera.field_of_view)
    return plan([drawn], frozenset({camera.camera_id}), request.incident.location, _in_english)


def _in_english(text: str, **values: object) -> str:
    return text % values


def _windows(windows: Windows) -> list[tuple[str, Stretch]]:
    shortened = [("Shortened by the owner to", windows.narrowed)] if windows.narrowed else []
    rows = [("Asked for", windows.requested), *shortened]
    return [*rows, ("Approved", windows.approved), ("Delivered", windows.delivered)]


def _displayed(windows: Windows) -> list[tuple[str, DisplayedStretch]]:
    """The rows that tell what the camera's own clock showed."""
    shown, latest = windows.delivered_as_displayed, windows.delivered_as_displayed_latest
    if shown is None:
        return []
    if latest is None:
        return [("As the camera’s clock shows it", shown)]
    return [("As the camera’s clock shows it, at the earliest", shown), ("… at the latest", latest)]


def widening_text(widening: Widening) -> str:
    """How the delivered window differs from what was asked for, and why."""
    start, end = widening.before_us, widening.after_us
    if not start and not end:
        return "What was delivered begins and ends exactly where it was asked for."
    parts = [
        f"begins {duration_text(start)} {'earlier' if start > 0 else 'later'} than" if start else "begins exactly when",
        f"ends {duration_text(end)} {'later' if end > 0 else 'earlier'} than" if end else "ends exactly when",
    ]
    why = {
        KeyFrameMode.BEFORE: "here at the last one at or before the time that was asked for",
        KeyFrameMode.INSIDE: "here at the first one after the time that was asked for",
    }[widening.mode]
    return (
        f"The copy {' asked for, and '.join(parts)} asked for. A copy can begin only at a key frame; it begins {why}."
    )


@cache
def _template() -> tuple[Template, str]:
    environment = Environment(
        loader=PackageLoader("exchange.package", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=False
    )
    environment.globals.update(
        time=time_text,
        duration_text=duration_text,
        device_time=device_time_text,
        relative=_relative,
        copy_name=_copy_name,
        format_name=_format_name,
    )
    loader = environment.loader
    assert loader is not None
    return environment.get_template(_TEMPLATE), loader.get_source(environment, _STYLE)[0]


def _copy_name(copy: WorkingCopy) -> str:
    """What a working copy is, by its kind."""
    return "Working copy" if copy.kind is None else f"Working copy, {_KINDS[copy.kind]}"


def _format_name(name: str) -> str:
    """A codec or container as people write it."""
    return _FORMATS.get(name.lower(), name)


def _relative(path: str) -> str:
    """A file of the payload as the page, which lies in ``data/``, names it."""
    return path.removeprefix("data/")
