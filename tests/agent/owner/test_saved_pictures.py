"""Pictures that the owner looks at before deciding: theirs to open, nobody else's, and gone when it is decided."""

import os
import pwd
import stat
import tempfile
from pathlib import Path

import pytest

from agent.owner.terminal import saved_pictures


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_who_typed_sudo_can_open_them(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[object, int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda path, uid, gid, **_how: given.append((path, uid, gid)))
    monkeypatch.setattr(os, "fchown", lambda _file, uid, gid: given.append(("the file", uid, gid)))
    monkeypatch.setenv("SUDO_UID", "1")
    folder = saved_pictures.folder_of("r-1")
    saved_pictures.write(folder, "1-door-first.jpg", b"jpeg")
    group = pwd.getpwuid(1).pw_gid
    assert given == [(folder, 1, group), ("the file", 1, group)]


def test_nobody_else_can(temporary: Path) -> None:
    folder = saved_pictures.folder_of("r-1")
    assert saved_pictures.folder_of("r-1") == folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(saved_pictures.write(folder, "../../a.jpg", b"x").stat().st_mode) == 0o600
    assert (folder / "a.jpg").read_bytes() == b"x"


@pytest.mark.parametrize("trap", ["link", "open folder", "file"])
def test_a_folder_that_somebody_laid_there_is_not_used(temporary: Path, trap: str) -> None:
    there = temporary / f"handover-pictures-{saved_pictures.looker()[0]}-r-1"
    footage_sources = temporary / "elsewhere"
    footage_sources.mkdir()
    if trap == "link":
        there.symlink_to(footage_sources)
    elif trap == "file":
        there.write_bytes(b"")
    else:
        there.mkdir()
        there.chmod(0o777)
    with pytest.raises(FileExistsError):
        saved_pictures.folder_of("r-1")
    saved_pictures.remove_all_but([])
    assert there.exists()
    assert footage_sources.exists()


def test_a_link_in_place_of_a_picture_is_replaced_not_followed(temporary: Path) -> None:
    folder, other = saved_pictures.folder_of("r-1"), temporary / "other"
    other.write_bytes(b"untouched")
    (folder / "a.jpg").symlink_to(other)
    saved_pictures.write(folder, "a.jpg", b"picture")
    assert other.read_bytes() == b"untouched"
    assert (folder / "a.jpg").read_bytes() == b"picture"


def test_only_those_of_requests_that_still_wait_stay() -> None:
    waiting, decided = saved_pictures.folder_of("r-1"), saved_pictures.folder_of("r-2")
    saved_pictures.write(decided, "a.jpg", b"x")
    assert saved_pictures.remove_all_but(["r-1"]) == 1
    assert waiting.exists()
    assert not decided.exists()
