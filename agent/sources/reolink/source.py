"""Footage from Reolink's cameras, recorders and hubs, over their HTTP API: a search, then a download.

Not for: the questions themselves (``reolink_api``), or the device's time zone (``reolink_time``).
"""

from agent.sources.device.kind import DeviceKind
from agent.sources.device.orders import FetchAnswer, FetchOrder, Json, LookAnswer, LookOrder, Report, TestAnswer
from agent.sources.reolink.options import Options

SOURCE = DeviceKind(
    title="Reolink's cameras, recorders and hubs",
    options=Options,
    how_read="Reolink's HTTP API: the device's own recording files, or the part of one that its recorder cut out",
    utc_from="the device's own times, whole seconds of its clock as compared with ours, and its time zone",
)


def coverage_job(job: Json, report: Report) -> Json:
    """A LookOrder to a LookAnswer."""
    from agent.sources.reolink.session import Reolink

    order = LookOrder.model_validate(job)
    with Reolink(order, Options.model_validate(order.options)) as device:
        spans, notes = device.spans(order.window)
        return LookAnswer(
            spans=tuple(spans),
            clock=device.check,
            oldest=device.oldest(),
            notes=tuple(notes),
            make="Reolink",
            **device.facts,
        ).model_dump(mode="json")


def fetch_job(job: Json, report: Report) -> Json:
    """A FetchOrder to a FetchAnswer."""
    from agent.sources.reolink.session import Reolink

    order = FetchOrder.model_validate(job)
    with Reolink(order, Options.model_validate(order.options)) as device:
        files = device.bring(order, report)
        return FetchAnswer(files=tuple(files), clock=device.check).model_dump(mode="json")


def test_job(job: Json, report: Report) -> Json:
    """What ``handover sources test`` shows beside: its card or disk, and on how many days of a month it recorded."""
    from agent.sources.reolink.session import Reolink

    order = LookOrder.model_validate(job)
    with Reolink(order, Options.model_validate(order.options)) as device:
        good, wrong = device.told()
        channels = dict.fromkeys(range(1, min(device.channels, 512) + 1), "")
    return TestAnswer(good=tuple(good), wrong=tuple(wrong), channels=channels).model_dump(mode="json")
