"""The page's words: all of them in every language, easy to read, and none that a neighbour would ask about."""

import re
from datetime import UTC, datetime

import pytest

from agent.owner.web.handing_over import doing
from agent.owner.words import LANGUAGES, Words, catalogue, choose
from exchange.clock import SECOND
from tests.agent.owner.web.words_used import everything, in_templates, path_of

OTHERS = [language for language in LANGUAGES if language != "en"]
JARGON = (
    "codec|onvif|rtsp|key ?frame|bitrate|metadata|daemon|custody|hash|checksum|sha-256|plaintext|ciphertext|encrypt|"
    "recipient|timestamp|segment|fetch|upload url|webauthn|authenticat|authoris|credential|token|session|bind|host|"
    "endpoint|payload|manifest|preserve|retention|disclos|pursuant|aforementioned|utili[sz]e|facilitat"
)


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_has_its_words_and_none_is_left_over(language: str) -> None:
    known = catalogue(language)
    assert sorted(everything() - known.keys()) == []
    assert sorted(known.keys() - everything()) == []
    assert path_of(language).exists()


@pytest.mark.parametrize("language", OTHERS)
def test_values_stand_in_every_language(language: str) -> None:
    for english, other in catalogue(language).items():
        assert sorted(re.findall(r"%\(\w+\)s", english)) == sorted(re.findall(r"%\(\w+\)s", other)), english
        assert "%" not in re.sub(r"%\(\w+\)s", "", other).replace("%%", "")


def syllables(word: str, vowels: str) -> int:
    count = len(re.findall(f"[{vowels}]+", word.lower()))
    if vowels == "aeiouy" and re.search(r"[^aeiouyl]e$|[^aeioutd]es$|[^aeioutd]ed$", word.lower()):
        count -= 1
    return max(1, count)


def reading_ease(texts: list[str], language: str) -> float:
    """Flesch's reading ease, for German by Amstad's figures: 60 and more is plain."""
    sentences = words = count = 0
    for text in texts:
        plain = re.sub(r"%\(\w+\)s", "it", text)
        found = re.findall(r"[^\W\d_]+(?:'[a-z]+)?", plain)
        sentences += max(1, len(re.findall(r"[.:;?!](?:\s|$)", plain)))
        words += len(found)
        count += sum(syllables(word, "aeiouy" if language == "en" else "aeiouyäöü") for word in found)
    if language == "en":
        return 206.835 - 1.015 * words / sentences - 84.6 * count / words
    return 180 - words / sentences - 58.5 * count / words


def sentences_of(language: str) -> list[str]:
    texts = [text for text in in_templates() if len(text.split()) > 4]
    return texts if language == "en" else [catalogue(language)[text] for text in texts]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_said_is_easy_to_read(language: str) -> None:
    assert reading_ease(["The cat sat on the mat."], "en") > 100
    assert (
        reading_ease(["Notwithstanding aforementioned considerations, utilisation necessitates authorisation."], "en")
        < 0
    )
    assert reading_ease(sentences_of(language), language) > (75 if language == "en" else 60)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_is_long(language: str) -> None:
    for text in sentences_of(language):
        for sentence in re.split(r"(?<=[.?!:;])\s", text):
            assert len(sentence.split()) <= 22, sentence


def test_no_word_is_one_that_a_neighbour_would_ask_about() -> None:
    asked = {text: found for text in in_templates() if (found := re.findall(rf"\b(?:{JARGON})\w*", text.lower()))}
    assert asked == {}


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"), ("de", "de"), ("de-AT,de;q=0.9", "de"), ("fr,de;q=0.5,en;q=0.4", "de"), ("en;q=0.4,de;q=0.5", "de"),
        ("xx", "en"), ("de;q=0", "en"), (";;;q=x,,", "en"), ("en-GB,en;q=0.9,de;q=0.8", "en"),
    ],
)  # fmt: skip
def test_the_browsers_language_is_chosen(accepted: str, language: str) -> None:
    assert choose(accepted) == language


def test_dates_times_and_sizes_are_written_as_the_reader_does() -> None:
    at = round(datetime(2026, 5, 3, 18, 40, 5, 250_000, tzinfo=UTC).timestamp() * SECOND)
    day = datetime.fromtimestamp(at / SECOND, UTC).astimezone()
    english, german = Words("en"), Words("de")
    assert english.moment(at) == f"{day:%a %-d %b %Y, %H:%M:%S}"
    assert german.moment(at).startswith("So")
    assert "Mai 2026" in german.moment(at)
    assert english.size(1_250_000) == "1.2 MB"
    assert german.size(1_250_000) == "1,2 MB"
    assert german.size(7) == "7 Bytes"
    assert english.long(112 * SECOND) == "1 min 52 s"
    assert english.long(7_260 * SECOND) == "2 h 1 min"
    assert german.long(1_500_000) == "1,5 s"
    assert english.stretch(at, at + 60 * SECOND).count("2026") == 1
    assert english.time(at, precise=True).endswith(":05.2")


@pytest.mark.parametrize(
    ("language", "count", "text"),
    [("en", 1, "1 copy"), ("en", 0, "0 copies"), ("en", 2, "2 copies"), ("de", 1, "1 Kopie"), ("de", 12, "12 Kopien")],
)
def test_what_is_counted_is_said_as_one_where_it_is_one(language: str, count: int, text: str) -> None:
    assert Words(language).counted("%(count)s copy", "%(count)s copies", count) == text


@pytest.mark.parametrize(
    ("left", "text"),
    [("1 h", "noch etwa 1 Stunde"), ("3 h", "noch etwa 3 Stunden"), ("1 min", "noch etwa 1 Minute")],
)
def test_how_long_it_still_takes_is_counted_too(left: str, text: str) -> None:
    assert doing(Words("de"), f"uploading, 41 %, about {left} left").endswith(f", {text}")


def test_a_text_that_is_not_known_is_shown_as_it_is() -> None:
    assert Words("de")("Something that nobody translated.") == "Something that nobody translated."
