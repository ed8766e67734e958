"""Working copies: chosen with the yes, made beside the untouched master, in the manifest, and never in the way."""

import json
from pathlib import Path

import pytest

from agent.requests import journey
from agent.requests.copies import making
from agent.requests.decision import Choice, Verdict, decide
from agent.requests.states import State
from exchange.clock import SECOND, Window
from exchange.documents.copies import ChosenCopy, CopyKind, WantedCopies
from exchange.documents.evidence import Evidence
from exchange.documents.footage_facts import WorkingCopy
from exchange.documents.messages import Asked, Decision, Delivery, Stretch
from exchange.errors import WorkerFailed
from exchange.signing.documents import open_document
from exchange.verify.checking import verify_package
from tests.journey.home import CAMERA, OWNER, Town, besieged, home
from tests.journey.test_journey import trouble

USUAL = (
    "copies: {playable: true, quality: false, tight: false, enhanced: false, avi: false, caption: true, longest: 10m}"
)


def with_sound(at: Town, **changed: object) -> object:
    window = Window(at.window.start + 2 * SECOND, at.window.end - 2 * SECOND)
    asked = (Asked(camera_id=CAMERA, window=Stretch.of(window), sound=True),)
    return at.request(window, asked=asked, **changed)


async def say_yes(at: Town, request_id: str, *copies: ChosenCopy, sound: bool = True) -> Decision:
    choice = Choice(position=0, share=True, sound=sound, copies=copies or None)
    verdict = Verdict(plan_sha256=await at.plan_sha256(request_id), choices=(choice,))
    decided = await decide(at.agent.services, request_id, verdict, OWNER)
    assert decided is not None
    return decided


async def opened(at: Town, request_id: str, tmp_path: Path) -> tuple[Path, Evidence]:
    """The package as the officer opens it, after every check of it held."""
    assert await at.state(request_id) == "delivered", await trouble(at, request_id)
    case = await at.officer.case(request_id)
    delivery = open_document(case.deliveries[0].signed, Delivery, at.agent.services.keys.device.public)
    target = tmp_path / "package.zip.age"
    await at.officer.fetch(delivery.delivery_id, delivery.size, delivery.ciphertext_sha256, target)
    into = tmp_path / "opened"
    report = verify_package(target, identities=[at.case], force_key=at.place.force.key.public, into=into, deep=True)
    assert report.ok, [finding for finding in report.findings if finding.error]
    (manifest,) = into.rglob("evidence.json")
    return manifest.parent.parent, Evidence.model_validate_json(manifest.read_text())


def of_kind(evidence: Evidence, kind: CopyKind) -> list[WorkingCopy]:
    return [copy for copy in evidence.working_copies if copy.kind is kind]


async def test_the_copies_that_an_owner_chose_lie_in_the_package_beside_the_master(tmp_path: Path) -> None:
    async with home(tmp_path, workers=True, kind="h264-g711", extra=USUAL) as at:
        wanted = WantedCopies(kinds=(CopyKind.TIGHT,))
        request_id = await at.asked(with_sound(at, copies=wanted))  # type: ignore[arg-type]
        shown = await at.shown(request_id)
        assert shown["request"]["copies"]["kinds"] == ["tight"]
        decided = await say_yes(at, request_id)
        assert [copy.kind for copy in decided.cameras[0].copies or ()] == [CopyKind.PLAYABLE, CopyKind.TIGHT]
        await at.agent.journey.settle()
        bag, evidence = await opened(at, request_id, tmp_path)
        (master,) = evidence.masters
        assert master.container == "matroska"
        (playable,), (tight,) = of_kind(evidence, CopyKind.PLAYABLE), of_kind(evidence, CopyKind.TIGHT)
        assert playable.made_from == tight.made_from == master.path
        assert playable.window == Stretch.of(master.window)
        assert tight.window is not None
        asked = evidence.windows.requested
        assert asked.start <= tight.window.start
        assert tight.window.end <= asked.end
        assert (tight.caption, tight.real_times, tight.sound) == (True, True, True)
        assert {"encoder", "crf", "preset"} <= {each.name for each in tight.parameters or ()}
        assert "FFmpeg" in {tool.name for tool in tight.tools or ()}
        for copy in (playable, tight):
            assert (bag / copy.path).stat().st_size == copy.size
            assert "working-copy" in copy.path


async def test_without_approved_sound_no_copy_has_any(tmp_path: Path) -> None:
    async with home(tmp_path, pictures=True, kind="h264-g711", extra=USUAL) as at:
        request_id = await at.asked(with_sound(at))  # type: ignore[arg-type]
        await say_yes(at, request_id, ChosenCopy(kind=CopyKind.TIGHT), sound=False)
        await at.agent.journey.settle()
        _, evidence = await opened(at, request_id, tmp_path)
        (tight,) = of_kind(evidence, CopyKind.TIGHT)
        assert tight.sound is False


async def test_a_copy_that_cannot_be_made_holds_up_nothing_and_is_named(tmp_path: Path) -> None:
    async with home(tmp_path) as at:  # in this home no working copy can be made
        request_id = await at.asked()
        await say_yes(at, request_id, ChosenCopy(kind=CopyKind.TIGHT), sound=False)
        await at.agent.journey.settle()
        _, evidence = await opened(at, request_id, tmp_path)
        assert of_kind(evidence, CopyKind.TIGHT) == []
        assert [note for note in evidence.notes if note.startswith("The tight copy was not made: ")]


async def test_what_was_chosen_is_in_the_signed_decision_and_another_choice_in_the_store_counts_for_nothing(
    tmp_path: Path,
) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        await say_yes(at, request_id, ChosenCopy(kind=CopyKind.TIGHT), sound=False)  # type: ignore[arg-type]
        await at.execute("UPDATE decisions SET document = replace(document, 'tight', 'avi')")
        await at.walk()
        assert await at.state(request_id) == "approved"
        assert "altered" in str((await at.row(request_id)).trouble)


async def test_after_a_crash_only_what_was_under_way_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon dies while the second copy is made: the first is not touched again, the second is made."""
    asked: list[str] = []

    async def run(function: str, job: dict[str, object], **how: object) -> dict[str, object]:
        if function == "agent.media.pictures:contact_sheet_job":
            raise WorkerFailed("No contact sheet in this test.")
        if function != "agent.media.working.make:job":
            return await same(function, job, **how)
        kind = job["copy"]["kind"]  # type: ignore[index]
        asked.append(kind)
        if asked == ["playable", "tight"]:
            raise KeyboardInterrupt
        return {"files": [], "notes": [f"{kind} was here"], "tools": {}}

    async with besieged(tmp_path) as at:
        same = at.agent.services.run_job
        object.__setattr__(at.agent.services, "run_job", run)
        request_id = await at.asked()
        chosen = (ChosenCopy(kind=CopyKind.PLAYABLE), ChosenCopy(kind=CopyKind.TIGHT))
        await say_yes(at, request_id, *chosen, sound=False)  # type: ignore[arg-type]
        with pytest.raises(KeyboardInterrupt):
            await journey.STEPS[State.APPROVED](at.agent.services, await at.row(request_id))
        await at.walk()
        assert asked == ["playable", "tight", "tight"]
        (package,) = await at.packages(request_id)
        made = json.loads(package.clip)["copies"]
        assert [made[number]["notes"] for number in ("0", "1")] == [["playable was here"], ["tight was here"]]


async def test_copies_stop_when_their_time_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with home(tmp_path, extra="copies: {playable: false, longest: 1m}") as at:
        request_id = await at.asked()
        await say_yes(at, request_id, ChosenCopy(kind=CopyKind.TIGHT), ChosenCopy(kind=CopyKind.AVI), sound=False)

        async def slow(*_: object, **__: object) -> dict[str, object]:
            at.clock.forward(61 * SECOND)
            return {"files": [], "notes": [], "tools": {}}

        run = at.agent.services.run_job

        async def some(function: str, job: dict[str, object], **how: object) -> dict[str, object]:
            return await (slow(function, job) if "working.make" in function else run(function, job, **how))  # type: ignore[arg-type]

        object.__setattr__(at.agent.services, "run_job", some)
        await at.agent.journey.settle()
        (package,) = await at.packages(request_id)
        made = json.loads(package.clip)["copies"]
        assert [made[number]["notes"] for number in ("0", "1")] == [
            [],
            ["The tight copy was not made: the time that working copies may take was over."],
        ]


async def test_copies_wait_for_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with besieged(tmp_path) as at:
        monkeypatch.setattr(making, "_SPARE", 10**18)
        request_id = await at.asked()
        await say_yes(at, request_id, ChosenCopy(kind=CopyKind.TIGHT), sound=False)  # type: ignore[arg-type]
        await at.walk()
        (package,) = await at.packages(request_id)
        assert "not enough free space" in json.loads(package.clip)["copies"]["0"]["notes"][0]
