"""What concerns somebody who was filmed: which disclosures fall into their times and cameras, and what is still there.

Whether they are in the pictures, only a person who looks can say: nothing here recognises anybody. Not for: the answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from agent.records.register.model import Entry, Sent
from agent.records.subjects.kept import SubjectRequest
from agent.services import Services
from exchange.clock import Window
from exchange.errors import HandoverError


@dataclass(frozen=True)
class Disclosure:
    """A package that was handed over and overlaps their times."""

    request_id: str
    case: str
    force: str
    sent: Sent
    delivered_at: int


@dataclass(frozen=True)
class Held:
    """What there is of one camera in one of their windows. ``trouble``: why that couldn't be told."""

    camera_id: str
    window: Window
    spans: tuple[Window, ...]
    trouble: str | None = None


@dataclass(frozen=True)
class Concerned:
    disclosures: tuple[Disclosure, ...]
    held: tuple[Held, ...]
    kept_copies: int
    """Sealed copies of those disclosures that are still here."""


def disclosures_to(asked: SubjectRequest, entries: Iterable[Entry]) -> tuple[Disclosure, ...]:
    """Of the register's entries, what was handed over of their times and cameras; the oldest first."""
    found = [
        Disclosure(entry.request_id, entry.case or "", entry.asker.force or "", sent, sent.delivered_at)
        for entry in entries
        for sent in entry.sent
        if sent.delivered_at is not None
        and (not asked.cameras or sent.camera_id in asked.cameras)
        and any(sent.window.start < window.end and window.start < sent.window.end for window in asked.windows)
    ]
    return tuple(sorted(found, key=lambda each: each.delivered_at))


async def held_of(services: Services, asked: SubjectRequest, cameras: Iterable[str]) -> tuple[Held, ...]:
    """What is still there, camera by camera. ``cameras``: all that there are; those that they named, where they did."""
    found = []
    for camera_id in cameras:
        if asked.cameras and camera_id not in asked.cameras:
            continue
        for window in asked.windows:
            try:
                coverage = await services.footage.coverage(camera_id, window)
            except HandoverError as error:
                found.append(Held(camera_id, window, (), error.what))
                continue
            found.append(Held(camera_id, window, tuple(_joined(span.window for span in coverage.spans))))
    return tuple(found)


def _joined(windows: Iterable[Window]) -> list[Window]:
    """Stretches that follow each other within two seconds, as one."""
    joined: list[Window] = []
    for window in sorted(windows, key=lambda each: each.start):
        if joined and window.start - joined[-1].end < 2_000_000:
            joined[-1] = Window(joined[-1].start, max(joined[-1].end, window.end))
        else:
            joined.append(window)
    return joined
