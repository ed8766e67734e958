"""What a camera puts beside its pictures, its signatures above all, is in every copy, byte for byte, and holds."""

from pathlib import Path

import pytest

from agent.footage.files.remux import container_of, remux
from agent.media import signing
from agent.media.cut.cut import cut
from agent.media.facts import CutPlan, SourceRef
from agent.media.inspect import inspect
from agent.workers.process import CLIP, run_job
from exchange.documents.camera_signatures import SignatureVerdict
from exchange.media_signing.checking import check_media_signing
from tests.agent.media.recordings import START_US, ffmpeg
from tests.counterparts.files.signed_footage import FPS, GOP, GOPS, sei_by_picture, sei_units, signed_footage

SECOND = 1_000_000


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("signed")


def segment(folder: Path, source: Path, suffix: str) -> Path:
    """As the recorder writes it: fragmented MP4, or Matroska because of its sound."""
    target = folder / f"segment{suffix}"
    sound = ["-f", "lavfi", "-i", "sine=f=440:sample_rate=8000:duration=2.5", "-c:a", "pcm_alaw"]
    muxing = ["-movflags", "+frag_keyframe+empty_moov+default_base_moof"] if suffix == ".mp4" else []
    ffmpeg("-i", source, *(sound if suffix == ".mkv" else []), "-c:v", "copy", *muxing, target)
    return target


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_a_cut_keeps_every_sei_and_what_was_signed_in_it_holds(
    videos: Path, tmp_path: Path, codec: str, suffix: str
) -> None:
    source = signed_footage(videos, codec)  # type: ignore[arg-type]
    recorded = SourceRef(segment(tmp_path, source, suffix), START_US, START_US + GOPS * GOP * SECOND // FPS)
    begin, end = START_US + GOP * SECOND // FPS, START_US + 4 * GOP * SECOND // FPS
    (master,) = cut(CutPlan(inspect([recorded], begin, end).before.stretches, True), tmp_path).masters
    assert master.file.endswith(suffix)
    kept = sei_by_picture(tmp_path / master.file)
    assert kept == sei_by_picture(source)[GOP : GOP + master.frames]
    assert sum(map(len, kept)) >= 3
    ((signature, _),) = check_media_signing(tmp_path / master.file).signatures
    assert (signature.verdict, signature.why) == (SignatureVerdict.AUTHENTIC, None)
    assert signature.pictures.total == master.frames
    assert (signature.pictures.before, signature.pictures.covered) == (0, 2 * GOP)


@pytest.mark.parametrize(("container", "codec"), [("ts", "h264"), ("ts", "h265"), ("avi", "h264"), ("flv", "h264")])
def test_what_is_copied_out_of_an_export_keeps_every_sei(
    videos: Path, tmp_path: Path, container: str, codec: str
) -> None:
    source = signed_footage(videos, codec)  # type: ignore[arg-type]
    made = tmp_path / f"export.{container}"
    ffmpeg("-i", source, "-c", "copy", "-f", {"ts": "mpegts"}.get(container, container), made)
    copied = remux(made, tmp_path / "copy.mkv", container=container_of(made))
    assert sei_units(copied.path) == sei_units(source)
    ((signature, _),) = check_media_signing(copied.path).signatures
    assert signature.verdict is SignatureVerdict.AUTHENTIC


async def test_the_worker_tells_what_it_found_and_what_it_could_not_read(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "odd.mp4").write_bytes(b"\0\0\0\x10ftypisom\0\0\0\0")
    masters = [str(signed_footage(videos, "h264")), str(tmp_path / "odd.mp4")]
    found = await run_job("agent.media.signing:job", {"masters": masters}, limits=CLIP)
    assert found == signing.job({"masters": masters}, lambda _: None)
    good, odd = found["masters"]
    assert good["signatures"][0]["signature"]["verdict"] == "authentic"
    assert good["signatures"][0]["certificates"].startswith("-----BEGIN CERTIFICATE-----")
    assert odd == {"why": "it has no table of its pictures"}
