"""Somebody who was filmed asks: what concerns them is found, and they are answered in time."""

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.records.register.model import Sent
from agent.records.subjects.answer import answer_to
from agent.records.subjects.kept import SubjectRequest, Wish
from agent.records.subjects.search import Concerned, Disclosure, Held
from agent.records.wording.files import wording_of
from exchange.clock import DAY, HOUR, from_rfc3339, to_rfc3339
from exchange.errors import InputInvalid, NotFound
from tests.journey.home import CAMERA, NOON, Siege, besieged
from tests.journey.records.kept import ask, file_of, form_fields, handed_over, pdf_text
from tests.journey.records.test_statement import words_of


async def filmed(at: Siege, start: int, end: int, **more: Any) -> Any:
    return await ask(
        at,
        "subject-record",
        **{
            "wish": "access",
            "person": "Kim <i>Roe",
            "described": "a red coat, with a dog",
            "windows": [{"from": to_rfc3339(start), "to": to_rfc3339(end)}],
        }
        | more,
    )


async def test_what_was_disclosed_and_what_is_left_of_their_times_is_found(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await handed_over(at)
        asked = await filmed(at, at.window.start - HOUR, at.window.end + HOUR)
        assert asked["due_at"].startswith("2026-12-2")
        assert asked["days_left"] == 30
        shown = await ask(at, "subject-show", subject_id=asked["subject_id"])
        (disclosure,) = shown["disclosures"]
        assert (disclosure["request_id"], disclosure["force"]) == (request_id, "Example Constabulary")
        (held,) = shown["held"]
        (there,) = held["there"]
        assert held["camera"] == "Front door"
        assert from_rfc3339(there["to"]) - from_rfc3339(there["from"]) == at.window.end - at.window.start
        assert any("Ask the officer" in line or "ask the officer" in line for line in shown["guide"])
        elsewhere = await filmed(at, at.window.start - 2 * DAY, at.window.start - DAY, cameras=[CAMERA])
        shown = await ask(at, "subject-show", subject_id=elsewhere["subject_id"])
        assert shown["disclosures"] == []
        assert shown["held"][0]["there"] == []


async def test_an_answer_that_may_harm_an_investigation_is_not_drafted_before_the_owner_chose(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        await handed_over(at)
        subject_id = (await filmed(at, at.window.start, at.window.end))["subject_id"]
        with pytest.raises(InputInvalid, match="given to the police"):
            await ask(at, "subject-draft", subject_id=subject_id)
        telling = words_of((await file_of(at, "subject-draft", subject_id=subject_id, disclosures="tell")).decode())
        assert "were given to Example Constabulary" in telling
        assert "04/1234/26" in telling
        withheld = words_of(
            (await file_of(at, "subject-draft", subject_id=subject_id, disclosures="withhold")).decode()
        )
        for never in ("Constabulary", "04/1234/26", "Schedule 2", "withh", "prejudice"):
            assert never not in withheld
        own = words_of(
            (
                await file_of(at, "subject-draft", subject_id=subject_id, disclosures="withhold", paper="reasons")
            ).decode()
        )
        assert "Schedule 2, Part 1, paragraph 2" in own
        assert "04/1234/26" in own


async def test_an_answer_that_withholds_reads_like_one_where_there_was_nothing(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        before = (await filmed(at, at.window.start, at.window.end))["subject_id"]
        nothing = await file_of(at, "subject-draft", subject_id=before)
        await handed_over(at)
        withheld = await file_of(at, "subject-draft", subject_id=before, disclosures="withhold")
        assert withheld == nothing


@pytest.mark.parametrize(
    ("jurisdiction", "language", "look", "gone", "kept"),
    [
        ("uk", "en", "Look yourself before you answer", "no longer there", "sealed copies"),
        ("eu", "en", "Look yourself before you answer", "no longer there", "sealed copies"),
        ("eu", "de", "Sehen Sie selbst nach", "nicht mehr da", "versiegelte Kopien"),
    ],
)
async def test_what_could_not_be_looked_up_is_not_called_gone_and_a_sealed_copy_is_told_only_with_what_was_shared(
    tmp_path: Path, jurisdiction: str, language: str, look: str, gone: str, kept: str
) -> None:
    async with besieged(tmp_path) as at:
        settings, window = at.settings, at.window
        wording = await asyncio.to_thread(wording_of, jurisdiction, language, settings.records.wording)
        asked = SubjectRequest("s", Wish.ACCESS, "Kim", None, "x", None, (window,), (), NOON, NOON, NOON, "robin")
        sent = Sent.__new__(Sent)  # of it the answer names nothing
        shared = Disclosure("r", "04/1", "Example Constabulary", sent, NOON)

        async def letter(found: Concerned, *, withhold: bool, wish: Wish = Wish.ACCESS) -> tuple[str, str]:
            labels = {CAMERA: "Front door"}
            made = await asyncio.to_thread(
                answer_to, replace(asked, wish=wish), found, withhold, labels, wording, settings
            )
            pieces = [piece for line in made.letter for piece in line]
            return "\n".join(each.text for each in pieces), "\n".join(each.blank or "" for each in pieces)

        away = Held(CAMERA, window, (), "The recorder does not answer.")
        text, blanks = await letter(Concerned((), (away,), 0), withhold=False)
        assert "Front door" in blanks
        assert "The recorder does not answer." in blanks
        assert look in blanks
        assert gone not in text
        nothing = (Held(CAMERA, window, ()),)
        unshared = await letter(Concerned((), nothing, 0), withhold=False)
        assert gone in unshared[0]
        assert kept in (await letter(Concerned((shared,), nothing, 1), withhold=False))[0]
        assert await letter(Concerned((shared,), nothing, 1), withhold=True) == unshared
        assert kept not in (await letter(Concerned((shared,), nothing, 1), withhold=False, wish=Wish.ERASURE))[0]


async def test_the_answer_shows_their_words_as_words_and_can_be_filled_in(tmp_path: Path) -> None:
    async with besieged(tmp_path, pictures=True) as at:
        for wish, said in (
            ("access", "You named these times"),
            ("erasure", "Article 17(3)"),
            ("objection", "Article 21"),
            ("restriction", "Article 18"),
        ):
            subject_id = (await filmed(at, at.window.start, at.window.end, wish=wish))["subject_id"]
            page = (await file_of(at, "subject-draft", subject_id=subject_id)).decode()
            assert "Kim &lt;i&gt;Roe" in page
            assert said in words_of(page)
            assert re.findall(r'<input class="fill"', page)
        content = await file_of(at, "subject-draft", subject_id=subject_id, form="pdf")
        assert "Kim <i>Roe" in pdf_text(content)
        assert len(form_fields(content)) >= 3


async def test_it_is_extended_once_and_closed_once_with_a_reason(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        subject_id = (await filmed(at, at.window.start, at.window.end))["subject_id"]
        extended = await ask(at, "subject-extend", subject_id=subject_id, why="Sixteen cameras and four days.")
        assert extended["due_at"].startswith("2027-02-2")
        with pytest.raises(InputInvalid):
            await ask(at, "subject-extend", subject_id=subject_id, why="Again.")
        await ask(at, "subject-identify", subject_id=subject_id, how="photograph, at the door")
        page = words_of((await file_of(at, "subject-draft", subject_id=subject_id)).decode())
        assert "Sixteen cameras and four days." in page
        with pytest.raises(InputInvalid, match="why"):
            await ask(at, "subject-answered", subject_id=subject_id, answer="refused")
        await ask(at, "subject-answered", subject_id=subject_id, answer="partly", reasons="Others were blurred.")
        with pytest.raises(InputInvalid, match="answered before"):
            await ask(at, "subject-answered", subject_id=subject_id, answer="given")
        (listed,) = (await ask(at, "subject-requests"))["requests"]
        assert (listed["answer"], listed["answered_by"], listed["days_left"]) == ("partly", "robin", None)
        assert listed["identified"] == "photograph, at the door"
        deeds = [(deed["deed"], deed["about"]) for deed in (await ask(at, "deeds"))["deeds"]]
        assert ("subject-answered", subject_id) in deeds
        assert ("subject-draft", subject_id) in deeds


async def test_one_that_waits_too_long_is_told_and_its_mails_can_be_kept_with_it(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        subject_id = (await filmed(at, at.window.start, at.window.end))["subject_id"]
        await ask(at, "correspondence-note", request_id=subject_id, text="She came to the door.")
        moments = (await ask(at, "correspondence", request_id=subject_id))["moments"]
        assert [moment["text"] for moment in moments] == ["She came to the door."]
        at.clock.forward(40 * DAY)
        (listed,) = (await ask(at, "subject-requests"))["requests"]
        assert listed["days_left"] < 0
        assert (await ask(at, "status"))["subject_requests"]["overdue"] == 1
        with pytest.raises(InputInvalid, match="can't be extended"):
            await ask(at, "subject-extend", subject_id=subject_id, why="Late.")


async def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        with pytest.raises(InputInvalid, match="no camera"):
            await filmed(at, at.window.start, at.window.end, cameras=["nowhere"])
        with pytest.raises(InputInvalid, match="future"):
            await filmed(at, at.window.start, at.window.end, received=to_rfc3339(at.clock.now() + DAY))
        with pytest.raises(InputInvalid, match="longer than a month"):
            await filmed(at, at.window.start - 40 * DAY, at.window.end)
        with pytest.raises(NotFound):
            await ask(at, "subject-show", subject_id="nobody")
