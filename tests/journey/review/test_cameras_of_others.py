"""Whoever answers for some cameras only: what they may not do with what others answer for."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.deliveries.way import Means, SealedFor, Way
from agent.owner.operations.afterwards.feedback import Answer, Rate, SendAgain
from agent.owner.operations.context import Actor, RequestNamed
from agent.owner.operations.handing_over.delivering import Deliver, ReceiptNoted
from agent.owner.operations.offers import OfferNamed
from agent.owner.operations.own_copies.backups import Hold
from agent.owner.operations.record_keeping.register import BasisChosen
from agent.owner.operations.records import EvidenceNamed, MakeCopy
from agent.owner.operations.requests import Narrow, Pause
from agent.owner.operations.table import OPERATIONS
from agent.owner.operations.whose import Cameras
from agent.owner.people.roles import Role, allows
from agent.requests.feedback.noting import NewFeedback
from exchange.clock import SECOND
from exchange.documents.feedback import FeedbackKind
from exchange.documents.messages import Asked, Part, Stretch
from exchange.errors import DecisionRefused, NotPermitted
from tests.journey.home import ACTOR, CAMERA, Siege, add_camera, besieged, owner_does
from tests.journey.review.test_noted import noted
from tests.journey.review.test_offers import new as new_offer

GARAGE = "garage"
CLEO = Actor("Cleo", "password on the page", Role.APPROVER, "cleo", frozenset({GARAGE}))
REFUSED = f"answers for {GARAGE} only, and this is of {CAMERA} too"
LOOK_THEMSELVES = {"decide", "agree"}
"""Whoever answers for one camera of several may say yes for that one."""
NOT_OF_CAMERAS = {"correspondence-add", "correspondence-note"}
"""What is written down beside a request changes nothing of it."""


def deeds(request_id: str, evidence_id: str) -> dict[str, Part]:
    """What somebody may want to do with what was approved, by operation."""
    named, package = RequestNamed(request_id=request_id), EvidenceNamed(evidence_id=evidence_id)
    return {
        "pause": Pause(request_id=request_id),
        "stop": named,
        "deliver": Deliver(request_id=request_id, way=Way(means=Means.FOLDER, sealed_for=SealedFor.PASSPHRASE)),
        "passphrase": named,
        "files": named,
        "note-receipt": ReceiptNoted(request_id=request_id, taken_by="PC Marsh", how="at the door"),
        "answer": Answer(request_id=request_id, question_id="q-1", text="It was dark."),
        "rate": Rate(request_id=request_id, stars=5),
        "send-again": SendAgain(request_id=request_id),
        "leave-it": named,
        "note-feedback": NewFeedback(
            request_id=request_id, what=FeedbackKind.QUESTION, officer="PC Marsh", how="by telephone", text="Why?"
        ),
        "basis": BasisChosen(request_id=request_id, basis="consent"),
        "make-copy": MakeCopy.model_validate({"evidence_id": evidence_id, "copy": {"kind": "playable"}}),
        "made-copies": package,
        "hold": Hold(request_id=request_id, reason="A court asked for it."),
        "hold-as-asked": named,
        "end-hold": named,
    }


def test_every_deed_about_a_request_says_whose_it_is() -> None:
    about = {
        name
        for name, operation in OPERATIONS.items()
        if {"request_id", "evidence_id"} & operation.arguments.model_fields.keys()
        and allows(operation.role, Role.APPROVER)
        and not allows(operation.role, Role.ADMINISTRATOR)
    }
    limited = {name for name, operation in OPERATIONS.items() if operation.cameras is not None}
    assert about == limited | LOOK_THEMSELVES | NOT_OF_CAMERAS
    of_all = {name for name, operation in OPERATIONS.items() if operation.cameras is Cameras.ALL}
    assert deeds("r", "e").keys() == of_all
    assert limited - of_all == {"narrow", "keep", "look-again"}


async def test_what_others_decided_is_theirs_alone(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await noted(at)
        await at.say(request_id, yes=True)
        await at.walk()
        (package,) = (await at.shown(request_id))["packages"]
        before = await at.events()
        for deed, asked in deeds(request_id, package["evidence_id"]).items():
            with pytest.raises(NotPermitted, match=REFUSED):
                await owner_does(at.agent, deed, asked, CLEO)
        assert await at.events() == before
        theirs = replace(CLEO, cameras=frozenset({GARAGE, CAMERA}))
        named = RequestNamed(request_id=request_id)
        assert (await owner_does(at.agent, "passphrase", named, theirs))["passphrase"]
        assert (await owner_does(at.agent, "files", named, theirs))["files"]


async def of_two_cameras(at: Siege) -> str:
    """A request for both cameras, of which only one has recordings."""
    await add_camera(at.agent, GARAGE)
    window = Stretch(start=at.window.start + 2 * SECOND, end=at.window.end - 2 * SECOND)
    asked = tuple(Asked(camera_id=camera, window=window) for camera in (CAMERA, GARAGE))
    return await at.asked(at.request(asked=asked))


async def test_before_a_yes_one_of_the_cameras_is_enough_to_look_and_keep_and_shortens_only_that(
    tmp_path: Path,
) -> None:
    async with besieged(tmp_path, extra="requests: {preserve: ask}") as at:
        request_id = await of_two_cameras(at)
        named = RequestNamed(request_id=request_id)
        assert (await owner_does(at.agent, "keep", named, CLEO))["held_bytes"] > 0
        plan = await at.plan_sha256(request_id)
        shorter = Stretch(start=at.window.start + 3 * SECOND, end=at.window.end - 2 * SECOND)
        for position, why in ((0, REFUSED), (7, "no position 7"), (-1, "no position -1")):
            wanted = Narrow(request_id=request_id, plan_sha256=plan, position=position, window=shorter)
            with pytest.raises((NotPermitted, DecisionRefused), match=why):
                await owner_does(at.agent, "narrow", wanted, CLEO)
        assert await at.plan_sha256(request_id) == plan
        with pytest.raises(NotPermitted, match=REFUSED):
            await owner_does(at.agent, "hold", Hold(request_id=request_id, reason="x"), CLEO)
        nobody = replace(CLEO, cameras=frozenset({"attic"}))
        for deed in ("keep", "look-again"):
            with pytest.raises(NotPermitted, match="answers for attic only"):
                await owner_does(at.agent, deed, named, nobody)


async def test_offers_tell_of_the_cameras_that_somebody_answers_for(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        with pytest.raises(NotPermitted, match=REFUSED):
            await owner_does(at.agent, "offer", new_offer(at, send=False), CLEO)
        assert await at.agent.services.footage.held_bytes() == 0
        made = await owner_does(at.agent, "offer", new_offer(at, send=False), ACTOR)
        with pytest.raises(NotPermitted, match=REFUSED):
            await owner_does(at.agent, "end-offer", OfferNamed(offer_id=made["offer_id"]), CLEO)
        assert await at.agent.services.footage.held_bytes() > 0
        theirs = replace(CLEO, cameras=frozenset({CAMERA}))
        await owner_does(at.agent, "end-offer", OfferNamed(offer_id=made["offer_id"]), theirs)
        assert await at.agent.services.footage.held_bytes() == 0
