"""What a command passes to an operation: parsed at the daemon's door, and refused in the words of the command line.

Not for: the protocol's documents, whose senders are others (``exchange.signing.documents``).
"""

from typing import TypeVar

from pydantic import ValidationError

from exchange.complaints import wrong
from exchange.documents.messages import Part
from exchange.errors import DocumentInvalid, InputInvalid
from exchange.signing.documents import parse_strictly

P = TypeVar("P", bound=Part)

MAX_CALL = 256 * 1024
"""Bytes of one call."""


def read_arguments(data: bytes, model: type[P]) -> P:
    """An operation's arguments. InputInvalid names every one that doesn't fit; DocumentInvalid when it is no JSON."""
    try:
        return parse_strictly(data, model, MAX_CALL)
    except DocumentInvalid as error:
        raise _unfit(data, model) or error from None


def _unfit(data: bytes, model: type[Part]) -> InputInvalid | None:
    if len(data) > MAX_CALL:
        return None
    try:
        model.model_validate_json(data, strict=True)
    except ValidationError as error:
        complaints = error.errors(include_url=False, include_input=False)
        if any(complaint["type"] == "json_invalid" for complaint in complaints):
            return None
        texts = dict.fromkeys(
            f"{_named(complaint['loc'])}: {wrong(complaint).removesuffix('.')}" for complaint in complaints[:10]
        )
        return InputInvalid(
            f"This can't be used: {'; '.join(texts)}.", meaning="Nothing was changed.", do="Type it again, corrected."
        )
    except RecursionError:
        return None
    return None


def _named(steps: tuple[str | int, ...]) -> str:
    """As the option is called where it is typed."""
    words = [str(step) for step in steps if str(step).isprintable()]
    return ".".join(words)[:100].replace("_", "-").removeprefix("camera-") or "it"
