"""Requests by month and answer, as a picture: stacked bars in SVG. The table beside it tells the same in figures.

Not for: the figures (``figures``).
"""

from collections.abc import Callable, Mapping, Sequence

from markupsafe import Markup, escape

from agent.records.report.figures import Month
from agent.records.report.journeys import Answer

WIDTH, HEIGHT = 720, 260
_LEFT, _TOP, _BOTTOM = 34, 12, 30
SHOWN: tuple[tuple[str, tuple[Answer, ...]], ...] = (
    ("yes", (Answer.APPROVED,)),
    ("no", (Answer.DECLINED, Answer.UNAVAILABLE)),
    ("none", (Answer.UNANSWERED, Answer.OPEN)),
    ("other", (Answer.REFUSED, Answer.STOPPED)),
)
"""The parts of a bar from below, by a class of the style sheet, and what each counts."""
_FILL: Mapping[str, str] = {"yes": "#1f5f8b", "no": "#c98a1b", "none": "#b9c3cb", "other": "#7a4a8c"}
_STROKE = "#55606a"


def bars(months: Sequence[Month], title: str, names: Sequence[str], month_name: Callable[[Month], str]) -> Markup:
    """``names``: of the parts, in the order of ``SHOWN``. Whole by itself: it prints, and stands in any document."""
    most = max([1, *(month.received for month in months)])
    step = (WIDTH - _LEFT) / max(1, len(months))
    height = HEIGHT - _TOP - _BOTTOM
    parts = [
        f'<svg class="bars" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT + 26}" role="img"',
        f' aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="12">',
    ]
    for value in _ruler(most):
        y = _TOP + height - value * height / most
        parts.append(
            f'<path class="grid" d="M{_LEFT} {y:.1f}H{WIDTH}" stroke="{_STROKE}" stroke-opacity=".3"/>'
            f'<text class="label" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value}</text>'
        )
    for index, month in enumerate(months):
        x, below = _LEFT + index * step, float(_TOP + height)
        for kind, answers in SHOWN:
            count = sum(month.answers[answer] for answer in answers)
            if count:
                tall = count * height / most
                below -= tall
                parts.append(
                    f'<rect class="part {kind}" x="{x + step * 0.15:.1f}" y="{below:.1f}" width="{step * 0.7:.1f}" '
                    f'height="{tall:.1f}" fill="{_FILL[kind]}" stroke="#fff" stroke-width="1"/>'
                )
        name = escape(month_name(month))
        parts.append(f'<text class="label" x="{x + step / 2:.1f}" y="{HEIGHT - 10}" text-anchor="middle">{name}</text>')
    parts += _legend(names)
    parts.append("</svg>")
    return Markup("".join(parts))  # noqa: S704 every text in it was escaped above


def _legend(names: Sequence[str]) -> list[str]:
    parts = []
    for index, ((kind, _), name) in enumerate(zip(SHOWN, names, strict=True)):
        x = _LEFT + index * (WIDTH - _LEFT) / len(SHOWN)
        parts.append(
            f'<rect class="part {kind}" x="{x:.1f}" y="{HEIGHT + 6}" width="12" height="12" fill="{_FILL[kind]}"/>'
            f'<text class="label" x="{x + 18:.1f}" y="{HEIGHT + 17}">{escape(name)}</text>'
        )
    return parts


def _ruler(most: int) -> list[int]:
    """Some whole numbers from 0 to the most."""
    step = max(1, -(-most // 4))
    return list(range(0, most + 1, step))
