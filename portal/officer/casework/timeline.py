"""Opened packages of a case on one line of time: which file shows which moment, and how sure its time is.

The manifest's times are true times: the agent took the camera's or recorder's own error off before it wrote them. What
is left is the error of the clock that they were taken from, as its keeper told it; that is taken off here.

Not for: playing (the page's script), or checking a package (``exchange.verify.checking``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from exchange.clock import SECOND
from exchange.documents.copies import CopyKind
from exchange.documents.evidence import Evidence
from exchange.documents.footage_facts import Master, WorkingCopy
from exchange.documents.human_time import duration_text, wall_text
from exchange.package.clock_words import display_sentences, host_warning
from exchange.verify.words import conclusion
from portal.officer.opening import Opened

_CODECS = {"H.264": "avc1.640028", "H.265": "hvc1.1.6.L120.90", "AV1": "av01.0.08M.08", "VP9": "vp09.00.40.08"}
_SAME = {"h264": "H.264", "avc": "H.264", "h265": "H.265", "hevc": "H.265", "av1": "AV1", "vp9": "VP9"}
_BETTER = (CopyKind.PLAYABLE, CopyKind.TIGHT, CopyKind.SMALLER, CopyKind.ENHANCED)
"""Of working copies, which is taken first where a master can't be played."""


@dataclass(frozen=True, slots=True)
class Film:
    """A file that may be played. ``number``: which of the manifest's files. Times in microseconds UTC."""

    number: int
    mime: str
    codec: str
    start: int
    end: int
    note: str
    """Empty for a master; of a working copy, what it is."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """One master's stretch, and what shows it: the master first, then copies of it."""

    start: int
    end: int
    frame: int
    """Microseconds that a frame is shown, on average."""
    films: tuple[Film, ...]


@dataclass(frozen=True, slots=True)
class Lane:
    """One package. ``verified`` is the report's own word; ``shift`` is what was taken off the manifest's times."""

    request_id: str
    delivery_id: str
    evidence_id: str
    label: str
    verified: bool
    verdict: str
    clock: str
    """Where it stands on the line of time, and how sure that is."""
    display: str
    """What the clock in its pictures shows."""
    shift: int
    stretches: tuple[Stretch, ...]


def lanes(packages: Sequence[Opened]) -> list[Lane]:
    """Of those whose manifest could be read, in the order of time."""
    found = [lane(each, each.report.evidence) for each in packages if each.report.evidence is not None]
    return sorted(found, key=lambda each: (each.stretches[0].start, each.label))


def lane(opened: Opened, evidence: Evidence) -> Lane:
    shift = clock_shift(evidence)
    return Lane(
        request_id=opened.delivery.request_id,
        delivery_id=opened.delivery.delivery_id,
        evidence_id=evidence.evidence_id,
        label=evidence.camera.label,
        verified=opened.report.ok,
        verdict=conclusion(opened.report),
        clock=clock_sentence(evidence),
        display=display_sentence(evidence),
        shift=shift,
        stretches=tuple(_stretch(evidence, master, shift) for master in evidence.masters),
    )


def clock_shift(evidence: Evidence) -> int:
    """Microseconds to take off the manifest's times; 0 where nobody knows better."""
    host = evidence.clocks.host
    return (host.offset_us or 0) if host is not None and evidence.clocks.host_synchronised else 0


def clock_sentence(evidence: Evidence) -> str:
    """Where this camera stands on the line of time, and how sure that is."""
    clocks, shift = evidence.clocks, clock_shift(evidence)
    placed = f"Placed by UTC from {clocks.utc_from}"
    if shift:
        error = f"{duration_text(shift)} {'fast' if shift > 0 else 'slow'}"
        placed += f", which was {error} as its keeper told: that is taken off"
    within = None if clocks.host is None else clocks.host.uncertainty_us
    if within is not None and clocks.host_synchronised:
        placed += f", give or take {duration_text(within)}"
    return " ".join([f"{placed}.", host_warning(clocks) or ""]).strip()


def display_sentence(evidence: Evidence) -> str:
    """How a time that is shown in the pictures becomes the true one."""
    return " ".join(display_sentences(evidence)) or "The clock in its pictures was never compared with another."


def moment_text(instant: int, zone: ZoneInfo) -> str:
    """``14 March 2026, 10:00:03.200 GMT``, in the officer's zone."""
    moment = datetime.fromtimestamp(instant // SECOND, zone).replace(microsecond=instant % SECOND)
    return f"{wall_text(moment)} {moment:%Z}"


def _stretch(evidence: Evidence, master: Master, shift: int) -> Stretch:
    files = {file.path: number for number, file in enumerate(evidence.files)}
    first = Film(
        files[master.path],
        _mime(master.container, master.codec),
        master.codec,
        master.first_frame - shift,
        master.end - shift,
        "",
    )
    copies = [_copy(each, files[each.path], master, shift) for each in _fitting(evidence, master)]
    return Stretch(first.start, first.end, max(1, master.duration_us // master.frames), (first, *copies))


def _fitting(evidence: Evidence, master: Master) -> list[WorkingCopy]:
    """Moving pictures of this master that browsers play, and whose pictures stand at their real times."""
    found = [
        each
        for each in evidence.working_copies
        if each.kind in _BETTER
        and each.made_from in (master.path, None)
        and (each.container or "").upper() == "MP4"
        and each.real_times is not False
        and (each.window is not None or each.made_from is not None)
    ]
    return sorted(found, key=lambda each: _BETTER.index(each.kind or CopyKind.ENHANCED))


def _copy(copy: WorkingCopy, number: int, master: Master, shift: int) -> Film:
    window = copy.window.window if copy.window is not None else master.window
    codec = copy.codec or "H.264"
    mime, what = _mime("MP4", codec), f"working copy ({copy.kind}), no evidence in itself: {copy.what_was_done}"
    return Film(number, mime, codec, window.start - shift, window.end - shift, what)


def _mime(container: str, codec: str) -> str:
    """As browsers are asked whether they play it."""
    kind = "video/mp4" if container.upper() in ("MP4", "MOV") else "video/x-matroska"
    known = _CODECS.get(_SAME.get(codec.lower().replace(".", ""), codec))
    return kind if known is None else f'{kind}; codecs="{known}"'
