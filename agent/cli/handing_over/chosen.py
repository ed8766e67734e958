"""What ``--copy`` takes: a kind of working copy, and how it is to be.

Not for: making one (``agent.requests.copies``), or what is usual (the settings say).
"""

import re
from typing import Any

from pydantic import ValidationError

from agent.cli.typed import bytes_of
from exchange.documents.copies import CHOSEN_KINDS, ChosenCopy, CopyKind
from exchange.errors import InputInvalid

Json = dict[str, Any]

COPY_HELP = (
    "A working copy beside the recording (again for more): playable, avi, avi=mjpeg, enhanced, "
    "enhanced=contrast:2,denoise:8,gamma:0.7, tight, smaller=25MB, quality. Without it: what the settings say and "
    "the officer asks for."
)
_VALUE = re.compile(r"(contrast|denoise|gamma):(\d{1,3}(?:\.\d{1,3})?)")


def chosen_copies(typed: tuple[str, ...], *, none: bool, caption: bool | None) -> list[Json] | None:
    """The copies that were typed, as the operation "decide" takes them; None: those that are usual. InputInvalid."""
    if none and typed:
        raise InputInvalid("Both --copy and --no-copies were given.", do="Give one of them.")
    if none:
        return []
    if not typed:
        return None
    found = [chosen_copy(text, caption=caption) for text in typed]
    if len({copy["kind"] for copy in found}) != len(found):
        raise InputInvalid("A kind of copy was given twice.", do="Give each kind once.")
    return found


def chosen_copy(text: str, *, caption: bool | None = None) -> Json:
    """One ``--copy``. InputInvalid."""
    kind, _, value = text.strip().partition("=")
    try:
        copy: Json = {"kind": CopyKind(kind)}
        if value and kind == CopyKind.AVI:
            copy["pictures"] = value
        elif kind == CopyKind.SMALLER:
            copy["most_bytes"] = bytes_of(value)
        elif value and kind == CopyKind.ENHANCED:
            copy["enhancement"] = _enhancement(value)
        elif value:
            raise ValueError(value)
        if caption is not None and kind in (CopyKind.AVI, CopyKind.ENHANCED, CopyKind.TIGHT):
            copy["caption"] = caption
        return ChosenCopy.model_validate(copy).model_dump(mode="json", exclude_none=True)
    except (ValueError, ValidationError):
        raise InputInvalid(
            f"The copy {text!r} can't be made.",
            meaning="Nothing was decided.",
            do=f"It is one of {', '.join(CHOSEN_KINDS)}; smaller needs a size, such as smaller=25MB.",
        ) from None


def _enhancement(text: str) -> Json:
    found = [_VALUE.fullmatch(each.strip()) for each in text.split(",")]
    if not all(found):
        raise ValueError(text)
    return {each[1]: float(each[2]) for each in found if each is not None}
