"""Words in the reader's language, on the page and in messages, and dates, times and sizes as they are written there.

English stands where it is said; every other language is a catalogue, ``locale/LANGUAGE.po``, read once when it is
wanted. Not for: what people wrote themselves, which is shown as they wrote it.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

from babel import Locale
from babel.dates import format_date, format_datetime, format_time, format_timedelta
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from exchange.clock import SECOND, from_rfc3339

LANGUAGES = ("en", "de")
"""The first is what everything is written in."""
LOCALE = Path(__file__).parent / "locale"


@cache
def catalogue(language: str) -> dict[str, str]:
    """English to another language; empty for English, and for a word that has none yet. What is counted has two texts
    of its own, for one and for every other count, as every language here has them."""
    path = LOCALE / f"{language}.po"
    if not path.exists():
        return {}
    with path.open("rb") as file:
        found = read_po(file, locale=language)
    known: dict[str, str] = {}
    for each in found:
        if each.id and each.string and not each.fuzzy:
            texts, others = ((each.id,), (each.string,)) if isinstance(each.id, str) else (each.id, each.string)
            known |= {str(text): str(other) for text, other in zip(texts, others, strict=True)}
    return known


def choose(accepted: str) -> str:
    """The first of the browser's languages (Accept-Language, RFC 9110) that there is; English otherwise."""
    wanted: list[tuple[float, str]] = []
    for part in accepted[:500].split(","):
        name, _, rest = part.strip().partition(";")
        try:
            weight = float(rest.strip().removeprefix("q=")) if rest else 1.0
        except ValueError:
            continue
        wanted.append((-weight, name.partition("-")[0].lower()))
    return next(
        (name for weight, name in sorted(wanted, key=lambda each: each[0]) if name in LANGUAGES and weight), "en"
    )


@dataclass(frozen=True)
class Words:
    """``words("English %(name)s", name=…)`` is the text in the reader's language."""

    language: str = "en"

    def __call__(self, text: str, /, **values: object) -> str:
        found = catalogue(self.language).get(text, text)
        return found % values if values else found.replace("%%", "%")

    def counted(self, one: str, more: str, count: int, /, **values: object) -> str:
        """``words.counted("%(count)s copy", "%(count)s copies", number)``: the text that fits how many there are."""
        return self(one if count == 1 else more, count=count, **values)

    @property
    def locale(self) -> Locale:
        return Locale.parse("en_GB" if self.language == "en" else self.language)

    def moment(self, at: str | int) -> str:
        """Day and time of the host's zone, to the second."""
        return format_datetime(_local(at), "EEE d MMM yyyy, HH:mm:ss", locale=self.locale)

    def time(self, at: str | int, *, precise: bool = False) -> str:
        """The time of day alone, to the second, or to the tenth of one."""
        moment = _local(at)
        tenth = f".{moment.microsecond // 100_000}" if precise else ""
        return format_time(moment, "HH:mm:ss", locale=self.locale) + tenth

    def day(self, at: str | int) -> str:
        return format_date(_local(at), "EEE d MMM yyyy", locale=self.locale)

    def stretch(self, start: str | int, end: str | int, *, precise: bool = False) -> str:
        """From when to when; the day once, unless it changes in between."""
        first, last = _local(start), _local(end)
        times = self.time(start, precise=precise), self.time(end, precise=precise)
        if first.date() == last.date():
            return self("%(day)s, %(start)s to %(end)s", day=self.day(start), start=times[0], end=times[1])
        return self("%(start)s to %(end)s", start=self.moment(start), end=self.moment(end))

    def ago(self, at: str | int, now: int) -> str:
        """How long ago, or in how long, roughly."""
        away = timedelta(microseconds=_us(at) - now)
        return format_timedelta(away, add_direction=True, locale=self.locale, threshold=1.2)

    def long(self, microseconds: int) -> str:
        """A length of time: ``1 min 52 s``."""
        seconds = microseconds / SECOND
        if seconds < 60:
            return f"{format_decimal(round(seconds, 1), locale=self.locale)} s"
        minutes, rest = divmod(round(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        words = [f"{hours} h"] if hours else []
        words += [f"{minutes} min"] if minutes or hours else []
        return " ".join([*words, f"{rest} s"]) if not hours else " ".join(words)

    def size(self, count: int) -> str:
        """Bytes in powers of 1000."""
        amount = float(count)
        for unit in ("bytes", "kB", "MB", "GB"):
            if amount < 1000 or unit == "GB":
                shown = round(amount) if unit == "bytes" or amount >= 100 else round(amount, 1)
                return f"{format_decimal(shown, locale=self.locale)} {self(unit)}"
            amount /= 1000
        raise AssertionError

    def zone(self) -> str:
        """What the host's zone is called now."""
        now = datetime.now().astimezone()
        name = now.tzname() or ""
        offset = f"UTC{now:%z}"
        return f"{name} ({offset[:-2]}:{offset[-2:]})"

    def date(self, day: date) -> str:
        return format_date(day, "EEE d MMM", locale=self.locale)


def _us(at: str | int) -> int:
    return at if isinstance(at, int) else from_rfc3339(at)


def _local(at: str | int) -> datetime:
    return datetime.fromtimestamp(_us(at) / SECOND, UTC).astimezone()
