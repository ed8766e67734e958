"""Durable files: whole under their name, or not there; and the disk that is reserved for them."""

import errno
import os
from pathlib import Path

import pytest

from exchange.durable import durable_file
from exchange.errors import DiskFull

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
