"""Durable files: whole under their name, or not there; the disk that is reserved for them; what the system refuses."""

import errno
import os
from pathlib import Path

import pytest

from exchange.durable import durable_file, sync_file, sync_folder
from exchange.errors import DiskFull, HandoverError, InputInvalid, NotFound, NotPermitted
from exchange.refused import in_words, name_of

MIB = 1 << 20


def test_room_that_was_reserved_and_not_written_is_given_back(tmp_path: Path) -> None:
    target = tmp_path / "clip"
    with durable_file(target, room=8 * MIB) as file:
        file.write(b"short")
    assert target.read_bytes() == b"short"
    assert target.stat().st_blocks * 512 < MIB


def test_more_than_was_reserved_may_be_written(tmp_path: Path) -> None:
    target = tmp_path / "clip"
    with durable_file(target, room=10) as file:
        file.write(bytes(MIB))
    assert target.stat().st_size == MIB


@pytest.mark.parametrize("told", [errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS])
def test_a_file_system_that_reserves_nothing_still_takes_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: int
) -> None:
    def refuse(descriptor: int, offset: int, size: int) -> None:
        raise OSError(told, os.strerror(told))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with durable_file(tmp_path / "clip", room=MIB) as file:
        file.write(b"all of it")
    assert (tmp_path / "clip").read_bytes() == b"all of it"


def test_a_disk_that_fills_up_between_the_look_and_the_reservation_is_told_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DiskFull), durable_file(tmp_path / "clip", room=MIB):
        pytest.fail("no work may begin")
    assert not list(tmp_path.iterdir())


def test_a_failure_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    target = tmp_path / "clip"
    target.write_bytes(b"before")

    def fail() -> None:
        with durable_file(target, room=MIB) as file:
            file.write(b"half")
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["clip"]
    assert target.read_bytes() == b"before"


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EACCES, NotPermitted),
        (errno.EPERM, NotPermitted),
        (errno.ENOENT, NotFound),
        (errno.ENOTDIR, InputInvalid),
        (errno.EISDIR, InputInvalid),
        (errno.EEXIST, InputInvalid),
        (errno.ENOSPC, DiskFull),
        (errno.EROFS, DiskFull),
    ],
)
def test_what_the_system_refuses_names_the_file_and_what_to_do(
    tmp_path: Path, number: int, kind: type[HandoverError]
) -> None:
    wanted = tmp_path / "none" / "okafor.json"
    told = in_words(OSError(number, os.strerror(number), str(wanted)))
    assert type(told) is kind
    assert str(wanted) in told.what
    assert told.do


def test_who_may_not_is_told_whose_the_nearest_folder_is(tmp_path: Path) -> None:
    told = in_words(PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "none" / "x")))
    assert told is not None
    assert f"{tmp_path} belongs to the user {name_of(tmp_path.stat().st_uid)}." in told.what


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error", "/x"), OSError(errno.ENOENT, "no name")])
def test_what_nobody_who_types_can_mend_is_no_sentence(error: OSError) -> None:
    assert in_words(error) is None


def test_what_others_wrote_is_synced_as_it_lies_and_so_is_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, synced = tmp_path / "by a library", []
    written.write_bytes(b"film")
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    sync_file(written)
    sync_folder(tmp_path)
    assert synced == [written.stat().st_ino, tmp_path.stat().st_ino]
    with pytest.raises(FileNotFoundError):
        sync_file(tmp_path / "none")
    with pytest.raises(NotADirectoryError):
        sync_folder(written)
