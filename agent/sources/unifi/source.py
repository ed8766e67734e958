"""Footage from UniFi Protect, by its export: a camera's time, in milliseconds since 1970.

Not for: the questions themselves (``unifi_protect``).
"""

from agent.sources.device.kind import DeviceKind
from agent.sources.device.orders import FetchAnswer, FetchOrder, Json, LookAnswer, LookOrder, Report, TestAnswer
from agent.sources.unifi.options import Options

SOURCE = DeviceKind(
    title="UniFi Protect",
    options=Options,
    how_read="UniFi Protect's video export, which it writes into MP4",
    utc_from="the times that the export was asked for, by Protect's clock as compared with ours; exports may begin some"
    " seconds off, as the uncertainty tells",
)


def coverage_job(job: Json, report: Report) -> Json:
    """A LookOrder to a LookAnswer."""
    from agent.sources.unifi.session import NO_GAPS, SMALL, Protect

    order = LookOrder.model_validate(job)
    with Protect(order, Options.model_validate(order.options)) as protect:
        spans, oldest = protect.spans(order.window)
        small = any('"small":true' in span.reference for span in spans)
        return LookAnswer(
            spans=tuple(spans),
            clock=protect.check,
            oldest=oldest,
            make="Ubiquiti",
            model=protect.camera.type,
            firmware=protect.camera.firmwareVersion,
            notes=((NO_GAPS,) if spans else ()) + ((SMALL,) if small else ()),
        ).model_dump(mode="json")


def fetch_job(job: Json, report: Report) -> Json:
    """A FetchOrder to a FetchAnswer."""
    from agent.sources.unifi.session import Protect

    order = FetchOrder.model_validate(job)
    with Protect(order, Options.model_validate(order.options)) as protect:
        files = protect.bring(order, report)
        return FetchAnswer(files=tuple(files), clock=protect.check).model_dump(mode="json")


def test_job(job: Json, report: Report) -> Json:
    """What ``handover sources test`` shows beside: when this camera is recorded."""
    from agent.sources.unifi.session import Protect

    order = LookOrder.model_validate(job)
    with Protect(order, Options.model_validate(order.options)) as protect:
        mode = protect.camera.recordingSettings.mode
    if mode == "always":
        return TestAnswer(good=("Protect records this camera always.",)).model_dump(mode="json")
    return TestAnswer(
        wrong=(f"Protect records this camera only in part (its mode is {mode or 'unknown'}): set it to Always.",)
    ).model_dump(mode="json")
