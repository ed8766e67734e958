"""Footage that MediaMTX recorded, from its playback server: its list, then span by span.

Not for: the questions themselves (``mediamtx_playback``).
"""

from agent.sources.device.kind import DeviceKind
from agent.sources.device.orders import FetchAnswer, FetchOrder, Json, LookAnswer, LookOrder, Report, TestAnswer
from agent.sources.mediamtx.options import Options

SOURCE = DeviceKind(
    title="MediaMTX",
    options=Options,
    how_read="MediaMTX's playback server: its own recording, copied into fragmented MP4 by it, not re-encoded",
    utc_from="the times of MediaMTX's recording, by its host's clock as compared with ours",
)


def coverage_job(job: Json, report: Report) -> Json:
    """A LookOrder to a LookAnswer."""
    from agent.sources.mediamtx.session import Playback

    order = LookOrder.model_validate(job)
    with Playback(order, Options.model_validate(order.options)) as playback:
        spans = playback.spans(order.window)
        return LookAnswer(
            spans=tuple(spans), clock=playback.check, oldest=playback.oldest(), make="MediaMTX"
        ).model_dump(mode="json")


def fetch_job(job: Json, report: Report) -> Json:
    """A FetchOrder to a FetchAnswer: a file for every ten minutes."""
    from agent.sources.mediamtx.session import Playback

    order = FetchOrder.model_validate(job)
    with Playback(order, Options.model_validate(order.options)) as playback:
        files = playback.bring(order, report)
        return FetchAnswer(files=tuple(files), clock=playback.check).model_dump(mode="json")


def test_job(job: Json, report: Report) -> Json:
    """What ``handover sources test`` shows beside: how much of the last day was recorded."""
    from agent.sources.mediamtx.session import Playback

    order = LookOrder.model_validate(job)
    with Playback(order, Options.model_validate(order.options)) as playback:
        good, wrong = playback.told(order.window)
    return TestAnswer(good=tuple(good), wrong=tuple(wrong)).model_dump(mode="json")
