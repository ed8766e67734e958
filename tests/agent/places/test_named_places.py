"""Places that the owner set up: kept under a name, with their logins, which are shown to nobody."""

import asyncio
import stat
from pathlib import Path

import pytest

from agent.places.named import NamedPlace, NamedPlaces, S3Setting, SftpSetting, folder_setting
from exchange.errors import InputInvalid, NotFound, PlaceUnreachable
from tests.agent.places.conftest import sample
from tests.counterparts.storage.ssh_server import SshServer


def test_places_are_kept_with_their_logins_for_the_daemon_alone(tmp_path: Path) -> None:
    places = NamedPlaces(tmp_path / "places.json")
    assert places.all() == ()
    storage = S3Setting(
        endpoint="https://s3.example.org", bucket="evidence", access_key="AK", secret_key="hush-hush-hush"
    )
    places.add(NamedPlace(name="store", title="the shop's bucket", setting=storage))
    (tmp_path / "disk").mkdir()
    places.add(NamedPlace(name="disk", title="a disk", setting=folder_setting(tmp_path / "disk")))
    assert stat.S_IMODE((tmp_path / "places.json").stat().st_mode) == 0o600
    assert [each.name for each in places.all()] == ["store", "disk"]
    told = places.of("store").shown()
    assert told["address"] == "s3://evidence/ at s3.example.org"
    assert "hush" not in str(told)
    with pytest.raises(InputInvalid, match="already"):
        places.add(places.of("store"))
    with pytest.raises(InputInvalid, match="needed by the backups"):
        places.remove("disk", lambda name: "the backups")
    places.remove("disk")
    with pytest.raises(NotFound):
        places.of("disk")


async def test_a_named_place_is_opened_as_what_it_is(sshd: SshServer, tmp_path: Path) -> None:
    setting = SftpSetting(
        host="127.0.0.1",
        port=sshd.port,
        user=sshd.user,
        folder=f"{sshd.root}/named",
        host_key=sshd.host_key,
        private_key=sshd.private_key,
    )
    named = NamedPlace(name="force", title="the force's server", setting=setting)
    assert named.shown()["fingerprint"] == sshd.fingerprint
    one = sample(tmp_path / "a", 1000)
    place = named.open()
    await place.put(one.path, "one", one.sha256, lambda _: None)
    assert (sshd.root / "named" / "one").read_bytes() == one.path.read_bytes()


async def test_a_folder_that_was_on_a_disk_is_not_written_to_when_the_disk_is_away(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    setting = (await asyncio.to_thread(folder_setting, tmp_path / "disk")).model_copy(
        update={"mount": str(tmp_path / "disk")}
    )
    place = NamedPlace(name="disk", title="a disk", setting=setting).open()
    one = sample(tmp_path / "a", 10)
    with pytest.raises(PlaceUnreachable, match="not there"):
        await place.put(one.path, "one", one.sha256, lambda _: None)
    assert list((tmp_path / "disk").iterdir()) == []


def test_a_folder_that_is_not_there_cannot_be_set_up(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="no folder"):
        folder_setting(tmp_path / "none")
