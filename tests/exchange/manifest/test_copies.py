"""Working copies in a package: of what was delivered, and those that the owner chose; and what may be chosen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from exchange.clock import SECOND, Window
from exchange.documents.copies import ChosenCopy, CopyKind, Enhancement, WantedCopies
from exchange.documents.messages import Stretch
from exchange.errors import EvidenceMismatch
from exchange.package.report import Verdict
from exchange.verify.checking import verify_package
from tests.exchange.packages import DELIVERED, REQUESTED, Case, entries, forged_entries, replaced, zipped


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("videos")


def with_copy(case: Case, kind: CopyKind = CopyKind.TIGHT, **changed: Any) -> Case:
    """The contact sheet's place is taken by a copy of another kind, which the owner chose."""
    camera = replaced(case.decision.cameras[0], copies=(ChosenCopy(kind=CopyKind.TIGHT),))
    case.decision = replaced(case.decision, cameras=(camera,))
    facts: dict[str, Any] = {"kind": kind, "window": Stretch.of(REQUESTED), "sound": False, "real_times": True}
    copy = replaced(case.evidence.working_copies[0], **(facts | changed))
    case.evidence = replaced(case.evidence, working_copies=(copy,))
    case.relink()
    return case


def found(case: Case, folder: Path) -> dict[str, str]:
    report = verify_package(zipped(case, folder, forged_entries(case)), force_key=case.police.force.public)
    return {each.about: str(each.error) for each in report.findings if each.verdict is Verdict.FAILS}


def test_a_copy_that_the_owner_chose_of_what_was_delivered_holds(videos: Path, tmp_path: Path) -> None:
    case = with_copy(Case.make(videos))
    report = verify_package(zipped(case, tmp_path, entries(case)), force_key=case.police.force.public)
    assert report.ok
    assert "copies" in {finding.about for finding in report.findings}


EARLIER = Stretch.of(Window(DELIVERED.start - SECOND, DELIVERED.end))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda case: with_copy(case, CopyKind.ENHANCED), "did not choose"),
        (lambda case: with_copy(case, CopyKind.ENHANCED, window=EARLIER), "did not choose"),
        (lambda case: with_copy(case, window=EARLIER), "not in the recording"),
        (lambda case: with_copy(case, window=EARLIER, made_from=None), "not in the recording"),
        (lambda case: with_copy(case, window=Stretch.of(DELIVERED)), "more than was asked for"),
        (lambda case: with_copy(case, made_from="data/master/other.mp4"), "not here"),
        (lambda case: with_copy(case, sound=True), "sound that was not delivered"),
    ],
)
def test_a_copy_of_anything_else_is_named(
    videos: Path, tmp_path: Path, spoil: Callable[[Case], Case], words: str
) -> None:
    failed = found(spoil(Case.make(videos)), tmp_path)
    assert list(failed) == ["copies"]
    assert words in failed["copies"]


def test_a_package_with_a_copy_that_nobody_chose_is_not_made(videos: Path) -> None:
    with pytest.raises(EvidenceMismatch, match="did not choose"):
        entries(with_copy(Case.make(videos), CopyKind.AVI))


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "contact-sheet"},
        {"kind": "smaller"},
        {"kind": "tight", "most_bytes": 1_000_000},
        {"kind": "playable", "pictures": "mjpeg"},
        {"kind": "tight", "enhancement": {"gamma": 0.7}},
        {"kind": "enhanced", "enhancement": {"gamma": 0.0}},
        {"kind": "enhanced", "enhancement": {"contrast": float("nan")}},
        {"kind": "quality", "caption": True},
        {"kind": "sharper"},
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ChosenCopy.model_validate(wrong)


@pytest.mark.parametrize(
    "wrong", [{"kinds": ["avi", "avi"]}, {"kinds": ["contact-sheet"]}, {"kinds": ["smaller"]}, {"most_bytes": 1}]
)
def test_a_wish_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        WantedCopies.model_validate(wrong)


def test_a_choice_is_written_with_what_was_chosen_and_no_more() -> None:
    chosen = ChosenCopy(kind=CopyKind.ENHANCED, enhancement=Enhancement(gamma=0.7))
    assert chosen.model_dump_json(exclude_none=True) == '{"kind":"enhanced","enhancement":{"gamma":0.7}}'
