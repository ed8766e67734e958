"""Instants as XML and RTSP write them in text: ``dateTime`` (XML Schema 1.1 part 2, 3.3.7) to microseconds and back.

Not for: ONVIF's structures of year, month and day (``job``).
"""

from datetime import UTC, datetime, timedelta

from exchange.clock import SECOND

_EPOCH = datetime.fromtimestamp(0, UTC)
_UNSET = 365 * 24 * 3600 * SECOND
"""Anything before this is a clock that nobody set."""


def instant(text: str | None) -> int | None:
    """An XML dateTime in microseconds; without a zone it is UTC, as ONVIF has it. None when it is none, or unset."""
    if text is None or len(text) > 64:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    micros = (moment - _EPOCH) // timedelta(microseconds=1)
    return micros if micros >= _UNSET else None


def xml_time(micros: int) -> str:
    return (_EPOCH + timedelta(microseconds=micros)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
