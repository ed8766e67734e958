"""The law's words are in files that an owner can replace, and a mistake in one is named before anything is written."""

from pathlib import Path

import pytest
import yaml

from agent.records.register.words import Speaker
from agent.records.wording.files import wording_of
from agent.records.wording.model import Wording, fill
from agent.settings.model import settings_from_text
from exchange.errors import SettingsInvalid
from tests.paths import ROOT

SHIPPED = sorted((ROOT / "agent" / "records" / "wording").glob("*.yaml"))
SETTINGS = """
owner: {{kind: business, name: Corner Shop, contact: 01632 960001}}
records: {{wording: {folder}, privacy_contact: dpo@shop.example}}
"""


def own(folder: Path, change: object) -> Path:
    """A copy of the British file, with top keys replaced."""
    words = yaml.safe_load((ROOT / "agent/records/wording/uk.en.yaml").read_text())
    assert isinstance(change, dict)
    path = folder / "uk.en.yaml"
    path.write_text(yaml.safe_dump(words | change, allow_unicode=True))
    return path


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_each_file_that_comes_with_handover_is_whole_and_says_that_it_is_no_advice(path: Path) -> None:
    jurisdiction, language = path.stem.split(".")
    found = wording_of(jurisdiction, language, Path("/nonexistent"))
    assert (found.jurisdiction, found.language) == (jurisdiction, language)
    assert "Rechtsberatung" in found.disclaimer or "not legal advice" in found.disclaimer


def test_a_language_that_a_jurisdiction_lacks_is_answered_in_one_that_it_has() -> None:
    assert wording_of("uk", "de", Path("/nonexistent")).language == "en"


def test_an_owners_own_file_goes_before_ours_and_counts_at_once(tmp_path: Path) -> None:
    settings = settings_from_text(SETTINGS.format(folder=tmp_path), tmp_path / "handover.yaml")
    assert "ICO" in wording_of("uk", "en", settings.records.wording).authority.name
    own(tmp_path, {"disclaimer": "Ask $privacy_contact. Checked by our solicitor."})
    wording = wording_of("uk", "en", settings.records.wording)
    said = Speaker(wording, settings).register((), None, 0)
    assert said.disclaimer == "Ask dpo@shop.example. Checked by our solicitor."


def test_a_country_of_ones_own_is_a_file_of_ones_own(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="no wording for the jurisdiction 'ie'"):
        wording_of("ie", "en", tmp_path)
    own(tmp_path, {"jurisdiction": "ie", "name": "Ireland"}).rename(tmp_path / "ie.en.yaml")
    assert wording_of("ie", "de", tmp_path).name == "Ireland"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"jurisdiction": "eu"}, "says that it is of eu"),
        ({"disclaimer": ""}, "disclaimer"),
        ({"disclaimer": "a\u202eb"}, r"U\+202E"),
        ({"disclaimer": "costs $5"}, r"'\$'"),
        ({"disclaimer": "$nobody"}, "nobody"),
        ({"sharing": {}}, "sharing.household"),
        ({"extra": 1}, "extra"),
        ({"keep_records": {"years": 0, "why": "x"}}, "keep_records.years"),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_place(tmp_path: Path, change: dict[str, object], named: str) -> None:
    own(tmp_path, change)
    with pytest.raises(SettingsInvalid, match=named):
        wording_of("uk", "en", tmp_path)


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"a: [", b"- 1\n" * 100_000, b"[" * 5000], ids=["bytes", "broken", "large", "deep"]
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "uk.en.yaml").write_bytes(content)
    with pytest.raises(SettingsInvalid, match=r"uk\.en\.yaml"):
        wording_of("uk", "en", tmp_path)


def test_every_phrase_names_only_what_it_is_given() -> None:
    words = yaml.safe_load((ROOT / "agent/records/wording/uk.en.yaml").read_text())
    words["register"]["phrases"]["made"] = "Made by $exhibit"
    with pytest.raises(ValueError, match=r"phrases\.made names \$exhibit"):
        Wording.model_validate(words)
    del words["register"]["phrases"]["made"]
    with pytest.raises(ValueError, match="missing made"):
        Wording.model_validate(words)


@pytest.mark.parametrize(
    ("text", "one", "more"),
    [
        ("overwritten after $days days.", "overwritten after 1 day.", "overwritten after 30 days."),
        ("for ${days}\nyears", "for 1\nyear", "for 30\nyears"),
        ("nach $days Tagen, also $days Tage", "nach 1 Tag, also 1 Tag", "nach 30 Tagen, also 30 Tage"),
        ("$days daysigns, $$days", "1 daysigns, $days", "30 daysigns, $days"),
    ],
)
def test_a_single_day_or_year_is_said_as_one(text: str, one: str, more: str) -> None:
    assert [fill(text, days=days) for days in (1, 30)] == [one, more]
    assert fill("of $who", who="$days days") == "of $days days"
