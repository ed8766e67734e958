"""The force's file of addresses: found by words as people type them, and refused where it is none."""

from pathlib import Path

import pytest

from exchange.errors import NotFound, SettingsInvalid
from portal.officer.crime import gazetteer
from portal.officer.crime.gazetteer import MOST_FOUND, Address, Gazetteer

ROWS = """\ufeffUPRN,Number,Street,Town,Postcode,Latitude,Longitude
1,12,Mill Road,Exmouth,EX8 1AA,50.62,-3.41
2,120,Mill Road,Exmouth,EX8 1AB,50.63,-3.42
3,,Market Street,Exmouth,EX8 1AC,50.64,-3.43
4,1,"Château Lane, North",Exmouth,EX8 1AD,50.65,-3.44

"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "gazetteer.csv"
    path.write_text(ROWS)
    return path


def test_an_address_is_found_by_its_words_or_their_beginnings(file: Path) -> None:
    known = Gazetteer(file)
    assert known.find("market st") == [Address("Market Street Exmouth EX8 1AC", 50.64, -3.43)]
    assert [each.latitude for each in known.find("mill road 12")] == [50.62, 50.63]
    assert [each.latitude for each in known.find("12, Mill Rd.")] == []
    assert [each.latitude for each in known.find("chateau")] == [50.65]
    assert [each.latitude for each in known.find("EX8 1ac")] == [50.64]


def test_what_is_typed_is_words_and_no_query(file: Path) -> None:
    known = Gazetteer(file)
    for typed in (
        "",
        "   ",
        '"',
        "mill OR market",
        "text:mill",
        "mill*)",
        "'; DROP TABLE places; --",
        "NEAR(mill road)",
    ):
        assert len(known.find(typed)) <= MOST_FOUND
    assert known.find("zz" * 1000) == []
    assert len(known.find("mill")) == 2


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "first line"),
        (b"street,town\nMill Road,Exmouth\n", "first line"),
        (b"latitude,longitude\n1,2\n", "first line"),
        (b"street,latitude,longitude\nMill Road,north,2\n", "line 2"),
        (b"street,latitude,longitude\nMill Road,91,2\n", "line 2"),
        (b"street,latitude,longitude\nMill Road,nan,2\n", "line 2"),
        (b"street,latitude,longitude\nMill Road\n", "line 2"),
        (b"street,latitude,longitude\n,1,2\n", "line 2"),
        (b"street,latitude,longitude\n\xff,1,2\n", "UTF-8"),
        (b"street,latitude,longitude\n" + b"x" * 70_000 + b",1,2\n", "too long"),
    ],
)
def test_a_file_that_is_no_gazetteer_is_refused(file: Path, content: bytes, word: str) -> None:
    file.write_bytes(content)
    with pytest.raises(SettingsInvalid, match=word):
        Gazetteer(file)


def test_a_file_that_is_too_long_or_not_there_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gazetteer, "MOST_ROWS", 3)
    with pytest.raises(SettingsInvalid, match="more than 3"):
        Gazetteer(file)
    with pytest.raises(NotFound):
        Gazetteer(file.parent / "other.csv")
