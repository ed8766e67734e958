"""What the agent writes down beside the footage: who had it taken and when, the local time, the system."""

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from agent.devices.camera_facts import CameraFacts, Profile
from exchange.age.files import decrypt_file
from exchange.documents.evidence import Evidence
from exchange.documents.messages import Signed
from exchange.package.case_graph import CASE_FILE
from tests.journey.home import CAMERA, OWNER, Home, add_camera, home


async def manifests(at: Home, request_id: str) -> list[Evidence]:
    """Of a request's packages, as they were signed."""
    signed = [Signed.model_validate_json(package.evidence or "") for package in await at.packages(request_id)]
    return [Evidence.model_validate_json(each.document) for each in signed]


async def test_the_manifest_says_who_had_it_taken_when_and_of_what_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    async with home(tmp_path) as at:
        stream = "rtsp://127.0.0.1:9/stream"
        profile = Profile(token="1", codec="h264", width=1920, height=1080, fps=12.5, stream_uri=stream, name="main")
        other = Profile(token="2", codec="h264", width=640, height=480, stream_uri=f"{stream}2", name="small")
        facts = CameraFacts(make="Example", profiles=(other, profile))
        await at.execute("UPDATE cameras SET facts = ? WHERE camera_id = ?", facts.model_dump_json(), CAMERA)
        await add_camera(at.agent, "back-yard")  # officers can't find it, and don't learn that it is there
        await at.execute("UPDATE cameras SET registered = 0 WHERE camera_id = ?", "back-yard")
        request_id = await at.asked()
        await at.say(request_id, yes=True)
        await at.walk()
        (evidence,) = await manifests(at, request_id)
    assert evidence.site.contact == "01632 960001"
    assert evidence.source.registered_cameras == 1
    assert evidence.source.retention_days == 14
    assert evidence.source.setting is not None
    assert (evidence.source.setting.width, evidence.source.setting.frames_per_second) == (1920, 12.5)
    assert evidence.retrieval is not None
    assert (evidence.retrieval.by, evidence.retrieval.finished) == (OWNER.name, at.clock.now())
    assert evidence.local_time is not None
    assert (evidence.local_time.zone, evidence.local_time.offset_minutes) == ("Asia/Kathmandu", 345)
    assert "back-yard" not in json.dumps(evidence.model_dump(mode="json"))


async def test_the_facts_lie_beside_as_case_where_the_owner_wants_that(tmp_path: Path) -> None:
    async with home(tmp_path, extra="exhibits: {case_file: yes, prefix: SMT}") as at:
        request_id = await at.asked()
        await at.say(request_id, yes=True)
        await at.walk()
        (evidence,) = await manifests(at, request_id)
        (package,) = await at.packages(request_id)
        decrypt_file(at.settings.package(package.evidence_id), tmp_path / "package.zip", [at.case])
    (copy,) = [copy for copy in evidence.working_copies if copy.path == CASE_FILE]
    content = zipfile.ZipFile(tmp_path / "package.zip").read(f"{evidence.evidence_id}/{CASE_FILE}")
    assert (copy.sha256, copy.size) == (hashlib.sha256(content).hexdigest(), len(content))
    assert b'"case-investigation:exhibitNumber": "SMT/1"' in content
