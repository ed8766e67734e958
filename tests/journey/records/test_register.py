"""The register: every request stands in it, granted or not, and the page, the table and the print say the same."""

import csv
import io
import time
from pathlib import Path

import pytest
from pypdf import PdfReader

from agent.owner.operations.record_keeping.register import RegisterAsked
from agent.records.register.spreadsheet import inert
from agent.records.register.words import FIELDS
from agent.records.sheets.pdf_job import missing_scripts
from exchange.errors import InputInvalid
from tests.journey.home import besieged
from tests.journey.records.kept import answered_in_every_way, ask, embedded_fonts, file_of, handed_over, pdf_text
from tests.journey.review.test_noted import handed, noted


async def test_every_request_stands_in_it_however_it_ended(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        ended = await answered_in_every_way(at)
        entries = {each["request_id"]: each["fields"] for each in (await ask(at, "register"))["entries"]}
        states = {how: entries[request_id]["state"] for how, request_id in ended.items()}
        assert states == {
            "approved": ("handed over",),
            "declined": ("declined",),
            "refused": ("refused before the owner was asked",),
            "unanswered": ("ended without an answer",),
            "open": ("not decided yet",),
        }
        refused = entries[ended["refused"]]
        assert refused["case"] == refused["who"] == refused["purpose"] == ()
        assert "Not verified" in refused["verified"][0]
        assert refused["reason"] != ()
        declined = entries[ended["declined"]]
        assert "Robin Example" in declined["decided"][0]
        assert declined["minimised"] == ("Nothing was handed over.",)
        assert declined["basis"] == declined["seals"] == declined["once_shared"] == ()


async def test_what_was_handed_over_is_told_with_who_why_what_was_left_out_and_the_hashes(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await handed_over(at)
        (package,) = await at.packages(request_id)
        (entry,) = (await ask(at, "register"))["entries"]
        said = {name: " ".join(lines) for name, lines in entry["fields"].items()}
        assert said["who"] == "Detective Constable Ada Okafor 4711"
        assert said["force"] == "CID Mill Road, Example Constabulary"
        assert at.place.officer.public.fingerprint in said["verified"]
        assert said["purpose"] == "To identify who came and went."
        assert said["necessity"] == "No other camera looks at this door."
        assert said["their_basis"] == "Prevention and detection of crime."
        assert "Article 6(1)(ea)" in said["basis"]
        assert "with sound" in said["asked"]
        assert "Front door: the sound was asked for and left out." in said["minimised"]
        assert "0.3 s more before" in said["minimised"]
        assert "more after" not in said["minimised"]
        assert "without sound" in said["sent"]
        assert (package.ciphertext_sha256 or "?") in said["seals"]
        assert said["seals"].count(": ") >= 3
        assert "Uploaded to the force's portal" in said["how"]
        assert "Sealed for the case's key" in said["how"]
        assert "Signed by Detective Constable Ada Okafor" in said["receipt"]
        assert "Part 3 of the Data Protection Act 2018" in said["once_shared"]
        assert "21 November 2027" in said["copies"]
        assert "2032" in said["copies"]


async def test_page_table_and_print_say_the_same(tmp_path: Path) -> None:
    async with besieged(tmp_path, pictures=True) as at:
        await answered_in_every_way(at)
        reply = await ask(at, "register")
        page = (await file_of(at, "register", form="html")).decode()
        table = (await file_of(at, "register", form="csv")).decode("utf-8-sig")
        document = await file_of(at, "register", form="pdf")
        rows = list(csv.reader(io.StringIO(table, newline="")))
        assert rows[0] == [reply["labels"][name] for name in FIELDS]
        assert len(rows) == 1 + len(reply["entries"])
        printed = "".join(pdf_text(document).split())
        for entry, row in zip(reply["entries"], rows[1:], strict=True):
            for name, cell in zip(FIELDS, row, strict=True):
                assert cell == "\n".join(entry["fields"][name])
                for line in entry["fields"][name]:
                    assert "".join(line.split()) in printed
                    assert line.replace("'", "&#39;") in page
        assert "<script" not in page
        assert "http" not in page.replace("http-equiv", "")
        assert "not legal advice" in page
        assert all(embedded_fonts(document))
        assert "/StructTreeRoot" in PdfReader(io.BytesIO(document)).trailer["/Root"]


async def test_days_choose_what_stands_in_it(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        await answered_in_every_way(at)
        days = [time.strftime("%Y-%m-%d", time.localtime(at.clock.now() / 1e6 - back * 86400)) for back in (0, 1, 2)]
        assert len((await ask(at, "register", first=days[1], last=days[0]))["entries"]) == 5
        assert len((await ask(at, "register", first=days[0], last=days[0]))["entries"]) == 1
        assert len((await ask(at, "register", last=days[1]))["entries"]) == 4
        assert (await ask(at, "register", first=days[2], last=days[2]))["entries"] == []
        with pytest.raises(InputInvalid):
            await ask(at, "register", first=days[0], last=days[2])
        with pytest.raises(InputInvalid):
            await ask(at, "register", first="2026-02-31")


async def test_more_than_a_small_machine_can_print_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with besieged(tmp_path) as at:
        await at.asked()
        monkeypatch.setattr("agent.owner.operations.record_keeping.register.MOST_ENTRIES", 0)
        with pytest.raises(InputInvalid, match="too many for one PDF"):
            await ask(at, "register", form="pdf")
        assert b"<h2" in await file_of(at, "register", form="html")


async def test_the_basis_is_the_owners_to_choose_among_those_of_the_jurisdiction(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await handed_over(at)
        with pytest.raises(InputInvalid, match="no basis"):
            await ask(at, "basis", request_id=request_id, basis="consent")
        await ask(at, "basis", request_id=request_id, basis="vital-interests", why="A child was missing.")
        (entry,) = (await ask(at, "register"))["entries"]
        basis = " ".join(entry["fields"]["basis"])
        assert "Article 6(1)(d)" in basis
        assert "chosen by robin" in basis
        assert "A child was missing." in basis
        assert "basis" in [deed["deed"] for deed in (await ask(at, "deeds"))["deeds"]]


async def test_the_way_that_it_went_and_who_can_open_it_stand_there(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await noted(at)
        await handed(at, request_id)
        (entry,) = (await ask(at, "register"))["entries"]
        how = " ".join(entry["fields"]["how"])
        assert "As files that the owner handed over" in how
        assert "Sealed with a passphrase" in how or "Not sealed" in how
        assert "called back at the force's own number (on 101)" in entry["fields"]["verified"][0]
        assert entry["fields"]["receipt"] == ("No receipt came yet",)
        await ask(at, "hold", request_id=request_id, reason="an appeal")
        (entry,) = (await ask(at, "register"))["entries"]
        assert "Sealed copy: held until somebody ends that: an appeal" in entry["fields"]["copies"]


async def test_the_european_words_are_there_in_german(tmp_path: Path) -> None:
    async with besieged(tmp_path, extra="records: {jurisdiction: eu, language: de, keep_years: 4}") as at:
        await handed_over(at)
        (entry,) = (await ask(at, "register"))["entries"]
        assert entry["fields"]["state"] == ("übergeben",)
        assert "Artikel 6 Absatz 1 Buchstabe f" in entry["fields"]["basis"][0]
        assert "2030" in entry["fields"]["copies"][-1]
        page = (await file_of(at, "register", form="html")).decode()
        assert '<html lang="de">' in page
        english = await ask(at, "register", language="en")
        assert english["entries"][0]["fields"]["state"] == ("handed over",)


async def test_a_table_starts_no_program_in_a_spreadsheet(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        words = '=HYPERLINK("http://evil.example","x")'
        request_id = await at.asked(at.request(crime_reference=words, purpose="@SUM(1)\n=2+2", necessity="-1"))
        await at.say(request_id, yes=False)
        await at.walk()
        content = await file_of(at, "register", form="csv")
        assert content.startswith(b"\xef\xbb\xbf")
        _, row = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        cells = dict(zip(FIELDS, row, strict=True))
        assert cells["case"] == "'" + words
        assert cells["purpose"] == "'@SUM(1) =2+2"
        assert cells["necessity"] == "'-1"


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", " =1", "\uff1d1", "|calc", "%0A"])
def test_what_a_spreadsheet_takes_for_a_formula_is_text(text: str) -> None:
    assert inert(text).startswith("'")
    assert inert("1 = 1") == "1 = 1"


async def test_names_of_any_script_are_in_the_print(tmp_path: Path) -> None:
    async with besieged(tmp_path, pictures=True) as at:
        names = ("Привет", "Γειά", "שלום", "مرحبا", "नमस्ते", "你好")
        await at.asked(at.request(crime_reference=" ".join(names)))
        content = await file_of(at, "register", form="pdf")
        text = pdf_text(content)
        assert [name for name in ("Привет", "Γειά", "你好") if name not in text] == []
        assert all(embedded_fonts(content))


def test_a_script_that_no_font_here_has_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "fonts.conf"
    empty.write_text("<fontconfig></fontconfig>")
    assert missing_scripts("Ägidius 你好 Привет") == []
    monkeypatch.setenv("FONTCONFIG_FILE", str(empty))
    assert missing_scripts("Ägidius 你好 Привет") == ["CJK", "CYRILLIC"]


def test_an_argument_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="extra"):
        RegisterAsked.model_validate({"form": "html", "where": "/etc/passwd"})
