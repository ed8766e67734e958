"""What stands on the recovery sheet is enough: with it, and other people's programs, every copy opens anywhere."""

import asyncio
import hashlib
import os
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import cv2
import pytest

from agent.owner.operations.own_copies.recovery import Sheet
from agent.records.backups.archive_words import groups_of, identities_of_text, identity_of_words, words_of
from exchange.age.files import Kind, generate_identity, parse_identity
from exchange.errors import InputInvalid
from tests.counterparts.processes.browser import chromium, window
from tests.counterparts.processes.npm import npm_package
from tests.journey.backups.keeping import handed_over, kept
from tests.journey.home import ACTOR, owner_does

SHOTS = Path(os.environ.get("HANDOVER_SHOTS", "/nonexistent"))
BY_NODE = """
import { readFileSync, writeFileSync } from "node:fs";
import * as age from "age-encryption";
const [key, sealed, target] = process.argv.slice(2);
const decrypter = new age.Decrypter();
decrypter.addIdentity(readFileSync(key, "utf8").trim());
writeFileSync(target, await decrypter.decrypt(readFileSync(sealed)));
"""


def typed_on(sheet: str, beginning: str) -> str:
    """A line of the sheet that is to be typed."""
    lines = [unescape(re.sub(r"<[^>]+>", "", each)) for each in re.findall(r"<code>(.*?)</code>", sheet, re.DOTALL)]
    return next(line for line in lines if line.startswith(beginning))


def in_a_clean_place(folder: Path, line: str) -> None:
    """What somebody types on a machine that has never seen Handover: an empty home, and Debian's programs."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8"}
    done = subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, (line, done.stderr)


async def scanned(page: Path, pictures: Path) -> list[str]:
    """The QR codes of the sheet as it is printed, read from a picture of the paper."""
    async with chromium() as browser, window(browser, "http://localhost") as tab:
        await tab.goto(page.as_uri())
        pdf = await tab.pdf(prefer_css_page_size=True)
    (pictures / "sheet.pdf").write_bytes(pdf)
    command = ["pdftoppm", "-r", "150", "-png", str(pictures / "sheet.pdf"), str(pictures / "sheet")]
    await asyncio.to_thread(subprocess.run, command, check=True, timeout=60)
    paper = sorted(pictures.glob("sheet-*.png"))
    assert len(paper) <= 2, "the sheet has two pages at most"
    if SHOTS.is_dir():
        for each in paper:
            shutil.copy(each, SHOTS / f"recovery-{each.name}")
    found: list[str] = []
    for each in paper:
        read, texts, *_ = cv2.QRCodeDetectorAruco().detectAndDecodeMulti(cv2.imread(str(each)))
        found += [text for text in texts if text] if read else []
    return found


async def test_with_the_printed_sheet_alone_debians_age_opens_every_copy_and_the_state(tmp_path: Path) -> None:
    async with kept(tmp_path) as at:
        evidence_id = await handed_over(at)
        await at.agent.backups.run()
        sheet = (await owner_does(at.agent, "recovery-sheet", Sheet(), ACTOR))["page"]
        expected = hashlib.sha256(at.settings.package(evidence_id).read_bytes()).hexdigest()
    (tmp_path / "sheet.html").write_text(sheet)
    keys = await scanned(tmp_path / "sheet.html", tmp_path)
    old = next(key for key in keys if key.startswith("AGE-SECRET-KEY-1"))
    new = next(key for key in keys if key.startswith("AGE-SECRET-KEY-PQ-1"))
    clean = tmp_path / "clean"
    await asyncio.to_thread(shutil.copytree, tmp_path / "places/nas", clean)
    copy = next(clean.rglob(f"{evidence_id}.zip.age"))
    assert hashlib.sha256(copy.read_bytes()).hexdigest() == expected  # what the force receipted
    (copy.parent / "key.txt").write_text(old + "\n")
    line = typed_on(sheet, "(cat").replace("COPY", evidence_id)
    await asyncio.to_thread(in_a_clean_place, copy.parent, f"{line} && unzip -qt package.zip")
    state = next((clean / "handover/state").iterdir())
    (clean / "key.txt").write_text(old + "\n")
    line = typed_on(sheet, "age -d -i key.txt handover/state/")
    assert state.name.startswith(line.rpartition("/")[2].partition("-")[0])
    await asyncio.to_thread(
        in_a_clean_place, clean, re.sub(r"handover/state/\S+", f"handover/state/{state.name}", line)
    )
    assert (clean / "keys/device.key").exists()
    # The newer kind of key, by a program of its own; Debian's age is too old for it.
    node = await asyncio.to_thread(npm_package, "age-encryption", "0.3.1")
    (node / "open-copy.mjs").write_text(BY_NODE)
    (clean / "newer.txt").write_text(new)
    command = ["node", "open-copy.mjs", str(clean / "newer.txt"), str(copy), str(clean / "newer.zip")]
    await asyncio.to_thread(subprocess.run, command, cwd=node, check=True, timeout=60)
    assert (clean / "newer.zip").read_bytes() == (copy.parent / "package.zip").read_bytes()


async def test_a_case_with_an_older_key_needs_nothing_but_age(tmp_path: Path) -> None:
    async with kept(tmp_path, case="x25519") as at:
        evidence_id = await handed_over(at)
        await at.agent.backups.run()
        sheet = (await owner_does(at.agent, "recovery-sheet", Sheet(language="de"), ACTOR))["page"]
    assert "Notfallblatt von Robin Example" in sheet
    key = next(each for each in re.findall(r"<code>((?:<span>[^<]+</span>)+)", sheet))
    copy = next((tmp_path / "places/nas").rglob(f"{evidence_id}.zip.age"))
    (copy.parent / "key.txt").write_text(re.sub(r"<[^>]+>", "", key) + "\n")  # typed, without the gaps
    line = typed_on(sheet, "age -d -i key.txt -o").replace("COPY", evidence_id)
    await asyncio.to_thread(in_a_clean_place, copy.parent, f"{line} && unzip -qt package.zip")


async def test_without_older_age_nothing_weaker_lies_beside_the_copies(tmp_path: Path) -> None:
    async with kept(tmp_path, "backups: {places: [{place: nas}], any_age: no}") as at:
        await handed_over(at)
        await at.agent.backups.run()
        sheet = (await owner_does(at.agent, "recovery-sheet", Sheet(), ACTOR))["page"]
    assert "older-age" not in sheet
    sealed = [path for path in (tmp_path / "places/nas").rglob("*") if path.is_file()]
    assert len(sealed) == 2
    for path in sealed:
        header = path.read_bytes()[:2000]
        assert b"-> mlkem768x25519 " in header
        assert b"-> X25519 " not in header


async def test_who_changes_their_mind_on_older_age_has_the_small_files_go_and_come(tmp_path: Path) -> None:
    async with kept(tmp_path) as at:
        await handed_over(at)
        for any_age in (True, False, True):
            backups = at.settings.backups.model_copy(update={"any_age": any_age})
            object.__setattr__(at.agent.services, "settings", at.settings.model_copy(update={"backups": backups}))
            await at.agent.backups.run(asked=True)
            for folder in (tmp_path / "places/nas", at.settings.filed_dir):
                assert len(list(folder.rglob("*.older-age"))) == any_age, (folder, any_age)


@pytest.mark.parametrize("kind", ["x25519", "hybrid"])
def test_a_key_comes_back_from_its_words_its_groups_and_its_text(kind: Kind) -> None:
    identity = generate_identity(kind)
    assert identity_of_words(words_of(identity), kind) == identity
    assert identities_of_text(" ".join(groups_of(identity)).lower()) == [identity]
    assert identities_of_text(f"# a comment\n{identity}\n") == [identity]
    assert "".join(groups_of(identity)) == str(identity)


def test_a_slip_in_the_words_or_the_letters_is_named() -> None:
    identity = parse_identity("AGE-SECRET-KEY-1R2P60XYYSLYUQAJNMPGNFJ5EUP9FNPQT0TJTHCMLC5EHRXMQH6LQQ3VJA4")
    words = words_of(identity)
    with pytest.raises(InputInvalid, match="Word 2, 'housse'"):
        identity_of_words([words[0], "housse", *words[2:]], "x25519")
    with pytest.raises(InputInvalid, match="23 words"):
        identity_of_words(words[:-1], "x25519")
    with pytest.raises(InputInvalid, match="do not fit together"):
        identity_of_words([words[1], words[0], *words[2:]], "x25519")
    text = str(identity)
    with pytest.raises(InputInvalid, match="letter"):
        identities_of_text(text[:30] + ("Q" if text[30] != "Q" else "P") + text[31:])
    with pytest.raises(InputInvalid, match="no archive key"):
        identities_of_text("nothing of the kind")
