"""What the layout of the code promises: small files, small folders, a word on what each is for."""

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT

WINGS = ("agent", "exchange", "portal", "scripts", "tests")
PRODUCT = ("agent", "exchange", "portal")
LONGEST = 400
FULLEST = 20


def modules(*wings: str) -> Iterator[Path]:
    for wing in wings:
        yield from (path for path in sorted((ROOT / wing).rglob("*.py")) if "node_modules" not in path.parts)


def opening(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text())) or ""


def test_a_file_above_400_lines_says_why() -> None:
    long = [path for path in modules(*WINGS) if len(path.read_text().splitlines()) > LONGEST]
    unexplained = [str(path.relative_to(ROOT)) for path in long if "Long because " not in opening(path)]
    assert unexplained == [], "make two of it, or say in its first lines: Long because …"


def test_no_file_says_why_it_is_long_that_is_not() -> None:
    said = [path for path in modules(*WINGS) if "Long because " in opening(path) and "test_rooms" not in path.name]
    assert [str(path) for path in said if len(path.read_text().splitlines()) <= LONGEST] == []


def test_no_folder_has_more_than_20_files() -> None:
    folders = {path.parent for path in modules(*WINGS)}
    full = {str(each.relative_to(ROOT)): len(list(each.glob("*.py"))) for each in folders}
    assert {name: count for name, count in full.items() if count > FULLEST} == {}


@pytest.mark.parametrize("wing", PRODUCT)
def test_every_module_opens_with_what_it_is_for(wing: str) -> None:
    silent = [path for path in modules(wing) if path.name != "__init__.py" and not opening(path)]
    assert silent == []


def test_nothing_is_called_by_a_word_that_fits_everything() -> None:
    anything = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}
    assert [path for path in modules(*WINGS) if anything & {path.stem, path.parent.name}] == []


def test_every_module_that_a_docstring_names_is_there() -> None:
    gone = []
    for path in modules(*PRODUCT):
        for name in re.findall(
            r"``((?:agent|exchange|portal)(?:[./][a-z_]+)+?)(?:\.py)?(?:\.[A-Z]\w*|\.\w+)?``", path.read_text()
        ):
            place = ROOT / name.replace(".", "/")
            above = place.parent
            if not (
                name.endswith((".yaml", ".db", ".json"))
                or place.is_dir()
                or place.with_suffix(".py").is_file()
                or above.with_suffix(".py").is_file()
            ):
                gone.append(f"{path.relative_to(ROOT)}: {name}")
    assert gone == []


def imports_in(text: str) -> Iterator[tuple[str, str]]:
    """What is imported of ours, also in programs that stand within a string."""
    for module, names in re.findall(r"from ((?:agent|exchange|portal)[\w.]*) import ([\w, ]+)", text):
        yield from ((module, name.strip().split(" ")[0]) for name in names.split(",") if name.strip())


def test_whatever_a_script_or_a_test_imports_is_there() -> None:
    gone = []
    for path in (*modules("scripts", "tests"), ROOT / "scripts/install", ROOT / "scripts/demo"):
        for module, name in set(imports_in(path.read_text())):
            there = importlib.import_module(module)
            if not hasattr(there, name) and importlib.util.find_spec(f"{module}.{name}") is None:
                gone.append(f"{path.relative_to(ROOT)}: {module}.{name}")
    assert gone == []


def test_certificates_are_left_unchecked_in_one_place_alone() -> None:
    """Whoever goes past it must compare what is shown with a pin: a second place would be a second thing to check."""
    lax = re.compile(r"CERT_NONE|ssl=False|_create_unverified")
    found = [path for path in modules(*PRODUCT) if lax.search(path.read_text())]
    assert [str(path.relative_to(ROOT)) for path in found] == ["agent/devices/unvouched_tls.py"]
