"""Several time-stamping authorities: each that answers stamps, one is enough, what is missing is asked for later."""

import asyncio
import hashlib
import json
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from agent.owner.notify.messages import due, written
from agent.owner.operations.context import Nothing, RequestNamed
from agent.owner.words import Words
from agent.portal import timestamp_authority as client
from agent.requests.on_the_way.stop import stop
from agent.requests.stamping import late_stamps
from agent.requests.stamping.late_stamps import ask_for_late_stamps
from exchange.clock import DAY, HOUR
from exchange.documents.messages import Signed
from exchange.package.report import Report, Verdict
from exchange.signing.timestamps import make_query, read_all_certificates
from exchange.verify.checking import verify_package
from exchange.verify.stamp_checks import StampTrust
from tests.counterparts.http.timestamp_authority import TimestampAuthority
from tests.counterparts.portals.hostile_portal import status
from tests.journey.home import ACTOR, Siege, besieged, owner_does

Authorities = list[TimestampAuthority]


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    folder = tmp_path_factory.mktemp("authorities")
    return [TimestampAuthority(folder / name, name) for name in ("One", "Two", "Three")]


@asynccontextmanager
async def stamping(tmp_path: Path, three: Authorities) -> AsyncIterator[Siege]:
    async with AsyncExitStack() as stack:
        for authority in three:
            authority.queries.clear()
            authority.fault = None
            await stack.enter_async_context(authority.running())
        each = ", ".join(f"{{url: '{one.url}', certificates: {one.certificates}}}" for one in three)
        extra = f"timestamp_authorities: [{each}]"
        yield await stack.enter_async_context(
            besieged(tmp_path, now=time.time_ns() // 1000, extra=extra, case="x25519")
        )


async def approve(at: Siege) -> str:
    request_id = await at.asked()
    await at.say(request_id, yes=True)
    await at.walk()
    return request_id


def opened(at: Siege, tmp_path: Path, three: Authorities, late: tuple[bytes, ...] = ()) -> Report:
    (upload,) = at.portal.uploads.values()
    (tmp_path / "sent.zip.age").write_bytes(upload.content)
    return verify_package(
        tmp_path / "sent.zip.age",
        identities=[at.case],
        force_key=at.place.force.key.public,
        trust=StampTrust(read_all_certificates([one.certificates for one in three]), late=late),
        into=tmp_path / f"opened-{len(late)}",
    )


def custody(report: Report, kind: str) -> list[dict[str, Any]]:
    assert report.bag is not None
    rows = [json.loads(line) for line in (report.bag / "data/custody.jsonl").read_text().splitlines()]
    return [event for row in rows if (event := json.loads(row["line"]))["event"] == kind]


async def away(request: web.Request, query: bytes) -> web.StreamResponse:
    return web.Response(status=503)


async def test_each_authority_stamps_for_itself_and_openssl_accepts_each(tmp_path: Path, three: Authorities) -> None:
    async with stamping(tmp_path, three) as at:
        request_id = await approve(at)
        assert await at.state(request_id) == "delivered", (await at.row(request_id)).trouble
        report = opened(at, tmp_path, three)
        assert report.ok, [finding for finding in report.findings if finding.error]
        assert report.bag is not None
        names = ["evidence.json.tsr", "evidence.json.2.tsr", "evidence.json.3.tsr"]
        for name, authority in zip(names, three, strict=True):
            data = report.bag / "data"
            subprocess.run(
                ["openssl", "ts", "-verify", "-data", data / "evidence.json", "-in", data / name,
                 "-CAfile", authority.certificates],
                capture_output=True, check=True, timeout=20,
            )  # fmt: skip
        stamped = custody(report, "timestamped")
        assert [event["details"]["file"] for event in stamped] == [f"data/{name}" for name in names]
        for event in stamped:
            content = (report.bag / event["details"]["file"]).read_bytes()
            assert event["details"]["sha256"] == hashlib.sha256(content).hexdigest()
        assert "3 time-stamping authorities" in (report.bag / "data/READ-ME-FIRST.html").read_text()


async def test_one_that_answers_is_enough_and_those_that_did_not_are_named(tmp_path: Path, three: Authorities) -> None:
    async with stamping(tmp_path, three) as at:
        three[0].fault = away
        three[2].fault = lying(three[2])
        request_id = await approve(at)
        assert await at.state(request_id) == "delivered"
        report = opened(at, tmp_path, three)
        assert report.ok
        (stamped,) = custody(report, "timestamped")
        assert (stamped["details"]["authority"], stamped["details"]["file"]) == (
            three[1].url.removesuffix("/tsa"),
            "data/evidence.json.tsr",
        )
        first, third = custody(report, "failed")
        assert "answered with status 503" in first["reason"]
        assert "message imprint mismatch" in third["reason"]
        assert first["details"]["authority"] == three[0].url.removesuffix("/tsa")


def lying(authority: TimestampAuthority) -> Any:
    async def handler(request: web.Request, query: bytes) -> web.StreamResponse:
        answer = await asyncio.to_thread(authority.answer, make_query("ab" * 32))
        return web.Response(body=answer, content_type="application/timestamp-reply")

    return handler


async def test_an_authority_that_answers_too_late_is_not_waited_for(
    tmp_path: Path, three: Authorities, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def slow(request: web.Request, query: bytes) -> web.StreamResponse:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(client, "_TIMEOUT", client.aiohttp.ClientTimeout(total=2))
    async with stamping(tmp_path, three) as at:
        three[0].fault = slow
        request_id = await approve(at)
        assert asked.is_set()
        assert await at.state(request_id) == "delivered"
        report = opened(at, tmp_path, three)
        assert len(custody(report, "timestamped")) == 2
        assert "does not answer in time" in custody(report, "failed")[0]["reason"]


async def test_a_stamp_that_was_missing_is_asked_for_later_kept_and_can_be_handed_over(
    tmp_path: Path, three: Authorities
) -> None:
    async with stamping(tmp_path, three) as at:
        three[1].fault = away
        request_id = await approve(at)
        assert await at.state(request_id) == "delivered"
        sent = next(iter(at.portal.uploads.values())).content
        services = at.agent.services
        assert await ask_for_late_stamps(services) == 0, "it was asked at once"
        at.clock.forward(HOUR)
        assert await ask_for_late_stamps(services) == 0
        waiting = await listed(at)
        assert [stamp["state"] for stamp in waiting] == ["in the package", "in the package", "missing"]
        assert "answered with status 503" in waiting[2]["trouble"]
        three[1].fault = None
        at.clock.forward(DAY)
        # The authority's clock is the host's: a stamp of an hour ago by this home's is no stamp of the future.
        assert await ask_for_late_stamps(services) == 1
        assert await ask_for_late_stamps(services) == 0
        late = (await listed(at))[2]
        assert late["state"] == "late"
        (package,) = await at.packages(request_id)
        folder = services.settings.stamps_dir / package.evidence_id
        assert Path(late["file"]) == folder / "evidence.json.3.tsr"
        assert (folder / "evidence.json").read_text() == Signed.model_validate_json(package.evidence or "").document
        assert (folder / "evidence.json.3.tsr").stat().st_mode & 0o077 == 0
        assert next(iter(at.portal.uploads.values())).content == sent, "the sealed package was changed"
        events = await at.events()
        assert events.count("timestamped") == 3
        given = await owner_does(at.agent, "late-stamps", RequestNamed(request_id=request_id), ACTOR)
        assert [file["name"] for file in given["files"]] == [f"{package.evidence_id}.evidence.json.3.tsr"]
        report = opened(at, tmp_path, three, late=(Path(late["file"]).read_bytes(),))
        (finding,) = [one for one in report.findings if one.about == "timestamp.late"]
        assert (finding.verdict, report.ok) == (Verdict.HOLDS, True)
        assert "which came after the package was sealed" in finding.text


async def listed(at: Siege) -> list[dict[str, Any]]:
    (package,) = (await owner_does(at.agent, "stamps", Nothing(), ACTOR))["packages"]
    stamps: list[dict[str, Any]] = package["stamps"]
    return stamps


async def test_a_stamp_is_not_asked_for_for_ever(tmp_path: Path, three: Authorities) -> None:
    async with stamping(tmp_path, three) as at:
        three[1].fault = away
        await approve(at)
        at.clock.forward(late_stamps._GIVE_UP + DAY)
        asked = len(three[1].queries)
        assert await ask_for_late_stamps(at.agent.services) == 0
        assert len(three[1].queries) == asked
        assert (await listed(at))[2]["asked_again"] is None


async def test_of_what_was_stopped_before_it_went_no_hash_leaves(tmp_path: Path, three: Authorities) -> None:
    async with stamping(tmp_path, three) as at:
        three[1].fault = away
        at.portal.fault("POST", "/v1/uploads", status(503), times=99)
        request_id = await approve(at)
        assert await at.state(request_id) == "sealed"
        (package,) = await at.packages(request_id)
        services, asked = at.agent.services, len(three[1].queries)
        three[1].fault = None
        at.clock.forward(HOUR)
        assert await ask_for_late_stamps(services) == 0
        folder = late_stamps.stamps_folder(services, package.evidence_id)
        folder.mkdir(parents=True)
        await stop(services, request_id, "robin")
        at.clock.forward(DAY)
        assert await ask_for_late_stamps(services) == 0
        await at.walk()
        assert await at.state(request_id) == "closed"
        at.clock.forward(DAY)
        assert await ask_for_late_stamps(services) == 0
        assert len(three[1].queries) == asked
        assert not folder.exists()


async def test_a_stamp_over_an_edition_that_was_replaced_is_not_kept_for_the_next(
    tmp_path: Path, three: Authorities
) -> None:
    async with stamping(tmp_path, three) as at:

        async def replacing(request: web.Request, query: bytes) -> web.StreamResponse:
            await at.execute("UPDATE packages SET evidence = evidence || ' '")
            answer = await asyncio.to_thread(three[1].answer, query)
            return web.Response(body=answer, content_type="application/timestamp-reply")

        three[1].fault = away
        request_id = await approve(at)
        three[1].fault = replacing
        at.clock.forward(HOUR)
        assert await ask_for_late_stamps(at.agent.services) == 0
        assert [stamp["state"] for stamp in await listed(at)] == ["in the package", "in the package", "missing"]
        (package,) = await at.packages(request_id)
        assert not late_stamps.stamps_folder(at.agent.services, package.evidence_id).exists()
        assert (await at.events()).count("timestamped") == 2


async def test_the_owner_is_told_once_that_a_stamp_came_later(tmp_path: Path, three: Authorities) -> None:
    async with stamping(tmp_path, three) as at:
        three[1].fault = away
        await approve(at)
        assert "A time stamp came later" not in await subjects(at)
        three[1].fault = None
        at.clock.forward(HOUR)
        assert await ask_for_late_stamps(at.agent.services) == 1
        assert (await subjects(at)).count("A time stamp came later") == 1


async def subjects(at: Siege) -> list[str]:
    messages = await due(at.agent.services, "")
    return await asyncio.to_thread(lambda: [written((message.subject,), Words()) for message in messages])
