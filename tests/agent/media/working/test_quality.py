"""The report of quality: what it finds in recordings that are known to be so, and the page that says it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agent.media.working import quality
from agent.media.working.order import MasterFile, Progress
from agent.media.working.quality import Report, measured
from agent.media.working.quality_page import judged
from exchange.documents.copies import CopyKind
from exchange.errors import ClipFailed
from tests.agent.media.recordings import FPS, ffmpeg
from tests.agent.media.working.masters import made, masters

SECOND = 1_000_000


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quality")


def filtered(folder: Path, tmp_path: Path, how: str) -> MasterFile:
    """The usual recording, spoilt by one of ffmpeg's filters."""
    _, (master,) = masters(folder, "h264", "640x360")
    path = tmp_path / "spoilt.mp4"
    ffmpeg("-i", master.path, "-vf", how, "-c:v", "libx264", "-bf", "0", "-g", "25", "-preset", "ultrafast", path)
    return replace(master, path=path)


def report_of(*of: MasterFile) -> Report:
    return measured(of, Progress(lambda _: None, 1))


def verdict(report: Report, name: str) -> str:
    return next(each.verdict for each in judged(report) if each.name == name)


def test_a_good_recording_is_called_good(folder: Path) -> None:
    _, (master,) = masters(folder, "h264", "640x360")
    report = report_of(master)
    names = ("Pictures a second", "Missing pictures", "Light", "Sharpness", "Obstruction")
    assert [verdict(report, name) for name in names] == ["good"] * 5
    assert verdict(report, "Size of the picture") == "poor"
    assert report.rates[0].a_second == pytest.approx(FPS, abs=0.5)
    assert report.looks[0].change is None
    assert all(look.change is not None and look.change > 0 for look in report.looks[1:])


@pytest.mark.parametrize(
    ("how", "name"),
    [
        ("eq=brightness=-0.45:contrast=0.3", "Light"),
        ("eq=brightness=0.5", "Light"),
        ("gblur=sigma=12", "Sharpness"),
        ("drawbox=t=fill:color=gray:enable='gt(t,1)'", "Obstruction"),
        ("fps=3", "Pictures a second"),
    ],
)
def test_what_is_wrong_with_a_recording_is_named(folder: Path, tmp_path: Path, how: str, name: str) -> None:
    report = report_of(filtered(folder, tmp_path, how))
    assert verdict(report, name) == "poor"


def test_a_camera_that_turns_away_is_noticed(folder: Path, tmp_path: Path) -> None:
    report = report_of(
        filtered(
            folder,
            tmp_path,
            "split[a][b];[b]noise=alls=90:allf=t,transpose,scale=640:360[c];[a][c]overlay=enable='gt(t,2)'",
        )
    )
    assert report.moved is not None
    assert verdict(report, "Where it looks") == "fair"


def test_a_hole_is_counted_in_pictures_and_has_its_time(folder: Path) -> None:
    recording, (master,) = masters(folder, "h264-hole", seconds=6)
    (rate,) = report_of(master).rates
    assert (rate.pauses, rate.missing) == (1, 30)
    assert rate.longest_pause_us == pytest.approx(31 * SECOND / FPS, abs=1000)
    assert rate.longest_pause_at_us in recording.times
    assert verdict(report_of(master), "Missing pictures") == "poor"


def test_the_report_is_a_page_that_needs_nothing_else_and_figures_for_a_program(folder: Path, tmp_path: Path) -> None:
    _, (master,) = masters(folder, "h264", "640x360")
    page, figures = made((master,), tmp_path, CopyKind.QUALITY).files
    assert [file.path.name for file in (page, figures)] == ["quality.html", "quality.json"]
    text = page.path.read_text()
    assert "not the evidence" in text
    assert "<script" not in text
    assert "http" not in text.replace("http-equiv", "")
    assert text.count("<svg") == 3
    plain = json.loads(figures.path.read_text())
    assert plain["kind"] == "quality-report.v1"
    assert len(plain["looks"]) == page.parameters["pictures"]
    assert (page.first_us, page.end_us) == (master.first_us, master.end_us)
    again, _ = made((master,), tmp_path / "again", CopyKind.QUALITY).files
    assert again.path.read_text() == text


def test_of_a_long_recording_key_frames_are_looked_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording, (master,) = masters(folder, "h264", "640x360")
    monkeypatch.setattr(quality, "_ALL_UP_TO", 10)
    looks = report_of(master).looks
    assert {look.at_us for look in looks} <= set(recording.keys)
    assert len(looks) >= 3


def test_where_nothing_was_recorded_the_charts_are_grey(folder: Path, tmp_path: Path) -> None:
    _, (master,) = masters(folder, "h264", "640x360")
    later = replace(master, first_us=master.first_us + 60 * SECOND, end_us=master.end_us + 60 * SECOND)
    page, _ = made((master, later), tmp_path, CopyKind.QUALITY).files
    assert page.path.read_text().count("<rect") == 3
    assert "Grey: there is no recording." in page.path.read_text()


def test_a_recording_without_a_picture_that_can_be_shown_gives_no_report(folder: Path, tmp_path: Path) -> None:
    _, (master,) = masters(folder, "h264", "640x360")
    broken = replace(master, path=tmp_path / "broken.mp4")
    broken.path.write_bytes(b"\0" * 5000)
    with pytest.raises(ClipFailed):
        made((broken,), tmp_path / "out", CopyKind.QUALITY)
    assert not list((tmp_path / "out").rglob("quality*"))
