"""The evidence package: written in one pass, accepted by other programs, and every changed byte of it found.

Long because every way to harm a zip stands beside the one way to write it.
"""

import hashlib
import io
import os
import stat
import subprocess
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import bagit
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.age.files import Kind, decrypt_file, generate_identity
from exchange.errors import HandoverError, KeyDoesNotOpen, NotFound, PackageDamaged, SealDamaged
from exchange.package.writing import (
    PackageEntry,
    PackageLimits,
    check_bag,
    open_package,
    package_size,
    seal_package,
    write_package,
)
from exchange.package.zip_layout import TAIL, Member, directory, find_directory, parse_directory

NAME = "EV-2026-0001"
INFO = {"Bagging-Date": "2026-11-21", "External-Identifier": NAME, "Source-Organization": "Bäckerei Müller"}
LARGE = 3 * 1024 * 1024 + 17


def noise(size: int, seed: bytes = b"") -> bytes:
    return hashlib.shake_128(seed).digest(size)


@pytest.fixture
def entries(tmp_path: Path) -> list[PackageEntry]:
    """Every way in which a file can come into a package."""
    large, hashed, small = tmp_path / "large.mp4", tmp_path / "hashed.mp4", tmp_path / "small.mp4"
    large.write_bytes(noise(LARGE, b"large"))
    hashed.write_bytes(noise(LARGE, b"hashed"))
    small.write_bytes(noise(5000, b"small"))
    digest = hashlib.sha256(hashed.read_bytes()).hexdigest()
    return [
        PackageEntry("data/READ-ME-FIRST.html", b"<!doctype html>"),
        PackageEntry("data/master/large.mp4", large),
        PackageEntry("data/master/hashed.mp4", hashed, digest, zlib.crc32(hashed.read_bytes())),
        PackageEntry("data/master/small.mp4", small, hashlib.sha256(small.read_bytes()).hexdigest().upper()),
        PackageEntry("data/working/Straße – Übersicht.jpg", noise(100)),
        PackageEntry("data/empty.json", b""),
    ]


def zipped(entries: list[PackageEntry], info: dict[str, str] | None = None) -> bytes:
    out = io.BytesIO()
    write_package(out, NAME, entries, INFO if info is None else info)
    return out.getvalue()


def content(entry: PackageEntry) -> bytes:
    return entry.source if isinstance(entry.source, bytes) else entry.source.read_bytes()


def only_dir(folder: Path) -> Path:
    folder.mkdir()
    return folder


# -- what is written ---------------------------------------------------------------------------------------------


def test_a_package_opens_to_exactly_what_went_in(tmp_path: Path, entries: list[PackageEntry]) -> None:
    (tmp_path / "p.zip").write_bytes(zipped(entries))
    opened = open_package(tmp_path / "p.zip", only_dir(tmp_path / "out"))
    assert opened.folder == tmp_path / "out" / NAME
    assert {path: (opened.folder / path).read_bytes() for path in opened.files} == {
        entry.path: content(entry) for entry in entries
    }
    size = sum(len(content(entry)) for entry in entries)
    assert opened.info == {**INFO, "Payload-Oxum": f"{size}.{len(entries)}"}
    assert check_bag(opened.folder) == opened
    assert [path.name for path in (tmp_path / "out").iterdir()] == [NAME]


def test_the_facts_are_those_of_the_bytes_written(entries: list[PackageEntry]) -> None:
    out, told = io.BytesIO(), list[int]()
    facts = write_package(out, NAME, entries, INFO, told.append)
    assert facts.size == len(out.getvalue()) == package_size(NAME, entries, INFO) == told[-1]
    assert told == sorted(told)
    assert facts.files == {entry.path: hashlib.sha256(content(entry)).hexdigest() for entry in entries}


def test_the_same_files_give_the_same_bytes_whenever_and_wherever(entries: list[PackageEntry]) -> None:
    first = zipped(entries)
    for entry in entries:
        if isinstance(entry.source, Path):
            os.utime(entry.source, (0, 0))
            entry.source.chmod(0o400)
    assert zipped(entries) == first


def test_other_unzippers_find_the_same_files_and_no_fault(tmp_path: Path, entries: list[PackageEntry]) -> None:
    (tmp_path / "p.zip").write_bytes(zipped(entries))
    subprocess.run(["unzip", "-qt", tmp_path / "p.zip"], check=True, timeout=20)
    subprocess.run(["unzip", "-q", tmp_path / "p.zip", "-d", tmp_path / "unzipped"], check=True, timeout=20)
    check_bag(tmp_path / "unzipped" / NAME)
    with zipfile.ZipFile(tmp_path / "p.zip") as archive:
        assert archive.testzip() is None
        assert {archive.getinfo(name).compress_type for name in archive.namelist()} == {zipfile.ZIP_STORED}
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert [archive.read(f"{NAME}/{entry.path}") for entry in entries] == [content(entry) for entry in entries]


def test_a_header_says_everything_before_the_bytes_where_it_was_known(entries: list[PackageEntry]) -> None:
    with zipfile.ZipFile(io.BytesIO(zipped(entries))) as archive:
        follows = [info.filename for info in archive.infolist() if info.flag_bits & 8]
    assert follows == [f"{NAME}/data/master/large.mp4"]


def test_the_bagit_validator_and_sha256sum_accept_the_bag(tmp_path: Path, entries: list[PackageEntry]) -> None:
    (tmp_path / "p.zip").write_bytes(zipped(entries))
    folder = open_package(tmp_path / "p.zip", tmp_path).folder
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bagit.Bag(str(folder)).validate()
    subprocess.run([sys.executable, "-m", "bagit", "--validate", "--quiet", folder], check=True, timeout=30)
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        subprocess.run(["sha256sum", "--strict", "--quiet", "-c", manifest], cwd=folder, check=True, timeout=20)


def test_a_zip_beyond_4_gib_is_laid_out_as_others_expect(tmp_path: Path) -> None:
    """With holes instead of the large files' bytes, which would take minutes; everything around them is there."""
    sizes = {f"{NAME}/huge": (4 << 30) + 5, f"{NAME}/full": 1 << 32, f"{NAME}/after": 5, f"{NAME}/last": LARGE}
    members = list[Member]()
    with (tmp_path / "p.zip").open("wb") as file:
        for name, size in sizes.items():
            member = Member(name, size, zlib.crc32(bytes(size)) if size <= LARGE else 0, file.tell(), "l" in name)
            members.append(member)
            file.write(member.before())
            file.seek(size, os.SEEK_CUR)
            file.write(member.after())
        file.write(directory(members))
    with zipfile.ZipFile(tmp_path / "p.zip") as archive:
        assert {info.filename: info.file_size for info in archive.infolist()} == sizes
        assert archive.read(f"{NAME}/last") == bytes(LARGE)
    command = ["unzip", "-t", tmp_path / "p.zip", f"{NAME}/after", f"{NAME}/last"]
    tested = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert b"No errors detected" in tested.stdout
    listed = subprocess.run(["unzip", "-l", tmp_path / "p.zip"], capture_output=True, check=True, timeout=60).stdout
    assert str((4 << 30) + 5).encode() in listed
    with (tmp_path / "p.zip").open("rb") as file:
        file.seek(-TAIL, os.SEEK_END)
        start, count = find_directory(file.read(), (tmp_path / "p.zip").stat().st_size)
        file.seek(start)
        assert parse_directory(file.read(), count) == members


def test_the_size_of_a_package_beyond_4_gib_is_foretold(tmp_path: Path) -> None:
    (tmp_path / "huge").touch()
    os.truncate(tmp_path / "huge", (4 << 30) + 5)
    small = package_size(NAME, [PackageEntry("data/huge", b"")], INFO)
    large = package_size(NAME, [PackageEntry("data/huge", tmp_path / "huge", "0" * 64, 1)], INFO)
    assert large - small - (4 << 30) - 5 == 2 * 20 + 2 * 12 + 56 + 20 + len("4294967301") - len("0")


# -- what is refused ---------------------------------------------------------------------------------------------


def test_a_file_that_is_not_the_one_hashed_before_is_refused(tmp_path: Path) -> None:
    for size in (10, LARGE):
        path = tmp_path / str(size)
        path.write_bytes(noise(size))
        digest, crc32 = hashlib.sha256(noise(size)).hexdigest(), zlib.crc32(noise(size))
        path.write_bytes(noise(size, b"another"))
        for entry in (
            PackageEntry("data/clip.mp4", path, digest),
            PackageEntry("data/clip.mp4", path, digest, crc32),
            PackageEntry("data/clip.mp4", noise(size, b"another"), digest),
        ):
            with pytest.raises(PackageDamaged, match=r"data/clip\.mp4"):
                zipped([entry])


@pytest.mark.parametrize("change", [-1, +1])
def test_a_file_that_grows_or_shrinks_while_it_is_read_is_refused(tmp_path: Path, change: int) -> None:
    (tmp_path / "first").write_bytes(noise(LARGE))
    (tmp_path / "second").write_bytes(noise(LARGE))
    entries = [PackageEntry(f"data/{name}", tmp_path / name) for name in ("first", "second")]

    def meddle(_: int) -> None:
        os.truncate(tmp_path / "second", LARGE + change)

    with pytest.raises(PackageDamaged, match="became"):
        write_package(io.BytesIO(), NAME, entries, INFO, meddle)


@pytest.mark.parametrize(
    "paths",
    [
        ["data/../x"],
        ["/data/x"],
        ["data//x"],
        ["x"],
        ["data/"],
        ["data/a\\b"],
        ["data/a\nb"],
        ["data/CON.txt"],
        ["data/a "],
        ["data/a:b"],
        ["data/100%"],
        ["data/u\u0308"],
        ["data/\u202egpj.exe"],
        ["data/" + "x" * 201],
        ["data/" + "x/" * 30 + "x"],
        ["data/a", "data/a"],
        ["data/a", "data/A"],
        ["data/a", "data/a/b"],
        ["data/\ud800"],
    ],
)
def test_names_that_mean_something_else_on_another_computer_are_refused(paths: list[str]) -> None:
    with pytest.raises(ValueError):
        zipped([PackageEntry(path, b"x") for path in paths])


@pytest.mark.parametrize("info", [{"A:b": "x"}, {"Label": "two\nlines"}, {"Payload-Oxum": "1.1"}, {"": "x"}])
def test_bag_info_that_would_not_be_read_back_is_refused(info: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        zipped([], info)


# -- what is found on opening ------------------------------------------------------------------------------------


def open_bytes(folder: Path, package: bytes, limits: PackageLimits | None = None) -> None:
    """Open it in a new folder, which must be empty again if it was refused."""
    (folder / "p.zip").write_bytes(package)
    into = folder / "into"
    into.mkdir(exist_ok=True)
    try:
        open_package(folder / "p.zip", into, limits)
    finally:
        left = [path.name for path in into.iterdir() if path.name != NAME]
        assert left == []


@pytest.mark.slow
def test_a_flipped_bit_anywhere_in_the_zip_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "exchange.package.writing._SMALL", 50
    )  # so that a small package has every structure of a large one
    (tmp_path / "large").write_bytes(noise(100))
    package = zipped([PackageEntry("data/small.txt", b"small"), PackageEntry("data/large", tmp_path / "large")])
    for place in range(len(package)):
        altered = bytearray(package)
        altered[place] ^= 1 << place % 8
        with pytest.raises(PackageDamaged):
            open_bytes(tmp_path, bytes(altered))
    open_bytes(tmp_path, package)


def test_a_flipped_bit_anywhere_in_the_sealed_file_is_found(tmp_path: Path) -> None:
    identity, target = generate_identity("x25519"), tmp_path / "p.zip.age"
    seal_package(target, NAME, [PackageEntry("data/clip", noise(200_000))], INFO, [identity.recipient])
    sealed = target.read_bytes()
    for place in [*range(250), *range(250, len(sealed), 5003), *range(len(sealed) - 20, len(sealed))]:
        altered = bytearray(sealed)
        altered[place] ^= 1 << place % 8
        target.write_bytes(altered)
        with pytest.raises((SealDamaged, KeyDoesNotOpen)):
            decrypt_file(target, tmp_path / "p.zip", [identity])
        assert not (tmp_path / "p.zip").exists()


def test_a_package_cut_short_or_with_anything_added_is_found(tmp_path: Path) -> None:
    package = zipped([PackageEntry("data/a", b"a" * 100)])
    altered = [package[:length] for length in range(0, len(package), 7)]
    altered += [package + b"\0", b"\0" + package, package[:200] + b"\0" + package[200:], package + package]
    for variant in altered:
        with pytest.raises(PackageDamaged):
            open_bytes(tmp_path, variant)


def forge(files: dict[str, bytes]) -> bytes:
    """A zip in our very form, of any files under any names, with its CRCs right."""
    out, members = b"", list[Member]()
    for name, data in files.items():
        member = Member(name, len(data), zlib.crc32(data), len(out), crc_follows=False)
        members.append(member)
        out += member.before() + data
    return out + directory(members)


def bag_files(payload: dict[str, bytes], **replaced: bytes | None) -> dict[str, bytes]:
    """The files of a sound bag of ``payload``; then, by name, with others in their place."""

    def lines(files: dict[str, bytes]) -> bytes:
        return "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items()).encode()

    tags = {
        "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "bag-info.txt": b"Bagging-Date: 2026-11-21\n",
        "manifest-sha256.txt": lines(payload),
    }
    tags |= {name: data for name, data in replaced.items() if data is not None}
    tags["tagmanifest-sha256.txt"] = lines(tags)
    return {f"{NAME}/{name}": data for name, data in {**payload, **tags}.items() if replaced.get(name, b"") is not None}


def test_the_forger_of_these_tests_makes_packages_that_open(tmp_path: Path) -> None:
    open_bytes(tmp_path, forge(bag_files({"data/x": b"x"})))


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"../evil": b"x"}, "name"),
        ({"/etc/cron.d/evil": b"x"}, "name"),
        ({f"{NAME}/../../evil": b"x"}, "name"),
        ({f"{NAME}/data/..\\evil": b"x"}, "name"),
        ({f"{NAME}/x": b"x", "other/x": b"x"}, "more than one folder"),
        ({f"{NAME}": b"x"}, "folder"),
        ({f"{NAME}/data/x": b"1", f"{NAME}/data/X": b"2"}, "twice"),
        ({f"{NAME}/data/x": b"1", f"{NAME}/data/x/y": b"2"}, "both a file and a folder"),
        ({}, "empty"),
        ({f"{NAME}/data/x": b"1"}, r"bagit\.txt is missing"),
        ({**bag_files({"data/x": b"x"}), f"{NAME}/data/y": b"y"}, "'data/y' was added"),
        ({**bag_files({"data/x": b"x"}), f"{NAME}/notes.txt": b"y"}, r"'notes\.txt' was added"),
        ({**bag_files({"data/x": b"x"}), f"{NAME}/data/x": b"y"}, "data/x was changed"),
        (
            {name: data for name, data in bag_files({"data/x": b"x"}).items() if not name.endswith("x")},
            "data/x is missing",
        ),
        (bag_files({"data/x": b"x"}, **{"bagit.txt": b"BagIt-Version: 0.97\n"}), "BagIt 1.0"),
        (bag_files({"data/x": b"x"}, **{"bag-info.txt": b"Payload-Oxum: 2.1\n"}), "counts other files"),
        (bag_files({"data/x": b"x"}, **{"bag-info.txt": b"\xff\n"}), "UTF-8"),
        (bag_files({"data/x": b"x"}, **{"bag-info.txt": b"no colon\n"}), "says nothing"),
        (bag_files({"data/x": b"x"}, **{"manifest-sha256.txt": b"zz  data/x\n"}), "says nothing"),
        (bag_files({"data/x": b"x"}, **{"manifest-sha256.txt": b"0" * 64 + b"  ../../x\n"}), "leads out"),
        (
            bag_files({"data/x": b"x"}, **{"manifest-sha256.txt": 2 * (b"0" * 64 + b"  data/x\n")}),
            "names 'data/x' twice",
        ),
    ],
)
def test_a_package_made_to_deceive_is_refused_with_the_reason(
    tmp_path: Path, files: dict[str, bytes], told: str
) -> None:
    with pytest.raises(PackageDamaged, match=told):
        open_bytes(tmp_path, forge(files))
    assert not (tmp_path / "evil").exists()


def other_zip(write: Callable[[zipfile.ZipFile], None]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        write(archive)
    return out.getvalue()


def test_a_symbolic_link_a_compressed_file_and_a_bomb_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo(f"{NAME}/data/link", (1980, 1, 1, 0, 0, 0))
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    for package in (
        other_zip(lambda archive: archive.writestr(link, "/etc/passwd")),
        other_zip(lambda archive: archive.writestr(f"{NAME}/data/bomb", bytes(10 << 20), zipfile.ZIP_DEFLATED)),
        other_zip(lambda archive: archive.writestr(f"{NAME}/data/", b"")),
    ):
        with pytest.raises(PackageDamaged):
            open_bytes(tmp_path, package)


def test_limits_on_files_and_size_hold(tmp_path: Path) -> None:
    package = forge(bag_files({f"data/{number}": b"" for number in range(20)}))
    for limits in (PackageLimits(files=23), PackageLimits(size=len(package) - 1)):
        with pytest.raises(PackageDamaged):
            open_bytes(tmp_path, package, limits)
    open_bytes(tmp_path, package, PackageLimits(files=24, size=len(package)))


def test_an_opened_package_is_never_opened_over(tmp_path: Path) -> None:
    package = zipped([PackageEntry("data/x", b"x")])
    open_bytes(tmp_path, package)
    (tmp_path / "into" / NAME / "notes.txt").write_text("the officer's")
    with pytest.raises(HandoverError, match="there already"):
        open_bytes(tmp_path, package)
    assert (tmp_path / "into" / NAME / "notes.txt").read_text() == "the officer's"
    with pytest.raises(NotFound):
        open_package(tmp_path / "none.zip", tmp_path)


@pytest.fixture(scope="module")
def sound() -> bytes:
    return zipped([PackageEntry("data/a", b"a" * 300), PackageEntry("data/b", b"b")])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 2000), removed=st.integers(0, 60), inserted=st.binary(max_size=60))
def test_any_splice_ends_in_one_of_our_errors(
    tmp_path: Path, sound: bytes, place: int, removed: int, inserted: bytes
) -> None:
    altered = sound[:place] + inserted + sound[place + removed :]
    if altered != sound:
        with pytest.raises(PackageDamaged):
            open_bytes(tmp_path, altered)


@pytest.mark.slow
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from([b"PK\3\4", b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\6\7", b"\xff" * 8, bytes(18)]),
            st.builds(
                lambda name, size: directory([Member(name, size, 0, 0, False)]),
                st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
                st.integers(0, 1 << 62),
            ),
        ),
        max_size=8,
    )
)
def test_any_bytes_as_a_zip_end_in_one_of_our_errors(tmp_path: Path, parts: list[bytes]) -> None:
    with pytest.raises(PackageDamaged):
        open_bytes(tmp_path, b"".join(parts))


# -- folders -----------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "p.zip").write_bytes(zipped([PackageEntry("data/a", b"a"), PackageEntry("data/b/c", b"c")]))
    return open_package(tmp_path / "p.zip", tmp_path).folder


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\n")


@pytest.mark.parametrize(
    ("meddle", "told"),
    [
        (lambda bag: append(bag / "data/a"), "data/a was changed"),
        (lambda bag: (bag / "data/a").unlink(), "data/a is missing"),
        (lambda bag: (bag / "data/new").touch(), "'data/new' was added"),
        (lambda bag: (bag / "new").touch(), "'new' was added"),
        (lambda bag: append(bag / "bag-info.txt"), r"bag-info\.txt was changed"),
        (lambda bag: append(bag / "manifest-sha256.txt"), r"manifest-sha256\.txt was changed"),
        (lambda bag: (bag / "tagmanifest-sha256.txt").unlink(), r"tagmanifest-sha256\.txt is missing"),
        (lambda bag: (bag / "data/link").symlink_to("/etc/passwd"), "'data/link' is not a plain file"),
        (lambda bag: ((bag / "data/a").unlink(), (bag / "data/a").symlink_to("b/c")), "not a plain file"),
        (lambda bag: os.mkfifo(bag / "data/pipe"), "'data/pipe' is not a plain file"),
        (lambda bag: (bag / "/".join(["data", *"x" * 40])).mkdir(parents=True), "without end"),
    ],
)
def test_whatever_was_done_to_an_opened_bag_is_found(folder: Path, meddle: Callable[[Path], None], told: str) -> None:
    check_bag(folder)
    meddle(folder)
    with pytest.raises(PackageDamaged, match=told):
        check_bag(folder)


def test_a_bag_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        check_bag(tmp_path / "nowhere")


# -- sealed ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["x25519", "hybrid"])
def test_a_sealed_package_is_the_same_zip_for_each_of_its_recipients(
    tmp_path: Path, entries: list[PackageEntry], kind: Kind
) -> None:
    case, archive, told = generate_identity(kind), generate_identity(kind), list[int]()
    target, recipients = tmp_path / "p.zip.age", [case.recipient, archive.recipient]
    facts = seal_package(target, NAME, entries, INFO, recipients, told.append)
    sealed = target.read_bytes()
    assert facts.ciphertext_sha256 == hashlib.sha256(sealed).hexdigest()
    assert facts.ciphertext_size == len(sealed)
    assert facts.zip_size == told[-1] == package_size(NAME, entries, INFO)
    for identity in (case, archive):
        decrypt_file(target, tmp_path / "opened.zip", [identity])
        assert (tmp_path / "opened.zip").read_bytes() == zipped(entries)
    assert target.stat().st_mode & 0o777 == 0o600


def test_what_is_told_as_final_of_a_sealed_file_that_is_being_made_stays_so(
    tmp_path: Path, entries: list[PackageEntry]
) -> None:
    target, seen = only_dir(tmp_path / "out") / "p.zip.age", list[tuple[bytes, int]]()

    def grew(file: Path, final: int, size: int) -> None:
        assert not target.exists()
        seen.append((file.read_bytes()[:final], size))

    facts = seal_package(target, NAME, entries, INFO, [generate_identity("x25519").recipient], growth=grew)
    whole = target.read_bytes()
    assert len(seen) > 3
    assert all(whole.startswith(part) and size == len(whole) for part, size in seen)
    assert seen[-1][0] == whole
    assert facts.ciphertext_size == len(whole)


def test_nothing_is_left_of_a_sealing_that_failed(tmp_path: Path, entries: list[PackageEntry]) -> None:
    target, recipients = only_dir(tmp_path / "out") / "p.zip.age", [generate_identity("x25519").recipient]
    bad = [*entries, PackageEntry("data/bad", b"x", "0" * 64)]
    with pytest.raises(PackageDamaged):
        seal_package(target, NAME, bad, INFO, recipients)
    assert list(target.parent.iterdir()) == []

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        seal_package(target, NAME, entries, INFO, recipients, interrupt)
    assert list(target.parent.iterdir()) == []


FULL_DISK = """
import errno, os, subprocess, sys
from pathlib import Path
from exchange.age.files import generate_identity
from exchange.errors import DiskFull
from exchange.package.writing import PackageEntry, seal_package

disk, source = Path(sys.argv[1]), Path(sys.argv[2])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk], check=True)
recipients = [generate_identity("x25519").recipient]

def seal(size, progress=None):
    os.truncate(source, size)
    seal_package(disk / "p.age", "EV", [PackageEntry("data/clip", source)], {}, recipients, progress)

def fill(_):
    try:
        with open(disk / "others", "ab") as file:
            file.write(bytes(1 << 20))
    except OSError:
        pass

def cannot(*_):
    raise OSError(errno.EOPNOTSUPP, "not supported")

reserve = os.posix_fallocate
for size, progress, os.posix_fallocate in ((9 << 20, None, reserve), (7 << 20, fill, cannot)):
    try:
        seal(size, progress)
    except DiskFull as error:
        print(error.what, "told" if progress is None else "met")
    (disk / "others").unlink(missing_ok=True)
    assert list(disk.iterdir()) == [], list(disk.iterdir())
os.posix_fallocate = reserve
seal(7 << 20, fill)
"""


def test_a_full_disk_is_told_and_nothing_half_made_is_left(tmp_path: Path) -> None:
    """On a small disk of its own, in a namespace of its own: at once if it cannot fit; or when it fills meanwhile,
    where the file system can't keep room for a file. Where it can, what others write then is in nobody's way."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "source").touch()
    code = [sys.executable, "-c", FULL_DISK, tmp_path / "disk", tmp_path / "source"]
    ran = subprocess.run(["unshare", "--map-root-user", "--mount", *code], capture_output=True, timeout=60)
    assert ran.returncode == 0, ran.stderr.decode()
    assert [line.split()[-1] for line in ran.stdout.decode().splitlines()] == ["told", "met"]


def test_a_worker_that_seals_imports_none_of_the_large_libraries() -> None:
    code = "import sys, exchange.package.writing; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    names = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=20).stdout.decode()
    assert not [name for name in ("pydantic", "aiohttp", "av", "asyncio", "ssl", "zipfile") if f"'{name}'" in names]
