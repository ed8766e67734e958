"""A working copy that the owner wants later: out of their own sealed package, for themselves."""

import asyncio
import json
from pathlib import Path

import pytest

from agent.owner.operations.records import EvidenceNamed, MakeCopy
from agent.requests.copies import later
from exchange.clock import DAY
from exchange.documents.copies import ChosenCopy, CopyKind
from exchange.errors import InputInvalid, NotFound
from tests.agent.media.working.masters import ffprobe
from tests.journey.home import ACTOR, Town, home, owner_does


async def made(at: Town, evidence_id: str, kind: CopyKind) -> dict[str, object]:
    wanted = MakeCopy(evidence_id=evidence_id, kind=ChosenCopy(kind=kind))
    reply = await owner_does(at.agent, "make-copy", wanted, ACTOR)
    while reply["doing"] is not None:
        await asyncio.sleep(0.05)
        reply = await owner_does(at.agent, "made-copies", EvidenceNamed(evidence_id=evidence_id), ACTOR)
    return reply


async def test_a_copy_is_made_of_the_sealed_package_and_nothing_of_it_stays_open(tmp_path: Path) -> None:
    async with home(tmp_path, pictures=True) as at:
        request_id = await at.asked()
        await at.say(request_id, yes=True)
        await at.agent.journey.settle()
        (package,) = await at.packages(request_id)
        sealed = at.settings.package(package.evidence_id)
        content, lines = sealed.read_bytes(), await at.events()
        reply = await made(at, package.evidence_id, CopyKind.TIGHT)
        (file,) = [Path(each["path"]) for each in reply["files"]]  # type: ignore[attr-defined]
        assert file.parent == at.settings.working_copies_dir / package.evidence_id
        assert file.parent.stat().st_mode & 0o077 == 0
        assert ffprobe("-show_entries", "stream=codec_name", file) == "h264"
        (about,) = json.loads((file.parent / "about.json").read_text())
        assert about["parameters"]
        assert about["tools"]["FFmpeg"]
        assert sealed.read_bytes() == content
        assert await at.events() == lines
        left = [path.name for path in at.settings.work_dir.glob("*") if "copy" in path.name]
        assert left == []
        again = await made(at, package.evidence_id, CopyKind.QUALITY)
        assert len(again["files"]) == 3  # type: ignore[arg-type]
        kept = at.settings.working_copies_dir
        assert await asyncio.to_thread(later.delete_old, kept, at.clock.now()) == 0
        assert await asyncio.to_thread(later.delete_old, kept, at.clock.now() + 9999 * DAY) == 1
        assert not file.exists()


async def test_of_what_is_not_there_no_copy_is_made(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        with pytest.raises(NotFound, match="no sealed package"):
            await made(at, "nothing", CopyKind.TIGHT)


async def test_what_goes_wrong_is_told_and_leaves_nothing_open(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        request_id = await at.asked()
        await at.say(request_id, yes=True)
        await at.agent.journey.settle()
        (package,) = await at.packages(request_id)
        sealed = at.settings.package(package.evidence_id)
        content = bytearray(sealed.read_bytes())
        content[len(content) // 2] ^= 1
        sealed.write_bytes(content)
        with pytest.raises(Exception, match=r"(?i)damaged|changed"):
            await made(at, package.evidence_id, CopyKind.TIGHT)
        assert not at.settings.working_copies_dir.exists()
        assert not list(at.settings.work_dir.glob("own-copy-*"))


async def test_one_copy_of_a_package_is_made_at_a_time(tmp_path: Path) -> None:
    async with home(tmp_path) as at:
        request_id = await at.asked()
        await at.say(request_id, yes=True)
        await at.agent.journey.settle()
        (package,) = await at.packages(request_id)
        at.agent.services.progress.copies[package.evidence_id] = running = asyncio.create_task(asyncio.sleep(60, []))
        with pytest.raises(InputInvalid, match="being made"):
            await made(at, package.evidence_id, CopyKind.TIGHT)
        running.cancel()
