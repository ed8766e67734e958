"""Packages whose zip or bag is wrong: every trick by which two programs could see different files in one."""

import struct
from collections.abc import Callable
from dataclasses import replace

from exchange.package import bag
from scripts.vector_making.package import Case, sha256
from scripts.vector_making.vector import DAMAGED, MISMATCH, Vector
from scripts.vector_making.zips import Entry, build, entries

MASTER = "ev-1/data/master/front.mp4"
_SQUEEZED = bytes.fromhex(
    "edc13101000000c2a0f54f6d0d0fa0000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000805703"
)
"""A hundred thousand zeros, deflated: written down, because zlibs differ in how they do it."""
_LINK, _FOLDER, _DEVICE = 0o120777 << 16, 0o040755 << 16, 0o020644 << 16


def vectors() -> list[Vector]:
    found = [Vector(f"zip-{name}", what, content, {"bag": DAMAGED}) for name, what, content in _zips()]
    found += [Vector(f"bag-{name}", what, content, {"bag": DAMAGED}) for name, what, content in _bags()]
    return [*found, *_labels()]


def _with(name: str, **changes: object) -> list[Entry]:
    """All entries, one of them changed."""
    return [replace(one, **changes) if one.name.decode() == name else one for one in entries(Case().members())]  # type: ignore[arg-type]


def _and(*more: Entry) -> list[Entry]:
    """All entries, and these before the tag files that follow the payload."""
    whole = entries(Case().members())
    return [*whole[:-2], *more, *whole[-2:]]


def _renamed(name: str) -> list[Entry]:
    """The recording under another name, which the bag's manifests have as well."""

    def rename(files: dict[str, bytes]) -> dict[str, bytes]:
        return {name if path == "data/master/front.mp4" else path: content for path, content in files.items()}

    return entries(_repacked(rename))


def _repacked(change: Callable[[dict[str, bytes]], dict[str, bytes]]) -> dict[str, bytes]:
    """All files of a zip whose payload was changed by somebody who made the bag's manifests right again."""
    case = Case()
    payload = change(case.payload())
    tags = case.tag_files(payload)
    ordered = {bag.BAGIT: tags[bag.BAGIT], bag.INFO: tags[bag.INFO], **payload, **tags}
    return {f"ev-1/{path}": content for path, content in ordered.items()}


def _zips() -> list[tuple[str, str, bytes]]:
    sound = Case().zip()
    master = Case().payload()["data/master/front.mp4"]
    at = sound.index(master)
    flipped = sound[: at + 1000] + bytes([sound[at + 1000] ^ 0x10]) + sound[at + 1001 :]
    bomb = bytes(100_000)
    zip64 = struct.pack("<2H2Q", 1, 16, len(master), len(master))
    evil = b"not what was signed"
    end = sound[-22:]
    return [
        ("byte-flipped", "One bit of the recording is flipped.", flipped),
        ("cut-short", "The last 100 bytes are missing.", sound[:-100]),
        ("bytes-behind", "Something follows the end record.", sound + b"more"),
        (
            "bytes-before",
            "Something stands before the first entry; the offsets allow for it.",
            build([replace(entries(Case().members())[0], before=b"#!/bin/sh\n"), *entries(Case().members())[1:]]),
        ),
        ("bytes-between", "Something stands between two entries.", build(_with(MASTER, before=b"hidden"))),
        (
            "bytes-before-directory",
            "Something stands between the last entry and the directory.",
            build(entries(Case().members()), gap=b"hidden"),
        ),
        (
            "comment",
            "The zip carries a comment.",
            build(entries(Case().members()), comment=b"nothing signed says this"),
        ),
        ("entry-comment", "An entry carries a comment.", build(_with(MASTER, comment=b"look here"))),
        (
            "two-ends",
            "A second end record, which names the same directory, stands in the first one's comment.",
            sound[:-2] + struct.pack("<H", len(end)) + end,
        ),
        ("same-name-twice", "Two entries have the same name.", build(_and(Entry(MASTER.encode(), evil)))),
        (
            "other-name-where-it-lies",
            "A local header names another file than the directory.",
            build(_with(MASTER, local_name=b"ev-1/data/master/other.mp4")),
        ),
        (
            "other-crc-where-it-lies",
            "A local header has another CRC than the directory.",
            build(_with(MASTER, local={"crc": 1})),
        ),
        (
            "other-size-in-directory",
            "The directory says that the recording is shorter than its local header does.",
            build(_with(MASTER, row={"size": 100, "real": 100})),
        ),
        ("overlapping", "Two rows of the directory point at the same bytes.", build(_with(MASTER, row={"offset": 0}))),
        (
            "compressed",
            "One entry is compressed (method 8).",
            build(_and(Entry(b"ev-1/data/working/sheet.jpg", bomb, {"method": 8}, {"method": 8}, stored=_SQUEEZED))),
        ),
        (
            "unknown-method",
            "One entry is stored by a method that is not known (99).",
            build(_with(MASTER, local={"method": 99}, row={"method": 99})),
        ),
        (
            "encrypted",
            "The flag of one entry says that it is encrypted.",
            build(_with(MASTER, local={"flags": 1}, row={"flags": 1})),
        ),
        (
            "link",
            "One entry is a symbolic link.",
            build(_and(Entry(b"ev-1/data/working/link", b"/etc/passwd", row={"attributes": _LINK}))),
        ),
        (
            "folder-entry",
            "One entry is a folder.",
            build(_and(Entry(b"ev-1/data/more/", b"", row={"attributes": _FOLDER}))),
        ),
        (
            "device-entry",
            "One entry calls itself a device.",
            build(_and(Entry(b"ev-1/data/working/tty", b"", row={"attributes": _DEVICE}))),
        ),
        ("extra-field", "One entry has a zip64 field though its size fits.", build(_with(MASTER, extra=zip64))),
        (
            "zip64-lie",
            "The end record says that a zip64 record has the numbers, and there is none.",
            build(entries(Case().members()), end={"count": 0xFFFF, "start": 0xFFFFFFFF}),
        ),
        ("several-disks", "An entry claims to lie on a second disk.", build(_with(MASTER, row={"disk": 1}))),
        ("leads-out", "A name leads out of its folder.", build(_renamed("data/../../../evil.mp4"))),
        (
            "absolute",
            "A name begins at the root.",
            build([replace(one, name=b"/" + one.name) for one in entries(Case().members())]),
        ),
        (
            "backslash",
            "A name has a backslash, which is a folder on Windows.",
            build(_renamed("data\\master\\front.mp4")),
        ),
        (
            "case-twice",
            "Two names differ only in upper and lower case.",
            build(entries(_repacked(lambda files: files | {"data/master/FRONT.mp4": evil}))),
        ),
        (
            "not-normalised",
            "A name is not in Unicode's form NFC.",
            build(
                [
                    replace(one, row={"flags": 2048}, local={"flags": 2048}) if b"\xcc" in one.name else one
                    for one in _renamed("data/master/fru\u0308h.mp4")
                ]
            ),
        ),
        ("device-name", "A name is a device on Windows.", build(_renamed("data/master/com1.mp4"))),
        (
            "file-and-folder",
            "A name is a file and a folder at once.",
            build(entries(_repacked(lambda files: files | {"data/master/front.mp4/more": evil}))),
        ),
        ("two-folders", "The zip holds a second folder.", build(_and(Entry(b"ev-2/evil.mp4", evil)))),
        ("empty", "A zip without entries.", build([])),
    ]


def _bags() -> list[tuple[str, str, bytes]]:
    case = Case()
    whole = case.members()
    without = {name: content for name, content in whole.items() if name != MASTER}
    other = whole | {MASTER: whole[MASTER][::-1]}
    bagit = "ev-1/" + bag.BAGIT
    manifest, tags = "ev-1/" + bag.MANIFEST, "ev-1/" + bag.TAG_MANIFEST
    turned_round = whole | {manifest: b"".join(reversed(whole[manifest].splitlines(keepends=True)))}
    info = whole["ev-1/" + bag.INFO]
    miscounted = info.replace(b"Payload-Oxum: ", b"Payload-Oxum: 1")
    return [
        ("file-missing", "A file that the manifest names is not there.", build(entries(without))),
        (
            "file-added",
            "A file is there that the manifest does not name.",
            build(entries(whole | {"ev-1/data/working/more.jpg": b"more"})),
        ),
        (
            "file-changed",
            "A file has other bytes than the manifest says; the zip's CRC is right.",
            build(entries(other)),
        ),
        (
            "no-manifest",
            "manifest-sha256.txt is missing.",
            build(entries({name: content for name, content in whole.items() if name != manifest})),
        ),
        (
            "manifest-changed",
            "manifest-sha256.txt has its lines in another order, and is not the one that the tag manifest names.",
            build(entries(turned_round)),
        ),
        (
            "tag-file-added",
            "A file beside data/ is in no manifest.",
            build(entries(whole | {"ev-1/notes.txt": b"x\n"})),
        ),
        ("tag-file-listed", "A file beside data/ is in the tag manifest.", build(entries(_listed(whole)))),
        (
            "old-version",
            "bagit.txt is of an older BagIt.",
            build(entries(_tagged(whole, bagit, whole[bagit].replace(b"1.0", b"0.97")))),
        ),
        (
            "line-ends",
            "The lines of a manifest end in CR LF.",
            build(entries(_tagged(whole, manifest, whole[manifest].replace(b"\n", b"\r\n")))),
        ),
        (
            "miscounted",
            "Payload-Oxum counts other bytes than there are.",
            build(entries(_tagged(whole, "ev-1/" + bag.INFO, miscounted))),
        ),
        (
            "no-tag-manifest",
            "tagmanifest-sha256.txt is missing.",
            build(entries({name: content for name, content in whole.items() if name != tags})),
        ),
    ]


def _listed(whole: dict[str, bytes]) -> dict[str, bytes]:
    """A file beside data/ that the tag manifest names, as anybody can write it."""
    listed = bag.write_manifest([("notes.txt", sha256(b"Exhibit 2\n"))])
    tags = f"ev-1/{bag.TAG_MANIFEST}"
    return whole | {"ev-1/notes.txt": b"Exhibit 2\n", tags: whole[tags] + listed}


def _tagged(whole: dict[str, bytes], name: str, content: bytes) -> dict[str, bytes]:
    """One tag file changed, and the tag manifest made right again."""
    changed = whole | {name: content}
    named = [bag.BAGIT, bag.INFO, bag.MANIFEST]
    tags = bag.write_manifest((tag, sha256(changed[f"ev-1/{tag}"])) for tag in named)
    return changed | {f"ev-1/{bag.TAG_MANIFEST}": tags}


def _labels() -> list[Vector]:
    label = {"External-Description": "Exhibit EX/25/000001/HO-1, crime EX/25/000001"}
    return [
        Vector(
            "other-label",
            "bag-info.txt names another exhibit than the manifest.",
            Case(info=label).zip(),
            {"bag-info": MISMATCH},
        ),
        Vector(
            "other-folder",
            "The zip's folder is called by another evidence id.",
            Case().zip(name="ev-2"),
            {"bag-info": MISMATCH},
        ),
    ]
