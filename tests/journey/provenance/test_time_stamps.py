"""The time of what is handed over is countersigned after the owner's yes; an authority that fails holds up nothing."""

import asyncio
import hashlib
import json
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from agent import app
from agent.portal import timestamp_authority as timestamps
from agent.portal.timestamp_authority import ask_authority
from agent.requests.stamping import stamp
from exchange.clock import DAY, HOUR
from exchange.documents.messages import Signed
from exchange.errors import SettingsInvalid, TimestampFailed
from exchange.package.report import Report
from exchange.signing.timestamps import MAX_STAMP, make_query, read_certificates
from exchange.verify.checking import verify_package
from exchange.verify.stamp_checks import StampTrust
from tests.counterparts.http.timestamp_authority import Handler, TimestampAuthority
from tests.counterparts.portals.hostile_portal import ENDLESS
from tests.journey.home import HomeClock, Siege, besieged, settings_at

REPLY = "application/timestamp-reply"


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> TimestampAuthority:
    return TimestampAuthority(tmp_path_factory.mktemp("authority") / "one")


@asynccontextmanager
async def stamping(tmp_path: Path, authority: TimestampAuthority, *, ahead: int = 0) -> AsyncIterator[Siege]:
    """The authority's clock is the host's, so this home lives at the host's time of now, or ``ahead`` of it."""
    now = time.time_ns() // 1000 + ahead
    authority.queries.clear()
    authority.fault = None
    async with authority.running():
        extra = f"timestamp_authority: {{url: '{authority.url}', certificates: {authority.certificates}}}"
        async with besieged(tmp_path, now=now, extra=extra, case="x25519") as at:
            yield at


async def approve(at: Siege) -> str:
    request_id = await at.asked()
    await at.say(request_id, yes=True)
    await at.walk()
    return request_id


async def opened(at: Siege, tmp_path: Path, authority: TimestampAuthority) -> Report:
    """What reached the portal, opened with the case's key."""
    (upload,) = at.portal.uploads.values()
    sealed = tmp_path / "sent.zip.age"
    sealed.write_bytes(upload.content)
    return verify_package(
        sealed,
        identities=[at.case],
        force_key=at.place.force.key.public,
        trust=StampTrust(read_certificates(authority.certificates)),
        into=tmp_path / "opened",
    )


async def test_what_is_handed_over_carries_a_stamp_that_openssl_accepts(
    tmp_path: Path, certified: TimestampAuthority
) -> None:
    async with stamping(tmp_path, certified) as at:
        request_id = await approve(at)
        assert await at.state(request_id) == "delivered", (await at.row(request_id)).trouble
        report = await opened(at, tmp_path, certified)
        assert report.ok, [finding for finding in report.findings if finding.error]
        assert report.bag is not None
        data = report.bag / "data"
        said = subprocess.run(
            ["openssl", "ts", "-verify", "-data", data / "evidence.json", "-in", data / "evidence.json.tsr",
             "-CAfile", certified.certificates],
            capture_output=True, check=True, timeout=20,
        )  # fmt: skip
        assert b"Verification: OK" in said.stdout
        assert "timestamped" in await at.events()


async def test_only_a_hash_leaves_and_only_after_the_yes(tmp_path: Path, certified: TimestampAuthority) -> None:
    async with stamping(tmp_path, certified) as at:
        declined = await at.asked()
        await at.say(declined, yes=False)
        await at.walk()
        await at.asked()
        assert certified.queries == []
    async with stamping(tmp_path / "two", certified) as at:
        request_id = await approve(at)
        (query,) = certified.queries
        (package,) = await at.packages(request_id)
        document = Signed.model_validate_json(package.evidence or "").document.encode()
        assert hashlib.sha256(document).digest() in query
        assert len(query) < 90


async def test_without_an_authority_nobody_is_asked_and_the_log_says_nothing_of_it(tmp_path: Path) -> None:
    async with besieged(tmp_path, case="x25519") as at:
        request_id = await approve(at)
        assert await at.state(request_id) == "delivered"
        assert not {"timestamped", "failed"} & set(await at.events())


def forged(make: Callable[[bytes], bytes]) -> Handler:
    async def handler(request: web.Request, query: bytes) -> web.StreamResponse:
        return web.Response(body=make(query), content_type=REPLY)

    return handler


def of_other_bytes(authority: TimestampAuthority) -> Callable[[bytes], bytes]:
    return lambda query: authority.answer(make_query("ab" * 32))


def of_another_question(authority: TimestampAuthority) -> Callable[[bytes], bytes]:
    """The same hash, with another nonce: an answer that was kept from before."""
    return lambda query: authority.answer(make_query(_asked(query).hex()))


def _asked(query: bytes) -> bytes:
    """The 32 bytes after the AlgorithmIdentifier of SHA-256 and an OCTET STRING's head."""
    return query.partition(b"\x05\x00\x04\x20")[2][:32]


def of_somebody_else(authority: TimestampAuthority) -> Callable[[bytes], bytes]:
    other = TimestampAuthority(authority.certificates.parent / "another")
    return other.answer


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (of_other_bytes, "message imprint mismatch"),
        (of_another_question, "nonce mismatch"),
        (of_somebody_else, "certificate verify error"),
        (lambda authority: lambda query: b"\x30\x03nonsense", "does not hold"),
        (lambda authority: lambda query: b"", "does not hold"),
    ],
    ids=["other bytes", "other nonce", "other authority", "nonsense", "nothing"],
)
async def test_a_stamp_that_does_not_hold_is_not_kept_and_is_asked_for_again(
    tmp_path: Path,
    certified: TimestampAuthority,
    make: Callable[[TimestampAuthority], Callable[[bytes], bytes]],
    words: str,
) -> None:
    async with stamping(tmp_path, certified) as at:
        certified.fault = forged(make(certified))
        request_id = await approve(at)
        assert await at.state(request_id) == "clipped"
        assert words in str((await at.row(request_id)).trouble)
        (package,) = await at.packages(request_id)
        assert package.sealed_at is None
        manifest = package.evidence
        certified.fault = None
        await at.walk(later=HOUR)
        assert await at.state(request_id) == "delivered"
        (package,) = await at.packages(request_id)
        assert package.evidence == manifest
        assert (await opened(at, tmp_path, certified)).ok


async def test_a_host_whose_clock_runs_ahead_gets_no_stamp_and_says_why(
    tmp_path: Path, certified: TimestampAuthority
) -> None:
    async with stamping(tmp_path, certified, ahead=DAY) as at:
        request_id = await approve(at)
        assert "before the manifest was made by its own word" in str((await at.row(request_id)).trouble)


async def test_evidence_goes_without_a_stamp_when_its_authority_stays_away(
    tmp_path: Path, certified: TimestampAuthority
) -> None:
    async with stamping(tmp_path, certified) as at:

        async def away(request: web.Request, query: bytes) -> web.StreamResponse:
            return web.Response(status=503)

        certified.fault = away
        request_id = await approve(at)
        while await at.state(request_id) == "clipped":
            assert not at.portal.uploads
            assert "answered with status 503" in str((await at.row(request_id)).trouble)
            await at.walk(later=HOUR)
        assert await at.state(request_id) == "delivered"
        assert len(certified.queries) == stamp._TRIES
        report = await opened(at, tmp_path, certified)
        assert report.ok
        assert report.bag is not None
        assert not (report.bag / "data/evidence.json.tsr").exists()
        rows = [json.loads(line) for line in (report.bag / "data/custody.jsonl").read_text().splitlines()]
        (failed,) = [event for row in rows if (event := json.loads(row["line"]))["event"] == "failed"]
        assert failed["reason"].startswith("No time stamp: The time-stamping authority at http://127.0.0.1:")
        assert (await at.row(request_id)).trouble is None


async def test_the_daemon_does_not_start_with_certificates_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "tsa.pem").write_text("none")
    extra = f"timestamp_authority: {{url: 'http://127.0.0.1:9', certificates: {tmp_path / 'tsa.pem'}}}"
    with pytest.raises(SettingsInvalid, match=r"timestamp_authorities\.0\.certificates: .*no certificates in PEM"):
        async with app.build(settings_at(tmp_path / "agent", "http://127.0.0.1:9", extra), HomeClock()):
            pass


# -- the client alone ----------------------------------------------------------------------------------------------


async def page(request: web.Request, query: bytes) -> web.StreamResponse:
    return web.Response(text="<html>Log in to the guest network</html>", content_type="text/html")


async def moved(request: web.Request, query: bytes) -> web.StreamResponse:
    return web.Response(status=307, headers={"Location": "/tsa"})


async def too_long(request: web.Request, query: bytes) -> web.StreamResponse:
    return web.Response(body=b"0" * (MAX_STAMP + 1), content_type=REPLY)


async def broken_off(request: web.Request, query: bytes) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (page, "sent something else"),
        (moved, "answered with status 307"),
        (too_long, f"sent more than {MAX_STAMP} bytes"),
        (broken_off, "does not answer"),
    ],
)
async def test_an_answer_that_is_no_stamp_is_told_as_what_it_is(
    certified: TimestampAuthority, fault: Callable[..., Awaitable[web.StreamResponse]], words: str
) -> None:
    certified.queries.clear()
    certified.fault = fault
    async with certified.running():
        with pytest.raises(TimestampFailed, match=words):
            await ask_authority(certified.url, b"query")
    assert certified.queries == [b"query"]


async def test_an_endless_answer_is_given_up_at_the_bound(certified: TimestampAuthority) -> None:
    async def endless(request: web.Request, query: bytes) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": REPLY})
        await answer.prepare(request)
        while True:
            await answer.write(ENDLESS)

    certified.fault = endless
    async with certified.running():
        with pytest.raises(TimestampFailed, match="sent more than"):
            await ask_authority(certified.url, b"query")


async def test_an_authority_that_never_answers_is_given_up(
    certified: TimestampAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(request: web.Request, query: bytes) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(timestamps, "_TIMEOUT", aiohttp.ClientTimeout(total=0.2))
    certified.fault = silent
    async with certified.running():
        with pytest.raises(TimestampFailed, match="does not answer in time"):
            await ask_authority(certified.url, b"query")


async def test_an_authority_that_is_not_there_is_told_so() -> None:
    with pytest.raises(TimestampFailed, match=r"at http://127\.0\.0\.1:9 does not answer"):
        await ask_authority("http://127.0.0.1:9/tsa", b"query")
