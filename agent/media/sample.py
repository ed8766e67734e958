"""Decodes the beginning of a file, to know that it can be: how many frames, of what.

Not for: pictures of it (``pictures``). Meant for a worker process: see ``job``.
"""

from __future__ import annotations

from pathlib import Path

import av
from av.error import FFmpegError

from agent.media.containers import segment as segments
from agent.media.containers.demuxed import Bounded
from agent.media.containers.tables import NotFootage
from agent.media.facts import JsonObject
from exchange.errors import CameraAnswerInvalid

_MOST_FRAMES = 500


def job(job: JsonObject, report: object) -> JsonObject:
    """``{"file", "most_us"}`` to ``{"frames", "codec", "width", "height", "sound"}`` of what could be decoded.

    Raises CameraAnswerInvalid when nothing could be.
    """
    path = Path(job["file"])
    frames, first = 0, None
    try:
        known = segments.read(path)
        with av.open(Bounded(path, known.size), "r", metadata_errors="replace") as opened:
            video = opened.streams.video[0]
            video.codec_context.thread_count = 1
            for frame in opened.decode(video):
                at = float(frame.pts or 0) * float(video.time_base or 0) * 1_000_000
                first = at if first is None else first
                if frames >= _MOST_FRAMES or at - first > job["most_us"]:
                    break
                frames += 1
    except (NotFootage, FFmpegError, IndexError) as error:
        if not frames:
            raise CameraAnswerInvalid(
                f"What was fetched can't be decoded ({error}).",
                do="Play that time on the recorder itself; switch its encoding to plain H.264 or H.265.",
            ) from error
    if not frames:
        raise CameraAnswerInvalid("What was fetched holds no picture.")
    return {
        "frames": frames,
        "codec": known.video.codec,
        "width": known.video.width,
        "height": known.video.height,
        "sound": known.audio.codec if known.audio else None,
    }
