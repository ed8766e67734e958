"""One word for one thing: no public name uses what the glossary calls something else, or a word that tells nothing."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT

GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()
RIDDLES = frozenset(
    ["elsewhere", "hand", "heard", "said", "told", "talk", "belt", "undated", "placing", "house", "parts"]
)
"""Words that public names had, and that had to be looked up."""


def synonyms() -> dict[str, str]:
    """The words that the glossary has in its last column, and the term that stands for each."""
    rows = re.findall(r"^\| \*\*(.+?)\*\* \| .+? \| (.*?) ?\|$", GLOSSARY, re.MULTILINE)
    return {word.strip(): term for term, words in rows for word in words.split(",") if word.strip()}


def public_names(path: Path) -> Iterator[str]:
    """Of a module: itself, its classes and functions, and the methods and fields of its public classes."""
    yield path.stem
    tree = ast.parse(path.read_text())
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node.name
            for below in node.body if isinstance(node, ast.ClassDef) else []:
                if isinstance(below, ast.FunctionDef | ast.AsyncFunctionDef) and not below.name.startswith("_"):
                    yield below.name
                elif isinstance(below, ast.AnnAssign) and isinstance(below.target, ast.Name):
                    yield below.target.id


def words_in(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)}


def all_names() -> list[tuple[str, str]]:
    paths = [path for wing in ("agent", "exchange", "portal") for path in sorted((ROOT / wing).rglob("*.py"))]
    return [(str(path.relative_to(ROOT)), name) for path in paths for name in public_names(path)]


def test_the_glossary_names_what_its_terms_are_not_called() -> None:
    assert len(synonyms()) > 30


@pytest.mark.parametrize("wing", ["agent", "exchange", "portal"])
def test_no_public_name_uses_a_synonym_of_a_term(wing: str) -> None:
    others = synonyms()
    found = [
        f"{path}: {name} ({word}: say {others[word]})"
        for path, name in all_names()
        if path.startswith(wing)
        for word in words_in(name) & others.keys()
    ]
    assert found == []


def test_no_public_name_is_a_riddle() -> None:
    assert [f"{path}: {name}" for path, name in all_names() if words_in(name) & RIDDLES] == []
