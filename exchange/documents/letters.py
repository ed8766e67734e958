"""Which letters a text for people may have, and how a stranger's words are shown so that they are visibly theirs.

Not for: what a text may say, or how long it may be in a document (``exchange.documents.messages``).
"""

import textwrap
import unicodedata
from collections.abc import Iterator

from exchange.counted import counted

MOST_MARKS = 8
"""Combining marks in a row: more than any script writes over one letter, fewer than spill over other lines."""
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5\u180b\u180c\u180d\u180f")
"""Letters, marks and a symbol that show nothing, or a blank as wide as a letter."""
_JOINERS = frozenset("\u200c\u200d")
_AS_TEXT_OR_PICTURE = frozenset("\ufe0e\ufe0f")
_SELECTORS = frozenset(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))
_QUOTES = dict.fromkeys(map(ord, '\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033\uff02\u301d\u301e"'), "'")
_WIDTH = 56


def first_unfit(text: str, *, lines: bool = False) -> str | None:
    """The first letter that a text for people may not have there; None when it is fit.

    Allowed are letters, numbers, punctuation, symbols and spaces; marks behind what they belong to, at most MOST_MARKS
    in a row; joiners between letters, marks or symbols; the signs for an emoji's two forms behind a symbol. ``lines``:
    line feeds and tabs too. Control, format, private, unassigned and surrogate characters are not, nor blank letters.
    """
    return next((letter for letter, fit in zip(text, _fit(text, lines=lines), strict=True) if not fit), None)


def _fit(text: str, *, lines: bool = False) -> Iterator[bool]:
    """For each letter whether it may stand there, when those before it that may not are gone."""
    marks, before = 0, ""
    for index, letter in enumerate(text):
        kind = unicodedata.category(letter)
        if letter in "\n\t":
            fit = lines
        elif letter in _BLANK:
            fit = False
        elif letter in _SELECTORS:
            fit = letter in _AS_TEXT_OR_PICTURE and before[:1] in ("S", "N", "P")
        elif letter in _JOINERS:
            following = unicodedata.category(text[index + 1]) if index + 1 < len(text) else ""
            fit = before[:1] in ("L", "M", "S") and following[:1] in ("L", "M", "S")
        elif kind[0] == "M":
            fit = before != "" and marks < MOST_MARKS
        else:
            fit = kind[0] in "LNPS" or kind == "Zs"
        if fit:
            is_mark = kind[0] == "M"
            marks = marks + 1 if is_mark else marks if letter in _JOINERS else 0
            before = "" if letter in "\n\t" or kind == "Zs" else kind
        yield fit


def harmless(text: str, most: int = 300) -> str:
    """One line of a text of unknown origin, without what may not be shown; at most ``most`` letters of it."""
    text = " ".join(text[: 4 * most].split())
    for _ in range(3):  # what was behind or before something that went may have to go with it
        text = "".join(letter for letter, fit in zip(text, _fit(text), strict=True) if fit)
    return text[:most].strip() if first_unfit(text) is None else ""


def quoted(text: str, most: int = 300) -> str:
    """A stranger's words on one line, in quotes that they cannot close: ``“like this”``."""
    return f"\u201c{harmless(text.translate(_QUOTES), most)}\u201d"


def quoted_lines(text: str, most: int = 12, rest: str = "") -> str:
    """A stranger's words on several lines, each with ``> `` before it, at most ``most`` of them.

    ``rest``: where the whole text is, said when this is not all of it. Lines without words are left out.
    """
    lines = [
        part for line in text.splitlines() for part in textwrap.wrap(harmless(line, 4000), _WIDTH, tabsize=4) if part
    ]
    shown = [f"> {line}" for line in lines[:most]]
    if len(lines) > most:
        shown.append(f"(and {counted(len(lines) - most, 'more line')}{f': {rest}' if rest else ''})")
    return "\n".join(shown)
