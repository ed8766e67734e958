"""A request that came by no portal: the same review, cut and package, and it says which proofs it has not."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agent.owner.operations.context import RequestNamed
from agent.owner.operations.handing_over.delivering import ReceiptNoted
from agent.requests.noted.noting import NewRequest
from exchange.age.files import Passphrase, decrypt_file, generate_identity
from exchange.clock import SECOND, Window
from exchange.documents.messages import Asked, Stretch
from exchange.documents.noted import Identified, NotedOfficer, NotedRequest, Offered, OfferedWay
from exchange.errors import DecisionRefused, InputInvalid
from exchange.package.report import Verdict
from exchange.verify.checking import verify_package
from tests.journey.home import ACTOR, CAMERA, Siege, besieged, owner_does


def wanted(at: Siege, **changed: Any) -> NewRequest:
    window = Window(at.window.start + 2 * SECOND, at.window.end - 2 * SECOND)
    officer = NotedOfficer(
        name="Sam Marsh", force="Kent Police", identified=Identified.CALLED_BACK, identified_note="on 101"
    )
    fields = {
        "officer": officer,
        "crime_reference": "46/99/26",
        "asked": (Asked(camera_id=CAMERA, window=Stretch.of(window)),),
    }
    return NewRequest.model_validate(fields | changed)


async def noted(at: Siege, **changed: Any) -> str:
    request_id = str((await owner_does(at.agent, "note-request", wanted(at, **changed), ACTOR))["request_id"])
    await at.agent.journey.settle()
    assert await at.state(request_id) == "asked", (await at.row(request_id)).trouble
    return request_id


async def handed(at: Siege, request_id: str) -> list[Path]:
    await at.say(request_id, yes=True)
    await at.agent.journey.settle()
    assert await at.state(request_id) == "delivered", (await at.row(request_id)).trouble
    found = await owner_does(at.agent, "files", RequestNamed(request_id=request_id), ACTOR)
    return [Path(each["path"]) for each in found["files"]]


async def test_a_package_for_any_force_says_that_no_officer_signed(tmp_path: Path) -> None:
    async with besieged(tmp_path, pictures=True) as at:
        calls = len(at.portal.calls)
        request_id = await noted(at)
        shown = await at.shown(request_id)
        assert (shown["origin"], shown["force"], shown["asked_by"]) == (
            "noted",
            "Kent Police",
            "Sam Marsh, Kent Police",
        )
        form, package, how_to_open, what_to_type = await handed(at, request_id)
        assert len(at.portal.calls) == calls  # no portal hears of it
        assert form.name.startswith("RECEIPT_46-99-26")
        assert how_to_open.name.startswith("HOW-TO-OPEN")
        assert "46/99/26" in what_to_type.read_text()
        page = form.read_text()
        digest = subprocess.run(["sha256sum", package], capture_output=True, check=True, text=True).stdout.split()[0]
        assert digest in page
        assert "46/99/26" in page
        assert package.name.endswith(".zip.age")  # the force gave no key: it is sealed with a passphrase
        asked = await owner_does(at.agent, "passphrase", RequestNamed(request_id=request_id), ACTOR)
        for page_beside in (form, how_to_open, what_to_type):
            assert asked["passphrase"] not in page_beside.read_text()
        opened = tmp_path / "package.zip"
        decrypt_file(package, opened, [Passphrase(asked["passphrase"])])
        report = verify_package(opened, into=tmp_path / "opened", deep=True)
        assert [finding for finding in report.findings if finding.error] == []
        assert report.exit_code == 60  # not everything could be checked
        unsure = {finding.about: finding.text for finding in report.findings if finding.verdict is Verdict.UNCHECKED}
        assert "No officer signed the request" in unsure["request.signature"]
        assert "called back at the force's own number" in unsure["request.signature"]
        (read_me,) = (tmp_path / "opened").rglob("READ-ME-FIRST.html")
        assert "No officer signed this request." in read_me.read_text()
        assert not list((tmp_path / "opened").rglob("force.pub"))
        await owner_does(
            at.agent, "note-receipt", ReceiptNoted(request_id=request_id, taken_by="PC Marsh", how="signed"), ACTOR
        )
        await at.agent.journey.settle()
        assert await at.state(request_id) == "closed"
        assert not form.parent.exists()
        assert not list((at.settings.keys / "handing-over").iterdir())
        events = await at.events()
        assert events.count("noted") == 1
        assert events[-2:] == ["receipt", "hold-released"]
        (row,) = await at.packages(request_id)
        assert row.receipt is not None
        assert row.path is not None
        assert Path(row.path).exists()  # the owner's own sealed copy stays


async def test_recordings_split_at_keys_that_an_upload_page_takes(tmp_path: Path) -> None:
    async with besieged(tmp_path, pictures=True, kind="h264-aac") as at:
        way = OfferedWay(form=Offered.RECORDINGS, most_bytes=1_000_000)
        await_size = (await at.agent.services.footage.coverage(CAMERA, at.window)).spans
        assert await_size
        request_id = await noted(at, way=way)
        (camera,) = (await at.shown(request_id))["plan"]["cameras"]
        from agent.media import facts
        from agent.media.inspect import split_at_keys
        from agent.requests.plan import stored_plan

        async with at.agent.services.store.transaction() as tx:
            plan, _ = await stored_plan(tx, request_id)
        (stretch,) = (facts.stretch(plain) for plain in plan.cameras[0].stretches)
        parts = split_at_keys(stretch, 140_000)
        assert len(parts) > 1
        assert sum(part.frames for part in parts) == stretch.frames == camera["frames"]
        assert [part.first_us for part in parts[1:]] == [part.end_us for part in parts[:-1]]
        files = await handed(at, request_id)
        names = [path.name for path in files]
        assert any(re.fullmatch(r"46-99-26_Front-door_\w{8}_part1of1\.mp4", name) for name in names), names
        assert all(path.stat().st_size <= 1_000_000 for path in files)
        media = next(path for path in files if path.suffix == ".mp4")
        probe = subprocess.run(["ffprobe", "-v", "error", str(media)], capture_output=True, text=True, check=True)
        assert probe.stderr == ""


async def test_a_key_of_the_force_seals_it_for_them_alone(tmp_path: Path) -> None:
    async with besieged(tmp_path, pictures=True) as at:
        case = generate_identity("x25519")
        request_id = await noted(at, recipient=str(case.recipient))
        package = next(path for path in await handed(at, request_id) if path.suffix == ".age")
        assert package.read_bytes().startswith(b"age-encryption.org/")
        report = verify_package(package, identities=[case], into=tmp_path / "opened")
        assert [finding for finding in report.findings if finding.error] == []


async def test_a_no_is_told_to_nobody_and_leaves_nothing(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        calls = len(at.portal.calls)
        request_id = await noted(at)
        await at.say(request_id, yes=False)
        await at.agent.journey.settle()
        assert await at.state(request_id) == "closed"
        assert len(at.portal.calls) == calls
        assert await at.agent.services.footage.held_bytes() == 0
        asked = ReceiptNoted(request_id=request_id, taken_by="x", how="x")
        with pytest.raises(DecisionRefused):
            await owner_does(at.agent, "note-receipt", asked, ACTOR)


async def test_what_can_not_be_is_refused_in_words(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        future = Stretch(start=at.clock.now(), end=at.clock.now() + SECOND)
        for changed, words in (
            ({"asked": (Asked(camera_id=CAMERA, window=future),)}, "still to come"),
            ({"asked": (Asked(camera_id="garage", window=Stretch.of(at.window)),)}, "no camera garage"),
            ({"recipient": "age1nonsense"}, "no age recipient"),
        ):
            with pytest.raises(InputInvalid, match=words):
                await owner_does(at.agent, "note-request", wanted(at, **changed), ACTOR)


async def test_nobody_can_pass_a_portals_request_off_as_noted(tmp_path: Path) -> None:
    """A document that the owner noted is the device's; one that the portal brings is an officer's, or refused."""
    async with besieged(tmp_path) as at:
        from exchange.signing.documents import sign_document

        now = at.clock.now()
        incident = {"kind": "x", "place": "x", "happened": {"from": now - 9, "to": now}, "description": "x"}
        fields = {
            "request_id": "forged", "device": at.agent.services.keys.device.public.fingerprint,
            "noted_by": {"name": "x", "method": "x"},
            "officer": {"name": "x", "force": "x", "identified": "known"}, "crime_reference": "x",
            "incident": incident, "purpose": "x", "legal_basis": "x", "necessity": "x",
            "asked": [{"camera_id": CAMERA, "window": {"from": at.window.start, "to": at.window.end}}],
            "issued": now, "expires": now + SECOND,
        }  # fmt: skip
        document = NotedRequest.model_validate(fields)
        row_id = await at.take(sign_document(document, at.place.officer))
        assert await at.state(row_id) == "closed"
        assert (await at.row(row_id)).origin == "portal"
        assert json.loads(document.to_text())["kind"] == "noted-request.v1"
