"""READ-ME-FIRST.html: the evidence manifest in plain words, for whoever opens a package without knowing it.

Not for: what a program reads (``exchange.documents.evidence``). The page has no script and loads nothing.
"""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from exchange.clock import Window
from exchange.documents.clock_facts import ClockCheck, Clocks
from exchange.documents.evidence import DisplayedStretch, Evidence, KeyFrameMode, Widening, Windows
from exchange.documents.human_time import (
    change_text,
    device_time_text,
    duration_text,
    host_clock_text,
    offset_text,
    range_text,
    time_text,
)
from exchange.documents.messages import Credential, Decision, Request, Stretch
from exchange.documents.noted import IDENTIFIED_WORDS, NotedOfficer, NotedRequest
from exchange.signing.sshsig import PublicKey

_TEMPLATE = "read_me_first.html"
_STYLE = "read_me_first.css"
_NOT_CORRECTED = "This was not corrected in the pictures: a time shown in them is the camera’s own."
_NEVER_CHECKED = (
    "This camera’s clock was never compared with another clock. "
    "A time shown in the pictures may be wrong by any amount."
)


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
        facts=", ".join(fact for fact in facts if fact),
        shown_us=sum(master.duration_us for master in evidence.masters),
        torn=sum(segment.torn for segment in evidence.segments),
        windows=_windows(windows),
        displayed=_displayed(windows),
        widening_text=widening_text(evidence.widening),
        clock_sentences=clock_sentences(evidence.clocks, evidence.windows.delivered.window),
        host_warning=host_warning(evidence.clocks),
        style=Markup(style),  # noqa: S704 - our own file, no value from outside
        style_hash="sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )
    return page.encode()


def _officer_text(officer: Credential | NotedOfficer) -> str:
    """Who asked, on one line."""
    named = f"{officer.rank} {officer.name}" if officer.rank else officer.name
    return ", ".join(filter(None, (named, officer.collar_number, officer.unit, officer.force)))


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


def clock_sentences(clocks: Clocks, delivered: Window | None = None) -> list[str]:
    """What is known of the camera's clock, in words, as it was when the delivered window was recorded."""
    check = clocks.camera
    if check is None:
        sentences = [_NEVER_CHECKED]
    elif clocks.camera_range is not None and clocks.camera_other is not None:
        both = sorted((check, clocks.camera_other), key=lambda each: each.at)
        least, most = clocks.camera_range.from_us, clocks.camera_range.to_us
        lies = range_text(least, most, check.reference_source)
        sentences = [
            f"The camera’s clock {change_text(least, most)} between two comparisons, and nobody knows when.",
            f"While this was recorded, it may have been {lies}.",
            *(f"{_offset_text(each)} {_measured(each)}" for each in both),
            _NOT_CORRECTED,
        ]
    else:
        sentences = [_offset_text(check), _measured(check), *_one_sided(clocks, delivered), _NOT_CORRECTED]
    sentences.append(f"The UTC times on this page come from {clocks.utc_from}.")
    sentences.append(_host_text(clocks))
    return sentences


def host_warning(clocks: Clocks) -> str | None:
    """What stands out on the page when the host's own clock is not known to be right."""
    if clocks.host_synchronised:
        return None
    state = "did not follow" if clocks.host_synchronised is False else "may not have followed"
    return f"The clock of the host that made this package {state} a time server: all times here may be wrong."


def _host_text(clocks: Clocks) -> str:
    host = clocks.host
    if host is None:
        return f"That host’s own clock {host_clock_text(clocks.host_synchronised, 'a program not named', None, None)}."
    words = host_clock_text(clocks.host_synchronised, host.source, host.offset_us, host.uncertainty_us)
    return f"Asked on {time_text(host.at)}, that host said of its own clock: it {words}."


def _short(instant: int) -> str:
    return time_text(instant, zone=False)


def _offset_text(check: ClockCheck) -> str:
    within = f"give or take {duration_text(check.uncertainty_us)}"
    if abs(check.offset_us) <= check.uncertainty_us:
        return f"The camera’s clock showed the same time as {check.reference_source}, {within}."
    return f"The camera’s clock was {offset_text(check.offset_us)} {check.reference_source}, {within}."


def _measured(check: ClockCheck) -> str:
    at, device, reference = time_text(check.at), _short(check.device_time), _short(check.reference_time)
    return f"Measured on {at}, by {check.method}: the camera said {device} when the reference said {reference}."


def _one_sided(clocks: Clocks, delivered: Window | None) -> list[str]:
    """Whether the clock may have been set between the recording and the comparison, without anybody knowing."""
    if clocks.camera is None or delivered is None:
        return []
    if clocks.camera_other is not None:
        return [f"A comparison on the other side of the recording, on {time_text(clocks.camera_other.at)}, agrees."]
    side = "before" if clocks.camera.at >= delivered.start else "after"
    return [f"There is none from {side} the recording that would show whether the clock was set in between."]


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
    environment.globals.update(time=time_text, duration_text=duration_text, device_time=device_time_text)
    loader = environment.loader
    assert loader is not None
    return environment.get_template(_TEMPLATE), loader.get_source(environment, _STYLE)[0]
