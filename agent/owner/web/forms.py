"""What forms of the page share: a day and two times of it, by the host's own zone.

Not for: a time within what an officer asks for (``review``), which may lie on either of two days.
"""

from collections.abc import Mapping
from datetime import datetime

from exchange.clock import SECOND, to_rfc3339
from exchange.errors import InputInvalid


def typed_window(form: Mapping[str, str]) -> dict[str, str]:
    """``day``, ``from`` and ``to`` as a window of the protocol. InputInvalid."""
    return {name: typed_moment(f"{form.get('day', '')}T{form.get(name, '')}") for name in ("from", "to")}


def typed_moment(text: str) -> str:
    """A day and time of the host's zone as RFC 3339. InputInvalid."""
    try:
        moment = datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError):
        raise InputInvalid(
            "The day or time can't be used.", meaning="Nothing was changed.", do="Go back, and type it again."
        ) from None
    return to_rfc3339(round(moment.timestamp()) * SECOND)
