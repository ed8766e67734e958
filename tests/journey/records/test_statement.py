"""The draft of a witness statement: it says what the records hold, and leaves blank what only the witness knows."""

import re
from pathlib import Path

import pytest

from exchange.clock import SECOND
from exchange.errors import InputInvalid
from tests.journey.home import besieged
from tests.journey.records.kept import ask, embedded_fonts, file_of, form_fields, handed_over, pdf_text, put_clock_check
from tests.journey.review.test_noted import handed, noted


def words_of(page: str) -> str:
    """What a page says, without its markup."""
    return " ".join(re.sub(r"<(style|title)>.*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL).split())


async def test_it_produces_what_was_handed_over_with_clock_request_and_continuity(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        await put_clock_check(at, offset_us=-41 * SECOND)
        request_id = await handed_over(at, seen="the van $stops")
        (package,) = await at.packages(request_id)
        page = (await file_of(at, "statement", request_id=request_id)).decode()
        said = words_of(page)
        assert "41 s behind" in said
        assert said.count("the van $stops") == 2  # the note of a moment, and the remark
        assert "the pictures show is that much earlier" in said
        assert "received a request from Detective Constable Ada Okafor 4711 of Example Constabulary" in said
        assert "04/1234/26" in said
        assert "it was approved by Robin Example" in said
        assert "without encoding it again" in said
        assert package.ciphertext_sha256 is not None
        assert package.ciphertext_sha256 in said
        continuity = said[said.index("Where it has been") : said.index("Exhibit label")]
        assert "was sealed" in continuity
        assert "was uploaded" in continuity  # it is sent while it is sealed: either may end first
        events = ["was copied", "manifest was signed", "handed over", "confirmed that it has"]
        assert [continuity.index(event) for event in events] == sorted(continuity.index(event) for event in events)


async def test_it_has_what_the_rule_asks_of_a_written_statement(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await handed_over(at)
        page = (
            await file_of(at, "statement", request_id=request_id, name="Robin <b>Example", occupation="baker")
        ).decode()
        said = words_of(page)
        assert "true to the best of my knowledge and belief" in said
        assert "can be prosecuted if I have wilfully stated in it anything that I know to be false" in said
        blanks = re.findall(r'<input class="fill"[^>]*aria-label="([^"]*)"', page)
        for wanted in ("signature of the witness", "date", "name of the reader", "number", "exhibit reference"):
            assert wanted in blanks
        assert 'value="Robin &lt;b&gt;Example"' in page
        assert 'value="baker"' in page
        assert "not legal advice" in said


async def test_it_claims_nothing_that_nobody_recorded(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await handed_over(at)
        page = (await file_of(at, "statement", request_id=request_id)).decode()
        said = words_of(page)
        boxes = re.findall(r'<input type="checkbox"([^>]*)>', page)
        assert len(boxes) == 3
        assert all("checked" not in box for box in boxes)
        assert "I watched the recording" in said
        assert "I did not watch the recording" in said
        assert "never compared with another by the program" in said
        values = re.findall(r'aria-label="full name"[^>]*', page)
        assert values
        assert re.findall(r'value="([^"]+)" aria-label="full name"', page) == []


async def test_a_noted_request_is_told_as_one_that_nobody_signed(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await noted(at)
        await handed(at, request_id)
        said = words_of((await file_of(at, "statement", request_id=request_id)).decode())
        assert "wrote down a request by Sam Marsh of Kent Police" in said
        assert "called back at the force's own number" in said.replace("&#39;", "'")
        assert "signed with that officer" not in said


async def test_as_pdf_its_words_can_be_selected_and_its_blanks_filled_in(tmp_path: Path) -> None:
    async with besieged(tmp_path, workers=True) as at:
        request_id = await handed_over(at)
        content = await file_of(at, "statement", request_id=request_id, form="pdf", name="Róbín Ехаmрlе")
        assert "true to the best of my knowledge and belief" in pdf_text(content)
        fields = form_fields(content)
        assert "Róbín Ехаmрlе" in fields.values()
        assert len(fields) > 12
        assert all(embedded_fonts(content))


async def test_of_what_was_not_handed_over_there_is_none(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        with pytest.raises(InputInvalid, match="Nothing of this request was handed over"):
            await ask(at, "statement", request_id=request_id)


async def test_in_german_it_is_for_an_authority_of_the_union(tmp_path: Path) -> None:
    async with besieged(tmp_path, extra="records: {jurisdiction: eu, language: de}") as at:
        request_id = await handed_over(at)
        said = words_of((await file_of(at, "statement", request_id=request_id)).decode())
        assert "nach bestem Wissen" in said
        assert "ohne Ton" in said
