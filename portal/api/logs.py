"""The portal's log on standard error: lines for people, or an object a line for programs, which says not who nor where.

Not for: what is logged (``portal.api.app``).
"""

import json
import logging
import sys
import traceback
from dataclasses import asdict, dataclass

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from exchange.clock import SECOND, to_rfc3339

TEXT, JSON = "text", "json"


@dataclass(frozen=True, slots=True)
class Answered:
    """One call, as a program reads it."""

    method: str
    route: str
    """The pattern, without what the call put into it."""
    status: int
    ms: int
    caller: str
    """*officer*, *device* or *anyone*."""


class JsonLines(logging.Formatter):
    """``time``, ``level``, ``message``; of a call its ``call`` instead; of a fault its kind and where in the program it
    was, but not its words, which may hold what somebody sent."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": to_rfc3339(int(record.created * SECOND)),
            "level": record.levelname.lower(),
        }
        answered = getattr(record, "answered", None)
        if isinstance(answered, Answered):
            line["call"] = asdict(answered)
        else:
            line["message"] = record.getMessage()
        if record.exc_info and record.exc_info[0] is not None:
            frames = traceback.extract_tb(record.exc_info[2])
            line["fault"] = {
                "kind": record.exc_info[0].__name__,
                "at": [f"{frame.filename}:{frame.lineno}" for frame in frames],
            }
        return json.dumps(line)


class Unreadable(logging.Filter):
    """What aiohttp tells of connections: without who called, and of what is no HTTP only that it came, as a line a call
    is: anybody can send that, as often as they like, with somebody's token in it."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError | web.RequestPayloadError):
            if record.args:
                record.msg, record.args = "a connection failed", ()
            return True
        record.levelno, record.levelname = logging.INFO, logging.getLevelName(logging.INFO)
        record.msg, record.args = f"what came is no HTTP: {type(error).__name__}", ()
        record.exc_info = record.exc_text = None
        return logging.getLogger("handover.portal").isEnabledFor(logging.INFO)


def of_connections() -> logging.Logger:
    """The log for ``web.AppRunner(logger=…)``."""
    found = logging.getLogger("handover.portal.connections")
    if not found.filters:
        found.addFilter(Unreadable())
    return found


def set_up(form: str, *, verbose: bool) -> None:
    """``verbose``: a line a call too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == JSON else logging.Formatter("%(asctime)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("handover").setLevel(logging.INFO if verbose else logging.WARNING)
