"""What it takes to add a brand of recorder: its folder, a line in the registry, one in the suite, its page."""

import re

from agent.sources import registry
from tests.paths import ROOT
from tests.sources import test_conformance
from tests.sources.counterpart.made_up import BRAND, MadeUpUnderTest


def test_a_whole_brand_has_fewer_than_sixty_lines_and_is_put_through_the_suite() -> None:
    folder = ROOT / BRAND.replace(".", "/")
    lines = [line for path in folder.glob("*.py") for line in path.read_text().splitlines() if line.strip()]
    assert len(lines) < 60
    assert MadeUpUnderTest in test_conformance.SOURCES


def test_every_brand_is_a_folder_of_one_shape() -> None:
    allowed = {
        "source", "session", "api", "options", "time", "files", "playback", "soap", "index", "names", "name_patterns",
        "probe",
    }  # fmt: skip
    for brand in registry.BRANDS.values():
        found = {path.stem for path in (ROOT / brand.replace(".", "/")).glob("*.py")} - {"__init__"}
        assert {"source", "session", "options"} <= found <= allowed, brand


def test_every_brand_has_its_page_and_is_put_through_the_suite() -> None:
    pages = (ROOT / "docs" / "sources.md").read_text()
    tried = {getattr(each, "kind", "") for each in test_conformance.SOURCES}
    for kind in registry.BRANDS:
        assert kind in tried
        assert re.search(rf"(?:--source|source \S+) {kind}\b|`{kind}`", pages), kind


def test_no_module_but_the_registry_names_a_brand() -> None:
    for path in [*(ROOT / "agent").rglob("*.py"), *(ROOT / "portal").rglob("*.py")]:
        if path.parent.parent.name == "sources" or path.name == "registry.py":
            continue
        assert not re.search(r"agent\.sources\.(?!device|registry|fetched)\w+", path.read_text()), path
