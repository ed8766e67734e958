"""One picture of a camera: as it is now, out of its stream; or as it was recorded last.

Not for: recording it (the recorder does). For a worker process: see ``job`` and ``recorded_job``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import cv2
from av.error import FFmpegError

from agent.media.containers import segment as segments
from agent.media.containers.demuxed import Bounded
from agent.media.containers.tables import NotFootage
from agent.media.facts import JsonObject
from agent.media.pictures import picture, write
from exchange.errors import CameraAnswerInvalid, CameraRefused, CameraUnreachable

WIDTH = 960
_PATIENCE_US = 12_000_000


def job(job: JsonObject, report: Callable[[JsonObject], None]) -> JsonObject:
    """``{"secret_url", "target"}`` to ``{"width", "height"}`` of the camera's own picture; the JPEG is at ``target``.

    Raises CameraUnreachable, CameraRefused.
    """
    cv2.setNumThreads(1)
    options = {"rtsp_transport": "tcp", "timeout": str(_PATIENCE_US)}
    try:
        with av.open(
            job["secret_url"], "r", options=options, timeout=_PATIENCE_US / 1e6, metadata_errors="replace"
        ) as opened:
            video = opened.streams.video[0]
            video.codec_context.thread_count = 1
            for frame in opened.decode(video):
                write(Path(job["target"]), picture(frame, min(WIDTH, frame.width)))
                return {"width": frame.width, "height": frame.height}
    except av.error.HTTPUnauthorizedError as error:
        raise CameraRefused(
            "The camera refuses the user name or password.", do="Add it again with the right one."
        ) from error
    except (FFmpegError, IndexError, OSError) as error:
        raise CameraUnreachable(
            "The camera's stream gave no picture.", do="Check that it is on, and try again."
        ) from error
    raise CameraUnreachable("The camera's stream ended without a picture.", do="Try it again.")


def recorded_job(job: JsonObject, report: Callable[[JsonObject], None]) -> JsonObject:
    """``{"file", "target"}`` to ``{"width", "height"}`` of the file's first picture. Raises CameraAnswerInvalid."""
    cv2.setNumThreads(1)
    path = Path(job["file"])
    try:
        with av.open(Bounded(path, segments.read(path).size), "r", metadata_errors="replace") as opened:
            video = opened.streams.video[0]
            video.codec_context.thread_count = 1
            for frame in opened.decode(video):
                write(Path(job["target"]), picture(frame, min(WIDTH, frame.width)))
                return {"width": frame.width, "height": frame.height}
    except (NotFootage, FFmpegError, IndexError) as error:
        raise CameraAnswerInvalid(f"What was recorded last can't be decoded ({error}).") from error
    raise CameraAnswerInvalid("What was recorded last holds no picture.")
