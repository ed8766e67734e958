"""The report of quality as one page that needs nothing else: words for an owner or an officer, and charts.

Not for: measuring (``quality``). No script; nothing is loaded; it can be printed.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from agent.media.working.caption import moment_text
from exchange.counted import counted
from exchange.documents.human_time import duration_text

if TYPE_CHECKING:
    from agent.media.working.quality import Look, Report

_TEMPLATE, _STYLE = "quality.html", "quality.css"
_WIDE, _HIGH = 1000, 120
_GOOD, _FAIR, _POOR = "good", "fair", "poor"


@dataclass(frozen=True, slots=True)
class Judged:
    """One thing about the pictures: ``verdict`` is good, fair or poor."""

    name: str
    verdict: str
    figure: str
    words: str


def judged(report: Report) -> list[Judged]:
    """What the figures mean, in words."""
    return [
        _size(report), _rate(report), _missing(report), _light(report), _sharp(report), _obstructed(report),
        *_moved(report),
    ]  # fmt: skip


def _middle(looks: Sequence[Look], of: Callable[[Look], float]) -> float:
    return float(median(of(look) for look in looks))


def _size(report: Report) -> Judged:
    rate = min(report.rates, key=lambda each: each.width * each.height)
    figure = f"{rate.width} × {rate.height}"
    if rate.height >= 1000:
        return Judged("Size of the picture", _GOOD, figure, "Full HD or more: fine detail may be there.")
    if rate.height >= 700:
        return Judged(
            "Size of the picture", _GOOD, figure, "HD: people and vehicles can be told apart at some distance."
        )
    if rate.height >= 400:
        return Judged("Size of the picture", _FAIR, figure, "Small: faces and number plates only when they are near.")
    return Judged("Size of the picture", _POOR, figure, "Very small: it shows what happens, hardly who it is.")


def _rate(report: Report) -> Judged:
    slowest = min(each.a_second for each in report.rates)
    figure = f"{slowest:.3g} pictures a second"
    if slowest >= 12:
        return Judged("Pictures a second", _GOOD, figure, "Movement is smooth.")
    if slowest >= 4:
        return Judged("Pictures a second", _FAIR, figure, "Fast movement is seen in steps.")
    return Judged("Pictures a second", _POOR, figure, "Much can happen between two pictures.")


def _missing(report: Report) -> Judged:
    missing = sum(each.missing for each in report.rates)
    there = sum(each.frames for each in report.rates)
    share = missing / max(there + missing, 1)
    worst = max(report.rates, key=lambda each: each.longest_pause_us)
    if worst.longest_pause_at_us is None:
        return Judged("Missing pictures", _GOOD, "none", "Every picture came at its usual time.")
    figure = f"about {missing:,} of {there + missing:,}"
    words = (
        f"The longest pause is {duration_text(worst.longest_pause_us)}, from {moment_text(worst.longest_pause_at_us)}: "
        "the camera sent nothing, or it was lost on the way."
    )
    return Judged("Missing pictures", _FAIR if share < 0.05 else _POOR, figure, words)


def _light(report: Report) -> Judged:
    light = _middle(report.looks, lambda look: look.light)
    dark, bright = _middle(report.looks, lambda look: look.dark), _middle(report.looks, lambda look: look.bright)
    figure = f"mean brightness {light:.0f} of 255"
    if light < 45 or dark > 0.6:
        return Judged(
            "Light", _POOR, figure, f"Dark: {dark:.0%} of the picture is black. An enhanced copy may show more."
        )
    if bright > 0.25:
        return Judged("Light", _POOR, figure, f"{bright:.0%} of the picture is white: nothing can be got back there.")
    if light < 80 or dark > 0.3 or bright > 0.08:
        return Judged("Light", _FAIR, figure, f"{dark:.0%} of the picture is black, {bright:.0%} white.")
    return Judged("Light", _GOOD, figure, "Neither too dark nor too bright.")


def _sharp(report: Report) -> Judged:
    sharp = _middle(report.looks, lambda look: look.sharp)
    figure = f"{sharp:.0f} (variance of the Laplacian)"
    if sharp >= 150:
        return Judged("Sharpness", _GOOD, figure, "Edges are sharp. (Noise in the dark counts as sharpness too.)")
    if sharp >= 40:
        return Judged("Sharpness", _FAIR, figure, "A little soft.")
    return Judged("Sharpness", _POOR, figure, "Blurred: out of focus, dirty, wet, or there is little to see.")


def _obstructed(report: Report) -> Judged:
    covered = [look for look in report.looks if look.spread < 10]
    share = len(covered) / len(report.looks)
    if share > 0.05:
        return Judged(
            "Obstruction", _POOR, f"{share:.0%} of the pictures are of one tone",
            f"The first at {moment_text(covered[0].at_us)}: the camera was covered perhaps, or it was dark.",
        )  # fmt: skip
    figure = f"{report.obstructed:.0%} of the picture is always of one tone"
    if report.obstructed > 0.4:
        return Judged("Obstruction", _FAIR, figure, "Sky or a wall, or something that is in the way.")
    return Judged("Obstruction", _GOOD, figure, "Nothing seems to be in the way.")


def _moved(report: Report) -> list[Judged]:
    if report.moved is None:
        return []
    if report.moved < 0.25:
        words = "At the end it does not look as at the beginning: the camera moved, or the scene changed."
        return [Judged("Where it looks", _FAIR, f"{report.moved:.2f} alike", words)]
    return [Judged("Where it looks", _GOOD, f"{report.moved:.2f} alike", "The same at the end as at the beginning.")]


def page(report: Report) -> bytes:
    """The page in UTF-8."""
    template, style = _template()
    text = template.render(
        report=report,
        judged=judged(report),
        changes=_curve(report, lambda look: look.change or 0.0, 1.0),
        light=_curve(report, lambda look: look.light, 255.0),
        sharp=_curve(report, lambda look: look.sharp, max(max(look.sharp for look in report.looks), 1.0)),
        gaps=_gaps(report),
        marks=_marks(report),
        most=_most(report),
        wide=_WIDE,
        high=_HIGH,
        style=Markup(style),  # noqa: S704 - our own file, no value from outside
        style_hash="sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )
    return text.encode()


def _x(report: Report, at_us: int) -> float:
    return round((at_us - report.first_us) * _WIDE / max(report.end_us - report.first_us, 1), 1)


def _curve(report: Report, of: Callable[[Look], float], top: float) -> str:
    """An SVG path; it breaks where there is no recording."""
    path: list[str] = []
    ends = [rate.first_us + rate.length_us for rate in report.rates]
    before: int | None = None
    for look in sorted(report.looks, key=lambda look: look.at_us):
        broken = before is None or any(before < end <= look.at_us for end in ends)
        x, y = _x(report, look.at_us), round(_HIGH - min(of(look) / top, 1) * (_HIGH - 6) - 3, 1)
        path.append(f"{'M' if broken else 'L'}{x} {y}")
        before = look.at_us
    return "".join(path)


def _gaps(report: Report) -> list[tuple[float, float]]:
    """(from, width) of what lies between two masters, as the chart has it."""
    found, until = [], report.first_us
    for rate in sorted(report.rates, key=lambda each: each.first_us):
        if rate.first_us > until:
            found.append((_x(report, until), round(_x(report, rate.first_us) - _x(report, until), 1)))
        until = max(until, rate.first_us + rate.length_us)
    return found


def _marks(report: Report) -> list[tuple[float, str]]:
    """Where and what the times beneath a chart are."""
    length = report.end_us - report.first_us
    return [(_WIDE * part / 4, moment_text(report.first_us + length * part // 4)[11:19] + " UTC") for part in range(5)]


def _most(report: Report) -> list[tuple[str, str]]:
    """The moments at which most changes: (time, how much)."""
    ranked = sorted((look for look in report.looks if look.change), key=lambda look: -(look.change or 0))
    chosen: list[Look] = []
    apart = max((report.end_us - report.first_us) // 20, 1_000_000)
    for look in ranked:
        if len(chosen) < 5 and all(abs(look.at_us - other.at_us) >= apart for other in chosen):
            chosen.append(look)
    return [(moment_text(look.at_us), f"{look.change:.0%}") for look in sorted(chosen, key=lambda look: look.at_us)]


@cache
def _template() -> tuple[Template, str]:
    environment = Environment(
        loader=PackageLoader("agent.media.working", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.globals.update(moment=moment_text, duration_text=duration_text, counted=counted)
    loader = environment.loader
    assert loader is not None
    return environment.get_template(_TEMPLATE), loader.get_source(environment, _STYLE)[0]
