"""Footage from Dahua's recorders and cameras, and Amcrest, Lorex and other names they are sold under, over their CGI.

Not for: the protocol (``dahua_cgi``), its times (``dahua_time``), its files (``dav``).
"""

import json

from agent.sources.dahua.options import Options
from agent.sources.device.kind import DeviceKind
from agent.sources.device.orders import FetchAnswer, FetchOrder, Json, LookAnswer, LookOrder, Report, TestAnswer

SOURCE = DeviceKind(
    title="Dahua's recorders and cameras, Amcrest and Lorex",
    options=Options,
    how_read=(
        "CGI over HTTP: the recorder's own .dav files (RPC_Loadfile), or, where it brings none or is set so, its "
        "download of a stretch of time (loadfile.cgi)"
    ),
    utc_from="the local times that the recorder writes into every frame, by its clock as compared with ours and its "
    "time zone",
)


def coverage_job(job: Json, report: Report) -> Json:
    """A LookOrder to a LookAnswer."""
    from agent.sources.dahua.session import Talk

    order = LookOrder.model_validate(job)
    with Talk(order, Options.model_validate(order.options)) as talk:
        spans, notes = talk.spans(order.window)
        return LookAnswer(
            spans=tuple(spans),
            clock=talk.check,
            oldest=talk.oldest(),
            notes=tuple(dict.fromkeys([*talk.notes, *notes]))[:50],
            **talk.facts(),
        ).model_dump(mode="json")


def fetch_job(job: Json, report: Report) -> Json:
    """A FetchOrder to a FetchAnswer: one file, or one for each side of a change of the clocks."""
    from agent.sources.dahua.session import Talk, fetched

    order = FetchOrder.model_validate(job)
    with Talk(order, Options.model_validate(order.options)) as talk:
        files = fetched(talk, order, json.loads(order.reference), report)
        return FetchAnswer(files=tuple(files), clock=talk.check).model_dump(mode="json")


def test_job(job: Json, report: Report) -> Json:
    """What ``handover sources test`` shows beside: how its channels are counted, and what its clock goes by."""
    from agent.sources.dahua.session import UNKNOWN_COUNTING, Talk

    order = LookOrder.model_validate(job)
    options = Options.model_validate(order.options)
    good, wrong = [], []
    with Talk(order, options) as talk:
        total = talk.http.channels()
        if total is not None and options.channel > total:
            wrong.append(f"There is no channel {options.channel}; the recorder has {total}.")
        counting = talk.counting()
        if counting is None:
            wrong.append(UNKNOWN_COUNTING)
        else:
            good.append(f"Its search calls the first channel {counting}.")
        good.append(f"Its local time is read as {talk.check.zone or 'UTC'}.")
        wrong += talk.notes
    channels = dict.fromkeys(range(1, min(total or 0, 512) + 1), "")
    return TestAnswer(good=tuple(good), wrong=tuple(wrong), channels=channels).model_dump(mode="json")
