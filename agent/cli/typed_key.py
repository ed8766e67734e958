"""The archive key as it is typed, scanned, or read from a file: one key of the recovery sheet, or its 24 words.

Not for: what is done with it.
"""

import sys
from pathlib import Path

import click

from agent.records.backups.archive_words import WORDS, identities_of_text, identity_of_words
from exchange.age.files import Identity


def typed_key(file: Path | None) -> list[Identity]:
    """From a file, or standard input up to an empty line. 24 words are taken as a key of either kind. InputInvalid."""
    if file is not None:
        return _identities(file.read_text("utf-8", "replace"))
    click.echo("Type or scan a key of the recovery sheet, or its 24 words, on one line or several.")
    click.echo("Then an empty line.")
    lines: list[str] = []
    while line := sys.stdin.readline():
        if not line.strip() and lines:
            break
        lines.append(line)
    return _identities("".join(lines))


def _identities(text: str) -> list[Identity]:
    words = [word for word in text.split() if word.isascii() and word.isalpha()]
    if "AGE-SECRET-KEY" not in text.upper() and len(words) >= WORDS - 4:
        return [identity_of_words(words, kind) for kind in ("x25519", "hybrid")]
    return identities_of_text(text)
