"""What pydantic finds wrong with a value, in words for whoever typed it, and never with the value.

Not for: the owner's settings, whose mistakes have a place in their file (``agent.settings.errors``).
"""

import re
from typing import TYPE_CHECKING, get_args

from pydantic import ValidationError
from pydantic_core.core_schema import ErrorType

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

PYDANTICS = frozenset(get_args(ErrorType))
"""The kinds of mistake that pydantic has words for; any other is one of ours, whose words say what is wanted."""
_WORDS = {
    "missing": "it is missing",
    "string_too_short": "it is empty",
    "extra_forbidden": "it is not known here",
    "string_pattern_mismatch": "it is not written as it must be",
    "model_type": "it is empty, or no table of names and values",
    "model_attributes_type": "it is empty, or no table of names and values",
    "dict_type": "it is empty, or no table of names and values",
    "mapping_type": "it is empty, or no table of names and values",
    "json_invalid": "it is no JSON",
    "invalid_key": "a name in it is no text",
    "union_tag_not_found": "it doesn't say of what kind it is",
    "union_tag_invalid": "it is of no kind that is known here",
    "none_required": "it must be left empty",
    "string_type": "it is no text",
    "string_unicode": "it is no text that can be read",
    "int_type": "it is no whole number",
    "int_parsing": "it is no whole number",
    "int_from_float": "it is no whole number",
    "int_parsing_size": "it is too large a number",
    "float_type": "it is no number",
    "float_parsing": "it is no number",
    "finite_number": "it is no number",
    "bool_type": "it is neither yes nor no",
    "bool_parsing": "it is neither yes nor no",
    "list_type": "it is no list",
    "tuple_type": "it is no list",
    "set_type": "it is no list",
    "frozen_set_type": "it is no list",
    "path_type": "it is no path",
    "uuid_parsing": "it is no UUID",
    "uuid_type": "it is no UUID",
    "date_parsing": "it must be a day, such as 2026-06-10",
    "date_from_datetime_parsing": "it must be a day, such as 2026-06-10",
    "datetime_parsing": "it must be a time, such as 2026-06-10T18:30:00Z",
    "datetime_from_date_parsing": "it must be a time, such as 2026-06-10T18:30:00Z",
    "timezone_aware": "it must say its zone, such as 2026-06-10T18:30:00Z",
}
_MOST_OF_A_NAME = 100
_PATTERNS = {
    r"^[a-z0-9][a-z0-9-]{0,63}$": "it must be 1 to 64 small letters (a to z), digits and hyphens, such as front-door",
    r"^\d{4}-\d{2}-\d{2}$": "it must be a day, such as 2026-06-10",
    r"^/.+$": "it must be a full path, such as /srv/exports",
    r"^/[^\x00]*$": "it must be a full path, such as /srv/exports",
    r"^[A-Za-z0-9.:_-]+$": "it must be a host's name or address, without a user or a path",
    r"^[a-zA-Z][a-zA-Z0-9+.-]{1,30}://\S+$": "it must be an address such as mailto://user:password@example.org",
    r"^SHA256:[A-Za-z0-9+/]{43}$": "it must be a key's fingerprint: SHA256: and 43 letters, as searches show it",
    r"^[0-9a-f]{64}$": "it must be a SHA-256: 64 digits and letters from a to f",
    r"^[A-Z0-9]{1,12}([/.-][A-Z0-9]{1,12}){0,3}$": "it must be capitals and digits, such as ABC or ABC/12",
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
    "multiple_of": ("multiple_of", "it must be a multiple of {}"),
    "literal_error": ("expected", "it must be one of {}"),
    "enum": ("expected", "it must be one of {}"),
}
"""By kind, the fact that pydantic gives beside, and the words around it."""


def complaint(error: ValidationError, whole: str = "") -> str:
    """The first thing that is wrong, behind the name of its field; ``whole``: what it is called where no field is to
    blame. The name of one that is not known is its sender's: it comes fit to be shown."""
    first = error.errors(include_url=False, include_input=False)[0]
    named = ".".join(str(step) for step in first["loc"])[:_MOST_OF_A_NAME]
    where = "".join(char if char.isprintable() else "?" for char in named) or whole
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
    if kind == "value_error":
        return str(detail["msg"]).removeprefix("Value error, ")
    return _WORDS.get(kind, "it can't be used") if kind in PYDANTICS else f"wanted {detail['msg']}"


def _shown(fact: object) -> str:
    """A number without an empty fraction; names as they are typed."""
    text = re.sub(r"<\w+\.\w+: ('[^']*')>", r"\1", str(fact)).replace("'", "")
    return text.removesuffix(".0")
