"""Nothing is cut, sealed or sent but by the owner's signed word: not even for somebody who writes the database."""

import ast
import json
from pathlib import Path

import pytest

from agent.requests import decision
from agent.requests.decision import Approval
from agent.requests.journey import Journey
from exchange.age.files import generate_identity
from exchange.documents.messages import Status
from exchange.signing.documents import SigningKey, sign_document
from tests.counterparts.portals.hostile_portal import status
from tests.journey.home import Siege, besieged
from tests.paths import ROOT

STEPS = ("clip", "seal", "deliver")


async def settle(at: Siege) -> None:
    """As after a restart: everything is tried at once."""
    await Journey(at.agent.services).settle()


def nothing_left(at: Siege) -> bool:
    return not at.portal.uploads and not any(call.path.endswith("/decision") for call in at.portal.calls)


@pytest.mark.parametrize("state", ["approved", "clipped", "sealed", "delivered"])
async def test_a_state_without_a_decision_sends_nothing(tmp_path: Path, state: str) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        await at.execute("UPDATE requests SET state = ? WHERE request_id = ?", state, request_id)
        await settle(at)
        assert nothing_left(at)
        assert await at.packages(request_id) == []
        assert not list(at.settings.packages_dir.iterdir())


async def approved(at: Siege) -> str:
    request_id = await at.asked()
    await at.say(request_id, yes=True)
    return request_id


async def refused(at: Siege, request_id: str, words: str) -> None:
    await settle(at)
    assert await at.state(request_id) == "approved"
    assert words in (await at.listed(request_id))["trouble"]
    assert nothing_left(at)
    assert not list(at.settings.packages_dir.iterdir())


async def test_a_decision_whose_bytes_were_altered_counts_for_nothing(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await approved(at)
        await at.execute("UPDATE decisions SET document = replace(document, 'approved', 'approved ')")
        await refused(at, request_id, "decision was altered")


async def test_a_decision_that_another_key_signed_counts_for_nothing(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        said = await at.say(request_id, yes=False)
        forged = sign_document(said, SigningKey.generate())
        await at.execute("UPDATE requests SET state = 'approved'")
        await at.execute("UPDATE decisions SET document = ?, signature = ?", forged.document, forged.signature)
        await refused(at, request_id, "decision was altered")


async def test_a_no_is_no_approval_whatever_the_state_says(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        assert (await at.say(request_id, yes=False)).status is Status.DECLINED
        await at.execute("UPDATE requests SET state = 'approved'")
        await refused(at, request_id, "is not this")


async def test_a_plan_that_was_altered_after_the_yes_is_not_cut(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await approved(at)
        await at.execute("UPDATE plans SET plan = replace(plan, '\"frames\":', '\"frames\":1')")
        await refused(at, request_id, "is not this")


async def test_a_request_that_was_altered_after_the_yes_is_not_sealed_for_another(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await approved(at)
        thief = str(generate_identity("hybrid").recipient)
        row = await at.row(request_id)
        await at.execute(
            "UPDATE requests SET document = ?", json.dumps(json.loads(row.document) | {"recipient": thief}, indent=2)
        )
        await refused(at, request_id, "is not this")


async def test_the_yes_to_one_request_is_none_to_another(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        first, second = await at.asked(), await at.asked()
        await at.say(first, yes=True)
        async with at.agent.services.store.transaction() as tx:
            said = await tx.one("SELECT document, signature FROM decisions WHERE request_id = ?", [first])
            assert said is not None
            await tx.insert("decisions", request_id=second, decided_at=0, **dict(said))
            await tx.execute("UPDATE requests SET state = 'closed' WHERE request_id = ?", [first])
            await tx.execute("UPDATE requests SET state = 'approved' WHERE request_id = ?", [second])
        await refused(at, second, "is not this")


async def test_a_row_of_packages_can_name_no_other_file(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await approved(at)
        at.portal.fault("PUT", "/v1/requests", status(503), times=2)  # sealing asks, and so does the step after it
        await at.walk()
        assert await at.state(request_id) == "sealed"
        secret = tmp_path / "secret"
        (package,) = await at.packages(request_id)
        secret.write_bytes(b"x" * (package.size or 0))
        await at.execute("UPDATE packages SET path = ?", str(secret))
        await settle(at)
        (upload,) = at.portal.uploads.values()
        assert bytes(upload.content) == at.settings.package(package.evidence_id).read_bytes()


async def test_a_package_that_nobody_approved_is_not_sent_with_one_that_was(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await approved(at)
        at.portal.fault("PUT", "/v1/requests", status(503), times=2)  # sealing asks, and so does the step after it
        await at.walk()
        columns = "evidence_id, request_id, position, clip, size, sealed_at"
        await at.execute(f"INSERT INTO packages ({columns}) VALUES ('smuggled', ?, 7, '', 5, 1)", request_id)
        at.settings.package("smuggled").write_bytes(b"12345")
        await settle(at)
        assert not at.portal.uploads
        assert "not what was approved" in (await at.listed(request_id))["trouble"]


async def test_nothing_is_sent_ahead_beside_a_package_that_nobody_approved(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await approved(at)
        columns = "evidence_id, request_id, position, clip"
        await at.execute(f"INSERT INTO packages ({columns}) VALUES ('smuggled', ?, 7, '{{}}')", request_id)
        await settle(at)
        assert not at.portal.uploads
        assert "not what was approved" in (await at.listed(request_id))["trouble"]


def test_an_approval_can_be_made_at_the_door_only() -> None:
    with pytest.raises(AssertionError):
        Approval(object(), *[None] * 5)  # type: ignore[arg-type]
    made = [
        path.relative_to(ROOT)
        for path in sorted((ROOT / "agent").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Approval"
    ]
    assert made == [Path("agent/requests/decision.py")]
    uses = [path for path in (ROOT / "agent").rglob("*.py") if "_DOOR" in path.read_text()]
    assert uses == [ROOT / "agent/requests/decision.py"]


@pytest.mark.parametrize("name", STEPS)
def test_every_step_that_handles_footage_begins_by_loading_the_approval(name: str) -> None:
    tree = ast.parse((ROOT / f"agent/requests/{name}.py").read_text())
    (step,) = [node for node in tree.body if isinstance(node, ast.AsyncFunctionDef) and node.name == name]
    first = step.body[1]  # after its docstring
    assert ast.unparse(first) == "approval = await load_approval(services, row.request_id)"


def test_sending_again_begins_by_loading_the_approval_too() -> None:
    tree = ast.parse((ROOT / "agent/requests/feedback/sending_again.py").read_text())
    (step,) = [node for node in tree.body if isinstance(node, ast.AsyncFunctionDef) and node.name == "prepare"]
    assert ast.unparse(step.body[1]) == "approval = await load_approval(services, row.request_id)"


def test_only_the_steps_and_the_owners_preview_start_workers_on_footage() -> None:
    allowed = {*STEPS, "plan", "pictures", "parts"} - {"deliver"}
    found = {path.stem for path in (ROOT / "agent/requests").glob("*.py") if ".run_job(" in path.read_text()}
    assert found <= allowed, found - allowed
    assert decision.load_approval.__module__ == "agent.requests.decision"
