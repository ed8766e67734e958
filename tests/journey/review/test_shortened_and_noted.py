"""The owner shortens a window and notes what they saw: what leaves is that and no more, and the papers say so."""

import json
from pathlib import Path

import pytest

from agent.owner.operations.context import Nothing
from agent.owner.operations.requests import Narrow
from agent.requests.decision import Choice, Note, Verdict, decide
from exchange.clock import SECOND, Window
from exchange.documents.evidence import Evidence, KeyFrameMode
from exchange.documents.messages import Asked, Delivery, Stretch
from exchange.errors import DecisionRefused
from exchange.signing.documents import open_document
from exchange.verify.checking import verify_package
from tests.journey.home import ACTOR, CAMERA, OWNER, Town, besieged, home, owner_does


async def shorten(at: Town, request_id: str, window: Window | None) -> str:
    wanted = Narrow(
        request_id=request_id,
        plan_sha256=await at.plan_sha256(request_id),
        position=0,
        window=None if window is None else Stretch.of(window),
    )
    return str((await owner_does(at.agent, "narrow", wanted, ACTOR))["plan_sha256"])


async def test_what_was_shortened_leaves_as_that_and_the_package_holds_the_notes(tmp_path: Path) -> None:
    async with home(tmp_path, pictures=True) as at:
        request_id = await at.asked()
        before = (await at.shown(request_id))["plan"]["cameras"][0]
        old = await at.plan_sha256(request_id)
        shorter = Window(at.window.start + 4 * SECOND, at.window.end - 3 * SECOND)
        new = await shorten(at, request_id, shorter)
        assert new != old
        shown = (await at.shown(request_id))["plan"]["cameras"][0]
        assert shown["narrowed"] == Stretch.of(shorter).model_dump(mode="json")
        assert shown["whole"] == before["actual"]
        planned = Stretch.model_validate_json(json.dumps(shown["actual"]))
        assert planned.start >= shorter.start
        assert planned.end <= shorter.end
        with pytest.raises(DecisionRefused, match="changed since"):
            await decide(
                at.agent.services,
                request_id,
                Verdict(plan_sha256=old, choices=(Choice(position=0, share=True),)),
                OWNER,
            )
        note = Note(position=0, at=planned.start + SECOND // 2, text="A van <b>stops</b> here.")
        verdict = Verdict(plan_sha256=new, choices=(Choice(position=0, share=True),), notes=(note,))
        decided = await decide(at.agent.services, request_id, verdict, OWNER)
        assert decided is not None
        assert "van" not in decided.to_text()
        await at.agent.journey.settle()
        case = await at.officer.case(request_id)
        delivery = open_document(case.deliveries[0].signed, Delivery, at.agent.services.keys.device.public)
        target = tmp_path / "package.zip.age"
        await at.officer.fetch(delivery.delivery_id, delivery.size, delivery.ciphertext_sha256, target)
        into = tmp_path / "opened"
        report = verify_package(target, identities=[at.case], force_key=at.place.force.key.public, into=into, deep=True)
        assert report.ok, [finding for finding in report.findings if finding.error]
        assert {"windows.narrowed", "observed"} <= {finding.about for finding in report.findings}
        (manifest,) = into.rglob("evidence.json")
        evidence = Evidence.model_validate_json(manifest.read_text())
        assert evidence.windows.narrowed == Stretch.of(shorter)
        assert evidence.windows.requested.start < shorter.start
        assert evidence.windows.delivered.start >= shorter.start
        assert evidence.windows.delivered.end <= shorter.end
        assert evidence.widening.mode is KeyFrameMode.INSIDE
        assert [seen.text for seen in evidence.observed] == ["A van <b>stops</b> here."]
        (page,) = into.rglob("READ-ME-FIRST.html")
        assert "Shortened by the owner to" in page.read_text()
        assert "A van &lt;b&gt;stops&lt;/b&gt; here." in page.read_text()


async def test_a_window_is_never_made_longer_and_an_empty_part_changes_nothing(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        plan = await at.plan_sha256(request_id)
        asked = (await at.shown(request_id))["request"]["asked"][0]["window"]
        window = Stretch.model_validate_json(json.dumps(asked)).window
        with pytest.raises(DecisionRefused, match="more than the officer asked for"):
            await shorten(at, request_id, Window(window.start - SECOND, window.end))
        with pytest.raises(DecisionRefused, match="no footage in that part"):
            await shorten(at, request_id, Window(window.end - 1000, window.end))
        assert await at.plan_sha256(request_id) == plan
        shorter = Window(window.start + SECOND, window.end)
        await shorten(at, request_id, shorter)
        await shorten(at, request_id, None)
        camera = (await at.shown(request_id))["plan"]["cameras"][0]
        assert camera["narrowed"] is None
        assert camera["requested"] == asked


async def test_a_request_that_is_answered_is_not_shortened_any_more(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        await at.say(request_id, yes=False)
        wanted = Narrow(request_id=request_id, plan_sha256="0" * 64, position=0, window=None)
        with pytest.raises(DecisionRefused):
            await owner_does(at.agent, "narrow", wanted, ACTOR)


async def test_a_note_of_a_moment_that_is_not_sent_is_refused(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        note = Note(position=0, at=at.window.end + SECOND, text="later")
        choices = (Choice(position=0, share=True),)
        verdict = Verdict(plan_sha256=await at.plan_sha256(request_id), choices=choices, notes=(note,))
        with pytest.raises(DecisionRefused, match="would not be sent"):
            await decide(at.agent.services, request_id, verdict, OWNER)
        assert await at.state(request_id) == "asked"


async def test_notes_that_were_changed_in_the_store_stop_everything(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        actual = (await at.shown(request_id))["plan"]["cameras"][0]["actual"]
        start = Stretch.model_validate_json(json.dumps(actual)).start
        verdict = Verdict(
            plan_sha256=await at.plan_sha256(request_id),
            choices=(Choice(position=0, share=True),),
            notes=(Note(position=0, at=start, text="as it was"),),
        )
        await decide(at.agent.services, request_id, verdict, OWNER)
        await at.execute("UPDATE decisions SET observed = replace(observed, 'as it was', 'as it is')")
        await at.walk()
        assert await at.state(request_id) == "approved"
        assert "notes are not those" in str((await at.row(request_id)).trouble)


async def test_two_cameras_are_shortened_one_by_one(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        first = Stretch(start=at.window.start, end=at.window.start + 4 * SECOND)
        second = Stretch(start=at.window.start + 4 * SECOND, end=at.window.end)
        asked = (Asked(camera_id=CAMERA, window=first), Asked(camera_id=CAMERA, window=second))
        request_id = await at.asked(at.request(asked=asked))
        wanted = Narrow(
            request_id=request_id,
            plan_sha256=await at.plan_sha256(request_id),
            position=1,
            window=Stretch(start=second.start + SECOND, end=second.end),
        )
        await owner_does(at.agent, "narrow", wanted, ACTOR)
        cameras = (await at.shown(request_id))["plan"]["cameras"]
        assert [camera["narrowed"] is None for camera in cameras] == [True, False]
        assert (await owner_does(at.agent, "requests", Nothing(), ACTOR))["requests"][0]["state"] == "asked"
