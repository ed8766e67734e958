"""The package's facts as CASE: by CASE's own validator, and saying what the manifest says, no more."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from exchange.documents.evidence import Evidence
from exchange.package.case_graph import case_graph
from exchange.signing.credentials import open_credential
from tests.exchange.makers import NOW
from tests.exchange.packages import Case, replaced

VALIDATOR = Path(sys.executable).parent / "case_validate"


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case.make(tmp_path_factory.mktemp("videos"), sound=True)


def written(case: Case, evidence: Evidence | None = None) -> bytes:
    officer = open_credential(case.police.credential, case.police.force.public, NOW)
    return case_graph(evidence or case.evidence, case.request, officer, case.decision)


def nodes(content: bytes, kind: str) -> list[dict[str, Any]]:
    return [node for node in json.loads(content)["@graph"] if node["@type"].partition(":")[2] == kind]


def sparse(case: Case) -> Evidence:
    """A manifest without anything that may be missing, of another package."""
    camera = dict.fromkeys(("make", "model", "serial", "firmware", "place", "direction", "field_of_view"))
    clocks = replaced(case.evidence.clocks, camera=None, camera_checked=False)
    return replaced(
        case.evidence, evidence_id="ev-2", camera=replaced(case.evidence.camera, **camera), clocks=clocks,
        site=replaced(case.evidence.site, address=None), working_copies=(), retrieval=None, local_time=None,
    )  # fmt: skip


def test_it_is_what_cases_own_shapes_want_and_they_would_find_what_is_not(case: Case, tmp_path: Path) -> None:
    whole, bare, wrong = (tmp_path / f"{name}.jsonld" for name in ("whole", "bare", "wrong"))
    whole.write_bytes(written(case))
    bare.write_bytes(written(case, sparse(case)))
    wrong.write_bytes(written(case).replace(b'"EX/26/004711/HO-1"', b"7", 1))
    good = subprocess.run([VALIDATOR, whole, bare], capture_output=True, text=True, timeout=300)
    assert (good.returncode, good.stdout) == (0, "Validation Report\nConforms: True\n"), good.stdout + good.stderr
    bad = subprocess.run([VALIDATOR, wrong], capture_output=True, text=True, timeout=300)
    assert bad.returncode == 1
    assert "investigation:exhibitNumber" in bad.stdout


def test_it_names_the_exhibit_its_files_and_who_did_what_with_what(case: Case) -> None:
    content = written(case)
    by_id = {node["@id"]: node for node in json.loads(content)["@graph"]}
    exhibit, copies = nodes(content, "ProvenanceRecord")
    assert exhibit["case-investigation:exhibitNumber"] == case.evidence.exhibit_reference
    assert copies["case-investigation:rootExhibitNumber"] == case.evidence.exhibit_reference
    (investigation,) = nodes(content, "Investigation")
    assert investigation["uco-core:name"] == case.evidence.crime_reference
    actions = {node["uco-core:name"]: node for node in nodes(content, "InvestigativeAction")}
    assert {"asked", "approved", "cut", "clock compared", "working copy made", "packed and sealed"} == actions.keys()
    cut = actions["cut"]
    assert cut["uco-action:startTime"]["@value"] == "2026-03-14T12:00:00.000000Z"
    assert by_id[cut["uco-action:performer"]["@id"]]["uco-core:name"] == "Sam Taylor"
    tools = {by_id[each["@id"]]["uco-core:name"] for each in cut["uco-action:instrument"]}
    assert "Handover" in tools
    assert len(tools) > 1
    (recorded,) = nodes(content, "Action")
    devices = [by_id[each["@id"]]["uco-core:name"] for each in recorded["uco-action:instrument"]]
    assert devices == ["Shop front <door>", "Handover recorder"]
    files = (*case.evidence.files, *case.evidence.segments)
    hashes = {node["uco-types:hashValue"]["@value"] for node in nodes(content, "Hash")}
    assert hashes == {file.sha256 for file in files}
    assert all(each["@id"] in by_id for each in recorded["uco-action:result"])


def test_the_same_package_has_the_same_file_and_another_has_other_ids(case: Case) -> None:
    assert written(case) == written(case)
    pair = written(case), written(case, sparse(case))
    ids = [{node["@id"] for node in json.loads(content)["@graph"]} for content in pair]
    assert not ids[0] & ids[1]
