"""A request's footage as files that can be read: our own segments, or what a recorder's window was fetched into.

Not for: fetching it (``agent/footage``), or what is made of it (``plan.py``, ``clip.py``, ``pictures.py``).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agent.footage.provenance import SourceProvenance
from agent.media import facts
from agent.requests.step import Later
from agent.services import Services
from agent.sources.fetched import StillGrowing
from agent.store.database import RequestRow
from exchange.clock import MINUTE, SECOND, Window


@dataclass(frozen=True)
class OpenFootage:
    """``answer`` is of a recorder or folder that the files were fetched from; None for our own segments, of whose clock
    ``notes`` tell what should be known."""

    files: tuple[facts.SourceRef, ...]
    answer: SourceProvenance | None = None
    notes: tuple[str, ...] = ()


@asynccontextmanager
async def open_footage(
    services: Services, row: RequestRow, camera_id: str, window: Window
) -> AsyncIterator[OpenFootage]:
    """The files of a window, under names that stay the same, while the block runs.

    Later while it is still being recorded, within reason.
    """
    patience = 2 * services.settings.recordings.segment + MINUTE
    # Before it was received: the host's clock was set back, and nobody knows how long it has waited.
    wait = 0 <= services.clock.now() - row.received_at < patience
    fetched = services.footage.open_window(row.request_id, camera_id, window, wait=wait)
    try:
        brought = await fetched.__aenter__()
    except StillGrowing as growing:
        raise _later(services, str(growing)) from None
    try:
        if brought is None:
            yield await _segments_of(services, row, camera_id, window, wait=wait)
        else:
            refs = (facts.SourceRef(file.path, file.start, file.end) for file in brought.files)
            yield OpenFootage(tuple(refs), brought.provenance)
    finally:
        await fetched.__aexit__(None, None, None)


async def _segments_of(
    services: Services, row: RequestRow, camera_id: str, window: Window, *, wait: bool
) -> OpenFootage:
    """The segments that overlap a window: finished ones, and copies of what never finished."""
    coverage = await services.footage.coverage(camera_id, window)
    if coverage.growing_until is not None and wait:
        raise _later(services, "the recording of this time is still being written")
    files: list[facts.SourceRef] = []
    for span in coverage.spans:
        if span.path is not None and span.finished:
            files.append(facts.SourceRef(span.path, span.window.start, span.window.end))
        else:
            folder = services.settings.work_dir / row.request_id / "fetched"
            await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
            fetched = await services.footage.fetch(span, folder)
            files += [facts.SourceRef(file.path, file.start, file.end) for file in fetched]
    return OpenFootage(tuple(files), notes=coverage.notes)


def _later(services: Services, why: str) -> Later:
    return Later(services.clock.now() + 2 * SECOND, why)
