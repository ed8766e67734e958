"""What an owner types of cameras and their sources, each command once, on a folder of recordings and no daemon."""

import os
from pathlib import Path

from click.testing import CliRunner

from agent.cli.main import main
from exchange.clock import SECOND, SystemClock, to_rfc3339
from exchange.errors import NoFootage
from tests.agent.owner.test_first_hour import write_settings
from tests.sources.counterpart.pieces import piece

NOTHING = NoFootage.exit_code


def test_a_folders_camera_is_added_listed_checked_tested_dated_given_another_source_and_removed(tmp_path: Path) -> None:
    config = write_settings(tmp_path)
    first, second = tmp_path / "front", tmp_path / "back"
    for folder in (first, second):
        folder.mkdir()
    made = SystemClock().now() - 600 * SECOND
    path = first / "clip.mp4"
    path.write_bytes(piece(made).path.read_bytes())
    os.utime(path, (made // SECOND, made // SECOND))

    def handover(*words: str, code: int = 0) -> str:
        ended = CliRunner().invoke(main, ["--config", str(config), *words], prog_name="handover")
        assert ended.exit_code == code, ended.output
        return ended.output

    handover("cameras", "add", str(first), "--id", "front", "--place", "53.7632,-2.7031", "--source", "folder")
    assert "front" in handover("cameras", "list")
    handover("cameras", "check", "front")
    assert "folder" in handover("sources", "list")
    assert "clip.mp4" in handover("sources", "test", "front", code=NOTHING)
    start = to_rfc3339(made)
    handover("sources", "start", "front", "clip.mp4", start)
    assert "1 file can be used." in handover("sources", "test", "front")
    assert "  source " in handover("cameras", "--help")
    handover("cameras", "source", "front", "folder", "--option", f"path={second}")
    assert "0 files can be used." in handover("sources", "test", "front", code=NOTHING)
    handover("cameras", "remove", "front", "--yes")
    assert "front" not in handover("cameras", "list")
