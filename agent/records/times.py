"""Days, times, lengths and sizes as records write them: the host's own time first, and UTC beside it.

Not for: the owner's page, which has words of its own (``agent.owner.words``), or what a program reads.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal

from exchange.clock import SECOND, Window


@dataclass(frozen=True)
class Times:
    """``language``: en or de."""

    language: str

    @property
    def locale(self) -> Locale:
        return Locale.parse("en_GB" if self.language == "en" else self.language)

    def moment(self, at: int) -> str:
        """``3 May 2026, 18:40:05 BST (17:40:05 UTC)``; with the day of UTC where that is another one."""
        local, utc = _local(at), datetime.fromtimestamp(at / SECOND, UTC)
        text = format_datetime(local, "d MMMM yyyy, HH:mm:ss", locale=self.locale)
        if local.utcoffset() == utc.utcoffset():
            return f"{text} UTC"
        other = "HH:mm:ss" if local.date() == utc.date() else "d MMMM yyyy, HH:mm:ss"
        return f"{text} {local.tzname()} ({format_datetime(utc, other, locale=self.locale)} UTC)"

    def end_of(self, window: Window) -> str:
        """The end of a window, the day only where it is another one than the start's."""
        local = _local(window.end)
        if local.date() != _local(window.start).date():
            return self.moment(window.end)
        return format_datetime(local, "HH:mm:ss", locale=self.locale)

    def day(self, at: int) -> str:
        return format_date(_local(at), "d MMMM yyyy", locale=self.locale)

    def long(self, microseconds: int) -> str:
        """``12.4 s``, ``1 min 52 s``, ``2 h 5 min``."""
        seconds = microseconds / SECOND
        if seconds < 60:
            return f"{format_decimal(round(seconds, 1), locale=self.locale)} s"
        minutes, rest = divmod(round(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"

    def size(self, count: int) -> str:
        """Bytes in powers of 1000, and, as they prove something, all of them."""
        exact = f"{format_decimal(count, locale=self.locale)} bytes"
        if count < 1_000_000:
            return exact
        amount, unit = (count / 1e9, "GB") if count >= 10**9 else (count / 1e6, "MB")
        return f"{format_decimal(round(amount, 1), locale=self.locale)} {unit}, {exact}"


def _local(at: int) -> datetime:
    return datetime.fromtimestamp(at / SECOND, UTC).astimezone()


def day_window(first: str, last: str) -> Window:
    """From the first day's beginning to the last one's end, in the host's zone; days as ``2026-05-03``. ValueError."""
    return Window(_midnight(date.fromisoformat(first)), _midnight(date.fromisoformat(last) + timedelta(days=1)))


def _midnight(day: date) -> int:
    return round(datetime.combine(day, time()).astimezone().timestamp()) * SECOND
