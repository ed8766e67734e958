"""What is made of a sealed package for those who take it another way: sealed anew, unsealed, in numbered pieces."""

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agent.deliveries.contract import Consignment, Sealed
from agent.deliveries.laying_out_job import job
from agent.deliveries.secrets_of import RequestSecrets
from agent.deliveries.sheets import FORM, LABEL, OPENING, TYPING, LaidOut, pages_of
from agent.deliveries.way import Means, SealedFor, Way
from exchange.age.files import Passphrase, decrypt_file, encrypt_file, generate_identity
from exchange.package.writing import PackageEntry, write_package

IDENTITY = generate_identity("x25519")
CONTENT = bytes(range(256)) * 2000


def order(tmp_path: Path, **changed: Any) -> dict[str, Any]:
    plain, sealed, folder = tmp_path / "plain", tmp_path / "one.zip.age", tmp_path / "out"
    plain.write_bytes(CONTENT)
    encrypt_file(plain, sealed, [IDENTITY.recipient])
    folder.mkdir()
    usual = {
        "sealed": str(sealed), "identities": [str(IDENTITY)], "folder": str(folder), "name": "case_door_1",
        "form": "package", "sealed_for": "key", "most_bytes": None,
    }  # fmt: skip
    return usual | changed


def made(tmp_path: Path, **changed: Any) -> list[Path]:
    """The files, whose names, sizes and hashes are as they were told, and nothing beside them."""
    files = job(order(tmp_path, **changed), lambda _: None)["files"]
    paths = [tmp_path / "out" / name for name, _, _ in files]
    assert sorted(path for path in (tmp_path / "out").iterdir()) == sorted(paths)
    for path, (_, size, sha256) in zip(paths, files, strict=True):
        assert path.stat().st_size == size
        assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    return paths


def test_for_a_key_it_is_the_sealed_package_itself(tmp_path: Path) -> None:
    (path,) = made(tmp_path)
    assert path.read_bytes() == (tmp_path / "one.zip.age").read_bytes()
    assert path.name == "case_door_1.zip.age"


def test_for_a_passphrase_it_is_sealed_anew(tmp_path: Path) -> None:
    (path,) = made(tmp_path, sealed_for="passphrase", passphrase="correct-horse")
    decrypt_file(path, tmp_path / "opened", [Passphrase("correct-horse")])
    assert (tmp_path / "opened").read_bytes() == CONTENT
    assert path.name == "case_door_1.zip.age"


def test_for_nobody_it_is_the_zip(tmp_path: Path) -> None:
    (path,) = made(tmp_path, sealed_for="nobody")
    assert (path.name, path.read_bytes()) == ("case_door_1.zip", CONTENT)


def test_what_is_too_large_is_cut_into_pieces_that_cat_puts_together(tmp_path: Path) -> None:
    pieces = made(tmp_path, sealed_for="nobody", most_bytes=100_000)
    assert [path.name[-4:] for path in pieces] == [".001", ".002", ".003", ".004", ".005", ".006"]
    assert max(path.stat().st_size for path in pieces) == 100_000
    joined = subprocess.run(["cat", *pieces], capture_output=True, check=True).stdout
    assert joined == CONTENT


@pytest.mark.parametrize(("most", "small_only"), [(None, False), (50_000, True)])
def test_with_the_recordings_go_the_working_copies_that_the_force_takes(
    tmp_path: Path, most: int | None, small_only: bool
) -> None:
    large = "data/working/working-copy-enhanced-20261121T100000.000000Z.mp4"
    lies_there = {
        "data/master/master-20261121T100000.000000Z.mp4": b"m" * 60_000,
        large: b"e" * 60_000,
        "data/working/working-copy-smaller-20261121T100000.000000Z.mp4": b"s" * 100,
        "data/working/quality.html": b"<p>good",
        "data/working/contact-sheet.jpg": b"jpeg",
        "data/READ-ME-FIRST.html": b"<p>Read me",
    }
    entries = [PackageEntry(path, content) for path, content in lies_there.items()]
    laid = order(tmp_path, form="recordings", most_bytes=most)
    with (tmp_path / "package.zip").open("wb") as file:
        write_package(file, "ev-1", entries, {})
    Path(laid["sealed"]).unlink()
    encrypt_file(tmp_path / "package.zip", Path(laid["sealed"]), [IDENTITY.recipient])
    names = [name for name, _, _ in job(laid, lambda _: None)["files"]]
    copies = [] if small_only else [f"case_door_1_{Path(large).name}"]
    assert names == [
        "case_door_1_part1of1.mp4",
        "case_door_1_working-copy-quality.html",
        *copies,
        "case_door_1_working-copy-smaller-20261121T100000.000000Z.mp4",
        "case_door_1_READ-ME-FIRST.html",
    ]


def consignment() -> Consignment:
    package = Sealed("3f2a" * 8, "Front door", 1_000_000, 9_000_000, Path("/x"), 5, "ab" * 32)
    return Consignment(
        "77ff" * 8, "04/1234/26", "Robin Example", "01632 960001", "Kent <b>Police</b>", "PC Marsh", None,
        "Robin Example", 0, (package,),
    )  # fmt: skip


def pages(way: Way, *names: str) -> dict[str, str]:
    files = [LaidOut("3f2a" * 8, name, Path("/x"), 5_000, "ab" * 32) for name in names or ("one.zip.age",)]
    kinds = (FORM, LABEL, OPENING, TYPING)
    return dict(zip(kinds, (page.text for page in pages_of(consignment(), way, files, kinds)), strict=True))


def test_the_pages_beside_the_files_say_how_they_are_opened_and_hold_no_secret() -> None:
    told = pages(Way(means=Means.MEDIUM, folder="/media/x", sealed_for=SealedFor.PASSPHRASE))
    assert "age --decrypt --output package.zip FILE.zip.age" in told[OPENING]
    assert "--identity" not in told[OPENING]
    assert "with a passphrase, which does not lie here" in told[LABEL]
    assert "Tell it by telephone" in told[TYPING]
    assert "Kent &lt;b&gt;Police" in told[FORM]
    assert all("04/1234/26" in text for text in told.values())


def test_pages_of_an_unsealed_package_say_that_it_is_unsealed() -> None:
    told = pages(Way(means=Means.FOLDER, sealed_for=SealedFor.NOBODY), "one.zip")
    assert "Whoever has this medium can watch the recordings" in told[LABEL]
    assert "These files are not sealed" in told[TYPING]


def test_pages_of_pieces_say_how_they_are_put_together() -> None:
    told = pages(Way(means=Means.FOLDER), "one.zip.age.001", "one.zip.age.002")
    assert "copy /b one.zip.age.001+one.zip.age.002 one.zip.age" in told[OPENING]
    assert "cat one.zip.age.??? &gt; one.zip.age" in told[OPENING]


def test_a_passphrase_is_eight_words_kept_for_the_daemon_alone_until_it_is_forgotten(tmp_path: Path) -> None:
    kept = RequestSecrets(tmp_path)
    words = kept.passphrase("one")
    assert kept.passphrase("one") == words
    assert kept.passphrase("two") != words
    assert len(words.split("-")) == 8
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "handing-over").iterdir()} == {0o600}
    kept.forget("one")
    assert kept.made_passphrase("one") is None
    assert kept.made_passphrase("two") is not None


@pytest.mark.parametrize(
    "wrong",
    [
        {"means": "medium"},
        {"means": "sftp"},
        {"means": "s3"},
        {"means": "s3", "place": "x", "signed_addresses": True},
        {"means": "portal", "sealed_for": "nobody"},
        {"means": "folder", "form": "recordings"},
        {"means": "folder", "folder": "not/absolute"},
    ],
)
def test_a_way_that_leads_nowhere_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Way.model_validate(wrong)
