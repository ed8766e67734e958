"""A package is sent while it is sealed; what breaks on either side costs time, and never a wrong byte."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest

from agent.requests.on_the_way import sent_ahead
from exchange.clock import MINUTE
from exchange.errors import ClipFailed
from tests.counterparts.portals.hostile_portal import broken_off, status
from tests.journey.home import Siege, besieged


async def approved(at: Siege) -> str:
    request_id = await at.asked()
    await at.say(request_id, yes=True)
    return request_id


async def sealed(at: Siege, request_id: str) -> bytes:
    (package,) = await at.packages(request_id)
    return at.settings.package(package.evidence_id).read_bytes()


async def test_what_is_sealed_lies_at_the_portal_already_and_is_announced_once(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await approved(at)
        await at.walk()
        (upload,) = at.portal.uploads.values()
        content = await sealed(at, request_id)
        assert bytes(upload.content) == content
        events = await at.events()
        assert events.index("upload-started") < events.index("upload-finished") < events.index("sealed")
        assert events.count("upload-started") == events.count("delivered") == 1
        (package,) = await at.packages(request_id)
        assert package.ciphertext_sha256 == hashlib.sha256(content).hexdigest()
        said = at.portal.said()
        assert [line.split()[0] for line in said if "/uploads" in line or "/deliver" in line] == [
            "POST",
            "PATCH",
            "PUT",
        ]
        decided = next(number for number, line in enumerate(said) if line.endswith("/decision"))
        assert decided < next(number for number, line in enumerate(said) if "/uploads" in line)


async def test_what_was_sent_of_a_sealing_that_failed_is_forgotten(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await approved(at)
        real, tries = at.agent.services.run_job, []

        async def failing(function: str, job: dict[str, Any], **how: Any) -> dict[str, Any]:
            result = await real(function, job, **how)
            if function == "agent.requests.seal_job:job":
                tries.append(await asyncio.to_thread(Path(job["target"]).read_bytes))
                if len(tries) == 1:
                    async with asyncio.timeout(60):
                        while not any(call.method == "HEAD" for call in at.portal.calls):  # noqa: ASYNC110
                            await asyncio.sleep(0.01)
                    await asyncio.to_thread(Path(job["target"]).unlink)
                    raise ClipFailed("The disk broke.")
            return result

        object.__setattr__(at.agent.services, "run_job", failing)
        await at.walk()
        (begun,) = at.portal.uploads.values()
        assert len(begun.content) < len(tries[0]), "the last byte waits for the whole package"
        await at.walk(MINUTE)
        assert len(tries) == 2
        assert tries[0] != tries[1]
        first, second = at.portal.uploads.values()
        assert bytes(second.content) == tries[1] == await sealed(at, request_id)
        assert len(first.content) < len(tries[0])
        assert any(line.startswith("DELETE ") for line in at.portal.said())


async def test_a_line_that_is_slower_than_the_sealing_holds_up_nothing_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sent_ahead, "PATIENCE", 0.0)
    async with besieged(tmp_path) as at:
        request_id = await approved(at)
        at.portal.fault("PATCH", "/v1/uploads", broken_off(at.portal, 70_000))
        await at.walk()
        *_, upload = at.portal.uploads.values()  # one may have been left that was broken off as it was begun
        assert bytes(upload.content) == await sealed(at, request_id)


async def test_a_portal_that_is_away_while_it_is_sealed_gets_it_afterwards(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await approved(at)
        at.portal.fault("POST", "/v1/uploads", status(503))
        await at.walk()
        (upload,) = at.portal.uploads.values()
        assert bytes(upload.content) == await sealed(at, request_id)
        assert (await at.events()).count("upload-started") == 1
