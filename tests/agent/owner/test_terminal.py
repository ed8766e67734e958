"""What an owner types and sees: only a whole yes is a yes, and nothing an officer writes can do more than be read."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.clock import SECOND, Window
from exchange.documents.messages import Asked, Incident, Stretch
from tests.agent.owner.owner_home import OwnerHome, Terminal, owner_home, until


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnerHome]:
    with owner_home(tmp_path_factory.mktemp("h")) as made:
        made.start()
        yield made
        assert made.end() == 0
        assert "Traceback" not in made.log.read_text()


@pytest.fixture(autouse=True)
def _nothing_waits_afterwards(home: OwnerHome) -> Iterator[None]:
    yield
    home.decline_all()


def test_the_question_fits_80_columns_and_yes_with_pictures_hands_over(home: OwnerHome, tmp_path: Path) -> None:
    with Terminal(
        tmp_path, [*home.command, "review", "--wait"], {"TZ": "Europe/Berlin", "TMPDIR": str(tmp_path)}
    ) as it:
        it.shows("Waiting for a request")
        request_id = home.asked()
        screen = it.shows("Hand over exactly this? (yes, no, later, pictures)")
        assert all(len(line) <= 80 for line in screen.splitlines())
        for fact in ("Ada Okafor", "Burglary", "04/1234/26", "Front door", "+01:00", "kB", "key frame", "Answer until"):
            assert fact in screen, screen
        it.type("Enter")
        it.shows("Please type one of: yes, no, later, pictures.")
        it.type("yikes", "Enter")
        it.type("pictures", "Enter")
        until("both pictures", lambda: it.screen().count("Picture: ") == 2)
        saved = sorted(path.name for path in tmp_path.glob("handover-pictures-*/*"))
        assert len(saved) == 2
        assert home.state(request_id) == "asked"
        it.type("yes", "Enter")
        it.shows("A remark for the officer (optional)")
        it.type("The light was broken.", "Enter")
        it.shows("Approved.")
        assert it.code() == 0
    decision = home.decision(request_id)
    assert decision is not None
    assert decision["observations"] == "The light was broken."
    assert decision["status"] == "approved"


def test_ctrl_c_at_the_question_decides_nothing_and_ends_at_once(home: OwnerHome, tmp_path: Path) -> None:
    request_id = home.asked()
    with Terminal(tmp_path, [*home.command, "review", request_id]) as it:
        it.shows("Hand over exactly this?")
        it.type("C-c")
        assert it.code() == 130
        assert "Nothing was decided." in it.screen()
    assert home.state(request_id) == "asked"


@pytest.mark.parametrize("typed", ["", "\n\n\n", "later\n", "l\n", "maybe\nyess\nok\n", "ja\nlater\n"])
def test_anything_but_a_whole_answer_decides_nothing(home: OwnerHome, typed: str) -> None:
    request_id = home.asked()
    ended = home.handover("review", request_id, typed=typed)
    assert ended.exit_code == (0 if typed.endswith(("later\n", "l\n")) else 130), ended.output
    assert "Nothing was decided." in ended.output
    assert home.state(request_id) == "asked"


def test_no_is_told_as_declined_and_asks_for_no_remark(home: OwnerHome) -> None:
    request_id = home.asked()
    ended = home.handover("review", request_id, typed="no\n")
    assert ended.exit_code == 0
    assert "Declined. The officer is told that, and nothing else." in ended.output
    decision = home.decision(request_id)
    assert decision is not None
    assert set(decision) == {"kind", "request_id", "request_sha256", "status", "decided", "cameras"}
    again = home.handover("review", request_id, typed="yes\n")
    assert again.exit_code == 41


def test_sound_is_asked_about_only_where_the_officer_asks_for_it(home: OwnerHome) -> None:
    stretch = Stretch.of(home.window)
    quiet = home.handover("review", home.asked(), typed="yes\n\n")
    assert "With its sound?" not in quiet.output
    asked = (Asked(camera_id="front-door", window=stretch, sound=True),)
    request_id = home.asked(asked=asked)
    loud = home.handover("review", request_id, typed="yes\n\nno\n\n")
    assert loud.output.count("With its sound? (yes, no)") == 2
    decision = home.decision(request_id)
    assert decision is not None
    assert decision["cameras"][0]["sound"] is False


def test_several_cameras_are_asked_one_by_one_and_their_size_is_summed(home: OwnerHome) -> None:
    first = home.window.start
    halves = [Window(first, first + 2 * SECOND), Window(first + 3 * SECOND, first + 4 * SECOND)]
    asked = tuple(Asked(camera_id="front-door", window=Stretch.of(half), sound=False) for half in halves)
    request_id = home.asked(asked=asked)
    ended = home.handover("review", request_id, typed="yes\nno\n\n")
    assert "Together: " in ended.output
    assert "Approved in part." in ended.output
    decision = home.decision(request_id)
    assert decision is not None
    assert [camera["outcome"] for camera in decision["cameras"]] == ["approved", "declined"]


def test_what_an_officer_writes_is_shown_as_it_is_and_moves_nothing(home: OwnerHome) -> None:
    hostile = "[red]red[/] [/] [link=file:///etc/passwd]x[/link] {0} %s " + "long " * 200
    window = Stretch.of(home.window)
    incident = Incident(kind="[bold]B[/]urglary", place="[/]", happened=window, description=hostile)
    request_id = home.asked(incident=incident, purpose=hostile, crime_reference="[/red]")
    shown = home.handover("show", request_id)
    assert shown.exit_code == 0
    assert "[red]red[/] [/]" in shown.output
    assert "[link=file:///etc/passwd]" in shown.output
    assert "\x1b" not in shown.output
    listed = home.handover("requests")
    assert listed.exit_code == 0
    assert "“[/red]”  waiting for you" in listed.output
    assert max(map(len, listed.output.splitlines())) <= 80


def test_it_works_without_colour_in_a_locale_that_lacks_letters(home: OwnerHome, tmp_path: Path) -> None:
    window = Stretch.of(home.window)
    incident = Incident(kind="Überfall", place="Zürich, 東京", happened=window, description="Café")
    request_id = home.asked(incident=incident)
    plain = {"PATH": os.environ["PATH"], "PYTHONIOENCODING": "ascii", "NO_COLOR": "1", "TERM": "xterm-256color"}
    ended = home.run("review", request_id, input=b"later\n", env=plain)
    assert ended.returncode == 0, ended.stderr
    assert b"?berfall" in ended.stdout
    assert b"\x1b" not in ended.stdout
    with Terminal(tmp_path, [*home.command, "review", request_id], {"NO_COLOR": "1"}) as it:
        it.shows("Hand over exactly this?")
        assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", it.screen(escapes=True))


def test_status_and_requests_say_what_waits_and_what_is_done(home: OwnerHome) -> None:
    request_id = home.asked()
    status = home.handover("status").output
    assert f"handover review {request_id}" in status
    assert "Example Constabulary" in status
    assert "Front door (front-door): no recorder runs" in status
    listed = home.handover("requests").output
    assert listed.index(request_id) < listed.index("closed")
    assert home.handover("decline", request_id).exit_code == 0
    assert f"handover review {request_id}" not in home.handover("status").output


def test_approving_twice_or_a_changed_plan_ends_with_the_documented_code(home: OwnerHome) -> None:
    request_id = home.asked()
    assert home.handover("approve", request_id, "--plan", "0" * 64).exit_code == 41
    assert home.handover("approve", request_id, "--camera", "7").exit_code == 44
    assert home.handover("approve", request_id).exit_code == 0
    again = home.handover("approve", request_id)
    assert again.exit_code == 41
    assert "there is nothing to decide" in again.output
    assert home.handover("show", "no-such").exit_code == 44


def test_verify_is_handover_verify(home: OwnerHome, tmp_path: Path) -> None:
    (tmp_path / "nothing.zip.age").write_bytes(b"nothing")
    ended = home.run("verify", str(tmp_path / "nothing.zip.age"))
    same = subprocess.run(
        [str(Path(home.command[0]).with_name("handover-verify")), str(tmp_path / "nothing.zip.age")],
        capture_output=True,
        check=False,
        timeout=40,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (same.returncode, same.stdout, same.stderr)
    assert ended.returncode == 61


def test_waiting_for_a_request_ends_at_once_when_it_is_interrupted(home: OwnerHome) -> None:
    waiting = subprocess.Popen([*home.command, "review", "--wait"], stderr=subprocess.PIPE)
    assert waiting.stderr is not None
    assert waiting.stderr.readline().startswith(b"Waiting for a request")
    begun = time.monotonic()
    waiting.send_signal(signal.SIGINT)
    assert waiting.wait(20) == 130
    assert time.monotonic() - begun < 20
    assert waiting.stderr.read() == b"Stopped.\n"
    waiting.stderr.close()


def test_status_says_that_changed_settings_wait_for_a_restart(home: OwnerHome) -> None:
    as_started = home.config.read_text()
    assert "settings were changed" not in home.handover("status").output
    try:
        home.config.write_text(as_started.replace("Robin Example", "Robin Another"))
        told = " ".join(home.handover("status").output.split())
        assert "The settings were changed since the daemon started" in told
        assert "sudo handover restart" in told
    finally:
        home.config.write_text(as_started)


def nothing_there(home: OwnerHome) -> str:
    """A request for a time that nothing was recorded at; its id."""
    window = Window(home.window.start - 3600 * SECOND, home.window.start - 3590 * SECOND)
    return home.asked(asked=(Asked(camera_id="front-door", window=Stretch.of(window), sound=False),))


def test_where_no_footage_was_found_the_owner_chooses_what_is_said(home: OwnerHome) -> None:
    request_id = nothing_there(home)
    ended = home.handover("review", request_id, typed="yes\nlater\n")
    assert "No footage was found. Nobody was told, and nobody is unless you say so." in ended.output
    assert "Please type one of: tell, again, no, later." in ended.output
    assert home.decision(request_id) is None
    again = home.handover("review", request_id, typed="again\n")
    assert "It is being looked for." in again.output
    until("to be asked again", lambda: home.state(request_id) == "asked")
    ended = home.handover("review", request_id, typed="tell\n")
    assert "The officer is told that you say there is no such footage." in ended.output
    decision = home.decision(request_id)
    assert decision is not None
    assert decision["status"] == "unavailable"


def test_the_same_without_a_prompt(home: OwnerHome) -> None:
    request_id = nothing_there(home)
    assert home.handover("approve", request_id).exit_code == 42
    assert home.handover("look-again", request_id).exit_code == 0
    until("to be asked again", lambda: home.state(request_id) == "asked")
    assert home.handover("no-footage", request_id, "--name", "Robin").exit_code == 0
    decision = home.decision(request_id)
    assert decision is not None
    assert decision["decided_by"]["name"] == "Robin"
    there = home.asked()
    refused = home.handover("no-footage", there)
    assert refused.exit_code == 41
    assert "There is footage of Front door" in refused.output
