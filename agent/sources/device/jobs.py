"""The three jobs of every device source, run in a worker: look at a window, fetch a span, test the source.

Not for: what a brand does in them (its ``session``), or who has them run (``footage``).
"""

import importlib
from dataclasses import asdict
from typing import Any

from agent.sources.device.orders import (
    MOST_NOTES,
    MOST_SPANS,
    NOTE_LENGTH,
    FetchAnswer,
    FetchOrder,
    Json,
    LookAnswer,
    LookOrder,
    Order,
    Report,
)
from agent.sources.device.session import DeviceSession
from exchange.errors import CameraAnswerInvalid


def look_job(job: Json, report: Report) -> Json:
    """A LookOrder to a LookAnswer."""
    order = LookOrder.model_validate(job)
    with _session(order) as session:
        spans = tuple(session.spans(order.window))
        if len(spans) > MOST_SPANS:
            raise CameraAnswerInvalid(
                f"The recorder at {order.address} lists more than {MOST_SPANS} recordings for one window.",
                meaning="None of them were taken: such a list is no true one.",
                do="Look for newer firmware; or ask for a shorter time.",
            )
        answer = LookAnswer(
            spans=spans,
            oldest=session.oldest(),
            clock=session.check,
            notes=tuple(dict.fromkeys(note[:NOTE_LENGTH] for note in session.notes))[:MOST_NOTES],
            trouble=session.trouble[:NOTE_LENGTH],
            **asdict(session.identity()),
        )
    return answer.model_dump(mode="json")


def fetch_job(job: Json, report: Report) -> Json:
    """A FetchOrder to a FetchAnswer, its files in the order in which the session brought them."""
    order = FetchOrder.model_validate(job)
    with _session(order) as session:
        files = tuple(session.fetch(order, report))
        answer = FetchAnswer(files=files, clock=session.check)
    return answer.model_dump(mode="json")


def test_job(job: Json, report: Report) -> Json:
    """A LookOrder to a TestAnswer."""
    order = LookOrder.model_validate(job)
    with _session(order) as session:
        answer = session.tested(order)
    return answer.model_dump(mode="json")


def _session(order: Order) -> DeviceSession[Any]:
    options = importlib.import_module(f"{order.brand}.source").SOURCE.options
    session: type[DeviceSession[Any]] = importlib.import_module(f"{order.brand}.session").Session
    return session(order, options.model_validate(order.options))
