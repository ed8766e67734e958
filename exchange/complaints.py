"""What pydantic finds wrong with a value, in words for whoever typed it, and never with the value.

Not for: documents from outside (``exchange.signing.documents``), or the owner's settings, which have a place in their
file (``agent.settings``).
"""

from typing import TYPE_CHECKING

from pydantic import ValidationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_WORDS = {
    "missing": "it is missing",
    "string_too_short": "it is empty",
    "extra_forbidden": "it is not known here",
    "string_pattern_mismatch": "it is not written as it must be",
    "model_type": "it is empty, or no table of names and values",
    "dict_type": "it is empty, or no table of names and values",
}


def complaint(error: ValidationError) -> str:
    """The first thing that is wrong, behind the name of its field where it has one."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(step) for step in first["loc"])
    return f"{where}: {wrong(first)}" if where else wrong(first)


def wrong(detail: "ErrorDetails") -> str:
    """What is wrong with one value, to be put behind a colon."""
    if detail["type"] == "string_too_long":
        return f"it is longer than {detail['ctx']['max_length']} letters"
    return _WORDS.get(detail["type"]) or str(detail["msg"]).removeprefix("Value error, ")
