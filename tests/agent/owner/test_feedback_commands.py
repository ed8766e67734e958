"""What an owner types after the receipt: nothing goes that was not shown once more and confirmed, and it goes once."""

import asyncio
import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.documents.feedback import CannotPlay, OfficersFeedback, Question
from exchange.signing.documents import SigningKey, sign_document
from tests.agent.owner.owner_home import OwnerHome, owner_home, until
from tests.journey.home import SPOKEN

HOSTILE = "Why is it dark?\n\x1b[31mSend it to me@evil.example"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnerHome]:
    with owner_home(tmp_path_factory.mktemp("h")) as made:
        made.start()
        yield made
        assert made.end() == 0
        assert "Traceback" not in made.log.read_text()


@pytest.fixture(scope="module")
def request_id(home: OwnerHome) -> str:
    """A request whose package was handed over."""
    request_id = home.asked()
    assert home.handover("approve", request_id).exit_code == 0
    until("the package to be delivered", lambda: home.state(request_id) == "delivered")
    return request_id


def bring(home: OwnerHome, request_id: str, model: type[OfficersFeedback], **fields: object) -> str:
    """The officer says something of the package; its id, once the owner's agent has it."""
    (package,) = home.ask("show", request_id=request_id)["packages"]
    place = home.portal.place
    document = model.model_validate(
        {
            "feedback_id": str(uuid.uuid4()),
            "request_id": request_id,
            "device": SigningKey.load(home.settings.device_key).public.fingerprint,
            "evidence_id": package["evidence_id"],
            "ciphertext_sha256": package["ciphertext_sha256"],
            "credential": place.credential,
            "issued": time.time_ns() // 1000,
        }
        | SPOKEN[model]
        | fields
    )

    async def send() -> None:
        async with home.portal.client() as officer:
            await officer.feedback(request_id, document.feedback_id, sign_document(document, place.officer))

    asyncio.run(send())
    until("the agent to have it", lambda: document.feedback_id in str(home.ask("feedback", request_id=request_id)))
    return document.feedback_id


def officers_words(home: OwnerHome) -> list[dict[str, object]]:
    """What the officer got."""

    async def fetch() -> list[dict[str, object]]:
        async with home.portal.client() as officer:
            return [json.loads(word.signed.document) for word in await officer.all_owners_words()]

    return asyncio.run(fetch())


def test_a_question_is_shown_as_the_forces_and_answered_after_a_second_look(home: OwnerHome, request_id: str) -> None:
    question = bring(home, request_id, Question, text="Why is it dark?\nThe lamp?")
    assert f"handover show {request_id}" in home.handover("status").output
    shown = home.handover("feedback", request_id)
    assert "The force asks:\n  > Why is it dark?\n  > The lamp?" in shown.output
    assert f"--question {question}" in shown.output

    asked = home.handover("answer", request_id, "--text", "It is broken.", typed="n\n")
    assert asked.exit_code == 17, asked.output  # nobody is there: a script must say --yes
    assert officers_words(home) == []
    sent = home.handover("answer", request_id, "--text", "It is broken.", "--yes")
    assert (sent.exit_code, sent.output.endswith("Sent.\n")) == (0, True), sent.output
    assert home.handover("answer", request_id, "--text", "It is broken.", "--yes").exit_code == 0
    other = home.handover("answer", request_id, "--text", "It is new.", "--yes")
    assert (other.exit_code, "answered already" in other.output) == (41, True)
    assert [word["text"] for word in officers_words(home)] == ["It is broken."]
    assert "(the force asks" not in home.handover("status").output


def test_what_is_typed_at_a_terminal_goes_only_after_a_yes(
    home: OwnerHome, request_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.cli.afterwards.feedback.somebody_is_there", lambda: True)
    question = bring(home, request_id, Question, text="And who is that?")
    before = len(officers_words(home))
    no = home.handover("answer", request_id, "--question", question, typed="A neighbour.\nn\n")
    assert "This goes to “" in no.output
    assert "> A neighbour." in no.output
    assert no.output.endswith("Nothing was sent.\n")
    assert len(officers_words(home)) == before
    yes = home.handover("answer", request_id, "--question", question, typed="A neighbour.\ny\n")
    assert yes.output.endswith("Sent.\n"), yes.output
    assert len(officers_words(home)) == before + 1


def test_a_rating_goes_once(home: OwnerHome, request_id: str) -> None:
    assert home.handover("rate", request_id, "--stars", "6", "--yes").exit_code == 2
    for _ in range(2):
        assert home.handover("rate", request_id, "--stars", "5", "--text", "Quick.", "--yes").output == "Sent.\n"
    assert home.handover("rate", request_id, "--stars", "1", "--yes").exit_code == 41
    assert [word.get("stars") for word in officers_words(home)].count(5) == 1
    assert "You rated it 5 of 5:\n  > Quick." in home.handover("show", request_id).output


def test_what_cannot_be_played_is_left_or_sent_again(home: OwnerHome, request_id: str) -> None:
    refused = home.handover("send-again", request_id, "--yes")
    assert (refused.exit_code, "Nothing of this request waits" in refused.output) == (41, True)
    bring(home, request_id, CannotPlay)
    assert home.state(request_id) == "reopened"
    assert "The force can't play it: no player there" in home.handover("show", request_id).output
    assert home.handover("send-again", request_id, "--leave-it").exit_code == 0
    until("it to be left", lambda: home.state(request_id) in ("delivered", "closed"))
    bring(home, request_id, CannotPlay)
    sent = home.handover("send-again", request_id, "--yes")
    assert "1 package of what you approved before, to “" in sent.output
    until("it to be delivered again", lambda: home.state(request_id) == "delivered")
    assert "sent again" in home.handover("show", request_id).output


def test_what_was_told_by_telephone_is_written_down_and_sent_to_nobody(home: OwnerHome, request_id: str) -> None:
    before = len(officers_words(home))
    noted = ("--from", "DC Ada Okafor", "--how", "by telephone")
    wrong = home.handover("note-feedback", request_id, "--what", "outcome", *noted)
    assert (wrong.exit_code, "Nothing was written down" in wrong.output) == (17, True)
    for args in (
        ("opened", "--held"),
        ("outcome", "--result", "used-in-court", "--text", "He was sentenced."),
        ("question", "--text", "May the press see it?"),
    ):
        told = home.handover("note-feedback", request_id, "--what", *args, *noted)
        assert (told.exit_code, told.output) == (0, "Written down, of 1 package.\n")
    shown = home.handover("feedback", request_id).output
    assert "“DC Ada Okafor” (“by telephone”, as you wrote it down): it was used in court." in shown
    answered = home.handover("answer", request_id, "--text", "No.", "--yes")
    assert answered.output.endswith("Written down.\n"), answered.output
    assert len(officers_words(home)) == before


def test_the_papers_lie_as_files_that_ssh_keygen_checks(home: OwnerHome, request_id: str) -> None:
    folder = Path(home.settings.feedback_dir)
    question = bring(home, request_id, Question, text="Which way do they run?")
    said = home.handover("answer", request_id, "--question", question, "--text", "To the left.", "--yes")
    assert said.exit_code == 0, said.output
    home.handover(
        "note-feedback", request_id, "--what", "opened", "--held", "--from", "DC Ada Okafor", "--how", "by post"
    )
    kinds = {json.loads(path.read_text())["kind"] for path in folder.glob("*.json")}
    assert {"question.v1", "answer.v1", "noted-feedback.v1"} <= kinds
    assert len(list(folder.glob("*.json.sig"))) == len(list(folder.glob("*.json")))
    assert folder.stat().st_mode & 0o777 == 0o700
