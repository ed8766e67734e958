"""The files around handover.yaml: the example, the schema, and what setup writes."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from agent.settings.edit import fill_in
from agent.settings.json_schema import schema_text
from agent.settings.model import Section, Settings, load_settings
from agent.settings.yaml_file import dotted, parse
from exchange.errors import SettingsInvalid
from tests.paths import ROOT

EXAMPLE = ROOT / "config" / "handover.example.yaml"
SCHEMA = ROOT / "config" / "handover.schema.json"
LEARNED = {
    "portal": {"url": "https://portal.example.org"},
    "owner": {"kind": "business", "name": 'Café "Zur Post": Wien #1', "contact": "+43 1 234"},
}


def every_key(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[tuple[str, str | None]]:
    """Each setting's dotted key, and what the model says about it."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        yield prefix + name, field.description
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from every_key(kind, f"{prefix}{name}.")


def test_the_example_is_valid_and_shows_the_defaults() -> None:
    example = load_settings(EXAMPLE)
    for name, field in Settings.model_fields.items():
        if name not in ("portal", "owner"):
            assert getattr(example, name) == field.default, name
    assert example.portal.model_dump(exclude_defaults=True).keys() == {"url"}


def test_the_example_names_every_setting_and_comments_each() -> None:
    text = EXAMPLE.read_text()
    lines, file = text.splitlines(), parse(text)
    places = {dotted(keys): place for keys, place in file.keys.items()}
    assert set(places) == {key for key, _ in every_key()}
    for key, place in places.items():
        assert lines[place.line - 2].lstrip().startswith("#"), f"{key} has no comment above it"


def test_every_setting_says_in_the_model_what_it_is_for() -> None:
    assert [key for key, description in every_key() if not description] == []


def test_the_schema_in_the_repository_is_the_one_the_model_makes() -> None:
    assert SCHEMA.read_text() == schema_text(Settings), "run: python -m agent.settings --schema > config/…"


def test_the_schema_accepts_the_example_and_refuses_a_misspelt_key() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    example = yaml.safe_load(EXAMPLE.read_text())
    validator.validate(example)
    with pytest.raises(jsonschema.ValidationError, match="recordingz"):
        validator.validate({**example, "recordingz": {}})


def test_setup_makes_a_file_where_there_was_none(tmp_path: Path) -> None:
    path = tmp_path / "handover.yaml"
    settings = fill_in(path, LEARNED)
    assert settings == load_settings(path)
    assert settings.owner.name == LEARNED["owner"]["name"]


def test_setup_changes_nothing_but_its_own_values(tmp_path: Path) -> None:
    path = tmp_path / "handover.yaml"
    path.write_text(EXAMPLE.read_text())
    path.chmod(0o640)
    fill_in(path, LEARNED)
    before, after = EXAMPLE.read_text().splitlines(), path.read_text().splitlines()
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [
        '  url: "https://portal.example.org"',
        '  kind: "business"',
        '  name: "Café \\"Zur Post\\": Wien #1"',
        '  contact: "+43 1 234"',
    ]
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["handover.yaml"]


@pytest.mark.parametrize(
    "text",
    [
        "portal:\nowner:\n",
        "portal: null\nowner: ~\ndata: /srv/h",
        "# mine\nportal:\n    proxy: null  # none here\nowner:\n  kind:\n  contact: old # comment\nlog: {}\n",
        "owner: {kind: household, name: A, contact: B}\nportal: {url: https://old.example.org}\n",
    ],
)
def test_setup_fills_in_sections_that_are_there_in_part(tmp_path: Path, text: str) -> None:
    path = tmp_path / "handover.yaml"
    path.write_text(text)
    settings = fill_in(path, LEARNED)
    assert (settings.portal.url, settings.owner.contact) == ("https://portal.example.org", "+43 1 234")
    assert all(comment in path.read_text() for comment in ("# mine", "# none here", "# comment") if comment in text)


@pytest.mark.parametrize(
    "text", ["portal: {proxy: null}\n", "portal:\n\turl: x\n", "data: nowhere\n", "portal: 7\nx: y\n"]
)
def test_setup_leaves_a_file_it_cannot_use_as_it_was(tmp_path: Path, text: str) -> None:
    path = tmp_path / "handover.yaml"
    path.write_text(text)
    with pytest.raises(SettingsInvalid):
        fill_in(path, LEARNED)
    assert path.read_text() == text
