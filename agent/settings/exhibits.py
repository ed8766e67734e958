"""What packages are called in court, as the owner sets it.

Not for: giving a reference to a package (``agent.requests.exhibits.references``).
"""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from agent.settings.section import Section
from exchange.documents.exhibits import ExhibitPrefix

DEFAULT_EXHIBIT = "HANDOVER-{id}"
"""What packages are called unless the owner says otherwise; ``{id}``: the first letters of the evidence id."""
_FIELD = re.compile(r"\{[^{}]*\}")
_FIELDS = {"{prefix}", "{number}", "{id}", *(f"{{number:0{width}}}" for width in range(2, 7))}


def _pattern(text: str) -> str:
    fields, rest = _FIELD.findall(text), _FIELD.sub("", text)
    if set(fields) - _FIELDS or not re.fullmatch(r"[A-Za-z0-9 ._/-]{0,40}", rest) or text != text.strip():
        raise PydanticCustomError(
            "exhibit", "letters, digits, / - . _ and {prefix}, {number}, {number:03} or {id}, such as {prefix}/{number}"
        )
    if "{id}" not in fields and not any(field.startswith("{number") for field in fields):
        raise PydanticCustomError("exhibit", "a text with {number} or {id}, so that no two are called the same")
    return text


class ExhibitSettings(Section):
    reference: Annotated[str, Field(max_length=100), AfterValidator(_pattern)] = DEFAULT_EXHIBIT
    """What each package is called in court: {number} counts on and never repeats, {number:03} writes it as 007,
    {prefix} is the initials below, {id} eight letters of the package's own name."""
    prefix: ExhibitPrefix | None = None
    """Initials that stand before the number, such as ABC: ABC/1, ABC/2. An officer's request, or you when you say yes,
    can name others. null for none."""
    first_number: int = Field(1, ge=1, le=999_999)
    """Numbers begin here at the least: raise it where an older register, or a backup that was put in, went further."""

    case_file: bool = False
    """Whether each package holds its facts once more as CASE (JSON-LD), for evidence systems that read it."""

    @model_validator(mode="after")
    def _a_prefix_that_is_written_is_known(self) -> Self:
        if "{prefix}" in self.reference and self.prefix is None:
            raise PydanticCustomError("exhibit", "a 'prefix' too, as 'reference' has {prefix} in it")
        return self
