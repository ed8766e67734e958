"""A state file that lies at a second place is read like anything from outside: only what is sound, and only files."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.places.folder import FolderPlace
from agent.records.backups.own_state import DATABASE, SETTINGS
from agent.records.backups.second_places import STATES, state_made_at, state_name
from agent.records.backups.state_file import open_newest, states_at, unpack
from exchange.age.files import Encryptor, Identity, generate_identity
from exchange.clock import DAY, SECOND
from exchange.errors import InputInvalid, KeyDoesNotOpen, NotFound, SealDamaged
from exchange.signing.documents import SigningKey
from tests.journey.home import NOON

KEY = generate_identity("x25519")
Entries = Callable[[tarfile.TarFile], None]


def add(tar: tarfile.TarFile, name: str, data: bytes = b"x", kind: bytes = tarfile.REGTYPE, link: str = "") -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.size = kind, link, len(data) if kind == tarfile.REGTYPE else 0
    tar.addfile(entry, io.BytesIO(data))


def sealed(path: Path, entries: Entries, *, whole: bool = True, key: Identity = KEY) -> Path:
    """A state file with what a real one must have, and more."""
    with (
        path.open("wb") as file,
        Encryptor(file, [key.recipient]) as out,
        tarfile.open(fileobj=out, mode="w|gz") as tar,  # type: ignore[call-overload]
    ):
        if whole:
            add(tar, DATABASE)
            add(tar, SETTINGS, b"owner: {}")
        entries(tar)
    return path


@pytest.mark.parametrize(
    "entries",
    [
        lambda tar: add(tar, "../outside"),
        lambda tar: add(tar, "/etc/passwd"),
        lambda tar: add(tar, "keys/../../outside"),
        lambda tar: add(tar, "keys/device.key", kind=tarfile.SYMTYPE, link="/etc/shadow"),
        lambda tar: add(tar, "keys/device.key", kind=tarfile.LNKTYPE, link="agent.db"),
        lambda tar: add(tar, "pipe", kind=tarfile.FIFOTYPE),
        lambda tar: add(tar, "disk", kind=tarfile.BLKTYPE),
        lambda tar: add(tar, DATABASE, b"another"),
    ],
    ids=["up", "root", "round", "link", "hard-link", "pipe", "device", "twice"],
)
def test_what_no_state_holds_is_refused_and_nothing_of_it_stays(tmp_path: Path, entries: Entries) -> None:
    file, target = sealed(tmp_path / "state.age", entries), tmp_path / "in" / "target"
    target.parent.mkdir()
    with pytest.raises(InputInvalid):
        unpack(file, [KEY], target)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]


def test_a_state_without_records_or_that_is_no_archive_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="no records"):
        unpack(sealed(tmp_path / "empty.age", lambda tar: None, whole=False), [KEY], tmp_path / "a")
    with (tmp_path / "text.age").open("wb") as file, Encryptor(file, [KEY.recipient]) as out:
        out.write(b"not an archive")
    with pytest.raises(InputInvalid, match="can't be unpacked"):
        unpack(tmp_path / "text.age", [KEY], tmp_path / "b")


def test_one_that_was_cut_or_altered_is_damaged_and_another_key_opens_none(tmp_path: Path) -> None:
    file = sealed(tmp_path / "state.age", lambda tar: add(tar, "large", bytes(300_000)))
    good = file.read_bytes()
    for bad in (good[:-1], good[:-200], good + b"x", good[:-30] + bytes([good[-30] ^ 1]) + good[-29:]):
        file.write_bytes(bad)
        with pytest.raises(SealDamaged):
            unpack(file, [KEY], tmp_path / "target")
        assert not (tmp_path / "target").exists()
    file.write_bytes(good)
    with pytest.raises(KeyDoesNotOpen):
        unpack(file, [generate_identity("x25519")], tmp_path / "target")


async def test_a_damaged_state_gives_way_to_the_one_before_it(tmp_path: Path) -> None:
    device, folder = SigningKey.generate(), tmp_path / STATES
    folder.mkdir(parents=True)
    device.save(tmp_path / "device.key")
    secret = (tmp_path / "device.key").read_bytes()
    names = [state_name("5f2c81aa", NOON + days * DAY) for days in range(3)]
    for name in names:
        sealed(folder / name, lambda tar: add(tar, "keys/device.key", secret))
    (folder / names[2]).write_bytes((folder / names[2]).read_bytes()[:-1])
    (folder / "5f2c81aa-not-a-state.tar.gz.age").write_bytes(b"x")
    place, work = FolderPlace(tmp_path), tmp_path / "work"
    work.mkdir()
    assert [made for made, _ in await states_at(place)] == [NOON + days * DAY for days in (2, 1, 0)]
    opened = await open_newest(place, [KEY], work, lambda _: None)
    assert (opened.made_at, opened.device) == (NOON + DAY, device.public.fingerprint)
    with pytest.raises(NotFound):
        await open_newest(place, [KEY], work, lambda _: None, "another")
    with pytest.raises(KeyDoesNotOpen):
        await open_newest(place, [generate_identity("hybrid")], work, lambda _: None, names[0])


def test_the_name_of_a_state_tells_when_it_was_made_and_nothing_else_passes_for_one() -> None:
    assert state_made_at(state_name("5f2c81aa", NOON + 7 * SECOND)) == NOON + 7 * SECOND
    for name in ("", "5f2c81aa-2026-13-01T000000Z.tar.gz.age", "5f2c81aa-2026-01-01T000000Z.zip.age", "x" * 5000):
        assert state_made_at(name) is None
