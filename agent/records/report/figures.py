"""Counts and medians of how requests went, over a year by month: only what was kept, and plain where there is nothing.

Not for: reading the store (``journeys``), or drawing (``chart``).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median

from agent.records.report.journeys import Answer, Failure, RequestJourney
from exchange.clock import SECOND, Instant, Window

MONTHS = 12
_STEPS: tuple[tuple[str, Callable[[RequestJourney], Instant | None], Callable[[RequestJourney], Instant | None]], ...]
_STEPS = (
    ("received-asked", lambda one: one.received, lambda one: one.asked),
    ("asked-decided", lambda one: one.asked, lambda one: one.decided),
    ("decided-delivered", lambda one: one.decided, lambda one: one.delivered),
    ("delivered-receipted", lambda one: one.delivered, lambda one: one.receipted),
    ("receipted-opened", lambda one: one.receipted, lambda one: one.opened),
    ("received-delivered", lambda one: one.received, lambda one: one.delivered),
)
STEPS = tuple(name for name, _, _ in _STEPS)
"""From which step to which; the last is all of it until it was handed over."""


@dataclass(frozen=True)
class Step:
    """Microseconds of the median, and of how many requests; None of none."""

    median: int | None
    count: int


@dataclass(frozen=True)
class Month:
    """One month of the host's zone. ``name``: ``2026-05``."""

    name: str
    window: Window
    received: int
    answers: dict[Answer, int]
    steps: dict[str, Step]
    failures: int


@dataclass(frozen=True)
class Figures:
    window: Window
    months: tuple[Month, ...]
    received: int
    answers: dict[Answer, int]
    steps: dict[str, Step]
    failures: dict[Failure, int]
    sent_again: int
    stars: dict[int, int]
    """How often each number of stars was given."""
    median_stars: float | None
    results: dict[str, int]


def year_of(year: int | None, now: Instant) -> tuple[Window, ...]:
    """The months of a calendar year, or the twelve that end with this one, by the host's zone."""
    today = datetime.fromtimestamp(now / SECOND, UTC).astimezone()
    last = (year, 12) if year is not None else (today.year, today.month)
    index = last[0] * 12 + last[1] - 1
    starts = [_start(number) for number in range(index - MONTHS + 1, index + 2)]
    return tuple(Window(start, end) for start, end in pairwise(starts))


def _start(number: int) -> Instant:
    return round(datetime(number // 12, number % 12 + 1, 1).astimezone().timestamp()) * SECOND


def figures(found: Sequence[RequestJourney], months: Sequence[Window]) -> Figures:
    """Of the requests that were received within these months."""
    window = Window(months[0].start, months[-1].end)
    stars = Counter(each.stars for each in found if each.stars is not None)
    given = [each.stars for each in found if each.stars is not None]
    return Figures(
        window=window,
        months=tuple(
            _month(month, [each for each in found if month.start <= each.received < month.end]) for month in months
        ),
        received=len(found),
        answers=_answers(found),
        steps=_steps(found),
        failures={kind: count for kind in Failure if (count := sum(each.failures.get(kind, 0) for each in found))},
        sent_again=sum(each.sent_again for each in found),
        stars={number: stars.get(number, 0) for number in range(1, 6)},
        median_stars=float(median(given)) if given else None,
        results=dict(sorted(Counter(result for each in found for result in each.results).items())),
    )


def _month(window: Window, found: Sequence[RequestJourney]) -> Month:
    mine = [each for each in found if window.start <= each.received < window.end]
    name = f"{datetime.fromtimestamp(window.start / SECOND, UTC).astimezone():%Y-%m}"
    failures = sum(sum(each.failures.values()) for each in mine)
    return Month(name, window, len(mine), _answers(mine), _steps(mine), failures)


def _answers(mine: Iterable[RequestJourney]) -> dict[Answer, int]:
    counts = Counter(each.answer for each in mine)
    return {answer: counts.get(answer, 0) for answer in Answer}


def _steps(mine: Sequence[RequestJourney]) -> dict[str, Step]:
    found = {}
    for name, begins, ends in _STEPS:
        took = [
            max(0, end - start)
            for each in mine
            if (start := begins(each)) is not None and (end := ends(each)) is not None
        ]
        found[name] = Step(round(median(took)) if took else None, len(took))
    return found
