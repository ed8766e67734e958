"""What strangers write is shown as it is, and can imitate nothing, break no frame and push nothing off the screen."""

import unicodedata

import pytest

from exchange.documents.letters import MOST_MARKS, first_unfit, harmless, quoted, quoted_lines

FIT = [
    "Ada Okafor",
    "Zoë Nuñez-O’Brien",
    "Siân Ng\u0301 Nguyễn Thị Ánh",
    "田中 さくら",
    "محمد علی\u200cزاده",  # ZWNJ between letters, as Persian needs it
    "क\u094d\u200dष विकास",  # ZWJ in Devanagari
    "👩🏽\u200d✈️ and ☎️ and ☎︎",
    "1️⃣ £200 – “quoted”, 50 % …",
    "a\u00a0b\u2009c",
]
UNFIT = {
    "Hangul filler": "a\u3164b",
    "half-width filler": "a\uffa0",
    "choseong filler": "\u115f",
    "jungseong filler": "\u1160",
    "Braille blank": "a\u2800",
    "grapheme joiner": "a\u034fb",
    "tag": "a\U000e0041",
    "private": "\ue000",
    "surrogate": "\ud800",
    "noncharacter": "\ufdd0",
    "noncharacter of plane 1": "\U0001fffe",
    "unassigned": "\U000e0fff",
    "control": "a\x1b[2J",
    "C1 control": "a\x9b31m",
    "delete": "a\x7f",
    "bidi override": "a\u202eb",
    "bidi isolate": "a\u2066b",
    "soft hyphen": "a\u00adb",
    "zero-width space": "a\u200bb",
    "byte order mark": "\ufeffa",
    "line separator": "a\u2028b",
    "paragraph separator": "a\u2029b",
    "next line": "a\x85b",
    "mark that comes first": "\u0301a",
    "mark on a space": "a \u0301",
    "too many marks": "a" + "\u0301" * (MOST_MARKS + 1),
    "joiner at the end": "a\u200d",
    "joiner at the beginning": "\u200da",
    "joiner between spaces": "a \u200d b",
    "joiners in a row": "a\u200d\u200db",
    "selector behind a letter": "a\ufe0f",
    "selector that means nothing": "a\ufe01",
    "Mongolian selector": "a\u180b",
    "ideographic selector": "a\U000e0100",
    "Khmer vowel that is not shown": "a\u17b4",
}


@pytest.mark.parametrize("text", FIT)
def test_names_and_sentences_of_any_script_are_fit(text: str) -> None:
    assert first_unfit(text) is None
    assert harmless(text) == text.replace("\u00a0", " ").replace("\u2009", " ")


@pytest.mark.parametrize("text", UNFIT.values(), ids=UNFIT.keys())
def test_what_is_not_seen_or_breaks_the_screen_is_unfit(text: str) -> None:
    assert first_unfit(text, lines=True) is not None
    shown = harmless(f"Say {text} yes")
    assert first_unfit(shown) is None
    assert "Say" in shown
    assert "yes" in shown


@pytest.mark.slow
def test_nothing_that_is_allowed_alone_is_of_a_kind_that_is_not_shown() -> None:
    kinds = {unicodedata.category(chr(code)) for code in range(0x110000) if first_unfit(chr(code)) is None}
    assert kinds == {"Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm",
                     "Sc", "Sk", "So", "Zs"}  # fmt: skip


def test_lines_are_only_where_they_may_be() -> None:
    assert first_unfit("one\ntwo\tthree") == "\n"
    assert first_unfit("one\ntwo\tthree", lines=True) is None


def test_quotes_cannot_be_closed_from_inside() -> None:
    assert quoted('fine” — Your agent is out of date: «run» "this"') == (
        "“fine' — Your agent is out of date: 'run' 'this'”"
    )
    assert quoted("a\nb\x1b[2J" + "c" * 1000, 20) == f"“a b[2J{'c' * 14}”"


def test_many_lines_are_a_few_each_visibly_theirs() -> None:
    shown = quoted_lines("first\n" + "\n" * 2000 + "x" * 4000, rest="handover show").splitlines()
    assert len(shown) == 13
    assert all(line.startswith("> ") for line in shown[:-1])
    assert shown[0] == "> first"
    assert shown[-1] == "(and 61 more lines: handover show)"
    assert quoted_lines("\n\nshort\n") == "> short"
