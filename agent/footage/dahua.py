"""Footage from Dahua's recorders and cameras, and Amcrest, Lorex and other names they are sold under, over their CGI.

Not for: the protocol (``dahua_cgi``), its times (``dahua_time``), its files (``dav``).
"""

import json
from typing import Literal

from pydantic import Field

from agent.footage.device_jobs import FetchAnswer, FetchOrder, Json, LookAnswer, LookOrder, Report, TestAnswer
from agent.footage.device_kind import DeviceKind, DeviceOptions


class Options(DeviceOptions):
    """What an owner of a Dahua, an Amcrest or a Lorex types."""

    channel: int = Field(1, ge=1, le=512)
    """The camera's number on the recorder; 1 on a camera with a card of its own."""
    counting: Literal["auto", "0", "1"] = "auto"
    """What its search calls the first channel: 0 on many cameras, 1 on many recorders; "auto" tries both."""
    stream: Literal["main", "sub"] = "main"
    """Which stream is taken. With "main", the sub-stream is used where the main one was not recorded, and that is
    said."""
    by: Literal["file", "time"] = "file"
    """"file" brings the recorder's own files, whole; "time" the part that is needed, as the recorder cuts it out."""
    zone: str = Field("", max_length=100)
    """The recorder's time zone, such as Europe/London; empty: as its settings say."""
    certificate: str = Field("", pattern=r"^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$|^$")
    """With https: the SHA-256 fingerprint of its certificate."""


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
    from agent.footage.dahua_talk import Talk

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
    from agent.footage.dahua_talk import Talk, fetched

    order = FetchOrder.model_validate(job)
    with Talk(order, Options.model_validate(order.options)) as talk:
        files = fetched(talk, order, json.loads(order.reference), report)
        return FetchAnswer(files=tuple(files), clock=talk.check).model_dump(mode="json")


def test_job(job: Json, report: Report) -> Json:
    """What ``handover sources test`` shows beside: how its channels are counted, and what its clock goes by."""
    from agent.footage.dahua_talk import UNKNOWN_COUNTING, Talk

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
    return TestAnswer(good=tuple(good), wrong=tuple(wrong)).model_dump(mode="json")
