"""Media that fail: full, locked, pulled out, too small for what they say, formatted for small files only."""

import asyncio
import errno
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from agent.places import disk, folder
from agent.places.disk import FAT_MOST, Mounted, file_system_of, mounted_at, mounts
from agent.places.folder import FolderPlace
from agent.places.naming import unfinished
from exchange.errors import PlaceRefused, PlaceUnreachable
from tests.agent.places.conftest import Sample, sample

_SMALL_DISK = """
import asyncio, hashlib, subprocess, sys
from pathlib import Path
from agent.places.folder import FolderPlace
from exchange.errors import HandoverError

disk, source = Path(sys.argv[1]), Path(sys.argv[2])

def put(name, size):
    source.write_bytes(b"x" * size)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    try:
        asyncio.run(FolderPlace(disk).put(source, name, digest, lambda _: None))
    except HandoverError as error:
        print(type(error).__name__, error.what.replace(str(disk), "DISK"))
    else:
        print("kept", name)

put("first", 1_000_000)
put("second", 1_500_000)
subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
put("third", 10)
print(sorted(path.name for path in disk.iterdir()))
subprocess.run(["umount", disk], check=True)
disk.rmdir()
put("fourth", 10)
"""


def test_a_full_and_a_locked_and_a_missing_medium_are_told_as_that(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    inside = 'mount -t tmpfs -o size=2m tmpfs "$1" && exec "$3" -c "$4" "$1" "$2"'
    script = ["sh", "-c", inside, "sh", tmp_path / "disk", tmp_path / "source", sys.executable, _SMALL_DISK]
    apart = ["unshare", "--user", "--map-root-user", "--mount", *script]
    said = subprocess.run(apart, capture_output=True, text=True, check=True).stdout.splitlines()
    assert said[0] == "kept first"
    assert said[1].startswith("PlaceFull There is not enough room at the folder DISK: 1,500,000 bytes are needed")
    assert said[2] == "PlaceRefused the folder DISK can only be read."
    assert said[3] == "['first']"
    assert said[4] == "PlaceUnreachable the folder DISK is not there, or was taken away."


_SWAPPED = """
import asyncio, hashlib, subprocess, sys
from pathlib import Path
from agent.places.disk import file_system_of
from agent.places.folder import FolderPlace
from exchange.errors import HandoverError

disk, source = Path(sys.argv[1]), Path(sys.argv[2])
source.write_bytes(b"x")
digest = hashlib.sha256(b"x").hexdigest()
place = FolderPlace(disk, mount=disk, file_system=file_system_of(disk))

def put(name):
    try:
        asyncio.run(place.put(source, name, digest, lambda _: None))
    except HandoverError as error:
        print(type(error).__name__, error.what.replace(str(disk), "DISK"), error.do)
    else:
        print("kept", name)

put("first")
subprocess.run(["umount", disk], check=True)
subprocess.run(["mount", "-t", "ramfs", "another", disk], check=True)
put("second")
print(sorted(path.name for path in disk.iterdir()))
"""


def test_another_medium_that_is_mounted_at_the_same_place_gets_nothing(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    inside = 'mount -t tmpfs tmpfs "$1" && exec "$3" -c "$4" "$1" "$2"'
    script = ["sh", "-c", inside, "sh", tmp_path / "disk", tmp_path / "source", sys.executable, _SWAPPED]
    apart = ["unshare", "--user", "--map-root-user", "--mount", *script]
    said = subprocess.run(apart, capture_output=True, text=True, check=True).stdout.splitlines()
    assert said[0] == "kept first"
    assert said[1].startswith("PlaceUnreachable What is mounted at the folder DISK is another one than was chosen.")
    assert "handover deliver" in said[1]
    assert said[2] == "[]"


def test_a_file_system_is_known_again_by_what_it_was_formatted_with(tmp_path: Path) -> None:
    def known(number: str, kind: str = "vfat", device: str = "/dev/sdb1") -> str:
        table = f"22 1 {number} / / rw - {kind} {device} rw"
        return file_system_of(tmp_path, table=table, udev=tmp_path)

    (tmp_path / "b8:17").write_text("S:disk/by-uuid/1A2B-3C4D\nE:ID_FS_UUID=1A2B-3C4D\nE:ID_FS_UUID_ENC=1A2B-3C4D\n")
    (tmp_path / "b8:33").write_text("E:ID_FS_UUID_ENC=1A2B-3C4D\n")
    (tmp_path / "b8:49").write_text("E:ID_FS_UUID_ENC=5E6F-0000\n")
    assert known("8:17") == known("8:33") == "uuid 1A2B-3C4D"
    assert known("8:49") == "uuid 5E6F-0000"
    assert known("8:65") != known("8:81")
    assert known("0:40", "btrfs") == known("0:41", "btrfs", "/dev/sdc1")
    assert known("0:50", "nfs4", "nas:/a") != known("0:50", "nfs4", "nas:/b")
    assert file_system_of(tmp_path, table="") == ""


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    (tmp_path / "stick").mkdir()
    return tmp_path / "stick"


@pytest.fixture
def one(tmp_path: Path) -> Sample:
    return sample(tmp_path / "one.zip.age", 5_000_000)


async def test_a_stick_that_is_pulled_out_in_the_middle_leaves_nothing_under_the_name_and_is_gone_on_with(
    stick: Path, one: Sample
) -> None:
    pulled = OSError(errno.EIO, "Input/output error")
    with (
        mock.patch.object(folder.os, "fsync", side_effect=pulled),
        pytest.raises(PlaceUnreachable, match="taken away") as told,
    ):
        await FolderPlace(stick).put(one.path, "one.zip.age", one.sha256, lambda _: None)
    assert "goes on with what is there" in told.value.do
    assert [path.name for path in stick.iterdir()] == [unfinished("one.zip.age", one.sha256)]
    seen: list[int] = []
    await FolderPlace(stick).put(one.path, "one.zip.age", one.sha256, seen.append)
    assert [path.name for path in stick.iterdir()] == ["one.zip.age"]
    assert (stick / "one.zip.age").read_bytes() == one.path.read_bytes()


async def test_a_part_that_lies_there_is_kept_up_to_where_it_is_right(stick: Path, one: Sample) -> None:
    part = stick / unfinished("one", one.sha256)
    good = one.path.read_bytes()[: 3 << 20]
    part.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    inode = part.stat().st_ino
    seen: list[int] = []
    await FolderPlace(stick).put(one.path, "one", one.sha256, seen.append)
    assert seen[:2] == [1 << 20, 2 << 20]  # the third block was wrong
    assert (stick / "one").stat().st_ino == inode
    assert (stick / "one").read_bytes() == one.path.read_bytes()


async def test_a_stick_that_keeps_less_than_it_says_is_found_by_reading_it_again(stick: Path, one: Sample) -> None:
    real = os.fsync

    def lying(descriptor: int) -> None:
        """As such sticks do: it says that all is written, and has the end of it nowhere."""
        real(descriptor)
        if os.fstat(descriptor).st_size == one.size:
            os.pwrite(descriptor, bytes(1_000_000), one.size - 1_000_000)
            real(descriptor)

    with mock.patch.object(folder.os, "fsync", lying), pytest.raises(PlaceRefused, match="did not keep") as told:
        await FolderPlace(stick).put(one.path, "one", one.sha256, lambda _: None)
    assert "smaller than it says" in told.value.meaning
    assert list(stick.iterdir()) == []


async def test_a_file_that_fat_cannot_keep_is_refused_before_anything_is_written(stick: Path, tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(FAT_MOST + 1)
    fat = Mounted(stick, "vfat", "/dev/sda1", "8:1", read_only=False)
    with mock.patch.object(folder, "mounted_at", return_value=fat), pytest.raises(PlaceRefused, match="FAT32") as told:
        await FolderPlace(stick).put(large, "large", "0" * 64, lambda _: None)
    assert "exFAT" in told.value.do
    assert list(stick.iterdir()) == []


async def test_stopping_in_the_middle_ends_the_writing_before_it_is_told(stick: Path, one: Sample) -> None:
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()
    real = disk.read_from_disk

    def slowly(*arguments: object) -> str:
        loop.call_soon_threadsafe(begun.set)
        return real(*arguments)  # type: ignore[arg-type]

    with mock.patch.object(folder, "read_from_disk", slowly):
        putting = asyncio.create_task(FolderPlace(stick).put(one.path, "one", one.sha256, lambda _: None))
        await begun.wait()
        putting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await putting
    assert not (stick / "one").exists() or (stick / "one").read_bytes() == one.path.read_bytes()


def test_the_kernels_table_of_mounts_is_understood() -> None:
    table = (
        "22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw\n"
        "98 22 8:17 / /media/robin/MY\\040STICK rw,nosuid,nodev shared:52 - vfat /dev/sdb1 rw,fmask=0022\n"
        "99 22 8:33 / /media/robin/locked ro,nosuid shared:53 - exfat /dev/sdc1 ro\n"
        "nonsense\n"
    )
    found = mounts(table)
    assert [each.kind for each in found] == ["ext4", "vfat", "exfat"]
    assert found[1] == Mounted(Path("/media/robin/MY STICK"), "vfat", "/dev/sdb1", "8:17", read_only=False)
    assert found[1].most == FAT_MOST
    assert found[2].read_only
    on = mounted_at(Path("/media/robin/MY STICK/2026"), table)
    assert on is not None
    assert on.device == "/dev/sdb1"
