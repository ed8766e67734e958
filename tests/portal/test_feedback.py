"""What officers say of a package, and what owners answer, is carried as it was signed, and about what was delivered."""

import os
from typing import Any

import pytest

from exchange.clock import DAY, HOUR
from exchange.documents import api
from exchange.documents.api import InboxKind
from exchange.documents.feedback import (
    FROM_OFFICER,
    MAX_FEEDBACK,
    CannotPlay,
    OfficersFeedback,
    PackageOpened,
    Question,
)
from exchange.documents.messages import Signed
from exchange.signing.documents import SigningKey, sign_document
from portal import sweep
from portal.settings import Limits
from tests.portal.conftest import BOTH, Town, on_a_file
from tests.portal.wire import Agent

ENGINES = BOTH

FILM = os.urandom(30_000)
TAKES = "request receipt feedback"


@pytest.fixture
async def agent(town: Town) -> Agent:
    return await town.agent().join(town.place)


@pytest.fixture
async def request_(town: Town, agent: Agent) -> Signed:
    """A request whose package was delivered."""
    request = await town.officer.ask(agent)
    assert (await agent.decide(request)).status == 204
    assert (await agent.deliver(request, FILM, await agent.upload(FILM))).status == 204
    return request


@pytest.mark.parametrize("model", FROM_OFFICER, ids=lambda model: model.about())
async def test_what_an_officer_says_reaches_the_owners_agent_as_it_was_signed(
    town: Town, agent: Agent, request_: Signed, model: type[OfficersFeedback]
) -> None:
    spoken = town.officer.feedback(agent.name, FILM, model)
    assert [(await town.officer.bring(spoken)).status for _ in range(2)] == [204, 204]
    found = await agent.inbox(kinds=TAKES)
    assert [(item.kind, item.signed) for item in found.items] == [(InboxKind.FEEDBACK, spoken)]


async def test_an_agent_that_knows_no_feedback_gets_none_and_later_gets_it_all(
    town: Town, agent: Agent, request_: Signed
) -> None:
    await town.officer.bring(town.officer.feedback(agent.name, FILM, Question))
    assert (await agent.inbox()).items == ()
    assert (await agent.inbox(kinds="request receipt tea feedbacks")).items == ()
    assert len((await agent.inbox(kinds=f"tea {TAKES}")).items) == 1


async def test_an_answer_and_a_rating_reach_their_officer_and_nobody_else(
    town: Town, agent: Agent, request_: Signed
) -> None:
    question = town.officer.feedback(agent.name, FILM, Question)
    await town.officer.bring(question)
    answer, rating = agent.answer(question), agent.rating(request_)
    assert [(await agent.bring(each)).status for each in (answer, rating, answer, rating)] == [204] * 4
    found = await town.officer.owners_words()
    assert [item.signed for item in found.items] == [answer, rating]
    assert {item.device_key for item in found.items} == {agent.key.public.line}
    assert [item.signed for item in (await town.officer.owners_words(after=found.items[0].number)).items] == [rating]
    assert (await town.officer.owners_words(request_id="r-2")).items == ()
    assert (await agent.call("GET", api.OFFICER_FEEDBACK)).status == 401


async def test_the_first_answer_and_the_first_rating_are_final(town: Town, agent: Agent, request_: Signed) -> None:
    question = town.officer.feedback(agent.name, FILM, Question)
    await town.officer.bring(question)
    await agent.bring(agent.answer(question))
    await agent.bring(agent.rating(request_))
    for again in (agent.answer(question, feedback_id="a-2"), agent.rating(request_, feedback_id="s-2", stars=1)):
        assert (await agent.bring(again)).status == 409
    assert (await agent.bring(agent.answer(question, text="Something else."))).status == 409
    assert len((await town.officer.owners_words()).items) == 2


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"device": "SHA256:" + "A" * 43}, 422),
        ({"evidence_id": "r-1-ev-2"}, 409),
        ({"ciphertext_sha256": "0" * 64}, 409),
        ({"request_id": "r-9"}, 404),
        ({"issued": 1}, 422),
    ],
    ids=["another-device", "another-package", "other-bytes", "another-request", "long-ago"],
)
async def test_what_is_about_something_else_is_refused(
    town: Town, agent: Agent, request_: Signed, changed: dict[str, Any], status: int
) -> None:
    fields = {"device": agent.name} | changed
    spoken = town.officer.feedback(fields.pop("device"), FILM, Question, **fields)
    assert (await town.officer.bring(spoken)).status == status
    assert (await agent.inbox(kinds=TAKES)).items == ()


async def test_an_id_is_used_once(town: Town, agent: Agent, request_: Signed) -> None:
    await town.officer.bring(town.officer.feedback(agent.name, FILM, Question, feedback_id="f"))
    other = town.officer.feedback(agent.name, FILM, Question, feedback_id="f", text="Another question?")
    assert (await town.officer.bring(other)).status == 409


async def test_forged_misaddressed_and_oversize_feedback_is_refused(town: Town, agent: Agent, request_: Signed) -> None:
    good = town.officer.feedback(agent.name, FILM, Question)
    forged = sign_document(Question.model_validate_json(good.document), SigningKey.generate())
    assert (await town.officer.bring(forged)).status == 422
    elsewhere = api.OFFICER_SAYS.format(request_id="r-1", feedback_id="another")
    assert (await town.officer.call("PUT", elsewhere, good)).status == 422
    padded = Signed(document=good.document + " " * MAX_FEEDBACK, signature=good.signature)
    path = api.OFFICER_SAYS.format(request_id="r-1", feedback_id="f-question")
    assert (await town.officer.call("PUT", path, padded)).status == 422
    unknown = Signed(document=good.document.replace("question.v1", "question.v9"), signature=good.signature)
    assert (await town.officer.call("PUT", path, unknown)).status == 422


async def test_an_owner_answers_only_what_was_asked_of_them(town: Town, agent: Agent, request_: Signed) -> None:
    question = town.officer.feedback(agent.name, FILM, Question)
    assert (await agent.bring(agent.answer(question))).status == 422
    await town.officer.bring(question)
    assert (await agent.bring(agent.answer(question, question_sha256="0" * 64))).status == 422
    other = await town.agent().join(town.place)
    assert (await other.bring(other.answer(question))).status == 404


async def test_nothing_is_rated_of_which_nothing_was_delivered(town: Town, agent: Agent) -> None:
    request = await town.officer.ask(agent)
    assert (await agent.bring(agent.rating(request))).status == 409


async def test_an_officer_says_no_more_than_may_be(town: Town, agent: Agent, request_: Signed) -> None:
    object.__setattr__(town.running.portal.settings, "limits", Limits(feedback_per_officer_per_day=2))
    answers = [
        (await town.officer.bring(town.officer.feedback(agent.name, FILM, Question, feedback_id=f"f-{n}"))).status
        for n in range(3)
    ]
    assert answers == [204, 204, 429]


async def test_a_package_is_delivered_again_once_for_each_time_that_it_could_not_be_played(
    town: Town, agent: Agent, request_: Signed
) -> None:
    copy = os.urandom(20_000)
    again = {"evidence_id": "r-1-ev-1", "delivery_id": "d-2"}
    assert (await agent.deliver(request_, copy, await agent.upload(copy), **again)).status == 409
    town.clock.forward(HOUR)
    await town.officer.bring(town.officer.feedback(agent.name, FILM, CannotPlay))
    url = await agent.upload(copy)
    assert [(await agent.deliver(request_, copy, url, issued=1, **again)).status for _ in range(2)] == [204, 204]
    more = await agent.upload(FILM)
    assert (await agent.deliver(request_, FILM, more, evidence_id="r-1-ev-1", delivery_id="d-3")).status == 409
    assert [item.delivery_id for item in (await town.officer.case()).deliveries] == ["r-1-del", "d-2"]
    content = await town.officer.call("GET", api.CONTENT.format(delivery_id="d-2"))
    assert content.content == copy


async def test_the_first_ciphertext_goes_once_the_second_was_verified(
    town: Town, agent: Agent, request_: Signed
) -> None:
    copy, portal = os.urandom(20_000), town.running.portal
    await town.officer.bring(town.officer.feedback(agent.name, FILM, CannotPlay))
    await agent.deliver(request_, copy, await agent.upload(copy), delivery_id="d-2")
    await town.officer.call("PUT", api.RECEIPT.format(delivery_id="d-2"), town.officer.receipt(copy, delivery_id="d-2"))
    town.clock.forward(31 * DAY)
    await sweep.sweep(portal.db, portal.uploads, portal.settings, portal.clock.now())
    for delivery_id in ("r-1-del", "d-2"):
        assert (await town.officer.call("GET", api.CONTENT.format(delivery_id=delivery_id))).status == 410


@on_a_file
async def test_an_owner_who_leaves_takes_their_words_and_the_officers_stay_the_forces(
    town: Town, agent: Agent, request_: Signed
) -> None:
    question = town.officer.feedback(agent.name, FILM, Question)
    await town.officer.bring(question)
    await agent.bring(agent.answer(question))
    await town.officer.call("GET", api.CONTENT.format(delivery_id="r-1-del"))
    await agent.withdraw()
    assert (await town.officer.owners_words()).items == ()
    assert (await town.officer.bring(town.officer.feedback(agent.name, FILM, PackageOpened))).status == 204
    database = town.place.folder.database.read_bytes()
    assert b"the lamp is broken" not in database
    assert b"Why is it so dark?" in database


@on_a_file
async def test_feedback_goes_when_its_time_is_over(town: Town, agent: Agent, request_: Signed) -> None:
    portal = town.running.portal
    question = town.officer.feedback(agent.name, FILM, Question)
    await town.officer.bring(question)
    await agent.bring(agent.answer(question))
    town.clock.forward(731 * DAY)
    await sweep.sweep(portal.db, portal.uploads, portal.settings, portal.clock.now())
    await agent.call("GET", api.INBOX, query={"after": 0, "wait": 0})
    assert b"Why is it so dark?" not in town.place.folder.database.read_bytes()


async def test_no_answer_tells_an_officer_whether_their_words_were_fetched(
    town: Town, agent: Agent, request_: Signed
) -> None:
    await town.officer.bring(town.officer.feedback(agent.name, FILM, Question))
    before = (await town.officer.case(), await town.officer.owners_words())
    await agent.inbox(kinds=TAKES)
    await agent.inbox(kinds=TAKES)
    assert (await town.officer.case(), await town.officer.owners_words()) == before
