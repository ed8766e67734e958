"""What was not recorded is told: to the owner before they decide, to the officer, and in the evidence itself."""

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from agent.owner.terminal.prompt import show_request
from agent.recordings import layout
from agent.requests import seal_job
from agent.sources.registry import SourceSetting
from exchange.clock import HOUR, MINUTE, SECOND, Window, to_rfc3339
from exchange.documents import api
from exchange.documents.messages import Asked, Decision, Outcome, Signed, Status, Stretch
from exchange.signing.documents import open_document
from tests.journey.home import CAMERA, Siege, add_camera, besieged


def told(at: Siege, request_id: str) -> Decision:
    (call,) = [call for call in at.portal.calls if call.path == api.DECISION.format(request_id=request_id)]
    return open_document(Signed.model_validate_json(call.body), Decision, at.agent.services.keys.device.public)


def prompt(shown: dict[str, Any]) -> str:
    page = io.StringIO()
    show_request(Console(file=page, width=80, no_color=True), shown)
    return page.getvalue()


async def evidence_of(at: Siege, request_id: str) -> dict[str, Any]:
    await at.say(request_id, yes=True)
    await at.walk()
    assert await at.state(request_id) == "delivered", await at.listed(request_id)
    (package,) = await at.packages(request_id)
    document: dict[str, Any] = json.loads(json.loads(package.evidence or "")["document"])
    return document


async def test_a_gap_is_in_the_prompt_in_the_plan_in_the_decision_and_in_the_evidence(tmp_path: Path) -> None:
    async with besieged(tmp_path, without=(1,)) as at:
        request_id = await at.asked()
        shown = await at.shown(request_id)
        (gap,) = shown["plan"]["cameras"][0]["gaps"]
        start, end = at.window.start + 3 * SECOND, at.window.start + 6 * SECOND
        assert (gap["from"], gap["to"]) == (to_rfc3339(start), to_rfc3339(end))
        page = prompt(shown)
        assert "Missing" in page
        assert "interrupted" in page
        evidence = await evidence_of(at, request_id)
        assert [(each["from"], each["to"]) for each in evidence["gaps"]] == [(gap["from"], gap["to"])]
        decision = told(at, request_id)
        assert decision.status is Status.APPROVED, "all of it that there is"
        assert [(each.start, each.end) for each in decision.cameras[0].gaps] == [(start, end)]


async def test_a_recording_that_ends_early_is_told_as_a_gap_at_the_end(tmp_path: Path) -> None:
    async with besieged(tmp_path, without=(2,)) as at:
        request_id = await at.asked()
        (gap,) = (await at.shown(request_id))["plan"]["cameras"][0]["gaps"]
        assert gap["to"] == to_rfc3339(at.window.end - 2 * SECOND)
        assert "at the end" in gap["reason"]


async def test_of_a_segment_that_was_cut_off_all_that_can_be_read_is_sent(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        last = at.segments[-1]
        name = layout.parse(last.name)
        assert name is not None
        opened = last.with_name(str(layout.SegmentName(name.start, None, layout.SegmentState.OPEN, "mp4")))
        opened.write_bytes(last.read_bytes()[: last.stat().st_size * 3 // 5])
        last.unlink()
        long_ago = at.clock.now() // SECOND - 3600
        os.utime(opened, (long_ago, long_ago))
        request_id = await at.asked(at.request(Window(at.window.start + 2 * SECOND, at.window.end)))
        (camera,) = (await at.shown(request_id))["plan"]["cameras"]
        (gap,) = camera["gaps"]
        assert gap["from"] == camera["actual"]["to"] > to_rfc3339(name.start)
        assert gap["to"] == to_rfc3339(at.window.end)
        evidence = await evidence_of(at, request_id)
        assert [segment["name"] for segment in evidence["segments"]][-1] == opened.name
        assert evidence["gaps"] == [gap]


async def test_a_clock_that_was_set_back_does_not_make_a_plan_wait_for_a_recording_for_ever(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        last = at.segments[-1]
        name = layout.parse(last.name)
        assert name is not None
        last.rename(last.with_name(str(layout.SegmentName(name.start, None, layout.SegmentState.OPEN, "mp4"))))
        request_id = await at.take(at.request())
        assert await at.state(request_id) == "preserved"  # it may still grow, as its file is of now
        at.clock.step(-HOUR)
        await at.walk(later=5 * SECOND)
        assert await at.state(request_id) == "asked"


async def test_a_file_that_is_no_recording_is_named_to_the_owner(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        at.segments[1].write_bytes(b"\x00\x1b[31m not a film" * 500)
        request_id = await at.asked()
        shown = await at.shown(request_id)
        (unreadable,) = shown["plan"]["cameras"][0]["unreadable"]
        assert at.segments[1].name in unreadable
        assert unreadable.isprintable()
        assert "Unreadable" in prompt(shown)
        evidence = await evidence_of(at, request_id)
        assert any(at.segments[1].name in note for note in evidence["notes"])


async def test_when_no_file_can_be_read_the_owner_is_asked_and_sees_their_names(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        for segment in at.segments:
            segment.write_bytes(b"garbage")
        request_id = await at.asked()
        page = prompt(await at.shown(request_id))
        assert "no footage of this time" in page
        assert at.segments[0].name[:20] in page
        assert at.portal.about(request_id) == []


@pytest.mark.parametrize("preserve", ["yes", "no"])
async def test_footage_is_held_while_the_owner_decides_only_if_they_set_so(tmp_path: Path, preserve: str) -> None:
    async with besieged(tmp_path, extra=f"requests: {{preserve: {preserve}}}") as at:
        await at.asked()
        assert (await at.agent.services.footage.held_bytes() > 0) == (preserve == "yes")


async def _yes_to(at: Siege, request_id: str) -> Decision:
    decision = await at.say(request_id, yes=True)
    assert decision.cameras[0].outcome is Outcome.APPROVED
    return decision


async def test_footage_that_went_between_yes_and_cut_is_waited_for_and_then_asked_about_anew(
    tmp_path: Path,
) -> None:
    async with besieged(tmp_path, extra="requests: {preserve: no}") as at:
        request_id = await at.asked()
        await _yes_to(at, request_id)
        for segment in at.segments:
            segment.unlink()
        await at.walk()
        assert await at.state(request_id) == "approved"
        assert "cannot be used" in (await at.listed(request_id))["trouble"]
        for _ in range(6):
            await at.walk(later=10 * MINUTE)
        assert await at.state(request_id) == "asked"
        assert "your yes is void" in " ".join(prompt(await at.shown(request_id)).split())
        assert at.portal.about(request_id) == []
        assert not at.portal.uploads


async def test_a_disk_that_was_away_for_a_minute_costs_nothing_but_the_minute(tmp_path: Path) -> None:
    async with besieged(tmp_path, extra="requests: {preserve: no}") as at:
        request_id = await at.asked()
        decision = await _yes_to(at, request_id)
        away = [segment.rename(tmp_path / segment.name) for segment in at.segments]
        await at.walk()
        for segment, hidden in zip(at.segments, away, strict=True):
            hidden.rename(segment)
        await at.walk(later=MINUTE)
        assert await at.state(request_id) == "delivered"
        assert told(at, request_id) == decision


async def test_footage_that_is_other_than_approved_makes_the_yes_void_and_is_asked_anew(tmp_path: Path) -> None:
    async with besieged(tmp_path, extra="requests: {preserve: no}") as at:
        request_id = await at.asked()
        void = await _yes_to(at, request_id)
        whole = at.segments[-1].stat().st_size
        os.truncate(at.segments[-1], whole // 2)
        for _ in range(7):
            await at.walk(later=10 * MINUTE)
        assert await at.state(request_id) == "asked"
        assert not [call for call in at.portal.calls if call.path == api.DECISION.format(request_id=request_id)]
        shown = await at.shown(request_id)
        assert "You said yes to this before" in prompt(shown)
        assert shown["plan_sha256"] != void.plan_sha256
        await at.say(request_id, yes=True)
        await at.walk()
        assert await at.state(request_id) == "delivered"
        assert told(at, request_id).cameras[0].evidence_id != void.cameras[0].evidence_id
        (package,) = await at.packages(request_id)
        events = [json.loads(json.loads(line)["line"])["event"] for line in (package.custody or b"").splitlines()]
        words = [event for event in events if event.startswith("approv")]
        assert words == ["approved", "approval-void", "approved"]


async def test_a_master_that_changed_after_it_was_cut_is_never_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = seal_job.job

    def meddled(order: dict[str, Any], report: Any) -> dict[str, Any]:
        (master,) = [entry for entry in order["entries"] if entry["path"].startswith("data/master/")]
        assert master["crc32"], "it would be hashed once more than needed"
        with Path(master["file"]).open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            last = file.read(1)[0]
            file.seek(-1, os.SEEK_END)
            file.write(bytes([last ^ 1]))
        return real(order, report)

    monkeypatch.setattr(seal_job, "job", meddled)
    monkeypatch.setattr("exchange.package.writing._SMALL", 1 << 10)  # as a large one is treated
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        await at.say(request_id, yes=True)
        await at.walk()
        assert await at.state(request_id) == "clipped"
        assert "not the file that was hashed" in json.dumps((await at.listed(request_id))["trouble"])
        # It was perhaps begun to be sent while it was sealed; it is neither whole there nor announced.
        assert all(len(upload.content) < upload.size for upload in at.portal.uploads.values())
        assert not any("/deliver" in line for line in at.portal.said())


async def with_a_recorder_that_is_away(at: Siege, folder: Path) -> str:
    """A request for our own camera and for one whose recorder can't be reached; its id."""
    await add_camera(at.agent, "yard")
    setting = SourceSetting(kind="folder", options={"path": str(folder), "zone": "UTC"})
    async with at.agent.services.store.transaction() as tx:
        await tx.execute("UPDATE cameras SET source = ? WHERE camera_id = 'yard'", [setting.model_dump_json()])
    window = Stretch.of(Window(at.window.start + SECOND, at.window.start + 3 * SECOND))
    cameras = (CAMERA, "yard")
    return await at.take(at.request(asked=tuple(Asked(camera_id=each, window=window) for each in cameras)))


async def test_a_recorder_that_is_away_holds_up_another_camera_for_some_hours_only(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await with_a_recorder_that_is_away(at, tmp_path / "not mounted")
        assert await at.state(request_id) == "preserved"
        assert await at.agent.services.footage.held_bytes() > 0
        assert "not mounted" in (await at.listed(request_id))["trouble"]
        await at.walk(later=13 * HOUR)
        assert await at.state(request_id) == "asked"
        assert "could not be reached" in prompt(await at.shown(request_id))
        await at.say(request_id, yes=True)
        await at.walk()
        assert [camera.outcome for camera in told(at, request_id).cameras] == [Outcome.APPROVED, Outcome.DECLINED]


async def test_a_recorder_that_comes_back_is_asked_about_with_the_others(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await with_a_recorder_that_is_away(at, tmp_path / "folder")
        (tmp_path / "folder").mkdir()
        await at.walk(later=HOUR)
        assert await at.state(request_id) == "asked"
        assert "could not be reached" not in prompt(await at.shown(request_id))
