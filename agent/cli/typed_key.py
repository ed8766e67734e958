"""The archive key as it is typed, scanned, or read from a file: one key of the recovery sheet, or its 24 words.

Not for: what is done with it.
"""

import sys
from pathlib import Path

import click

from agent.records.backups.archive_words import WORDS, identities_of_text, identity_of_words
from exchange.age.files import Identity
from exchange.errors import InputInvalid


def typed_key(file: Path | None, *, by_words: bool = True) -> list[Identity]:
    """From a file, or standard input up to an empty line. InputInvalid.

    24 words are taken as a key of either kind, as they don't say which; ``by_words`` False: refused, where one of the
    two that is on no sheet would be kept.
    """
    if file is not None:
        return _identities(file.read_text("utf-8", "replace"), by_words)
    words = ", or its 24 words," if by_words else ""
    click.echo(
        f"Type or scan {'a key' if by_words else 'each key'} of the recovery sheet{words} on one line or several."
    )
    click.echo("Then an empty line.")
    lines: list[str] = []
    while line := sys.stdin.readline():
        if not line.strip() and lines:
            break
        lines.append(line)
    return _identities("".join(lines), by_words)


def _identities(text: str, by_words: bool) -> list[Identity]:
    words = [word for word in text.split() if word.isascii() and word.isalpha()]
    if "AGE-SECRET-KEY" not in text.upper() and len(words) >= WORDS - 4:
        if not by_words:
            raise InputInvalid(
                "The 24 words don't say which of the sheet's keys they are.",
                meaning="Nothing was put back.",
                do="Scan the picture beside them, or type the letters above them: they begin with AGE-SECRET-KEY-.",
            )
        return [identity_of_words(words, kind) for kind in ("x25519", "hybrid")]
    return identities_of_text(text)
