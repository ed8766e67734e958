"""What pydantic finds wrong is said in words of ours, with what is wanted, and never with the value."""

from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from exchange.complaints import PYDANTICS, complaint
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


FACTS = dict.fromkeys(
    (
        "gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "actual_length", "expected_version",
        "max_digits", "decimal_places", "whole_digits", "tz_expected", "tz_actual",
    ), 2,
) | dict.fromkeys(
    (
        "error", "field_type", "pattern", "expected", "encoding", "encoding_error", "class_name", "class",
        "discriminator",
        "dataclass_name", "tag", "expected_tags", "expected_schemes", "name", "method_name", "attribute", "now",
    ), "secret",
)  # fmt: skip
"""Whatever any kind of mistake must have beside it."""
OURS = {"value_error", "literal_error", "enum"}
"""Whose words, or choices, are the model's own."""


@pytest.mark.parametrize("kind", sorted(PYDANTICS - OURS))
def test_no_kind_of_mistake_is_said_in_pydantics_words_or_quotes_what_was_sent(kind: Any) -> None:
    error = ValidationError.from_exception_data("model", [{"type": kind, "loc": ("a\nb",), "input": 1, "ctx": FACTS}])
    said = complaint(error)
    assert error.errors()[0]["msg"] not in said
    assert "secret" not in said
    assert said.startswith("a?b: it ") or said == "a?b: a name in it is no text"


def test_what_a_type_of_ours_wants_is_said_as_that_and_a_whole_value_by_its_name() -> None:
    def refuse(_: object) -> object:
        raise PydanticCustomError("size", "a size with its unit")

    with pytest.raises(ValidationError) as raised:
        TypeAdapter(Annotated[str, BeforeValidator(refuse)]).validate_python("x")
    assert complaint(raised.value) == "wanted a size with its unit"
    assert complaint(raised.value, "the file") == "the file: wanted a size with its unit"
