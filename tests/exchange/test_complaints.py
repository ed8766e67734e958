"""What pydantic finds wrong is said in words of ours, with what is wanted, and never with the value."""

from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from exchange.complaints import complaint
from exchange.documents.messages import Id


class _Kind(StrEnum):
    ONE = "one"
    TWO = "two"


class _Typed(BaseModel):
    model_config = {"extra": "forbid"}

    kind: _Kind = _Kind.ONE
    some: Annotated[tuple[str, ...], Field(min_length=1, max_length=2)] = ("a",)


@pytest.mark.parametrize(
    ("wanted", "typed", "words"),
    [
        (Id, "Bob B", "it must be 1 to 64 small letters (a to z), digits and hyphens, such as front-door"),
        (Annotated[str, Field(pattern="^x+$")], "secret", "it is not written as it must be"),
        (Annotated[str, Field(min_length=1)], "", "it is empty"),
        (Annotated[str, Field(min_length=3)], "ab", "it is shorter than 3 letters"),
        (Annotated[str, Field(max_length=3)], "abcd", "it is longer than 3 letters"),
        (str, 7, "it is no text"),
        (int, "many", "it is no whole number"),
        (float, "far", "it is no number"),
        (bool, "maybe", "it is neither yes nor no"),
        (Annotated[float, Field(ge=-90, le=90)], 91, "it is more than 90"),
        (Annotated[float, Field(gt=0)], 0, "it must be more than 0"),
        (Literal["html", "pdf"], "doc", "it must be one of html or pdf"),
        (Literal[_Kind.ONE, _Kind.TWO], "three", "it must be one of one or two"),
        (_Typed, {"kind": "three"}, "kind: it must be one of one or two"),
        (_Typed, {"some": []}, "some: it is empty"),
        (_Typed, {"some": ["a", "b", "c"]}, "some: it has more than 2 entries"),
        (_Typed, {"somme": []}, "somme: it is not known here"),
    ],
)
def test_each_kind_of_mistake_is_said_in_words(wanted: Any, typed: Any, words: str) -> None:
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(wanted).validate_python(typed)
    assert complaint(raised.value) == words
