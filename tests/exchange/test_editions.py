"""A package that was sent again says so, and who had it sent; the custody lines must tell the same."""

from pathlib import Path
from typing import Any

import pytest

from exchange.clock import HOUR
from exchange.documents.copies import CopyKind
from exchange.documents.evidence import Edition
from exchange.documents.messages import DecidedBy
from exchange.package.report import Report, Verdict
from exchange.verify.checking import verify_package
from tests.exchange.makers import NOW
from tests.exchange.packages import Case, forged_entries, replaced, zipped

EDITION = Edition(
    number=2,
    previous_sha256="0" * 64,
    complaint_id="c-1",
    copies=(CopyKind.PLAYABLE,),
    decided=NOW + HOUR,
    decided_by=DecidedBy(name="Robin Example", method="operating system user robin (uid 1000) at a terminal"),
)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("videos")


def checked(videos: Path, folder: Path, again: dict[str, Any] | None) -> Report:
    """A second edition with this in its custody lines; ``evidence_id`` is the right one unless given."""
    case = Case.make(videos)
    case.evidence = replaced(case.evidence, edition=EDITION)
    if again is not None:
        case.again = {"evidence_id": case.evidence.evidence_id} | again
    return verify_package(zipped(case, folder, forged_entries(case)), force_key=case.police.force.public)


def test_an_edition_whose_owner_the_custody_lines_name_holds(videos: Path, tmp_path: Path) -> None:
    report = checked(videos, tmp_path, {"actor": "Robin Example", "edition": 2, "sending": 2})
    assert report.ok, report.findings
    assert [finding.verdict for finding in report.findings if finding.about == "edition"] == [Verdict.HOLDS]


@pytest.mark.parametrize(
    ("again", "words"),
    [
        (None, "no owner who had it sent again"),
        ({"actor": "Robin Example", "edition": 3}, "no owner who had it sent again"),
        ({"actor": "Robin Example", "edition": 2, "evidence_id": "another"}, "no owner who had it sent again"),
        ({"actor": "Somebody Else", "edition": 2}, "somebody else who had it sent again"),
    ],
)
def test_an_edition_that_nobody_had_sent_again_fails(
    videos: Path, tmp_path: Path, again: dict[str, Any] | None, words: str
) -> None:
    report = checked(videos, tmp_path, again)
    (finding,) = [finding for finding in report.findings if finding.verdict is Verdict.FAILS]
    assert finding.about == "edition"
    assert words in finding.text
