"""The privacy notice and the sign say what the settings say, and nothing of where a camera is."""

from pathlib import Path

import pytest
from pypdf import PdfReader

from agent.records.notice import notice_of
from agent.records.wording.files import wording_of
from tests.journey.home import besieged, settings_at
from tests.journey.records.kept import ask, embedded_fonts, file_of, pdf_text
from tests.journey.records.test_statement import words_of

BUSINESS = """
recordings: {days: 21, segment: 10s, keep_free: 1 MB}
requests: {keep_packages_days: 90}
records: {purpose: to protect the till and the yard, privacy_contact: dpo@shop.example, keep_years: 5}
"""


async def test_the_notice_is_made_of_the_settings(tmp_path: Path) -> None:
    async with besieged(tmp_path, extra=BUSINESS.replace("recordings:", "discovery: {enabled: false}\n#")) as at:
        text = (await file_of(at, "notice", form="txt")).decode()
        assert (
            "Cameras here: 1 (Front door). We record pictures, and at some of them sound, to protect the till" in text
        )
        assert "Questions and requests go to dpo@shop.example." in text
        assert (
            "is kept for up to 97 days, longer only where a court may still need it" in text
        )  # a week's notice is in it
        assert "the record of it for 5 years" in text
        assert "sends recordings nowhere else" in text
        assert "Information Commissioner's Office" in text
        assert "https://ico.org.uk" in text
        for never in ("above the front door", "53.76", "127.0.0.1"):
            assert never not in text
        page = words_of((await file_of(at, "notice", form="html")).decode().replace("&#39;", "'"))
        for line in text.splitlines():
            assert set(line) <= set("=-") or line in page


BACKED_UP = """
requests: {keep_packages_days: 90}
backups:
  places: [{place: nas}]
  keep: [{kind: burglary, days: 730}]
  notice: 36h
"""


@pytest.mark.parametrize(
    ("outcome", "days"), [("", 732), ("  until_outcome: 1825d\n", 1827), ("  until_outcome: 30d\n", 732)]
)
async def test_the_notice_tells_the_longest_time_and_the_second_places_of_copies(
    tmp_path: Path, outcome: str, days: int
) -> None:
    async with besieged(tmp_path, extra=BACKED_UP + outcome) as at:
        text = (await file_of(at, "notice", form="txt")).decode()
        assert f"is kept for up to {days} days" in text
        assert "also lie at a storage place that we chose" in text
        assert "as our processor" in text
        assert "nowhere else" not in text


def test_the_notice_says_where_no_camera_was_added(tmp_path: Path) -> None:
    settings = settings_at(tmp_path, "https://share.example.police.uk")
    wording = wording_of("uk", "en", settings.records.wording)
    assert "Cameras here: 0 (none was added yet)." in notice_of(wording, settings, ()).plain()


async def test_the_sign_is_one_page_to_print(tmp_path: Path) -> None:
    async with besieged(tmp_path, pictures=True) as at:
        content = await file_of(at, "sign", form="pdf")
        text = pdf_text(content)
        assert "CCTV in operation" in text
        assert "Robin Example" in text
        assert "01632 960001" in text
        assert all(embedded_fonts(content))
        path = tmp_path / "sign.pdf"
        path.write_bytes(content)
        (page,) = PdfReader(path).pages
        assert (round(float(page.mediabox.width)), round(float(page.mediabox.height))) == (595, 842)


@pytest.mark.parametrize(("language", "said"), [("en", "Article 6(1)(f)"), ("de", "Artikel 6 Absatz 1 Buchstabe f")])
async def test_the_unions_words_are_there_in_both_languages(tmp_path: Path, language: str, said: str) -> None:
    async with besieged(tmp_path, extra="records: {jurisdiction: eu}") as at:
        text = (await file_of(at, "notice", form="txt", language=language)).decode()
        assert said in text
        sign = (await file_of(at, "sign", language=language)).decode()
        assert f'<html lang="{language}">' in sign
        assert (await ask(at, "sign", language=language))["name"] == "cctv-sign.html"
