"""Media are found by what the kernel tells of them: what says it can be taken out, and what hangs on USB."""

from pathlib import Path

import pytest

from agent.deliveries.media import media, medium_of
from agent.places.disk import FAT_MOST
from exchange.errors import PlaceUnreachable


def device(sys: Path, path: str, number: str, *, removable: str, partition: bool = True, model: str = "") -> None:
    """A disk as the kernel shows it, and its first partition."""
    disk = sys / "devices" / path
    (disk / "device").mkdir(parents=True)
    (disk / "removable").write_text(f"{removable}\n")
    if model:
        (disk / "device" / "vendor").write_text("Kingston \n")
        (disk / "device" / "model").write_text(f"{model} \n")
    where = disk
    if partition:
        where = disk / "p1"
        where.mkdir()
        (where / "partition").write_text("1\n")
    (sys / "dev" / "block").mkdir(parents=True, exist_ok=True)
    (sys / "dev" / "block" / number).symlink_to(where)


def test_sticks_cards_and_usb_disks_are_listed_and_the_systems_own_are_not(tmp_path: Path) -> None:
    sys, mounted = tmp_path / "sys", tmp_path / "media"
    device(sys, "pci/ata1/block/sda", "8:1", removable="0")
    device(sys, "pci/usb1/block/sdb", "8:17", removable="1", model="DataTraveler")
    device(sys, "pci/usb2/block/sdc", "8:33", removable="0")
    device(sys, "platform/mmc0/block/mmcblk0", "179:2", removable="0")
    for name in ("STICK", "disk"):
        (mounted / name).mkdir(parents=True)
    table = "\n".join(
        (
            "22 1 179:2 / / rw - ext4 /dev/mmcblk0p2 rw",
            "23 22 8:1 / /srv rw - ext4 /dev/sda1 rw",
            f"98 22 8:17 / {mounted}/STICK ro - vfat /dev/sdb1 ro",
            f"99 22 8:33 / {mounted}/disk rw - exfat /dev/sdc1 rw",
            f"97 22 8:49 / {mounted}/gone rw - exfat /dev/sdd1 rw",
            "90 22 0:5 / /proc rw - proc proc rw",
        )
    )
    found = {medium.folder.name: medium for medium in media(sys=sys, table=table)}
    assert set(found) == {"STICK", "disk"}
    assert found["STICK"].name == "Kingston DataTraveler"
    assert found["STICK"].most == FAT_MOST
    assert found["STICK"].read_only
    assert found["disk"].name == "/dev/sdc1"
    assert found["disk"].most is None
    assert found["disk"].free > 0


def test_this_machine_can_be_asked_without_any_medium() -> None:
    assert all(medium.folder.is_dir() for medium in media())


def test_only_what_can_be_taken_out_or_is_named_itself_passes_for_a_medium(tmp_path: Path) -> None:
    sys, mounted = tmp_path / "sys", tmp_path / "at"
    device(sys, "pci/ata1/block/sda", "8:1", removable="0")
    device(sys, "pci/usb1/block/sdb", "8:17", removable="1")
    for name in ("STICK/case", "disk/case", "nas/case", "own", "case"):
        (mounted / name).mkdir(parents=True)
    table = "\n".join(
        (
            "22 1 8:1 / / rw - ext4 /dev/sda1 rw",
            f"96 22 8:1 {mounted}/own {mounted}/own rw - ext4 /dev/sda1 rw",
            f"97 22 8:2 / {mounted}/disk rw - ext4 /dev/sda2 rw",
            f"98 22 8:17 / {mounted}/STICK rw - vfat /dev/sdb1 rw",
            f"99 22 0:50 / {mounted}/nas rw - nfs4 nas:/share rw",
        )
    )
    found = {
        name: medium_of(mounted / name, sys=sys, table=table)
        for name in ("STICK", "STICK/case", "disk", "disk/case", "nas/case", "own", "case")
    }
    assert found == {
        "STICK": mounted / "STICK",
        "STICK/case": mounted / "STICK",
        "disk": mounted / "disk",
        "disk/case": None,
        "nas/case": None,
        "own": None,
        "case": None,
    }
    home = f"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n23 22 8:2 / {Path('/home').resolve()} rw - ext4 /dev/sda2 rw"
    assert medium_of(Path("/home"), sys=sys, table=home) is None


def test_a_folder_that_is_not_there_is_no_medium(tmp_path: Path) -> None:
    with pytest.raises(PlaceUnreachable, match="not there"):
        medium_of(tmp_path / "none")
