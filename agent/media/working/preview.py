"""One picture of what would be sent, as it is and enhanced, beside each other: for the owner, before they decide.

Not for: anything that is handed over; the copy itself is made from the masters (``enhanced``).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from av.error import FFmpegError

from agent.media.containers.tables import NotFootage
from agent.media.cut import approved
from agent.media.cut.approved import Approved
from agent.media.facts import JsonObject, Stretch, stretch
from agent.media.pictures import frames, not_shown, write
from agent.media.working.caption import moment_text
from agent.media.working.encoding import even
from agent.media.working.enhanced import WIDEST
from agent.media.working.filters import SAMPLES, Filter, Plane, Values, bgr, measure, side_by_side, values
from agent.media.working.order import Report
from exchange.documents.copies import Enhancement

_SHOWN_WIDTH = 960
_LONGEST_BEFORE_US = 1_500_000
"""How far before the picture that is shown the filter begins, as noise is averaged over time."""


def preview(stretches: Sequence[Stretch], at_us: int, wanted: Enhancement | None, target: Path) -> JsonObject:
    """A JPEG at ``target`` of the picture that is shown at ``at_us``: before, and after.

    ``{"at", "contrast", "denoise", "gamma", "light", "noise"}``: its time, what was done, and what was measured.
    ClipFailed.
    """
    if not stretches:
        raise not_shown()
    number = max(0, bisect_right([each.first_us for each in stretches], at_us) - 1)
    what = approved.find(stretches[number], sound=False)
    width, height = even(what.stretch.width, what.stretch.height, WIDEST)
    plain = Filter(Values(0, 0, 1), width, height)
    sampled = [plain.plain(frame)[:height] for frame in _some_keys(what)]
    if not sampled:
        raise not_shown()
    measured = measure(sampled)
    chosen = values(wanted, measured)
    at, before, after = _shown(what, at_us, Filter(chosen, width, height))
    labels = [(f"as recorded  {moment_text(at)}", f"enhanced: {chosen.words()}")]
    shown = side_by_side([(bgr(before), bgr(after))], labels, min(_SHOWN_WIDTH, width))
    write(target, np.asarray(shown, np.uint8))
    done = {"contrast": chosen.contrast, "denoise": chosen.denoise, "gamma": chosen.gamma}
    return {"at": at, **done, "light": measured.light, "noise": measured.noise}


def _decoder(what: Approved) -> av.VideoCodecContext:
    decoder = av.CodecContext.create(what.video.codec, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.extradata, decoder.thread_count = what.video.config, 1
    return decoder


def _some_keys(what: Approved) -> list[av.VideoFrame]:
    keys = what.chosen.keys
    found = []
    for key in keys[:: max(1, -(-len(keys) // SAMPLES))]:
        try:
            found += list(frames(_decoder(what), what, key, key + 1))[:1]
        except (FFmpegError, NotFootage, ValueError):
            continue
    return found


def _shown(what: Approved, at_us: int, change: Filter) -> tuple[int, Plane, Plane]:
    """(its time, before, after) of the picture that is shown at a moment, or of the first there is."""
    due = max(at_us - what.stretch.first_us, 0)
    shown = [index for index, time in enumerate(what.video_us) if time <= due]
    index = max(shown, key=what.video_us.__getitem__, default=0)
    early = due - _LONGEST_BEFORE_US
    keys = [key for key in what.chosen.keys if what.video_us[key] <= early] or what.chosen.keys[:1]
    found: tuple[int, Plane, Plane] | None = None
    try:
        for frame in frames(_decoder(what), what, keys[-1], index + 1):
            if frame.pts is None or not early <= frame.pts <= max(due, what.video_us[index]):
                continue
            plain = change.plain(frame)
            at = what.stretch.first_us + frame.pts
            found = (at, plain, change.changed(at, plain))
    except (FFmpegError, NotFootage, ValueError):
        pass
    if found is None:
        raise not_shown()
    return found


def job(job: JsonObject, report: Report) -> JsonObject:
    """``{"stretches", "at", "enhancement", "target"}``: see ``preview``."""
    cv2.setNumThreads(1)
    wanted = None if job["enhancement"] is None else Enhancement.model_validate(job["enhancement"])
    return preview([stretch(plain) for plain in job["stretches"]], job["at"], wanted, Path(job["target"]))
