"""What pydantic finds wrong with a value, in words for whoever typed it, and never with the value.

Not for: documents from outside (``exchange.signing.documents``), or the owner's settings, which have a place in their
file (``agent.settings``).
"""

import re
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
    "string_type": "it is no text",
    "string_unicode": "it is no text that can be read",
    "int_type": "it is no whole number",
    "int_parsing": "it is no whole number",
    "int_from_float": "it is no whole number",
    "float_type": "it is no number",
    "float_parsing": "it is no number",
    "finite_number": "it is no number",
    "bool_type": "it is neither yes nor no",
    "bool_parsing": "it is neither yes nor no",
    "list_type": "it is no list",
    "tuple_type": "it is no list",
}
_PATTERNS = {
    r"^[a-z0-9][a-z0-9-]{0,63}$": "it must be 1 to 64 small letters (a to z), digits and hyphens, such as front-door",
    r"^\d{4}-\d{2}-\d{2}$": "it must be a day, such as 2026-06-10",
    r"^/.+$": "it must be a full path, such as /srv/exports",
    r"^/[^\x00]*$": "it must be a full path, such as /srv/exports",
    r"^[A-Za-z0-9.:_-]+$": "it must be a host's name or address, without a user or a path",
    r"^[a-zA-Z][a-zA-Z0-9+.-]{1,30}://\S+$": "it must be an address such as mailto://user:password@example.org",
    r"^[0-9a-f]{64}$": "it must be a SHA-256: 64 digits and letters from a to f",
}
"""What the commonest patterns want, for whoever typed something else."""
_BOUNDS = {
    "greater_than_equal": ("ge", "it is less than {}"),
    "greater_than": ("gt", "it must be more than {}"),
    "less_than_equal": ("le", "it is more than {}"),
    "less_than": ("lt", "it must be less than {}"),
    "too_short": ("min_length", "it has fewer than {} entries"),
    "too_long": ("max_length", "it has more than {} entries"),
    "string_too_long": ("max_length", "it is longer than {} letters"),
    "literal_error": ("expected", "it must be one of {}"),
    "enum": ("expected", "it must be one of {}"),
}
"""By kind, the fact that pydantic gives beside, and the words around it."""


def complaint(error: ValidationError) -> str:
    """The first thing that is wrong, behind the name of its field where it has one."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(step) for step in first["loc"])
    return f"{where}: {wrong(first)}" if where else wrong(first)


def wrong(detail: "ErrorDetails") -> str:
    """What is wrong with one value, to be put behind a colon."""
    kind, facts = detail["type"], detail.get("ctx", {})
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return "it is empty" if kind == "too_short" and facts[name] == 1 else words.format(_shown(facts[name]))
    if kind == "string_too_short" and facts["min_length"] > 1:
        return f"it is shorter than {facts['min_length']} letters"
    if kind == "string_pattern_mismatch" and facts["pattern"] in _PATTERNS:
        return _PATTERNS[facts["pattern"]]
    return _WORDS.get(kind) or str(detail["msg"]).removeprefix("Value error, ")


def _shown(fact: object) -> str:
    """A number without an empty fraction; names as they are typed."""
    text = re.sub(r"<\w+\.\w+: ('[^']*')>", r"\1", str(fact)).replace("'", "")
    return text.removesuffix(".0")
