"""Where two people must agree: the first yes waits, the second makes it count, and anybody's no is a no."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from agent.deliveries.way import Means, SealedFor, Way
from agent.owner.operations.context import Actor, Nothing, RequestNamed
from agent.owner.operations.handing_over.delivering import Deliver
from agent.owner.operations.people import ChangePerson, PersonNamed
from agent.owner.operations.records import CustodyAsked
from agent.owner.operations.requests import Agree, Decide, Narrow
from agent.owner.people.register import NewPerson
from agent.owner.people.roles import Role
from agent.requests.decision import Choice
from exchange.clock import SECOND
from exchange.documents.messages import Decision, Delivery, Stretch
from exchange.errors import DecisionRefused, InputInvalid, NotFound, NotPermitted
from exchange.package.consistency import compare_documents
from exchange.signing.documents import document_sha256, open_document
from exchange.verify.checking import verify_package
from tests.journey.home import ACTOR, Siege, Town, besieged, home, owner_does
from tests.journey.review.test_noted import noted

ANNA = Actor("Anna", "password on the page", Role.APPROVER, "anna")
BEN = Actor("Ben", "passkey on the page", Role.APPROVER, "ben")
TWO = "decide: {people: 2}"


async def yes(at: Town | Siege, request_id: str, actor: Actor, **changed: Any) -> str:
    choice = Choice(position=0, share=True)
    fields = {"request_id": request_id, "plan_sha256": await at.plan_sha256(request_id), "choices": (choice,)}
    return str((await owner_does(at.agent, "decide", Decide.model_validate(fields | changed), actor))["status"])


async def agree(at: Town | Siege, request_id: str, actor: Actor) -> str:
    wanted = Agree(request_id=request_id, plan_sha256=await at.plan_sha256(request_id))
    return str((await owner_does(at.agent, "agree", wanted, actor))["status"])


async def test_both_are_in_the_decision_and_it_verifies(tmp_path: Path) -> None:
    async with home(tmp_path, pictures=True, extra=TWO) as at:
        request_id = await at.asked()
        assert await yes(at, request_id, ANNA) == "waits-for-another"
        assert await at.state(request_id) == "asked"
        waiting = (await at.shown(request_id))["first_yes"]
        assert (waiting["by"], waiting["person"]) == ("Anna", "anna")
        assert await agree(at, request_id, BEN) == "approved"
        await at.agent.journey.settle()
        case = await at.officer.case(request_id)
        delivery = open_document(case.deliveries[0].signed, Delivery, at.agent.services.keys.device.public)
        target = tmp_path / "package.zip.age"
        await at.officer.fetch(delivery.delivery_id, delivery.size, delivery.ciphertext_sha256, target)
        report = verify_package(
            target, identities=[at.case], force_key=at.place.force.key.public, into=tmp_path / "opened", deep=True
        )
        assert report.ok, [finding for finding in report.findings if finding.error]
        (found,) = [finding for finding in report.findings if finding.about == "decision.people"]
        assert "“Anna” and “Ben”" in found.text
        events = await at.events()
        assert [event for event in events if event in ("agreed", "approved")] == ["agreed", "agreed", "approved"]


async def test_one_person_twice_is_one_person(tmp_path: Path) -> None:
    async with besieged(tmp_path, extra=TWO) as at:
        request_id = await at.asked()
        assert await yes(at, request_id, ANNA) == "waits-for-another"
        assert await yes(at, request_id, ANNA) == "waits-for-another"
        with pytest.raises(DecisionRefused, match="another person"):
            await agree(at, request_id, ANNA)
        assert await at.state(request_id) == "asked"


@pytest.mark.parametrize("what", ["removed", "changed"])
async def test_the_yes_of_one_who_may_no_longer_counts_no_longer(tmp_path: Path, what: str) -> None:
    async with besieged(tmp_path, extra=TWO) as at:
        await owner_does(at.agent, "add-person", NewPerson(person_id="anna", name="Anna", role=Role.APPROVER), ACTOR)
        request_id = await at.asked()
        assert await yes(at, request_id, ANNA) == "waits-for-another"
        if what == "removed":
            await owner_does(at.agent, "remove-person", PersonNamed(person_id="anna"), ACTOR)
        else:
            await owner_does(at.agent, "change-person", ChangePerson(person_id="anna", role=Role.VIEWER), ACTOR)
        assert (await at.shown(request_id))["first_yes"] is None
        assert await yes(at, request_id, BEN) == "waits-for-another"
        assert await at.state(request_id) == "asked"


async def test_two_who_say_something_else_have_not_agreed(tmp_path: Path) -> None:
    async with besieged(tmp_path, extra=TWO) as at:
        request_id = await at.asked()
        assert await yes(at, request_id, ANNA) == "waits-for-another"
        assert await yes(at, request_id, BEN, observations="With a remark.") == "waits-for-another"
        assert await at.state(request_id) == "asked"
        assert await agree(at, request_id, ANNA) == "approved"


async def test_what_was_shortened_meanwhile_is_agreed_to_anew(tmp_path: Path) -> None:
    async with besieged(tmp_path, extra=TWO) as at:
        request_id = await at.asked()
        await yes(at, request_id, ANNA)
        asked = (await at.shown(request_id))["request"]["asked"][0]["window"]
        window = Stretch.model_validate_json(json.dumps(asked))
        wanted = Narrow(
            request_id=request_id,
            plan_sha256=await at.plan_sha256(request_id),
            position=0,
            window=Stretch(start=window.start + SECOND, end=window.end),
        )
        await owner_does(at.agent, "narrow", wanted, BEN)
        with pytest.raises(DecisionRefused, match="changed since"):
            await agree(at, request_id, BEN)
        assert (await at.shown(request_id))["first_yes"] is None


async def test_anybodys_no_is_a_no_and_both_at_once_are_one_decision(tmp_path: Path) -> None:
    async with besieged(tmp_path, extra=TWO) as at:
        request_id = await at.asked()
        await yes(at, request_id, ANNA)
        answers = await asyncio.gather(
            agree(at, request_id, BEN), yes(at, request_id, ACTOR, choices=()), return_exceptions=True
        )
        done = [answer for answer in answers if isinstance(answer, str)]
        assert done in (["approved"], ["declined"])
        assert await at.state(request_id) == done[0]


async def test_a_decision_with_one_name_twice_does_not_verify(tmp_path: Path) -> None:
    async with besieged(tmp_path, extra=TWO) as at:
        request_id = await at.asked()
        await yes(at, request_id, ANNA)
        await agree(at, request_id, BEN)
        async with at.agent.services.store.transaction() as tx:
            row = await tx.one("SELECT document FROM decisions")
        assert row is not None
        decision = Decision.model_validate_json(row["document"])
        assert len(decision.people) == 2
        assert decision.agreed is not None
        (first, _) = decision.agreed
        forged = decision.model_copy(update={"agreed": (first, first)})
        signed = at.request()
        request = (await at.shown(request_id))["request"]
        assert request["request_id"] == request_id
        from exchange.documents.messages import Request

        asked = Request.model_validate_json(signed.document)
        findings = compare_documents(asked, document_sha256(signed), forged, "0" * 64, _manifest_for(asked, forged))
        assert [finding.text for finding in findings if finding.about == "decision.people" and finding.error] == [
            "The owner wanted two people to agree, and fewer did. The parts of the package contradict each other."
        ]


def _manifest_for(request: Any, decision: Any) -> Any:
    """As much of a manifest as is compared before the windows are."""

    class Manifest:
        request_id = request.request_id
        request_sha256 = crime_reference = decision_sha256 = device = evidence_id = "x"

    return Manifest()


async def test_an_approver_of_some_cameras_answers_for_no_other(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        garage = Actor("Cleo", "password on the page", Role.APPROVER, "cleo", frozenset({"garage"}))
        for changed in ({}, {"choices": ()}):
            with pytest.raises(DecisionRefused, match="answers for garage only"):
                await yes(at, request_id, garage, **changed)
        viewer = Actor("Vera", "password on the page", Role.VIEWER, "vera")
        with pytest.raises(NotPermitted, match="may not do this"):
            await yes(at, request_id, viewer)
        assert await at.state(request_id) == "asked"


async def test_one_approver_does_not_loosen_the_seal_that_two_agreed_to(tmp_path: Path) -> None:
    async with besieged(tmp_path, extra=TWO) as at:
        request_id = await noted(at)
        unsealed = Deliver(request_id=request_id, way=Way(means=Means.FOLDER, sealed_for=SealedFor.NOBODY))
        sealed = Deliver(request_id=request_id, way=Way(means=Means.FOLDER, sealed_for=SealedFor.PASSPHRASE))
        with pytest.raises(NotPermitted, match="One person alone may not"):
            await owner_does(at.agent, "deliver", unsealed, ANNA)
        await yes(at, request_id, ANNA)
        await owner_does(at.agent, "deliver", sealed, ANNA)
        assert "way-chosen" not in await at.events()
        await agree(at, request_id, BEN)
        with pytest.raises(NotPermitted, match="One person alone may not"):
            await owner_does(at.agent, "deliver", unsealed, ANNA)
        assert (await owner_does(at.agent, "way", RequestNamed(request_id=request_id), ANNA))["warning"] is None
        await owner_does(at.agent, "deliver", sealed, ANNA)
        await owner_does(at.agent, "deliver", unsealed, ACTOR)
        log = (await owner_does(at.agent, "custody", CustodyAsked(request_id=request_id), ACTOR))["events"]
        chosen = [(line["actor"], line["details"]) for line in log if line["event"] == "way-chosen"]
        assert chosen == [
            ("robin", {"means": "folder", "sealed_for": "nobody", "form": "package"}),
            ("Anna", {"means": "folder", "sealed_for": "passphrase", "form": "package"}),
        ]


async def test_people_are_written_down_changed_and_removed_and_it_is_noted(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        anna = NewPerson(person_id="anna", name="Anna", role=Role.ADMINISTRATOR, os_user="anna")
        await owner_does(at.agent, "add-person", anna, ACTOR)
        with pytest.raises(InputInvalid, match="already"):
            await owner_does(at.agent, "add-person", anna, ACTOR)
        ben = NewPerson(person_id="ben", name="Ben", os_user="anna")
        with pytest.raises(InputInvalid, match="is Anna already"):
            await owner_does(at.agent, "add-person", ben, ACTOR)
        await owner_does(at.agent, "add-person", ben.model_copy(update={"os_user": None}), ACTOR)
        with pytest.raises(InputInvalid, match="only administrator"):
            await owner_does(at.agent, "remove-person", PersonNamed(person_id="anna"), ACTOR)
        await owner_does(at.agent, "change-person", ChangePerson(person_id="ben", role=Role.ADMINISTRATOR), ACTOR)
        await owner_does(at.agent, "remove-person", PersonNamed(person_id="anna"), ACTOR)
        with pytest.raises(NotFound):
            await owner_does(at.agent, "invite-person", PersonNamed(person_id="anna"), ACTOR)
        rows = (await owner_does(at.agent, "people", Nothing(), ACTOR))["people"]
        assert [(row["person_id"], row["role"]) for row in rows] == [("ben", "administrator")]
        noted = (await owner_does(at.agent, "deeds", Nothing(), ACTOR))["deeds"]
        assert [(row["deed"], row["about"]) for row in noted] == [
            ("remove-person", "anna"),
            ("change-person", "ben"),
            ("add-person", "ben"),
            ("add-person", "anna"),
        ]
