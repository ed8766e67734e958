"""People, shortening, agreeing and the log, typed at a terminal."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.owner.operations.custody_words import WORDS, custody_line
from agent.owner.operations.deed_words import WORDS as DEEDS
from agent.owner.operations.deed_words import deed_line
from agent.owner.operations.table import OPERATIONS
from exchange.clock import SECOND, to_rfc3339
from exchange.custody.log import CustodyKind
from tests.agent.owner.owner_home import OwnerHome, owner_home, until


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnerHome]:
    with owner_home(tmp_path_factory.mktemp("people")) as made:
        made.config.write_text(made.config.read_text() + "decide: {people: 2}\n")
        made.start()
        yield made


def test_a_short_name_that_is_none_is_refused_in_words_and_with_what_is_wanted(home: OwnerHome) -> None:
    refused = home.handover("people", "add", "Bob B", "--name", "Bob B")
    assert refused.exit_code == 17
    assert "person-id: it must be 1 to 64 small letters (a to z), digits and hyphens" in refused.output
    assert "pattern" not in refused.output


def test_people_are_listed_with_what_they_may_do(home: OwnerHome) -> None:
    assert "Nobody is written down yet" in home.handover("people", "list").output
    added = home.handover("people", "add", "anna", "--name", "Anna Example", "--role", "administrator")
    assert "Added Anna Example." in added.output
    assert home.handover("people", "add", "ben", "--name", "Ben", "--camera", "front-door").exit_code == 0
    listed = home.handover("people", "list").output
    assert "Anna Example (anna): administrator, may look, say yes or no, and change people" in listed
    assert "answers for: front-door" in listed
    assert "2 people must say yes before anything is sent." in listed
    assert home.handover("people", "change", "ben").exit_code == 17
    assert home.handover("people", "change", "ben", "--all-cameras").exit_code == 0
    assert "answers for" not in home.handover("people", "list").output
    invited = home.handover("people", "invite", "ben").output
    assert invited.startswith("Code: ")
    code = invited.split()[1]
    assert code.encode() not in home.settings.database.read_bytes()
    assert home.handover("people", "remove", "ben").exit_code == 0
    told = home.handover("people", "deeds").output
    assert "Made a code that lets a person use the page. (ben)" in told
    assert "invite-person" not in told


def test_the_first_yes_waits_for_another_person(home: OwnerHome) -> None:
    request_id = home.asked()
    start = to_rfc3339(home.window.start + SECOND)
    longer = home.handover("narrow", request_id, "--from", to_rfc3339(home.window.start - SECOND))
    assert longer.exit_code == 41
    assert "more than the officer asked for" in longer.output
    assert home.handover("narrow", request_id).exit_code == 17
    assert home.handover("narrow", request_id, "--from", "half past").exit_code == 17
    shorter = home.handover("narrow", request_id, "--from", start)
    assert shorter.exit_code == 0, shorter.output
    assert "Shortened to" in shorter.output
    plan = home.ask("show", request_id=request_id)["plan"]["cameras"][0]
    said = home.handover("approve", request_id, "--note", f"1@{plan['actual']['from']}=a van stops")
    assert "Nothing is sent until another person agrees" in said.output
    assert "Two people must agree" in home.handover("show", request_id).output
    same = home.handover("agree", request_id)
    assert same.exit_code == 41
    assert "another person must agree" in same.output
    assert home.handover("approve", request_id, "--note", "1@=").exit_code == 17
    wrong = home.handover("approve", request_id, "--exhibit-prefix", "A B")
    assert wrong.exit_code == 17
    assert "such as ABC or ABC/12" in wrong.output
    home.decline_all()


def test_the_log_tells_in_words_what_happened(home: OwnerHome) -> None:
    home.asked()
    home.decline_all()
    told = home.handover("log", "--most", "500").output
    assert "Joined a portal." in told
    assert "Said no." in told
    events = json.loads(home.handover("log", "--json").output)["events"]
    assert events[0]["seq"] > events[-1]["seq"]


@pytest.mark.parametrize("kind", list(CustodyKind))
def test_every_kind_of_event_has_its_words(kind: CustodyKind, tmp_path: Path) -> None:
    assert custody_line({"event": kind.value, "actor": "agent"}) == WORDS[kind]


def test_every_deed_that_is_noted_has_its_words() -> None:
    noted = {name for name, operation in OPERATIONS.items() if operation.noted}
    assert noted | {"copy-deleted", "record-deleted"} == DEEDS.keys()
    assert len(set(DEEDS.values())) == len(DEEDS)
    deed = {"person": "Anna", "deed": "pause", "about": "r-1"}
    assert deed_line(deed) == "Anna: Paused the sending, or let it go on. (r-1)"
    assert deed_line(deed | {"deed": "of-old", "about": None}) == "Anna: of-old"
    assert deed_line({"person": "agent", "deed": "copy-deleted", "about": None}).startswith("Handover: Deleted a copy")


def test_where_the_page_is_and_a_code_for_a_phone(home: OwnerHome) -> None:
    assert "switched off" in home.handover("page").output
    as_it_was = home.config.read_text()
    home.end()
    try:
        home.config.write_text(
            as_it_was.replace("page: {enabled: false}", "page: {address: 0.0.0.0, names: [pi.example]}")
        )
        assert home.handover("people", "add", "cleo", "--name", "Cleo").exit_code == 0
        shown = home.handover("page", "--invite", "cleo").output
        assert "The page: https://pi.example:8480" in shown
        assert "as SHA-256:" in shown
        assert "https://pi.example:8480/pair#" in shown
        assert "█" in shown or "▀" in shown
        assert (home.settings.keys / "page.pem").stat().st_mode & 0o777 == 0o600
    finally:
        home.config.write_text(as_it_was)
        home.start()


def test_recipients_are_added_tested_and_removed(home: OwnerHome, tmp_path: Path) -> None:
    assert "Nobody is told yet." in home.handover("notify", "list").output
    address = tmp_path / "address"
    address.write_text("json://127.0.0.1:9/s3cret\n")
    refused = home.handover("notify", "add", "robin", "--address-file", str(address))
    assert refused.exit_code == 19
    assert "s3cret" not in refused.output
    assert home.handover("notify", "test", "robin").exit_code == 44
    assert home.handover("notify", "remove", "robin").exit_code == 44


def test_what_is_under_way_can_be_paused_and_stopped(home: OwnerHome) -> None:
    request_id = home.asked()
    assert home.handover("pause", request_id).exit_code == 41
    assert home.handover("stop", request_id).exit_code == 41
    home.decline_all()


def test_a_request_at_the_door_is_written_down_and_handed_over(home: OwnerHome, tmp_path: Path) -> None:
    bare = home.handover("request", "new")
    assert bare.exit_code == 17
    assert "--who" in bare.output
    window = to_rfc3339(home.window.start), to_rfc3339(home.window.end)
    who = ("--who", "PC Marsh", "--force", "Kent Police", "--case", "46/99/26", "--identified", "card-seen")
    wrong = home.handover("request", "new", *who, "--from", "yesterday", "--to", "now")
    assert wrong.exit_code == 17
    said = home.handover(
        "request", "new", *who, "--from", window[0], "--to", window[1], "--most", "500 MB", "--exhibit-prefix", "pm"
    )
    assert said.exit_code == 0, said.output
    request_id = said.output.split()[-1]
    until("to be asked", lambda: home.state(request_id) == "asked")
    shown = home.handover("show", request_id).output
    assert "no signature; it was written down here" in shown
    assert "PM/1" in shown
    assert home.handover("request", "files", request_id).exit_code == 44
    assert home.handover("request", "receipt", request_id, "--taken-by", "x", "--how", "x").exit_code == 41
    home.decline_all()


def test_a_recording_is_offered_listed_and_taken_back(home: OwnerHome) -> None:
    assert "Nothing was offered yet." in home.handover("offer", "list").output
    words = ("--camera", "front-door", "--what", "A theft", "--where", "Mill Road", "--saw", "A red coat")
    times = ("--from", to_rfc3339(home.window.start), "--to", to_rfc3339(home.window.end))
    told = home.handover("offer", "new", *words, *times)
    assert "The police were told: offer " in told.output, told.output
    assert "A theft" in home.handover("offer", "list").output
    by_mail = home.handover("offer", "new", *words, *times, "--by-mail").output
    assert "I keep them from being overwritten until" in by_mail
    for row in json.loads(home.handover("offer", "list", "--json").output)["offers"]:
        assert home.handover("offer", "end", row["offer"]["offer_id"]).output == "Taken back.\n"


def test_changed_settings_count_after_a_restart_that_checks_them_first(home: OwnerHome) -> None:
    as_it_was = home.config.read_text()
    assert home.daemon is not None
    pid = home.daemon.pid
    try:
        home.config.write_text(as_it_was + "nonsense: 1\n")
        assert home.handover("restart").exit_code == 10
        home.config.write_text(as_it_was.replace("decide: {people: 2}", "decide: {people: 1}"))
        assert home.handover("restart").output == "The daemon begins again …\nIt runs again.\n"
        assert home.ask("people")["needed"] == 1
        assert home.daemon.pid == pid
    finally:
        home.config.write_text(as_it_was)
        assert home.handover("restart").exit_code == 0
    assert home.ask("people")["needed"] == 2
