"""A job that sends one message by Apprise, which is loaded here and nowhere else.

Not for: to whom, or what (``agent.owner.notify``). Neither address nor text is logged or answered.
"""

import logging
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]


class _Last(logging.Handler):
    """The kind of the last thing that Apprise complained of; its own text may hold an address."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.words = ""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage().lower()
        for mark, words in (
            ("timed out", "no answer in time"),
            ("refused", "nothing answers there"),
            ("connection", "it can't be reached"),
            ("socket", "it can't be reached"),
            ("unauthorized", "the password or token is refused"),
            ("authentication", "the password or token is refused"),
            ("error=", "it answered with an error"),
        ):
            if mark in text:
                self.words = words
                return


def send(job: Json, report: Callable[[Json], None]) -> Json:
    """``{"secret_address", "subject", "text"}`` to ``{"delivered", "why"}``."""
    import apprise

    last = _Last()
    logging.getLogger("apprise").addHandler(last)
    logging.getLogger("apprise").propagate = False
    sender = apprise.Apprise(asset=apprise.AppriseAsset(app_id="Handover", app_desc="Handover", secure_logging=True))
    if not sender.add(job["secret_address"]):
        return {"delivered": False, "why": "this is no address that Apprise knows"}
    delivered = bool(sender.notify(title=job["subject"], body=job["text"]))
    return {"delivered": delivered, "why": "" if delivered else last.words}
