"""The demo ends with 0 only when every step was done; what it leaves is checked here with nothing of ours."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pyrage
import pytest
from playwright.sync_api import sync_playwright

from tests.counterparts.files.demuxers import pictures_by_gstreamer, pictures_by_vlc
from tests.counterparts.golang.custody_program import asked, built
from tests.counterparts.processes.browser import CHROMIUM
from tests.counterparts.processes.npm import npm_package
from tests.paths import ROOT

STORY = ROOT / "scripts" / "demo_story.py"
BIN = Path(sys.executable).parent
PATIENCE = 240
pytestmark = pytest.mark.timeout(480)
_OPEN = """
import { readFileSync, writeFileSync } from "node:fs";
import * as age from "age-encryption";
const [key, sealed, target] = process.argv.slice(2);
const decrypter = new age.Decrypter();
const line = readFileSync(key, "utf8").split("\\n").find((line) => line.startsWith("AGE-SECRET-KEY"));
decrypter.addIdentity(line.trim());
writeFileSync(target, await decrypter.decrypt(readFileSync(sealed)));
"""


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """The demo, with a folder of its own for all temporary files: what is left there, it left.

    The folder's name stays short enough for the Unix sockets below it.
    """
    (folder / "tmp").mkdir(exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(folder / "tmp"), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, str(STORY), "--keep", str(folder / "kept"), *words]
    with (folder / "shown.txt").open("w") as shown:
        return subprocess.Popen(
            command, stdout=shown, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, env=environment
        )


def shown_by(folder: Path) -> str:
    return (folder / "shown.txt").read_text()


def until(demo: subprocess.Popen[str], folder: Path, pattern: str) -> str:
    """Wait until the demo shows a line; that line."""
    ends = time.monotonic() + PATIENCE
    while not (found := re.search(pattern + r".*\n", shown_by(folder))):
        assert demo.poll() is None, shown_by(folder)
        assert time.monotonic() < ends, shown_by(folder)
        time.sleep(0.1)
    return found[0]


def finish(demo: subprocess.Popen[str], folder: Path) -> str:
    code, text = demo.wait(PATIENCE), shown_by(folder)
    assert code == 0, text
    assert "Traceback" not in text
    assert_nothing_runs(folder)
    return text


def assert_nothing_runs(folder: Path) -> None:
    """No process names the demo's folder, and its temporary files are gone."""
    assert processes_of(folder) == []
    assert list((folder / "tmp").iterdir()) == []


def processes_of(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words, there = (process / "cmdline").read_text(), os.readlink(process / "cwd")
            environment = (process / "environ").read_text()
        except OSError:
            continue
        if f"TMPDIR={folder}/tmp" in environment or str(folder) in words + there:
            found.append(words.replace("\0", " "))
    return found


def run(*command: str | Path, given: str | None = None, cwd: Path | None = None) -> str:
    ended = subprocess.run(
        list(map(str, command)), input=given, capture_output=True, text=True, cwd=cwd, timeout=60, check=False
    )
    assert ended.returncode == 0, (command, ended.stdout, ended.stderr)
    return ended.stdout


def verify(kept: Path, who: str, document: str, signature: Path) -> None:
    """``ssh-keygen -Y verify``, in the namespace of the document's kind."""
    namespace = f"{json.loads(document)['kind']}@handover"
    signers = kept / "allowed_signers"
    said = run("ssh-keygen", "-Y", "verify", "-f", signers, "-I", who, "-n", namespace, "-s", signature, given=document)
    assert said.startswith("Good"), said


def video_hashes(files: Sequence[Path]) -> list[str]:
    """The hash of every video packet, in order."""
    hashes = []
    for file in files:
        told = run(
            "ffprobe", "-v", "error", "-select_streams", "v:0", "-show_packets", "-show_data_hash", "sha256",
            "-of", "json", file,
        )  # fmt: skip
        hashes += [packet["data_hash"] for packet in json.loads(told)["packets"]]
    return hashes


def check_package(kept: Path, work: Path, case_key: str) -> None:
    """Open the sealed package, and check all of it, with other people's programs alone."""
    (sealed,) = (kept / "packages").glob("*.zip.age")
    package = work / "package.zip"
    if case_key == "x25519":
        run("age", "-d", "-i", kept / "case.key", "-o", package, sealed)
        line = next(line for line in (kept / "case.key").read_text().splitlines() if line.startswith("AGE-SECRET-KEY"))
        identity = pyrage.x25519.Identity.from_str(line)
        assert pyrage.decrypt(sealed.read_bytes(), [identity]) == package.read_bytes()
    else:
        node = npm_package("age-encryption", "0.3.1")
        program = node / "open-package.mjs"
        program.write_text(_OPEN)
        run("node", program, kept / "case.key", sealed, package, cwd=node)
    run("unzip", "-q", package, "-d", work / "unzipped")
    (bag,) = (work / "unzipped").iterdir()
    run(BIN / "bagit.py", "--validate", bag)
    run("diff", "-r", bag, kept / "opened")
    data = kept / "opened" / "data"
    for who, name in (("device", "evidence"), ("device", "decision"), ("officer", "request")):
        verify(kept, who, (data / f"{name}.json").read_text(), data / f"{name}.json.sig")
    (receipt,) = (kept / "receipts").glob("*.json")
    verify(kept, "officer", receipt.read_text(), receipt.with_suffix(".json.sig"))
    told = json.loads(receipt.read_text())
    assert told["ciphertext_sha256"] == hashlib.sha256(sealed.read_bytes()).hexdigest()
    assert told["verified"] is True
    code, found = asked(built(work), data)
    assert (code, "lines hold in a log of" in found) == (0, True), found


def check_master(kept: Path) -> None:
    """The master's packets are the recorder's, one after the other, from across two recordings."""
    (master,) = (kept / "opened" / "data" / "master").iterdir()
    recordings = sorted((kept / "recordings" / "front-door").glob("*/*.m*"))
    copied, recorded = video_hashes([master]), video_hashes(recordings)
    first = recorded.index(copied[0])
    assert len(copied) > 100
    assert recorded[first : first + len(copied)] == copied
    assert first < len(video_hashes(recordings[:1])) < first + len(copied)
    run("ffmpeg", "-v", "error", "-xerror", "-i", master, "-f", "null", "-")
    work = kept.parent
    assert pictures_by_vlc(master, work / "vlc") == len(copied)
    assert pictures_by_gstreamer(master, work / "gstreamer.h264") == len(copied)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        page = browser.new_page()
        page.goto(master.as_uri())
        page.wait_for_function("document.querySelector('video')?.currentTime > 1")
        browser.close()


def sent(kept: Path) -> list[tuple[str, str, str]]:
    """Method, path and body of all that left the agent, in order."""
    notes = [json.loads(path.read_text()) for path in sorted((kept / "sent").iterdir())]
    return [(note["method"], note["path"], json.dumps(note["body"])) for note in notes]


def check_sent(kept: Path) -> None:
    """Nothing was uploaded before the decision, and what was announced is the sealed package's hash."""
    calls = sent(kept)
    decided = next(number for number, (_, path, _) in enumerate(calls) if path.endswith("/decision"))
    uploads = [number for number, (_, path, _) in enumerate(calls) if "/uploads" in path]
    assert uploads
    assert min(uploads) > decided
    (sealed,) = (kept / "packages").glob("*.zip.age")
    assert any(hashlib.sha256(sealed.read_bytes()).hexdigest() in body for _, _, body in calls)


def test_two_demos_at_once_both_end_well_and_the_one_with_a_no_sends_nothing(tmp_path: Path) -> None:
    """What the one with a yes leaves is checked without Handover."""
    yes, no = tmp_path / "yes", tmp_path / "no"
    yes.mkdir()
    no.mkdir()
    demos = start(yes, "--yes", "--case-key", "x25519"), start(no, "--no")
    try:
        said = finish(demos[0], yes)
        assert "no upload was begun" in finish(demos[1], no)
    finally:
        for demo in demos:
            demo.kill()
    assert said.count("The manifest was signed by the device.") == 1
    assert said.rstrip().endswith("Every step was done and checked.")
    check_package(yes / "kept", yes, "x25519")
    check_master(yes / "kept")
    check_sent(yes / "kept")
    assert {path.name for path in (yes / "kept").iterdir()} == {
        "recordings", "packages", "case.key", "force.pub", "allowed_signers", "receipts", "opened", "agent.db",
        "portal.db", "sent", "logs", "first-frame.png", "last-frame.png",
    }  # fmt: skip
    kept = no / "kept"
    assert not [path for _, path, _ in sent(kept) if "/uploads" in path or "/deliver" in path]
    assert list((kept / "packages").iterdir()) == list((kept / "receipts").iterdir()) == []
    assert not (kept / "opened").exists()
    (decision,) = [body for _, path, body in sent(kept) if path.endswith("/decision")]
    assert "declined" in decision


def test_disturbed_demos(tmp_path: Path) -> None:
    """Three at once, each disturbed while its camera is being recorded, leave no process and say what happened."""
    names = ("ctrl-c", "service", "killed")
    for name in names:
        (tmp_path / name).mkdir()
    demos = {name: start(tmp_path / name, "--yes") for name in names}
    try:
        for name, demo in demos.items():
            until(demo, tmp_path / name, "the camera to be recorded")
        demos["ctrl-c"].send_signal(signal.SIGINT)
        demos["service"].send_signal(signal.SIGTERM)
        os.kill(_daemon(tmp_path / "killed"), signal.SIGKILL)
        codes = [demo.wait(120) for demo in demos.values()]
    finally:
        for demo in demos.values():
            demo.kill()
            demo.wait()
    shown = {name: shown_by(tmp_path / name) for name in names}
    assert codes == [130, 130, 1], shown
    assert "The demo stopped." in shown["killed"], shown["killed"]
    assert (tmp_path / "killed" / "kept" / "logs" / "daemon.log").exists()
    for name in names:
        assert "Traceback" not in shown[name]
        assert_nothing_runs(tmp_path / name)


def _daemon(folder: Path) -> int:
    (daemon,) = [
        int(process.name)
        for process in Path("/proc").glob("[0-9]*")
        if _words(process)[-1:] == ["run"] and f"TMPDIR={folder}/tmp" in _environment(process)
    ]
    return daemon


def _words(process: Path) -> list[str]:
    try:
        return (process / "cmdline").read_text().rstrip("\0").split("\0")
    except OSError:
        return []


def _environment(process: Path) -> str:
    try:
        return (process / "environ").read_text()
    except OSError:
        return ""


def test_a_discovery_port_that_is_not_shared_is_named(tmp_path: Path) -> None:
    hold = "import socket,sys,subprocess; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('', 3702)); "
    hold += "sys.exit(subprocess.run(sys.argv[1:]).returncode)"
    command = [sys.executable, "-c", hold, sys.executable, str(STORY), "--no", "--keep", str(tmp_path / "kept")]
    namespace = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    ended = subprocess.run([*namespace, *command], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert re.search(r"UDP port 3702 is taken.*stop it and try again", ended.stdout, re.DOTALL)
    assert "Traceback" not in ended.stderr


def test_help_says_what_the_demo_takes() -> None:
    said = run(ROOT / "scripts" / "demo", "--help")
    for word in ("--yes", "--no", "--case-key", "--keep", "--python"):
        assert word in said


def test_the_page_is_shown_in_a_browser_and_answered_there(tmp_path: Path) -> None:
    demo = start(tmp_path, "--page")
    link = until(demo, tmp_path, r"http://localhost:\d+/pair#").split()[0]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        page = browser.new_page()
        page.goto(link)
        page.click("text=Go on")
        page.fill("#new", "four plain words here")
        page.fill("#again", "four plain words here")
        page.click("text=Use this password")
        page.click("a.ask")
        page.locator("video").evaluate("video => video.play()")
        page.click("text=Yes, go on")
        page.fill("#password", "four plain words here")
        page.click("text=Yes, send it")
        page.wait_for_selector("#stands")
        browser.close()
    said = finish(demo, tmp_path)
    assert "Every step was done and checked." in said
    check_package(tmp_path / "kept", tmp_path, "hybrid")
    check_sent(tmp_path / "kept")
