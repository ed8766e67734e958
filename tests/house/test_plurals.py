"""What a page counts is said as one where it is one: no template, script or text has a number before a noun of many."""

import re

from agent.owner.words import LOCALE
from tests.paths import ROOT

NOUNS = (
    "addresses|cameras|checks|copies|days|files|hours|lines|minutes|months|owners|packages|people|pictures|places|"
    "recordings|requests|seconds|times|weeks|years"
)
"""What pages count."""
AFTER_A_VALUE = re.compile(rf"(?:\{{\{{[^{{}}]*\}}\}}|\$\{{[^{{}}]*\}}|%\(\w+\)s) (?:more |other )?(?:{NOUNS})\b")
ALWAYS_MANY = {
    "{{ evidence.masters|length }} files": "only where there are more than four",
    "${MOST_FILES} files": "a constant",
    "${owners} requests": "only where there are several",
    "%(number)s owners": "only where there are several",
}


def found_in(text: str) -> list[str]:
    return [found[0] for found in AFTER_A_VALUE.finditer(text) if found[0] not in ALWAYS_MANY]


def test_a_number_before_a_noun_of_many_is_found() -> None:
    assert found_in("{{ days }} days") == ["{{ days }} days"]
    assert found_in("`${rows.size} requests sent`") == ["${rows.size} requests"]
    assert found_in('_("%(count)s more copies")') == ["%(count)s more copies"]
    assert found_in('{{ counted(days, "day") }} later') == []


def test_no_page_and_no_script_counts_but_by_what_knows_one_from_many() -> None:
    pages = [
        path
        for wing in ("agent", "exchange", "portal")
        for kind in ("html", "js")
        for path in (ROOT / wing).rglob(f"*.{kind}")
        if "node_modules" not in path.parts
    ]
    assert len(pages) > 100
    both = re.compile(r'counted\("[^"]*", "[^"]*"')
    told = {str(path.relative_to(ROOT)): found_in(both.sub("", path.read_text())) for path in pages}
    assert {path: found for path, found in told.items() if found} == {}


def test_every_counted_text_has_one_for_one() -> None:
    """In the catalogues such a text stands as the plural of another."""
    for path in LOCALE.glob("*.po"):
        assert found_in("\n".join(re.findall(r'^msgid ".*"$', path.read_text(), re.MULTILINE))) == []
