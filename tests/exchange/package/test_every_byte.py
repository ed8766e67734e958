"""A small package with its bytes flipped, taken out or doubled, one by one, and its files swapped, renamed, doubled.

First by somebody who knows nothing of bags: the bag's manifests find it. Then by somebody who makes those right again:
what is signed finds it, under the name of what was touched.
"""

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.custody.checkpoint import open_checkpoint
from exchange.custody.log import ProvenLines, open_lines
from exchange.errors import CustodyBroken, PackageDamaged, SignatureInvalid
from exchange.package import bag
from exchange.package.bag import check_bag
from exchange.package.report import Report, Verdict
from exchange.package.unpack import open_package
from exchange.package.zip_layout import TAIL, find_directory, parse_directory
from exchange.signing.documents import PublicKey
from exchange.verify.checking import verify_package
from scripts.vector_making.__main__ import VECTORS
from tests.exchange.packages import sha256

pytestmark = pytest.mark.slow

ZIP = VECTORS / "good/crc-follows.zip"
"""It has every structure that a zip of ours can have but zip64's, which a test of the layout's own has."""
FORCE = PublicKey.parse((VECTORS / "keys/force.pub").read_text())

ABOUT = {
    "data/READ-ME-FIRST.html": "readme.signature",
    "data/READ-ME-FIRST.html.sig": "readme.signature",
    "data/evidence.json": "evidence.signature",
    "data/evidence.json.sig": "evidence.signature",
    "data/decision.json": "decision.signature",
    "data/decision.json.sig": "decision.signature",
    "data/request.json": "request.signature",
    "data/request.json.sig": "request.signature",
    "data/custody.jsonl": "custody",
    "data/custody.checkpoint": "custody",
    "data/device.pub": "device-key",
    "data/force.pub": "force-key",
    "data/master/front.mp4": "file.data/master/front.mp4",
}
"""The check that finds a file which was touched, where the bag's manifests were made right again."""


def altered(content: bytes, at: int) -> Iterator[bytes]:
    """The content with a bit of one byte flipped, the byte taken out, and the byte there twice."""
    yield content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :]
    yield content[:at] + content[at + 1 :]
    yield content[:at] + content[at : at + 1] + content[at:]


def places(content: bytes, count: int) -> list[int]:
    """The first byte, the last, and others evenly between."""
    return sorted({0, len(content) - 1, *range(0, len(content), max(1, len(content) // count))})


def structure(content: bytes) -> set[int]:
    """Where the zip's own bytes are: headers, descriptors, directory, end."""
    start, count = find_directory(content[-TAIL:], len(content))
    places = set(range(start, len(content)))
    for member in parse_directory(content[start:], count):
        first = member.offset + len(member.before())
        places |= {*range(member.offset, first), *range(first + member.size, member.end())}
    return places


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return open_package(ZIP, tmp_path_factory.mktemp("opened")).folder


@pytest.fixture
def folder(opened: Path, tmp_path: Path) -> Path:
    shutil.copytree(opened, tmp_path / "bag")
    return tmp_path / "bag"


def files_of(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def make_right(folder: Path) -> None:
    """The bag's manifests and count, as anybody can work them out anew."""
    payload = [path for path in files_of(folder) if path.startswith("data/")]
    sizes = [(folder / path).stat().st_size for path in payload]
    info = (folder / bag.INFO).read_text().rpartition("Payload-Oxum: ")[0]
    (folder / bag.INFO).write_text(f"{info}Payload-Oxum: {sum(sizes)}.{len(sizes)}\n")
    write = bag.write_manifest
    (folder / bag.MANIFEST).write_bytes(write((path, sha256((folder / path).read_bytes())) for path in payload))
    tags = [bag.BAGIT, bag.INFO, bag.MANIFEST]
    (folder / bag.TAG_MANIFEST).write_bytes(write((path, sha256((folder / path).read_bytes())) for path in tags))


def failing(report: Report) -> set[str]:
    return {finding.about for finding in report.findings if finding.verdict is Verdict.FAILS}


def test_every_byte_of_the_zips_own_and_many_of_the_files_are_found_when_they_change(tmp_path: Path) -> None:
    content, package = ZIP.read_bytes(), tmp_path / "p.zip"
    own = structure(content)
    assert len(own) > 2000
    for at in sorted(own | set(range(0, len(content), 23))):
        # Every byte of the zip's own is flipped; one is taken out or doubled where that is not the same as nearby.
        for changed in itertools.islice(altered(content, at), 3 if at % 7 == 0 else 1):
            if changed != content:
                package.write_bytes(changed)
                with pytest.raises(PackageDamaged):
                    open_package(package, tmp_path, keep=lambda path: False, durable=False)
    package.write_bytes(content)
    open_package(package, tmp_path, durable=False)


def test_a_byte_that_changes_in_a_bags_folder_is_found_and_its_file_named(folder: Path) -> None:
    check_bag(folder)
    for path in files_of(folder):
        content = (folder / path).read_bytes()
        for at in places(content, 12):
            for changed in altered(content, at):
                (folder / path).write_bytes(changed)
                with pytest.raises(PackageDamaged) as raised:
                    check_bag(folder)
                assert path in raised.value.what or Path(path).suffix == ".txt"
        (folder / path).write_bytes(content)
    check_bag(folder)


def only_broken_elsewhere(changed: bytes, content: bytes) -> bool:
    """Whether a signature's lines only end elsewhere: the bytes in it are those that were made."""
    return b"".join(changed.split()) == b"".join(content.split())


@pytest.mark.parametrize("name", ["READ-ME-FIRST.html", "evidence.json", "decision.json", "request.json"])
def test_no_byte_of_what_is_signed_can_change_nor_of_its_signature(opened: Path, name: str) -> None:
    signer = PublicKey.parse((opened / "data/device.pub").read_text())
    if name == "request.json":
        credential = json.loads((opened / f"data/{name}").read_text())["credential"]["document"]
        signer = PublicKey.parse(json.loads(credential)["public_key"])
    space = "read-me-first.v1@handover" if name.endswith("html") else f"{name.removesuffix('.json')}.v1@handover"
    content, signature = (opened / f"data/{name}").read_bytes(), (opened / f"data/{name}.sig").read_bytes()
    signer.verify(content, signature.decode(), space)
    for changed in {each for at in range(len(content)) for each in altered(content, at)} - {content}:
        with pytest.raises(SignatureInvalid):
            signer.verify(changed, signature.decode(), space)
    for changed in {each for at in range(len(signature)) for each in altered(signature, at)} - {signature}:
        if not only_broken_elsewhere(changed, signature):
            with pytest.raises(SignatureInvalid):
                signer.verify(content, changed.decode("utf-8", "replace"), space)


def test_no_byte_of_the_custody_lines_or_their_checkpoint_can_change(opened: Path) -> None:
    device = PublicKey.parse((opened / "data/device.pub").read_text())
    lines, head = (opened / "data/custody.jsonl").read_bytes(), (opened / "data/custody.checkpoint").read_text()
    open_lines(ProvenLines(lines, head), device)
    for changed in {each for at in range(0, len(lines), 3) for each in altered(lines, at)} - {lines}:
        with pytest.raises(CustodyBroken):
            open_lines(ProvenLines(changed, head), device)
    whole = head.encode()
    for changed in {each for at in range(len(whole)) for each in altered(whole, at)} - {whole}:
        with pytest.raises((CustodyBroken, SignatureInvalid)):
            open_checkpoint(changed.decode("utf-8", "surrogateescape"), device)


def test_a_byte_that_changes_though_the_bags_manifests_were_made_right_again_is_found_by_what_is_signed(
    folder: Path,
) -> None:
    for path, about in ABOUT.items():
        content = (folder / path).read_bytes()
        for at in places(content, 10):
            for changed in altered(content, at):
                if changed == content or (path.endswith(".sig") and only_broken_elsewhere(changed, content)):
                    continue
                (folder / path).write_bytes(changed)
                make_right(folder)
                found = failing(verify_package(folder, force_key=FORCE))
                assert found & {about, path, path.removesuffix(".sig")}, (path, at, found)
                assert "bag" not in found
        (folder / path).write_bytes(content)
    make_right(folder)
    assert verify_package(folder, force_key=FORCE).ok


def test_every_file_swapped_with_another_is_found(folder: Path) -> None:
    for one, other in itertools.pairwise([*ABOUT, next(iter(ABOUT))]):
        contents = (folder / one).read_bytes(), (folder / other).read_bytes()
        for path, content in zip((one, other), reversed(contents), strict=True):
            (folder / path).write_bytes(content)
        assert failing(verify_package(folder, force_key=FORCE)) >= {"bag"}
        make_right(folder)
        found = failing(verify_package(folder, force_key=FORCE))
        # Without the device's key, nothing that it signed can be judged.
        for path in {one, other} - (
            set() if "data/device.pub" not in (one, other) else set(ABOUT) - {"data/device.pub"}
        ):
            assert found & {ABOUT[path], path}, (one, other, found)
        for path, content in zip((one, other), contents, strict=True):
            (folder / path).write_bytes(content)
    make_right(folder)
    assert verify_package(folder, force_key=FORCE).ok


def test_every_file_renamed_or_doubled_is_found(folder: Path) -> None:
    for path in ABOUT:
        copy = folder / f"{path}.copy"
        shutil.copyfile(folder / path, copy)
        make_right(folder)
        assert failing(verify_package(folder, force_key=FORCE)) == {"files"}, path
        (folder / path).unlink()
        make_right(folder)
        found = failing(verify_package(folder, force_key=FORCE))
        assert found & {path, f"file.{path}"}, (path, found)
        copy.rename(folder / path)
    make_right(folder)
    assert verify_package(folder, force_key=FORCE).ok
