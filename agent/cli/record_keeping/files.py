"""Writes a file that an operation made where the owner wants it, or says why not.

Not for: making it.
"""

import base64
import os
import sys
from pathlib import Path
from typing import Any

import click

from exchange.errors import InputInvalid

in_language = click.option(
    "--language", type=click.Choice(["en", "de"]), help="The language, where the jurisdiction's wording has it."
)


def refuse_taken(target: Path | None) -> None:
    """InputInvalid when a file of that name is there: it may be an earlier record."""
    if target is not None and target.exists():
        raise InputInvalid(f"{target} is there already.", do="Name another file.")


def write_new(target: Path, content: bytes) -> None:
    """A file that only its owner may read. InputInvalid when it can't be written."""
    try:
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    except OSError as error:
        raise InputInvalid(f"{target} can't be written ({error.strerror}).", do="Name another file.") from error


def write_file(reply: dict[str, Any], target: Path | None) -> None:
    """To the target, which only its owner may read, or to standard output."""
    content = base64.b64decode(reply["content"])
    if target is None:
        if sys.stdout.isatty() and reply["name"].endswith((".pdf", ".html")):
            what = "PDF" if reply["name"].endswith(".pdf") else "page"
            raise InputInvalid(f"A terminal can't show a {what}.", do="Name a file with --out.")
        sys.stdout.buffer.write(content)
    else:
        write_new(target, content)
        click.echo(f"Written: {target}")
    for script in reply["missing"]:
        click.echo(
            f"No font on this machine has the letters of {script}: boxes stand for them. "
            "Install fonts-noto (apt), or take the page (html).",
            err=True,
        )
