"""What a person types, as flags or at a question: checked at once, and said in the words of the command line.

Not for: what the operations accept (each has a model of its own, which checks again).
"""

import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import click
from pydantic import TypeAdapter, ValidationError

from exchange.clock import SECOND, from_rfc3339, to_rfc3339
from exchange.complaints import complaint
from exchange.errors import InputInvalid


def answer(given: str | None, flag: str, question: str, kind: Any, *, default: str | None = None) -> str:
    """``given`` by the flag, or else asked for until it fits ``kind``, a type that pydantic checks.

    InputInvalid when the flag's value doesn't fit, and when nobody is there to be asked.
    """
    if given is not None:
        try:
            return checked(given, kind)
        except ValueError as error:
            raise InputInvalid(f"{flag} {given!r} can't be used: {error}.", meaning="Nothing was changed.") from None
    while True:
        typed = str(click.prompt(question, default=default)).strip()
        try:
            return checked(typed, kind)
        except ValueError as error:
            click.echo(f"That can't be used: {error}. Please type it again.", err=True)


def checked(text: str, kind: Any) -> str:
    """The text as ``kind`` has it. ValueError says what is wanted."""
    try:
        return str(TypeAdapter(kind).validate_python(text))
    except ValidationError as error:
        raise ValueError(complaint(error)) from None


def typed_time(text: str, near: str) -> str:
    """A moment as RFC 3339: as it was typed, or a time of day of the host's zone, the one nearest after ``near``.

    ``near`` is RFC 3339 too. InputInvalid.
    """
    try:
        if "T" in text:
            return to_rfc3339(from_rfc3339(text))
        clock = time.fromisoformat(text.strip())
        start = datetime.fromtimestamp(from_rfc3339(near) / SECOND, UTC).astimezone()
        moment = datetime.combine(start.date(), clock).astimezone()
        if moment < start - timedelta(hours=12):
            moment = datetime.combine(start.date() + timedelta(days=1), clock).astimezone()
        return to_rfc3339(round(moment.timestamp() * SECOND))
    except ValueError:
        raise InputInvalid(
            f"The time {text!r} can't be used.",
            meaning="Nothing was changed.",
            do="Type it as 18:40, 18:40:30 or 2026-05-03T18:40:00+01:00.",
        ) from None


def require_all(missing: Sequence[str]) -> None:
    """InputInvalid that names every flag that is missing at once; silent when none is."""
    if missing:
        raise InputInvalid(
            f"Missing: {', '.join(missing)}.", meaning="Nothing was changed.", do="The options are listed by --help."
        )


def somebody_is_there() -> bool:
    """Whether questions can be answered: a terminal, not a script."""
    return sys.stdin.isatty()


def read_secret(file: Path | None, question: str) -> str:
    """A password out of a file, or typed without being shown. InputInvalid when the file is no text."""
    if file is None:
        return str(click.prompt(question, hide_input=True, default="", show_default=False))
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputInvalid(f"The password file {file} can't be read.", do="It holds the password, as text.") from error


def bytes_of(text: str) -> int:
    """``500 MB`` in bytes. InputInvalid."""
    found = re.fullmatch(r"\s*(\d{1,6}(?:\.\d{1,3})?)\s*(kB|MB|GB)\s*", text)
    if found is None:
        raise InputInvalid(f"The size {text!r} can't be used.", do="Type it as 500 MB or 2 GB.")
    return round(float(found[1]) * {"kB": 1000, "MB": 1000**2, "GB": 1000**3}[found[2]])
