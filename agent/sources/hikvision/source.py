"""Footage from Hikvision's recorders and cameras, and their many rebrands, over ISAPI: a search, then whole files.

Not for: the protocol (``hikvision_isapi``), its times (``hikvision_time``), its files (``hikvision_file``).
"""

import json
from typing import TYPE_CHECKING

from agent.sources.device.kind import DeviceKind
from agent.sources.device.orders import (
    FetchAnswer,
    FetchedFile,
    FetchOrder,
    Json,
    LookAnswer,
    LookOrder,
    Report,
    TestAnswer,
)
from agent.sources.hikvision.options import Options
from exchange.errors import CameraAnswerInvalid, CameraRefused, HandoverError, NoFootage

if TYPE_CHECKING:
    from agent.sources.hikvision.session import Talk


SOURCE = DeviceKind(
    title="Hikvision's recorders and cameras, and their rebrands",
    options=Options,
    how_read="ISAPI over HTTP: the recorder's own files, whole; where a file's note says so, its RTSP playback, in real"
    " time, its packets copied without re-encoding",
    utc_from="the recorder's own times, by its clock as compared with ours and its time zone",
)


def coverage_job(job: Json, report: Report) -> Json:
    """A LookOrder to a LookAnswer."""
    from agent.sources.hikvision.session import Talk

    order = LookOrder.model_validate(job)
    with Talk(order, Options.model_validate(order.options)) as talk:
        spans, notes = talk.spans(order.window)
        return LookAnswer(
            spans=tuple(spans),
            clock=talk.check,
            oldest=talk.oldest(),
            notes=tuple(dict.fromkeys([*talk.notes, *notes]))[:50],
            **talk.facts,
        ).model_dump(mode="json")


def fetch_job(job: Json, report: Report) -> Json:
    """A FetchOrder to a FetchAnswer: one file; of a playback one for each stretch without a gap."""
    from agent.sources.hikvision.session import Talk

    order = FetchOrder.model_validate(job)
    wanted = json.loads(order.reference)
    with Talk(order, Options.model_validate(order.options), facts=False) as talk:
        files = _fetched(talk, order, wanted, report)
        return FetchAnswer(files=tuple(files), clock=talk.check).model_dump(mode="json")


def _fetched(talk: "Talk", order: FetchOrder, wanted: Json, report: Report) -> list[FetchedFile]:
    """The recorder's file; or what it plays, where that is wanted, or where it gives no files."""
    from agent.sources.hikvision.playback import played
    from agent.sources.hikvision.session import file_name, placed

    if talk.options.by == "rtsp":
        return played(talk, order, wanted, report)
    size, path = wanted["size"], order.into / file_name(wanted)
    if size is not None and size > order.most_bytes:
        raise talk.http.nonsense(f"the recording has {size} bytes, more than the {order.most_bytes} allowed")
    try:
        talk.http.fetch(wanted["uri"], order.into, path.name, most_bytes=order.most_bytes, report=report)
    except (CameraRefused, CameraAnswerInvalid, NoFootage) as refusal:
        if talk.options.by == "file" or path.with_name(f"{path.name}.part").exists():
            raise
        try:
            return played(talk, order, wanted, report)
        except HandoverError:
            if any(order.into.glob("*.part")):
                raise  # it does play; what went wrong then is what matters
            raise refusal from None
    return [placed(path, wanted, talk.time)]


def test_job(job: Json, report: Report) -> Json:
    """What ``handover sources test`` shows beside: the channel's name, and what Z was found to mean."""
    from agent.sources.hikvision.session import UNKNOWN_MEANING, Talk

    order = LookOrder.model_validate(job)
    options = Options.model_validate(order.options)
    good, wrong = [], []
    with Talk(order, options) as talk:
        names = talk.channels()
        if options.channel in names:
            good.append(f"Channel {options.channel} is called {names[options.channel] or 'nothing'} on the recorder.")
        elif names:
            known = ", ".join(str(number) for number in sorted(names)[:32])
            wrong.append(f"There is no channel {options.channel}; the recorder has {known}.")
        meaning, known_how = talk.meaning()
        if known_how:
            good.append(f"Its times with a Z are {'UTC' if meaning == 'utc' else 'local time'} ({known_how}).")
        else:
            wrong.append(UNKNOWN_MEANING)
    return TestAnswer(good=tuple(good), wrong=tuple(wrong), channels=names).model_dump(mode="json")
