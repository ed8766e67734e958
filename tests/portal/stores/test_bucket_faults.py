"""A bucket that goes away, is slow, full, or refuses: callers are told to wait, and nothing acknowledged is lost."""

import asyncio
import hashlib
import logging
import os
import stat
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from exchange.documents import api
from exchange.errors import SettingsInvalid, StoreUnavailable
from portal.api.probes import READY
from portal.server import Listen, running
from portal.settings import BucketSettings
from portal.uploads.bucket import http
from portal.uploads.bucket.login import CREDENTIAL, Login
from tests.counterparts.portals.portal import Place, in_process
from tests.counterparts.storage.bucket_line import NOTHING, BucketLine, Fault, cut, only, saying
from tests.counterparts.storage.bucket_server import BucketServer
from tests.portal.conftest import Town
from tests.portal.stores.test_bucket import STEP, begin, hashed, name_of, offset
from tests.portal.upload_places import bucket, kept, lying
from tests.portal.wire import Agent, Answer, SetClock

KEPT_IN = ("bucket",)


async def goes_on(town: Town, agent: Agent, storage: BucketServer, url: str, content: bytes, least: int = 0) -> None:
    """From where the portal says it is, which is no less than ``least``: to the end, and right."""
    there = await offset(agent, url)
    assert there >= least
    if there < len(content):
        assert (await agent.patch(url, there, content[there:])).status == 204
    assert kept(town.place, storage, url) == content
    assert await hashed(town, url) == hashlib.sha256(content).hexdigest()
    assert lying(town.place, storage) == {name_of(url)}


def waits(answer: Answer) -> bool:
    """Whether the caller is told to come again, and when."""
    return answer.status == 503 and 1 <= int(answer.headers["Retry-After"]) <= 60


async def slow(_: web.Request) -> None:
    await asyncio.sleep(1)


async def silent(_: web.Request) -> web.Response:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize(
    "fault",
    [
        only("partNumber=3", cut),
        only("partNumber=2", cut),
        only("?uploads=", cut),
        only("rest", cut),
        only("partNumber=2", saying(500, "InternalError")),
        only("partNumber=3", saying(503, "SlowDown")),
        only("partNumber=3", silent),
        only("PUT", cut),
        cut,
    ],
)
async def test_a_bucket_that_goes_away_in_the_middle_of_an_upload(
    town: Town, agent: Agent, storage: BucketServer, line: BucketLine, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = os.urandom(4 * STEP - 10)
    url = await begin(agent, len(content))
    assert (await agent.patch(url, 0, content[:1000])).status == 204
    line.fault = fault
    monkeypatch.setattr(http, "ANSWER_SECONDS", 0.2)
    assert waits(await agent.patch(url, 1000, content[1000 : 3 * STEP + 9]))
    line.fault = None
    monkeypatch.setattr(http, "ANSWER_SECONDS", 20)
    await goes_on(town, agent, storage, url, content, least=1000)


async def test_a_single_break_is_nobodys_business(
    town: Town, agent: Agent, storage: BucketServer, line: BucketLine
) -> None:
    content, broken = os.urandom(3 * STEP), set()

    async def once(request: web.Request) -> None:
        if request.raw_path not in broken:
            broken.add(request.raw_path)
            await cut(request)

    url = await begin(agent, len(content))
    line.fault = once
    assert (await agent.patch(url, 0, content)).status == 204
    assert len(broken) > 4
    await goes_on(town, agent, storage, url, content, least=len(content))


@pytest.mark.parametrize("lost", ["?uploads=", "partNumber=1", "uploadId", "rest"])
async def test_a_call_whose_answer_is_lost_is_made_again_without_harm(
    town: Town, agent: Agent, storage: BucketServer, line: BucketLine, lost: str
) -> None:
    content = os.urandom(2 * STEP + 10)
    url = await begin(agent, len(content))
    line.loses_answers_to = lost
    assert (await agent.patch(url, 0, content[:-5])).status == 204
    assert (await agent.patch(url, len(content) - 5, content[-5:])).status == 204
    await goes_on(town, agent, storage, url, content, least=len(content))


@pytest.mark.parametrize("lost", [True, False])
async def test_an_upload_whose_parts_could_not_be_put_together_is_put_together_later(
    town: Town, agent: Agent, storage: BucketServer, line: BucketLine, lost: bool
) -> None:
    async def done_and_lost(request: web.Request) -> None:
        line.loses_answers_to = "?uploadId"

    content = os.urandom(2 * STEP)
    url = await begin(agent, len(content))
    line.fault = only("POST", only("?uploadId", done_and_lost if lost else saying(500, "InternalError")))
    assert waits(await agent.patch(url, 0, content))
    line.fault, line.loses_answers_to = None, NOTHING
    await goes_on(town, agent, storage, url, content, least=len(content))


async def test_of_an_upload_that_was_begun_twice_the_one_with_the_parts_counts(
    town: Town, agent: Agent, storage: BucketServer, line: BucketLine
) -> None:
    content = os.urandom(3 * STEP)
    url = await begin(agent, len(content))
    line.loses_answers_to = "?uploads="
    assert (await agent.patch(url, 0, content[: 2 * STEP + 10])).status == 204
    assert sum(name_of(url) in each for each in storage.unfinished()) == 2
    town.running.portal.uploads._parts.forget(name_of(url))  # type: ignore[attr-defined]  # as another replica
    await goes_on(town, agent, storage, url, content, least=2 * STEP + 10)
    assert not any(name_of(url) in each for each in storage.unfinished())


async def test_a_slow_bucket_is_waited_for(town: Town, agent: Agent, storage: BucketServer, line: BucketLine) -> None:
    content = os.urandom(3 * STEP)
    url = await begin(agent, len(content))
    line.fault = only("partNumber=2", slow)
    assert (await agent.patch(url, 0, content)).status == 204
    await goes_on(town, agent, storage, url, content, least=len(content))


@pytest.mark.parametrize(("status", "code"), [(403, "QuotaExceeded"), (507, "XMinioStorageFull")])
async def test_a_full_bucket_is_said_to_be_full(
    town: Town, agent: Agent, storage: BucketServer, line: BucketLine, status: int, code: str
) -> None:
    content = os.urandom(3 * STEP)
    url = await begin(agent, len(content))
    line.fault = only("partNumber=2", saying(status, code))
    told = await agent.patch(url, 0, content)
    assert waits(told)
    assert told.title == "The portal's storage is full."
    line.fault = None
    await goes_on(town, agent, storage, url, content, least=STEP)


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (403, "RequestTimeTooSkewed", "this machine's clock is wrong"),
        (403, "InvalidAccessKeyId", "does not know the portal's login"),
        (403, "AccessDenied", "status 403, AccessDenied"),
        (404, "NoSuchBucket", "there is no such bucket"),
        (301, "PermanentRedirect", "another region"),
    ],
)
async def test_a_bucket_that_refuses_is_named_in_the_log_and_callers_wait(
    town: Town,
    agent: Agent,
    storage: BucketServer,
    line: BucketLine,
    caplog: pytest.LogCaptureFixture,
    status: int,
    code: str,
    said: str,
) -> None:
    content = os.urandom(2 * STEP)
    url = await begin(agent, len(content))
    line.fault = only("PUT", saying(status, code))
    with caplog.at_level(logging.WARNING, "handover.portal"):
        told = await agent.patch(url, 0, content)
    assert waits(told)
    assert said in caplog.text
    assert storage.secret_key not in caplog.text
    assert b"s3" not in told.content.lower()
    line.fault = None
    await goes_on(town, agent, storage, url, content)


async def test_a_portal_says_whether_its_bucket_is_there(town: Town, line: BucketLine) -> None:
    async def ready() -> tuple[int, dict[str, bool]]:
        async with town.session.get(town.origin + READY) as answer:
            return answer.status, await answer.json()

    assert await ready() == (200, {"ready": True, "database": True, "bucket": True, "stays": True})
    line.cut()
    assert await ready() == (503, {"ready": False, "database": True, "bucket": False, "stays": True})
    line.fault = None
    assert (await ready())[0] == 200


async def test_figures_tell_how_calls_to_the_bucket_ended(by_line: Place, clock: SetClock, line: BucketLine) -> None:
    anywhere = Listen("127.0.0.1", 0)
    async with (
        running(by_line.folder, by_line.settings, anywhere, clock=clock, metrics=anywhere) as shown,
        aiohttp.ClientSession() as session,
    ):
        agent = await Town(by_line, clock, shown, session).agent().join(by_line)
        await agent.upload(b"sealed")
        assert shown.metrics is not None
        async with session.get(shown.metrics) as answer:
            text = await answer.text()
    assert 'handover_bucket_seconds_count{call="put",ended="ok"} 1.0' in text
    assert "handover_uploads_receiving 0.0" in text


# -- the officer's end -----------------------------------------------------------------------------------------------


async def delivered(town: Town, agent: Agent, film: bytes) -> str:
    signed = await town.officer.ask(agent)
    await agent.decide(signed)
    assert (await agent.deliver(signed, film, await agent.upload(film))).status == 204
    return api.CONTENT.format(delivery_id="r-1-del")


async def test_a_package_that_breaks_off_on_its_way_from_the_bucket_goes_on_unseen(
    town: Town, agent: Agent, storage: BucketServer, line: BucketLine
) -> None:
    film = os.urandom(3 * STEP)
    path = await delivered(town, agent, film)

    async def some(request: web.Request) -> web.Response | None:
        first, last = (int(part) for part in request.headers["Range"].removeprefix("bytes=").split("-"))
        if first >= 2 * STEP:
            return None
        answer = web.StreamResponse(status=206)
        answer.content_length = last + 1 - first
        await answer.prepare(request)
        await answer.write(film[first : first + STEP])
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    line.fault = only("GET", only(f"{bucket(town.place).prefix}/", some))
    answer = await town.officer.call("GET", path)
    assert (answer.status, answer.content) == (200, film)
    assert (await town.officer.case()).deliveries != ()


async def test_a_package_can_not_be_had_while_the_bucket_is_away_and_then_it_can(
    town: Town, agent: Agent, line: BucketLine
) -> None:
    film = os.urandom(1000)
    path = await delivered(town, agent, film)
    line.cut()
    assert waits(await town.officer.call("GET", path))
    line.fault = None
    assert (await town.officer.call("GET", path)).content == film


# -- the login -------------------------------------------------------------------------------------------------------


def write_login(settings: BucketSettings, *lines: str) -> None:
    assert settings.login_file is not None
    settings.login_file.write_text("\n".join(lines))


async def test_a_portal_with_a_wrong_login_does_not_start_and_says_why(
    by_line: Place, clock: SetClock, storage: BucketServer
) -> None:
    write_login(bucket(by_line), storage.access_key, "wrong-secret")
    with pytest.raises(SettingsInvalid, match="does not know the portal's login") as told:
        async with in_process(by_line, clock):
            pass
    assert "wrong-secret" not in str(told.value)


async def test_a_portal_whose_bucket_is_away_ends_so_that_it_is_started_again(
    by_line: Place, clock: SetClock, line: BucketLine
) -> None:
    line.cut()
    with pytest.raises(StoreUnavailable):
        async with in_process(by_line, clock):
            pass


async def test_a_login_that_is_changed_while_the_portal_runs_is_taken_up(
    town: Town, agent: Agent, storage: BucketServer, line: BucketLine
) -> None:
    content, settings = os.urandom(STEP), bucket(town.place)
    url = await begin(agent, len(content))
    ended = only("PUT", saying(403, "InvalidAccessKeyId"))
    write_login(settings, "AKIANEW", "new")

    async def only_the_old(request: web.Request) -> web.Response | None:
        if "AKIANEW" not in request.headers["Authorization"]:
            return await ended(request)
        write_login(settings, storage.access_key, storage.secret_key)
        return web.Response(headers={"ETag": '"0"'})

    line.fault = only("PUT", only_the_old)
    assert (await agent.patch(url, 0, content[:100])).status == 204
    assert any("PUT" in call for call in line.calls)


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("one", 0o600, "holds no login"),
        ("1\n2\n3\n4", 0o600, "holds no login"),
        ("ключ\n2", 0o600, "can't be read"),
        ("key\nhidden", 0o640, "Others may read"),
        (None, 0o600, "can't be read"),
    ],
)
async def test_a_login_that_can_not_be_used_is_said_to_be_so(
    tmp_path: Path, text: str | None, mode: int, said: str
) -> None:
    file = tmp_path / "login"
    if text is not None:
        file.write_text(text)
        file.chmod(mode)
    settings = BucketSettings(endpoint="https://s3.example.org", name="uploads", login_file=file)
    with pytest.raises(SettingsInvalid, match=said) as told:
        await Login(settings).read()
    assert "hidden" not in str(told.value)


async def test_the_login_may_be_systemds_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = BucketSettings(endpoint="https://s3.example.org", name="uploads")
    with pytest.raises(SettingsInvalid, match="nowhere"):
        await Login(settings).read()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / CREDENTIAL).write_text("key\nsecret\ntoken\n")
    (tmp_path / CREDENTIAL).chmod(stat.S_IRUSR | stat.S_IRGRP)
    login = Login(settings)
    assert await login.read()
    found = await login.bucket()
    assert (found.access_key, found.secret_key, found.session_token) == ("key", "secret", "token")
    assert "secret" not in login.address


async def test_what_is_no_storage_is_said_to_be_none(by_line: Place, clock: SetClock, line: BucketLine) -> None:
    async def page(request: web.Request) -> web.Response:
        return web.Response(text="<html>Welcome<p>", content_type="text/html")

    line.fault = page
    settings = bucket(by_line).model_copy(update={"prefix": "elsewhere"})
    place = replace(by_line, settings=by_line.settings.model_copy(update={"bucket": settings}))
    with pytest.raises((SettingsInvalid, StoreUnavailable), match="no S3 storage"):
        async with in_process(place, clock):
            pass
