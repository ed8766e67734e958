"""Records, typed at a terminal."""

import csv
import io
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.owner.owner_home import OwnerHome, owner_home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnerHome]:
    with owner_home(tmp_path_factory.mktemp("rec")) as made:
        made.start()
        yield made


@pytest.fixture(scope="module")
def request_id(home: OwnerHome) -> str:
    return home.asked()


def test_the_register_is_written_where_it_was_wanted_for_its_owner_only(
    home: OwnerHome, request_id: str, tmp_path: Path
) -> None:
    table = tmp_path / "register.csv"
    made = home.handover("register", "--as", "csv", "--out", str(table))
    assert f"Written: {table}" in made.output
    assert stat.S_IMODE(table.stat().st_mode) == 0o600
    rows = list(csv.reader(io.StringIO(table.read_text("utf-8-sig"), newline="")))
    assert rows[1][-1] == request_id
    again = home.handover("register", "--as", "csv", "--out", str(table))
    assert again.exit_code == 17
    assert "is there already" in again.output
    assert home.handover("register", "--from", "1990-01-01", "--to", "1990-01-02").output.count("<h2") == 0
    assert home.handover("register", "--from", "yesterday").exit_code == 17
    listed = json.loads(home.handover("register", "--as", "json").output)
    assert listed["entries"][0]["request_id"] == request_id


def test_a_basis_is_chosen_among_those_that_are_listed(home: OwnerHome, request_id: str) -> None:
    listed = home.handover("basis", request_id).output
    assert "vital-interests: Vital interests" in listed
    assert home.handover("basis", request_id, "vital-interests", "--why", "A child was missing.").exit_code == 0
    assert home.handover("basis", request_id, "whim").exit_code == 17


def test_a_statement_of_what_was_not_handed_over_is_refused(home: OwnerHome, request_id: str) -> None:
    refused = home.handover("statement", request_id)
    assert refused.exit_code == 17
    assert "Nothing of this request was handed over." in refused.output


def test_mails_and_notes_are_added_listed_saved_and_removed(home: OwnerHome, request_id: str, tmp_path: Path) -> None:
    mail = tmp_path / "question.eml"
    mail.write_bytes(
        b"From: DC Okafor <a@police.example>\r\nSubject: A \xe2\x80\xaegnp.exe van\r\n"
        b"Date: Sat, 21 Nov 2026 09:30:00 +0000\r\n\r\nWas it grey?\r\n" + b"x" * 400_000
    )
    added = home.handover("correspondence", "add", request_id, str(mail))
    assert "Added: mail" in added.output
    noted = home.handover(
        "correspondence",
        "note",
        request_id,
        "Told her that it was.",
        "--from",
        "DC Okafor",
        "--when",
        "2026-11-22T10:00",
    )
    assert "Written down." in noted.output
    listed = home.handover("correspondence", "list", request_id).output
    assert "> Was it grey?" in listed
    assert "Told her that it was." in listed
    assert "\u202e" not in listed
    assert "asked, through the portal" in listed
    moments = json.loads(home.handover("correspondence", "list", request_id, "--json").output)["moments"]
    item_id = next(moment["item"]["item_id"] for moment in moments if moment["what"] == "mail")
    saved = tmp_path / "saved.eml"
    assert home.handover("correspondence", "save", item_id, "--out", str(saved)).exit_code == 0
    assert saved.read_bytes() == mail.read_bytes()
    assert home.handover("correspondence", "remove", item_id, "--yes").exit_code == 0
    assert "Was it grey" not in home.handover("correspondence", "list", request_id).output
    assert home.handover("correspondence", "save", item_id, "--out", str(tmp_path / "x")).exit_code == 44
    assert home.handover("correspondence", "add", request_id, str(tmp_path / "nothing.eml")).exit_code == 17
    assert home.handover("correspondence", "note", "nobody", "x").exit_code == 44


def test_the_notice_and_the_sign_are_made_from_the_settings(home: OwnerHome, tmp_path: Path) -> None:
    text = home.handover("notice").output
    assert home.settings.owner.name in text
    assert "overwritten after 14 days" in text
    sign = tmp_path / "sign.html"
    assert f"Written: {sign}" in home.handover("sign", "--out", str(sign)).output
    assert "CCTV in operation" in sign.read_text()


def test_somebody_who_was_filmed_is_answered_step_by_step(home: OwnerHome, tmp_path: Path) -> None:
    base = ("subject-request", "new", "--who", "Kim Roe", "--what", "a red coat", "--from", "2026-05-03T18:00")
    assert home.handover(*base, "--to", "2026-05-03T19:00", "--from", "2026-05-04T18:00").exit_code == 17
    made = home.handover(*base, "--to", "2026-05-03T19:00", "--wants", "access").output
    assert "They must have an answer by" in made
    subject_id = made.split()[-1]
    listed = home.handover("subject-request", "list").output
    assert f"{subject_id}  Kim Roe: access; due by" in listed
    assert "somebody who was filmed must have an answer by" in " ".join(home.handover("status").output.split())
    assert home.handover("subject-request", "identify", subject_id, "passport").exit_code == 0
    shown = home.handover("subject-request", "show", subject_id).output
    assert "Nothing of these times was given to the police." in shown
    assert "who it is: passport" in shown
    assert "nothing is left" in shown
    assert (
        "must have an answer" in home.handover("subject-request", "extend", subject_id, "--why", "Many hours.").output
    )
    letter = tmp_path / "answer.html"
    assert home.handover("subject-request", "answer", subject_id, "--out", str(letter)).exit_code == 0
    assert "Dear Kim Roe," in letter.read_text()
    assert home.handover("subject-request", "answer", subject_id, "--reasons").exit_code == 17
    assert home.handover("subject-request", "close", subject_id, "--as", "refused").exit_code == 17
    assert home.handover("subject-request", "close", subject_id, "--as", "given").exit_code == 0
    assert "(given)" in home.handover("subject-request", "list").output
    assert json.loads(home.handover("subject-request", "list", "--json").output)["requests"][0]["answer"] == "given"
