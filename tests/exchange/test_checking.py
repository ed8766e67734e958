"""Checking a package: a good one holds in every check, and each way of spoiling it fails the check that is about it.

Long because every check has its package that fails it, and all are made of one good one.
"""

import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exchange.age.files import encrypt_file
from exchange.age.keys import generate_identity
from exchange.clock import DAY, SECOND
from exchange.custody.log import CustodyKind, line_leaf, next_line, prove_lines
from exchange.documents.messages import Outcome, Signed, Stretch
from exchange.errors import (
    CustodyBroken,
    DocumentInvalid,
    EvidenceMismatch,
    HandoverError,
    InputInvalid,
    KeyDoesNotOpen,
    NotFound,
    PackageDamaged,
    SealDamaged,
    SignatureInvalid,
    VerificationFailed,
)
from exchange.package import contents as layout
from exchange.package.report import Report, Verdict
from exchange.package.unpack import open_package
from exchange.package.writing import PackageEntry
from exchange.signing.credentials import CredentialInvalid
from exchange.signing.documents import SigningKey, document_sha256, sign_document
from exchange.verify.checking import verify_package
from tests.exchange.makers import NOW, Police
from tests.exchange.packages import DELIVERED, Case, entries, forged_entries, rebagged, replaced, sha256, video, zipped
from tests.paths import ROOT


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("videos")


@pytest.fixture
def case(videos: Path) -> Case:
    return Case.make(videos)


def checked(path: Path, case: Case, **more: Any) -> Report:
    return verify_package(path, force_key=case.police.force.public, **more)


def failures(report: Report) -> dict[str, type[VerificationFailed]]:
    return {finding.about: type(finding.error) for finding in report.findings if finding.error is not None}


def spoilt(case: Case, folder: Path, spoil: Callable[[Case], None]) -> Path:
    """A package whose documents were changed by somebody who has every key: all signatures hold, the story doesn't."""
    spoil(case)
    return zipped(case, folder, forged_entries(case))


def test_a_package_that_the_forger_of_these_tests_makes_without_spoiling_it_holds(case: Case, tmp_path: Path) -> None:
    assert checked(spoilt(case, tmp_path, lambda case: None), case, deep=True).ok


def test_a_good_package_holds_in_every_check(case: Case, tmp_path: Path) -> None:
    report = checked(zipped(case, tmp_path), case, deep=True)
    assert failures(report) == {}
    assert report.ok
    assert report.exit_code == 0
    assert len({finding.about for finding in report.findings}) == len(report.findings) == 23
    documented = (ROOT / "docs/evidence-format.md").read_text()
    names = {re.sub(r"\.data/.*", ".<path>", finding.about) for finding in report.findings}
    assert [name for name in names if f"`{name}`" not in documented] == []
    assert report.evidence == case.evidence
    assert report.officer is not None
    assert report.officer.name == "Jo Smith"
    assert sorted(os.listdir(tmp_path)) == ["package.zip"]


def test_a_good_package_with_sound_holds_track_by_track(videos: Path, tmp_path: Path) -> None:
    case = Case.make(videos, sound=True)
    assert len(case.evidence.masters[0].tracks) == 2
    assert checked(zipped(case, tmp_path), case, deep=True).ok


@pytest.mark.parametrize("kind", ["x25519", "hybrid"])
def test_a_sealed_package_is_opened_with_the_cases_key_and_left_where_asked(
    case: Case, tmp_path: Path, kind: Any
) -> None:
    identity = generate_identity(kind)
    encrypt_file(zipped(case, tmp_path), tmp_path / "package.zip.age", [identity.recipient])
    report = checked(tmp_path / "package.zip.age", case, identities=[identity], into=tmp_path / "opened")
    assert report.ok
    assert report.bag == tmp_path / "opened" / "ev-1"
    assert (report.bag / "data/master/front-1.mp4").read_bytes() == case.master.read_bytes()
    assert os.listdir(tmp_path / "opened") == ["ev-1"]
    assert checked(report.bag, case).ok


def test_a_sealed_package_without_its_key_is_told_apart_from_a_damaged_one(case: Case, tmp_path: Path) -> None:
    identity, sealed = generate_identity("x25519"), tmp_path / "package.zip.age"
    encrypt_file(zipped(case, tmp_path), sealed, [identity.recipient])
    assert checked(sealed, case).exit_code == KeyDoesNotOpen.exit_code
    assert checked(sealed, case, identities=[generate_identity("x25519")]).exit_code == KeyDoesNotOpen.exit_code
    content = bytearray(sealed.read_bytes())
    content[-100] ^= 1
    sealed.write_bytes(content)
    assert failures(checked(sealed, case, identities=[identity])) == {"seal": SealDamaged}
    assert sorted(os.listdir(tmp_path)) == ["package.zip", "package.zip.age"]


def test_any_bit_flipped_in_a_zip_is_found(case: Case, tmp_path: Path) -> None:
    path = zipped(case, tmp_path)
    content = path.read_bytes()
    for at in range(0, len(content), len(content) // 60):
        flipped = bytearray(content)
        flipped[at] ^= 1 << at % 8
        path.write_bytes(flipped)
        assert checked(path, case).exit_code == PackageDamaged.exit_code, at


def test_a_file_changed_in_an_opened_bag_is_named_and_the_other_checks_go_on(case: Case, tmp_path: Path) -> None:
    bag = open_package(zipped(case, tmp_path), tmp_path).folder
    (bag / layout.EVIDENCE).write_bytes((bag / layout.EVIDENCE).read_bytes().replace(b"front-1", b"front-2"))
    report = checked(bag, case)
    assert failures(report)["bag"] is PackageDamaged
    assert failures(report)["evidence.signature"] is SignatureInvalid
    assert "request.signature" in {finding.about for finding in report.findings if finding.verdict is Verdict.HOLDS}
    assert report.exit_code == PackageDamaged.exit_code


def test_without_the_forces_key_nothing_fails_but_the_package_is_not_called_good(case: Case, tmp_path: Path) -> None:
    report = verify_package(zipped(case, tmp_path))
    assert failures(report) == {}
    assert [finding.about for finding in report.findings if finding.verdict is Verdict.UNCHECKED] == ["force-key"]
    assert (report.ok, report.exit_code) == (False, 60)


def test_a_package_that_somebody_made_with_a_force_of_their_own_is_found(videos: Path, tmp_path: Path) -> None:
    case = Case.make(videos)
    report = verify_package(zipped(case, tmp_path), force_key=SigningKey.generate().public)
    assert failures(report) == {"request.signature": CredentialInvalid, "force-key": EvidenceMismatch}
    assert report.exit_code == SignatureInvalid.exit_code


def test_a_package_of_another_device_than_the_known_one_is_found(case: Case, tmp_path: Path) -> None:
    report = checked(zipped(case, tmp_path), case, device_key=SigningKey.generate().public)
    assert failures(report)["device-key"] is EvidenceMismatch
    assert failures(report)["evidence.signature"] is SignatureInvalid


def test_a_package_made_by_another_device_than_the_one_asked_is_found(case: Case, tmp_path: Path) -> None:
    """The courier puts in a device of its own, which signs everything anew."""

    def swap(case: Case) -> None:
        case.device = SigningKey.generate()
        case.relink()
        case.evidence = replaced(case.evidence, device=case.device.public.fingerprint)

    report = checked(spoilt(case, tmp_path, swap), case)
    assert failures(report) == {"device-key": EvidenceMismatch, "links.device": EvidenceMismatch}


# -- somebody repacks the bag with right manifests, but has no key -----------------------------------------------


@pytest.mark.parametrize(
    ("path", "about", "kind"),
    [
        (layout.REQUEST + ".sig", "request.signature", SignatureInvalid),
        (layout.DECISION + ".sig", "decision.signature", SignatureInvalid),
        (layout.EVIDENCE + ".sig", "evidence.signature", SignatureInvalid),
        (layout.README + ".sig", "readme.signature", SignatureInvalid),
        (layout.README, "readme.signature", SignatureInvalid),
        (layout.CHECKPOINT, "custody", CustodyBroken),
        (layout.CUSTODY, "custody", CustodyBroken),
        (layout.DEVICE_KEY, layout.DEVICE_KEY, DocumentInvalid),
        (layout.FORCE_KEY, layout.FORCE_KEY, DocumentInvalid),
    ],
)
def test_nonsense_in_the_place_of_a_file_fails_the_check_about_it(
    case: Case, tmp_path: Path, path: str, about: str, kind: type[VerificationFailed]
) -> None:
    report = checked(rebagged(case, tmp_path, {path: b"nonsense\n"}), case)
    assert failures(report)[about] is kind


@pytest.mark.parametrize("path", sorted(layout.FIXED))
def test_a_file_that_is_missing_from_a_bag_whose_manifests_are_right_is_found(
    case: Case, tmp_path: Path, path: str
) -> None:
    report = checked(rebagged(case, tmp_path, {path: None}), case)
    assert failures(report)[path] is PackageDamaged
    assert not report.ok


@pytest.mark.parametrize("path", [layout.REQUEST, layout.DECISION, layout.EVIDENCE])
@pytest.mark.parametrize("content", [b"\xff\xfe", b"{" * 300_000])
def test_a_document_that_is_no_document_is_refused(case: Case, tmp_path: Path, path: str, content: bytes) -> None:
    report = checked(rebagged(case, tmp_path, {path: content}), case)
    assert set(failures(report).values()) & {DocumentInvalid, PackageDamaged}


def test_a_document_that_is_no_document_though_the_device_signed_it_is_refused(case: Case, tmp_path: Path) -> None:
    text = b'{"kind": "evidence.v1"}'
    signature = case.device.sign(text, "evidence.v1@handover").encode()
    changes: dict[str, bytes | None] = {layout.EVIDENCE: text, layout.EVIDENCE + ".sig": signature}
    assert failures(checked(rebagged(case, tmp_path, changes), case)) == {"evidence.signature": DocumentInvalid}


def test_a_word_changed_in_a_document_breaks_its_signature_and_the_links_to_it(case: Case, tmp_path: Path) -> None:
    changed = case.signed_request.document.replace("Burglary", "Robbery").encode()
    report = checked(rebagged(case, tmp_path, {layout.REQUEST: changed}), case)
    assert failures(report) == {"request.signature": SignatureInvalid, "links.request": EvidenceMismatch}


def test_another_video_in_the_masters_place_is_found(case: Case, tmp_path: Path, videos: Path) -> None:
    other = video(videos, sound=True).read_bytes()
    report = checked(rebagged(case, tmp_path, {"data/master/front-1.mp4": other}), case)
    assert failures(report) == {"file.data/master/front-1.mp4": EvidenceMismatch}


def test_a_master_that_is_missing_is_found(case: Case, tmp_path: Path) -> None:
    report = checked(rebagged(case, tmp_path, {"data/master/front-1.mp4": None}), case)
    assert failures(report) == {"file.data/master/front-1.mp4": EvidenceMismatch}


def test_another_contact_sheet_is_found(case: Case, tmp_path: Path) -> None:
    report = checked(rebagged(case, tmp_path, {"data/working/contact-sheet.jpg": b"other"}), case)
    assert failures(report) == {"file.data/working/contact-sheet.jpg": EvidenceMismatch}


@pytest.mark.parametrize("path", ["data/master/more.mp4", "data/run-me.html"])
def test_a_file_that_nothing_signed_speaks_of_is_found(case: Case, tmp_path: Path, path: str) -> None:
    report = checked(rebagged(case, tmp_path, {path: b"more"}), case)
    assert failures(report) == {"files": EvidenceMismatch}


# -- somebody has every key, and the documents contradict one another --------------------------------------------


def change_evidence(**changes: Any) -> Callable[[Case], None]:
    def spoil(case: Case) -> None:
        case.evidence = replaced(case.evidence, **changes)

    return spoil


def change_decided(**changes: Any) -> Callable[[Case], None]:
    """One thing in the decision's camera, with the links made right again."""

    def spoil(case: Case) -> None:
        camera = replaced(case.decision.cameras[0], **changes)
        case.decision = replaced(case.decision, cameras=(camera,))
        case.relink()

    return spoil


def change_windows(**changes: Any) -> Callable[[Case], None]:
    def spoil(case: Case) -> None:
        case.evidence = replaced(case.evidence, windows=replaced(case.evidence.windows, **changes))

    return spoil


def earlier(stretch: Stretch, microseconds: int) -> Stretch:
    return Stretch(start=stretch.start - microseconds, end=stretch.end - microseconds)


def ask_for_another_window(case: Case) -> None:
    asked = replaced(case.request.asked[0], window=earlier(case.request.asked[0].window, DAY))
    case.request = replaced(case.request, asked=(asked,))
    case.relink()


def deliver_more_than_approved(case: Case) -> None:
    change_decided(approved=Stretch(start=DELIVERED.start + SECOND // 5, end=DELIVERED.end))(case)
    change_windows(approved=Stretch(start=DELIVERED.start + SECOND // 5, end=DELIVERED.end))(case)


def decide_too_late(case: Case) -> None:
    case.decision = replaced(case.decision, decided=case.request.expires)
    case.relink()


def decide_another_request(case: Case) -> None:
    case.decision = replaced(case.decision, request_id="req-2")
    case.evidence = replaced(case.evidence, decision_sha256=document_sha256(case.signed_decision))


def decline_the_camera(case: Case) -> None:
    """Another camera of the request is approved, this one is not."""
    other = replaced(case.decision.cameras[0], evidence_id="ev-2")
    declined = replaced(case.decision.cameras[0], outcome=Outcome.DECLINED, approved=None)
    case.decision = replaced(case.decision, cameras=(declined, other))
    case.relink()


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (change_evidence(request_sha256="0" * 64), {"links.request"}),
        (change_evidence(request_id="req-2"), {"links.request"}),
        (change_evidence(crime_reference="EX/26/000001"), {"links.request"}),
        (decide_another_request, {"links.request"}),
        (change_evidence(decision_sha256="0" * 64), {"links.decision"}),
        (change_evidence(device="SHA256:" + "A" * 43), {"links.device"}),
        (decide_too_late, {"links.time"}),
        (change_evidence(evidence_id="ev-2"), {"decision.approved"}),
        (decline_the_camera, {"decision.approved"}),
        (change_decided(camera_id="back"), {"decision.approved", "windows.requested"}),
        (ask_for_another_window, {"windows.requested"}),
        (change_decided(requested=Stretch.of(DELIVERED)), {"windows.requested"}),
        (change_windows(requested=Stretch.of(DELIVERED)), {"evidence.signature"}),
        (change_decided(approved=Stretch(start=DELIVERED.start - SECOND, end=DELIVERED.end)), {"windows.approved"}),
        (deliver_more_than_approved, {"windows.delivered"}),
        (change_decided(sound=True), {"sound"}),
    ],
    ids=range(16),
)
def test_documents_that_contradict_one_another_are_found_though_every_signature_holds(
    case: Case, tmp_path: Path, spoil: Callable[[Case], None], expected: set[str]
) -> None:
    report = checked(spoilt(case, tmp_path, spoil), case)
    assert set(failures(report)) == expected
    mismatch = expected != {"evidence.signature"}
    assert report.exit_code == (EvidenceMismatch if mismatch else DocumentInvalid).exit_code


def test_sound_that_the_owner_did_not_approve_is_found(videos: Path, tmp_path: Path) -> None:
    case = Case.make(videos, sound=True)
    report = checked(spoilt(case, tmp_path, change_decided(sound=False)), case)
    assert failures(report) == {"sound": EvidenceMismatch}


def test_the_sealing_side_refuses_to_put_a_contradiction_into_a_package(case: Case) -> None:
    deliver_more_than_approved(case)
    with pytest.raises(EvidenceMismatch, match="More was delivered"):
        entries(case)


# -- custody, credentials, the pictures --------------------------------------------------------------------------


def proven(case: Case, *kinds: CustodyKind, request_id: str = "req-1") -> dict[str, bytes | None]:
    lines: list[str] = []
    for seq, kind in enumerate(kinds):
        previous = lines[-1] if lines else None
        common: dict[str, Any] = {"at": NOW, "monotonic_us": seq, "actor": "agent"}
        lines.append(next_line(previous, seq=seq, event=kind, request_id=request_id, **common))
    made = prove_lines(list(enumerate(lines)), map(line_leaf, lines), case.device)
    return {layout.CUSTODY: made.jsonl, layout.CHECKPOINT: made.checkpoint.encode()}


def test_custody_lines_that_prove_another_request_or_no_approval_are_found(case: Case, tmp_path: Path) -> None:
    other = rebagged(case, tmp_path, proven(case, CustodyKind.APPROVED, request_id="req-2"))
    assert failures(checked(other, case)) == {"custody": CustodyBroken}
    unapproved = rebagged(case, tmp_path, proven(case, CustodyKind.ASKED, CustodyKind.CLIPPED))
    assert failures(checked(unapproved, case)) == {"custody": CustodyBroken}
    assert checked(unapproved, case).exit_code == CustodyBroken.exit_code


def test_a_checkpoint_of_another_device_is_found(case: Case, tmp_path: Path) -> None:
    case_of_another = Case.make(case.master.parent)
    changes: dict[str, bytes | None] = {layout.CHECKPOINT: case_of_another.custody().checkpoint.encode()}
    assert failures(checked(rebagged(case, tmp_path, changes), case)) == {"custody": SignatureInvalid}


def test_a_request_made_when_the_officer_had_no_valid_credential_is_found(case: Case, tmp_path: Path) -> None:
    def backdate(case: Case) -> None:
        case.request = replaced(case.request, issued=NOW - 40 * DAY)
        case.relink()

    report = checked(spoilt(case, tmp_path, backdate), case)
    assert failures(report) == {"request.signature": CredentialInvalid}
    assert report.exit_code == SignatureInvalid.exit_code


def test_a_request_signed_by_an_officer_of_another_force_is_found(case: Case, tmp_path: Path) -> None:
    def resign(case: Case) -> None:
        case.request = replaced(case.request, credential=Police.generate().credential)
        case.relink()

    assert failures(checked(spoilt(case, tmp_path, resign), case)) == {"request.signature": CredentialInvalid}


def test_a_master_whose_tracks_are_not_the_recorders_is_found_by_looking_deep(
    case: Case, tmp_path: Path, videos: Path
) -> None:
    def swap(case: Case) -> None:
        other = video(videos, sound=True)
        master = replaced(case.evidence.masters[0], sha256=sha256(other.read_bytes()), size=other.stat().st_size)
        case.evidence = replaced(case.evidence, masters=(master,))

        case.master = other

    path = spoilt(case, tmp_path, swap)
    assert failures(checked(path, case)) == {}
    assert failures(checked(path, case, deep=True)) == {"streams.data/master/front-1.mp4": EvidenceMismatch}


def test_a_master_that_is_no_video_is_told_by_looking_deep_and_nothing_it_names_is_opened(
    case: Case, tmp_path: Path
) -> None:
    playlist = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n"

    def swap(case: Case) -> None:
        master = replaced(case.evidence.masters[0], sha256=sha256(playlist), size=len(playlist))
        case.evidence = replaced(case.evidence, masters=(master,))
        case.master = tmp_path / "playlist"
        case.master.write_bytes(playlist)

    path = spoilt(case, tmp_path, swap)
    assert failures(checked(path, case, deep=True)) == {"streams.data/master/front-1.mp4": VerificationFailed}
    assert checked(path, case, deep=True).exit_code == 60


# -- the way it ends ---------------------------------------------------------------------------------------------


def test_a_package_that_is_not_there_is_an_error_and_no_report(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        verify_package(tmp_path / "none.zip.age")


def test_a_package_that_was_opened_before_is_left_as_it_was(case: Case, tmp_path: Path) -> None:
    path = zipped(case, tmp_path)
    checked(path, case, into=tmp_path / "opened")
    (tmp_path / "opened/ev-1/bagit.txt").write_text("mine")
    with pytest.raises(HandoverError, match="there already"):
        checked(path, case, into=tmp_path / "opened")
    assert (tmp_path / "opened/ev-1/bagit.txt").read_text() == "mine"


def test_the_gravest_failure_decides_the_exit_code(case: Case, tmp_path: Path) -> None:
    changes: dict[str, bytes | None] = {layout.CUSTODY: b"nonsense\n", layout.EVIDENCE + ".sig": b"nonsense\n"}
    report = checked(rebagged(case, tmp_path, changes), case)
    assert set(failures(report).values()) == {CustodyBroken, SignatureInvalid}
    assert report.exit_code == SignatureInvalid.exit_code
    assert isinstance(report.failure(), SignatureInvalid)


def test_a_signed_document_swapped_for_one_of_another_request_is_found(case: Case, tmp_path: Path) -> None:
    other: Signed = sign_document(replaced(case.request, request_id="req-2"), case.police.officer)
    changes: dict[str, bytes | None] = {
        layout.REQUEST: other.document.encode(),
        layout.REQUEST + ".sig": other.signature.encode(),
    }
    report = checked(rebagged(case, tmp_path, changes), case)
    assert failures(report) == {"custody": CustodyBroken, "links.request": EvidenceMismatch}


def test_the_same_documents_and_recordings_make_the_same_bytes(case: Case, tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    first.mkdir()
    second.mkdir()
    assert zipped(case, first).read_bytes() == zipped(case, second).read_bytes()


@pytest.mark.parametrize("left", [0, 1, 3])
def test_recordings_that_are_not_those_of_the_manifest_are_refused_by_the_sealing_side(case: Case, left: int) -> None:
    recordings = [PackageEntry("data/master/front-1.mp4", case.master)]
    recordings += [PackageEntry("data/working/contact-sheet.jpg", case.working), PackageEntry("data/working/x", b"x")]
    with pytest.raises(EvidenceMismatch, match="not those"):
        entries(case, recordings[:left])


def test_a_package_that_cannot_be_read_is_told_in_words(tmp_path: Path) -> None:
    """A socket: unlike a file without permissions, root can't read it either."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        with pytest.raises(InputInvalid, match="can't be read"):
            verify_package(tmp_path / "s")


@pytest.mark.parametrize("where", ["request", "decision"])
def test_an_exhibit_that_isnt_called_as_it_was_wanted_is_told(case: Case, tmp_path: Path, where: str) -> None:
    def want(case: Case) -> None:
        setattr(case, where, replaced(getattr(case, where), exhibit_prefix="ABC"))
        case.relink()

    assert failures(checked(spoilt(case, tmp_path, want), case)) == {"exhibit": EvidenceMismatch}
    case.evidence = replaced(case.evidence, exhibit_reference="ABC/7")
    assert failures(checked(zipped(case, tmp_path, forged_entries(case)), case)) == {}
