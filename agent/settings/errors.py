"""Says what is wrong with ``handover.yaml`` in words: where, what was found, what is wanted.

Not for: reading or checking the file (``agent.settings.yaml_file``, ``agent.settings.model``).
"""

import difflib
import re
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from agent.settings.yaml_file import Keys, Place, Problem, YamlFile, dotted
from exchange.complaints import wrong

_LONGEST_SHOWN = 60


def problems_of(error: ValidationError, file: YamlFile, model: type[BaseModel]) -> list[Problem]:
    """The problems in the order of the file, one for each place; of a list with a wrong item, only that item."""
    found: dict[Keys, list[str]] = {}
    places: dict[Keys, Place] = {}
    for detail in error.errors(include_url=False):
        path = _path_in_file(detail["loc"], file)
        if detail["type"] == "missing":
            path = (*path[: len(detail["loc"]) - 1], detail["loc"][-1])
        places[path] = _place(path, detail["type"], file)
        text = _text(detail, path, model)
        if text not in found.setdefault(path, []):
            found[path].append(text)
    outer = {path[:length] for path in found for length in range(len(path))}
    return [
        Problem(places[path], dotted(path), _merge(texts))
        for path, texts in found.items()
        if path not in outer or not isinstance(_value_at(path, file), list)
    ]


def _value_at(path: Keys, file: YamlFile) -> object:
    value: object = file.root
    for part in path:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part]
    return value


def _path_in_file(loc: tuple[str | int, ...], file: YamlFile) -> Keys:
    """Pydantic's location without the names of a union's branches, which stand nowhere in the file."""
    path: Keys = ()
    for part in loc:
        if (*path, part) in file.values or (*path, part) in file.keys:
            path = (*path, part)
    return path


def _place(path: Keys, kind: str, file: YamlFile) -> Place:
    if kind == "extra_forbidden" and path in file.keys:
        return file.keys[path]
    while path not in file.values and path:
        path = path[:-1]
        if path in file.keys:
            return file.keys[path]
    return file.values.get(path, Place(1, 1))


def _text(detail: ErrorDetails, path: Keys, model: type[BaseModel]) -> str:
    kind = detail["type"]
    if kind == "missing":
        return f"not found, wanted{_described(path, model)}"
    if kind == "extra_forbidden":
        return _unknown(path, model)
    return f"found {_shown(detail['input'])}, wanted {_wanted(detail)}"


def _merge(texts: list[str]) -> str:
    first, *others = texts
    return first + "".join(" or " + text.partition(", wanted ")[2] for text in others)


def _shown(value: object) -> str:
    """What stands in the file, cut short, and without a password that stands in a URL."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a section"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = re.sub(r"//[^/\s]*@", "//…@", str(value))
    return repr(text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…")


def _wanted(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in ("int_parsing", "int_type", "int_from_float"):
        return "a whole number"
    if kind in ("bool_parsing", "bool_type"):
        return "yes or no"
    if kind in ("enum", "literal_error"):
        return str(context["expected"]).replace("'", "")
    if kind in ("string_type", "path_type"):
        return "text"
    if kind in ("list_type", "tuple_type"):
        return "a list, such as [a, b]"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return "a section: keys and values, indented below it"
    if kind in ("greater_than_equal", "less_than_equal"):
        bound = context["ge" if kind == "greater_than_equal" else "le"]
        return f"at {'least' if kind == 'greater_than_equal' else 'most'} {bound}"
    if kind == "too_long":
        return f"a list of at most {context['max_length']}"
    if kind == "string_too_long":
        return f"at most {context['max_length']} characters"
    if kind == "string_too_short":
        return "some text"
    text = wrong(detail).removeprefix("it must be ").removeprefix("wanted ")
    return f"something else: {text}" if text.startswith("it ") else text


def _unknown(path: Keys, model: type[BaseModel]) -> str:
    section = _model_at(path[:-1], model)
    names = list(section.model_fields) if section else []
    close = difflib.get_close_matches(str(path[-1]), names, n=1, cutoff=0.6)
    if close:
        return f"found an unknown key; did you mean {close[0]!r}?"
    return f"found an unknown key, wanted one of {', '.join(names)}"


def _described(path: Keys, model: type[BaseModel]) -> str:
    section = _model_at(path[:-1], model)
    field = section.model_fields.get(str(path[-1])) if section else None
    text = (field.description or "") if field else ""
    return f" this key: {text}" if text else " this key"


def _model_at(path: Keys, model: type[BaseModel]) -> type[BaseModel] | None:
    for part in path:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(str(part))
        candidates = (field.annotation, *get_args(field.annotation)) if field else ()
        model_or_none = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
        if model_or_none is None:
            return None
        model = model_or_none
    return model
