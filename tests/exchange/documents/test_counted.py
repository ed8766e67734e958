"""A count and its noun agree, also with a verb behind it."""

import pytest

from exchange.counted import counted


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (counted(0, "camera"), "0 cameras"),
        (counted(1, "camera"), "1 camera"),
        (counted(2, "camera"), "2 cameras"),
        (counted(1, "copy", "copies"), "1 copy"),
        (counted(12_000_000, "copy", "copies"), "12000000 copies"),
        (counted(1, "file is", "files are"), "1 file is"),
        (counted(3, "file is", "files are"), "3 files are"),
        (counted(1.0, "hour"), "1 hour"),
        (counted(0.5, "hour"), "0.5 hours"),
    ],
)
def test_one_is_one_and_all_else_is_more(said: str, words: str) -> None:
    assert said == words
