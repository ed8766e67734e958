"""What was told an owner, and what they answered, as the page of a package lists it from this machine's files."""

import asyncio
import re
from html import unescape
from pathlib import Path

from exchange.documents import api
from exchange.documents.feedback import CaseOutcome
from exchange.documents.messages import Request, Signed
from exchange.signing.documents import sign_document
from tests.portal.answers.casefiles import hand_over, owner
from tests.portal.answers.test_cases import later, open_case
from tests.portal.desk.desks import Desk
from tests.portal.wire import Agent

NOT_KNOWN = "Signed here; whether the portal took it is not known."


async def said(desk: Desk, request: Request) -> list[str]:
    """The lines of the list, with one space between words and without their times."""
    page = (await desk.get(f"/packages/{request.request_id}/{request.request_id}-del")).text
    section = page.partition('<h2 id="said">')[2].partition("</section>")[0]
    lines = re.findall(r"<li.*?</time>(.*?)</li>", section, re.DOTALL)
    return [" ".join(unescape(re.sub(r"<[^>]+>", " ", line)).split()) for line in lines]


def kept(desk: Desk, request: Request, kind: str) -> Path:
    """The one document of this kind."""
    (path,) = desk.state.request_folder(request.request_id).glob(f"*.{kind}.json")
    return path


async def say(desk: Desk, agent: Agent, request: Request, path: str, signed: Signed) -> None:
    """The owner's word, to the portal."""
    address = api.FEEDBACK.format(request_id=request.request_id, feedback_id=path)
    assert (await agent.call("PUT", address, signed)).status == 204
    later(desk)


def _keep_of_another_package(desk: Desk, told: Path) -> None:
    document = CaseOutcome.model_validate_json(Signed.model_validate_json(told.read_bytes()).document)
    other = document.model_copy(update={"feedback_id": "other", "evidence_id": "ev-2"})
    desk.state.keep(document.request_id, "other.outcome", sign_document(other, desk.state.key()))


async def test_both_sides_words_stand_in_order_and_an_answer_behind_its_question(desk: Desk) -> None:
    agent = await owner(desk)
    request = await hand_over(desk, agent)
    assert await said(desk, request) == []
    at = f"/packages/{request.request_id}/{request.request_id}-del"
    later(desk)
    assert (await desk.post(f"{at}/ask", {"text": "Why is it <i>so</i> dark?"})).status == 303
    question = Signed.model_validate_json(kept(desk, request, "question").read_bytes())
    before = desk.town.clock.now() - 30_000_000
    await say(desk, agent, request, "a-1", agent.answer(question, text="The lamp is broken.", issued=before))
    asked = Signed.model_validate_json((desk.state.request_folder(request.request_id) / "request.json").read_bytes())
    await say(desk, agent, request, "s-1", agent.rating(asked, stars=4))
    assert (await desk.post(f"{at}/outcome", {"result": "not-used"})).status == 303
    assert await said(desk, request) == [
        "Asked: “Why is it <i>so</i> dark?”",
        "The owner answers “Why is it <i>so</i> dark?”: “The lamp is broken.”",
        "The owner’s rating of the whole request: 4 of 5.",
        "Told what became of it: it was not used.",
    ]


async def test_what_the_portal_may_not_have_is_called_so_and_a_receipt_that_it_shows_is_not(desk: Desk) -> None:
    request = await hand_over(desk, await owner(desk))
    at = f"/packages/{request.request_id}/{request.request_id}-del"
    await open_case(desk)
    assert (await desk.post(f"{at}/receipt", {})).status == 303
    later(desk)
    assert (await desk.post(f"{at}/outcome", {"result": "used-in-court"})).status == 303
    assert await said(desk, request) == [
        "Receipt: received, verified.",
        "Told what became of it: it was used in court.",
    ]
    for path in desk.state.request_folder(request.request_id).glob("*.sent"):
        path.unlink()
    assert await said(desk, request) == [
        "Receipt: received, verified.",
        f"Told what became of it: it was used in court. {NOT_KNOWN}",
    ]


async def test_another_packages_words_are_not_listed_and_a_spoilt_file_is_named(desk: Desk) -> None:
    request = await hand_over(desk, await owner(desk))
    at = f"/packages/{request.request_id}/{request.request_id}-del"
    assert (await desk.post(f"{at}/outcome", {"result": "helped-inquiry"})).status == 303
    told = kept(desk, request, "outcome")
    await asyncio.to_thread(_keep_of_another_package, desk, told)
    assert await said(desk, request) == ["Told what became of it: it helped the inquiry."]
    told.write_bytes(b"{")
    assert await said(desk, request) == []
    page = (await desk.get(at)).text
    assert f"Left out, because it can’t be read: {told.name}." in page
    assert "What other members of the team told the owner from theirs isn’t listed here." in page
