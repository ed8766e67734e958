"""Footage that Frigate recorded: its list of segments, then their files as Frigate wrote them, or its clips.

Not for: the questions themselves (``frigate_api``), or when a segment really began (``frigate_segments``).
"""

from agent.sources.device.kind import DeviceKind
from agent.sources.device.orders import FetchAnswer, FetchOrder, Json, LookAnswer, LookOrder, Report, TestAnswer
from agent.sources.frigate.options import Options

SOURCE = DeviceKind(
    title="Frigate",
    options=Options,
    how_read="Frigate's HTTP API: its own recording files, or an MP4 to which it joined them without re-encoding",
    utc_from="the times of Frigate's recordings, whole seconds of its host's clock as compared with ours",
)


def coverage_job(job: Json, report: Report) -> Json:
    """A LookOrder to a LookAnswer."""
    from agent.sources.frigate.session import Frigate

    order = LookOrder.model_validate(job)
    with Frigate(order, Options.model_validate(order.options)) as frigate:
        spans = frigate.spans(order.window)
        return LookAnswer(
            spans=tuple(spans),
            clock=frigate.check,
            oldest=frigate.oldest(),
            make="Frigate",
            firmware=frigate.version(),
        ).model_dump(mode="json")


def fetch_job(job: Json, report: Report) -> Json:
    """A FetchOrder to a FetchAnswer: a file for every segment, or a clip for every ten minutes."""
    from agent.sources.frigate.session import Frigate

    order = FetchOrder.model_validate(job)
    with Frigate(order, Options.model_validate(order.options)) as frigate:
        files = frigate.bring(order, report)
        return FetchAnswer(files=tuple(files), clock=frigate.check).model_dump(mode="json")


def test_job(job: Json, report: Report) -> Json:
    """What ``handover sources test`` shows beside: whether this camera is recorded, and for how long it is kept."""
    from agent.sources.frigate.session import Frigate

    order = LookOrder.model_validate(job)
    with Frigate(order, Options.model_validate(order.options)) as frigate:
        good, wrong = frigate.told()
    return TestAnswer(good=tuple(good), wrong=tuple(wrong)).model_dump(mode="json")
