"""The worker's door: makes one kind of working copy of a package's masters.

Not for: choosing it (the owner did), or reading anything but the masters.
"""

from __future__ import annotations

import sys

from agent.media.facts import JsonObject
from agent.media.working.order import Order, Outcome, Progress, Report, read_order, tools
from exchange.documents.copies import CopyKind


def make(order: Order, report: Report) -> Outcome:
    """The files of one copy, in the order's folder. ClipFailed, DiskFull; then no half-made file is left."""
    progress = Progress(report, order.frames)
    match order.copy.kind:
        case CopyKind.PLAYABLE:
            from agent.media.working import moving

            return moving.playable(order, progress)
        case CopyKind.TIGHT:
            from agent.media.working import moving

            return moving.tight(order, progress)
        case CopyKind.SMALLER:
            from agent.media.working import moving

            return moving.smaller(order, progress)
        case CopyKind.ENHANCED:
            from agent.media.working import enhanced

            return enhanced.enhanced(order, progress)
        case CopyKind.AVI:
            from agent.media.working import avi

            return avi.avi(order, progress)
        case CopyKind.QUALITY:
            from agent.media.working import quality

            return quality.quality(order, progress)
        case _:
            raise ValueError(f"a {order.copy.kind} can't be made")


def job(job: JsonObject, report: Report) -> JsonObject:
    """``{"copy", "masters", "window", "out_dir", "room"}`` to ``{"files", "notes", "tools"}``; see ``order``.

    Reports ``{"done", "total"}`` in pictures.
    """
    order = read_order(job)
    outcome = make(order, report)
    return {
        "files": [made.as_json(order.out_dir) for made in outcome.files],
        "notes": outcome.notes,
        "tools": tools(pictures="cv2" in sys.modules),
    }
