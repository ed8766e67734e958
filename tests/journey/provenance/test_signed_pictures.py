"""A camera that signs: its signature is checked when its pictures are copied, and told wherever a package speaks."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from agent import app
from exchange.documents.camera_signatures import CameraSignature, ChainVerdict, SignatureVerdict
from exchange.documents.evidence import Evidence
from exchange.documents.messages import Signed
from exchange.errors import SettingsInvalid
from exchange.package.report import Report, Verdict
from exchange.verify.checking import verify_package
from exchange.verify.signature_checks import CameraTrust
from tests.agent.media.recordings import FPS, Recording, ffmpeg
from tests.counterparts.files.signing_camera import Maker, SigningCamera, nal_units, wrapped
from tests.journey import home
from tests.journey.home import HomeClock, Siege, besieged, settings_at

MAKER = Maker.make()


def signed_recording(folder: Path, spoil: Callable[[list[bytes]], None]) -> Recording:
    """The same recording as other tests', had a signing camera made it."""
    folder.mkdir()
    plain = home.shared_recording("h264")
    raw = folder / "plain.h264"
    ffmpeg("-i", plain.files[0].path.parent / "whole.mp4", "-c", "copy", "-bsf:v", "h264_mp4toannexb", raw)
    key = ec.generate_private_key(ec.SECP256R1())
    camera = SigningCamera(codec="h264", key=key, chain=MAKER.chain(key, "0042-AF"))
    units = camera.signed(list(nal_units(raw.read_bytes())))
    spoil(units)
    whole = wrapped(folder, units, "h264", "whole", rate=FPS)
    ffmpeg("-i", whole, "-map", "0", "-c", "copy", "-f", "segment", "-segment_time", "2.9", "-segment_format", "mp4",
           "-segment_format_options", "movflags=+frag_keyframe+empty_moov+default_base_moof+delay_moov",
           "-reset_timestamps", "1", folder / "segment-%03d.mp4")  # fmt: skip
    paths = sorted(folder.glob("segment-*"))
    files = tuple(replace(file, path=path) for file, path in zip(plain.files, paths, strict=True))
    return replace(plain, files=files)


def nothing(units: list[bytes]) -> None:
    """As the camera sent it."""


def one_bit(units: list[bytes]) -> None:
    """Somebody changed a picture."""
    slices = [number for number, unit in enumerate(units) if unit[0] & 31 == 1]
    changed = units[slices[110]]
    units[slices[110]] = changed[:-9] + bytes([changed[-9] ^ 1]) + changed[-8:]


async def handed_over(at: Siege, tmp_path: Path, **more: object) -> tuple[CameraSignature, Report]:
    """What the manifest says of the first master's signature, and what came to the portal, opened."""
    request_id = await at.asked()
    await at.say(request_id, yes=True)
    await at.walk()
    assert await at.state(request_id) == "delivered", (await at.row(request_id)).trouble
    (package,) = await at.packages(request_id)
    document = Signed.model_validate_json(package.evidence or "").document
    (signature,) = Evidence.model_validate_json(document).masters[0].camera_signatures or ()
    (upload,) = at.portal.uploads.values()
    (tmp_path / "sent.zip.age").write_bytes(upload.content)
    report = verify_package(
        tmp_path / "sent.zip.age",
        identities=[at.case],
        force_key=at.place.force.key.public,
        into=tmp_path / "opened",
        cameras=CameraTrust(MAKER.roots),
        **more,  # type: ignore[arg-type]
    )
    return signature, report


def roots(tmp_path: Path) -> str:
    (tmp_path / "makers.pem").write_text(MAKER.roots)
    return f"signing_roots: {tmp_path / 'makers.pem'}"


def about_the_camera(report: Report) -> tuple[Verdict, str]:
    (finding,) = [finding for finding in report.findings if finding.about.startswith("camera-signature.")]
    return finding.verdict, finding.text


async def test_what_the_camera_signed_is_in_the_manifest_on_the_page_and_checked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = signed_recording(tmp_path / "signed", nothing)
    monkeypatch.setattr(home, "shared_recording", lambda kind: recording)
    async with besieged(tmp_path, extra=roots(tmp_path), case="x25519", kind="h264") as at:
        signature, report = await handed_over(at, tmp_path, deep=True)
        assert (signature.verdict, signature.chain) == (SignatureVerdict.AUTHENTIC, ChainVerdict.HOLDS)
        assert signature.pictures.covered == signature.pictures.total - FPS
        assert report.ok, [finding for finding in report.findings if finding.error]
        verdict, text = about_the_camera(report)
        assert verdict is Verdict.HOLDS
        assert "pictures are exactly as it signed them, and none between them is missing." in text
        assert report.bag is not None
        page = (report.bag / "data/READ-ME-FIRST.html").read_text()
        assert "The camera itself signed its pictures (ONVIF Media Signing)" in page
        assert "That certificate holds under those of the maker that were given." in page


async def test_a_picture_that_was_changed_before_it_was_copied_is_told_and_holds_up_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = signed_recording(tmp_path / "signed", one_bit)
    monkeypatch.setattr(home, "shared_recording", lambda kind: recording)
    async with besieged(tmp_path, case="x25519", kind="h264") as at:
        signature, report = await handed_over(at, tmp_path)
        assert (signature.verdict, signature.chain) == (SignatureVerdict.NOT_AUTHENTIC, ChainVerdict.UNCHECKED)
        verdict, text = about_the_camera(report)
        assert verdict is Verdict.HOLDS
        assert "The manifest says of the camera’s own signature" in text
        assert "does not hold over all of this" in text


async def test_the_daemon_does_not_start_with_makers_certificates_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "makers.pem").write_text("none")
    extra = f"signing_roots: {tmp_path / 'makers.pem'}"
    with pytest.raises(SettingsInvalid, match=r"signing_roots: .*no certificates in PEM"):
        async with app.build(settings_at(tmp_path / "agent", "http://127.0.0.1:9", extra), HomeClock()):
            pass
