"""What is odd about a zip is not only found but named: whoever reads the report knows what was tried."""

from pathlib import Path

import pytest

from exchange.errors import PackageDamaged
from exchange.package.unpack import open_package
from scripts.vector_making.__main__ import VECTORS

NAMED = {
    "zip-byte-flipped": "data/master/front.mp4 was changed",
    "zip-cut-short": "its end is missing",
    "zip-bytes-behind": "something follows its end",
    "zip-bytes-before": "something stands before its first file",
    "zip-bytes-between": "something stands between “ev-1/data/decision.json.sig” and what follows it",
    "zip-bytes-before-directory": "something stands between “ev-1/tagmanifest-sha256.txt” and what follows it",
    "zip-comment": "it carries a comment",
    "zip-entry-comment": "“ev-1/data/master/front.mp4” carries a comment",
    "zip-two-ends": "it has more than one end",
    "zip-same-name-twice": "a name that occurs twice: 'data/master/front.mp4'",
    "zip-other-name-where-it-lies": "what is said of “ev-1/data/master/front.mp4” where it lies is not what the dir",
    "zip-other-crc-where-it-lies": "what is said of “ev-1/data/master/front.mp4” where it lies is not what the dir",
    "zip-other-size-in-directory": "what is said of “ev-1/data/master/front.mp4” where it lies is not what the dir",
    "zip-overlapping": "“ev-1/data/decision.json.sig” reaches into what follows it",
    "zip-compressed": "“ev-1/data/working/sheet.jpg” is compressed",
    "zip-unknown-method": "a method that is not used here (99)",
    "zip-encrypted": "“ev-1/data/master/front.mp4” is encrypted",
    "zip-link": "“ev-1/data/working/link” is a link to another place",
    "zip-folder-entry": "“ev-1/data/more/” is a folder's entry",
    "zip-device-entry": "“ev-1/data/working/tty” is a device",
    "zip-extra-field": "has an extra field that nothing needs",
    "zip-zip64-lie": "its zip64 record contradicts its end",
    "zip-several-disks": "it claims to be one of several disks",
    "zip-leads-out": "a name that leads out of its folder: 'data/../../../evil.mp4'",
    "zip-absolute": "a name that begins at the root",
    "zip-backslash": "a name that is not the same on every computer: 'data\\\\master\\\\front.mp4'",
    "zip-case-twice": "a name that occurs twice: 'data/master/FRONT.mp4'",
    "zip-not-normalised": "a name that is not plain text",
    "zip-device-name": "a name that is not the same on every computer: 'data/master/com1.mp4'",
    "zip-file-and-folder": "a name of both a file and a folder: 'data/master/front.mp4'",
    "zip-two-folders": "it is more than one folder",
    "zip-empty": "it is empty",
    "bag-file-missing": "data/master/front.mp4 is missing",
    "bag-file-added": "'data/working/more.jpg' was added",
    "bag-file-changed": "data/master/front.mp4 was changed",
    "bag-no-manifest": "manifest-sha256.txt is missing",
    "bag-manifest-changed": "manifest-sha256.txt was changed",
    "bag-tag-file-added": "'notes.txt' was added",
    "bag-tag-file-listed": "'notes.txt' was added",
    "bag-old-version": "bagit.txt is not that of a BagIt 1.0 bag",
    "bag-line-ends": "manifest-sha256.txt has ",
    "bag-miscounted": "bag-info.txt counts other files than there are",
    "bag-no-tag-manifest": "tagmanifest-sha256.txt is missing",
}


def test_every_zip_and_bag_among_the_vectors_is_named_here() -> None:
    assert {path.stem for path in (VECTORS / "bad").glob("*.zip") if path.stem.startswith(("zip-", "bag-"))} == set(
        NAMED
    )


@pytest.mark.parametrize("name", NAMED)
def test_what_is_wrong_with_a_zip_is_named_and_nothing_of_it_is_left(tmp_path: Path, name: str) -> None:
    with pytest.raises(PackageDamaged) as raised:
        open_package(VECTORS / f"bad/{name}.zip", tmp_path)
    assert NAMED[name] in raised.value.what
    assert list(tmp_path.iterdir()) == []
