"""The table that holds a package against the police's checklists names fields that there are, and those that answer."""

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from exchange.documents.evidence import Evidence
from tests.paths import ROOT

DOCUMENT = (ROOT / "docs" / "police-checklist.md").read_text()
ANSWERS = {
    "source.registered_cameras", "source.retention_days", "source.setting", "retrieval", "local_time", "site.contact",
    "clocks.host", "clocks.camera.zone", "exhibit_reference", "gaps", "notes", "sound", "working_copies", "segments",
}  # fmt: skip


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from models(each)


def exists(path: str) -> bool:
    """Whether the manifest has such a field, by its name in the document."""
    found: list[type[BaseModel]] = [Evidence]
    for name in path.split("."):
        fields = [field for model in found for key, field in model.model_fields.items() if (field.alias or key) == name]
        if not fields:
            return False
        found = [model for field in fields for model in models(field.annotation)]
    return True


def test_every_field_that_is_named_is_in_the_manifest() -> None:
    named = set(re.findall(r"`([a-z_]+(?:\.[a-z_]+)*)`", DOCUMENT))
    fields = {path for path in named if path.partition(".")[0] in Evidence.model_fields}
    assert len(fields) > 30
    assert sorted(path for path in fields if not exists(path)) == []


def test_what_answers_the_polices_questions_is_named() -> None:
    assert sorted(path for path in ANSWERS if not exists(path) or f"`{path}`" not in DOCUMENT) == []


def test_every_row_says_on_which_source_it_rests() -> None:
    known = set(re.findall(r"^\| ([A-Z]) \| ", DOCUMENT, re.MULTILINE))
    questions = DOCUMENT.partition("## Retrieval")[2].partition("## ISO")[0]
    rows = [row.split(" | ") for row in questions.splitlines() if row.startswith("| ") and not row.startswith("| ---")]
    assert len(rows) > 20
    for row in rows[1:]:
        assert set(row[1].split(", ")) <= known, row
