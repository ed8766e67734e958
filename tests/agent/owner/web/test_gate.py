"""The page's door, tried from outside: other names, other sites, guesses, stolen sessions, hostile forms.

Long because it is one door.
"""

import asyncio
import json
import random
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from agent.owner.people import proofs
from agent.owner.people.proofs import COST
from agent.owner.people.roles import Role
from agent.owner.people.sessions import LONGEST, UNSEEN, invite, open_session
from agent.owner.web import brake, server
from exchange.clock import DAY, HOUR, MINUTE, SECOND
from tests.agent.owner.web.pages import PASSWORD, Served, free_port, served
from tests.journey.home import CAMERA, Siege, besieged


class Visitor:
    """A browser as far as its headers go; ``cookie``: a session's."""

    def __init__(self, site: Served, http: aiohttp.ClientSession, cookie: str = "") -> None:
        self.site, self.http, self.cookie = site, http, cookie

    async def get(self, path: str, **headers: str) -> tuple[int, str, Any]:
        usual = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Cookie": f"handover={self.cookie}"}
        url = self.site.origin + path
        async with self.http.get(url, headers=usual | headers, allow_redirects=False) as answer:
            return answer.status, (await answer.read()).decode("utf-8", "replace"), answer.headers

    async def post(self, path: str, form: Any, **headers: str) -> tuple[int, str, Any]:
        usual = {
            "Origin": self.site.origin,
            "Sec-Fetch-Site": "same-origin",
            "Sec-Fetch-Mode": "navigate",
            "Cookie": f"handover={self.cookie}",
        }
        wanted = {name: value for name, value in (usual | headers).items() if value}
        url = self.site.origin + path
        async with self.http.post(url, data=form, headers=wanted, allow_redirects=False) as answer:
            return answer.status, (await answer.read()).decode("utf-8", "replace"), answer.headers


@asynccontextmanager
async def visited(tmp_path: Path, **ways: Any) -> AsyncIterator[tuple[Siege, Served, Visitor]]:
    async with besieged(tmp_path, **ways) as at, served(at) as site, aiohttp.ClientSession() as http:
        await site.person()
        yield at, site, Visitor(site, http, await site.session())


async def form_for(at: Siege, request_id: str, **changed: str) -> dict[str, str]:
    plan = await at.plan_sha256(request_id)
    return {"plan": plan, "answer": "yes", "share-0": "1", "password": PASSWORD} | changed


async def test_another_name_for_this_address_is_another_site(tmp_path: Path) -> None:
    async with visited(tmp_path) as (_, _, me):
        for name in ("evil.example", "evil.example:8480", "localhost.evil.example", "127.0.0.1.evil.example", ""):
            status, text, _ = await me.get("/", Host=name)
            assert status in (400, 421), name
            assert "Handover" not in text or "not called by that name" in text
        for name in ("localhost", "127.0.0.1", "[::1]", "LOCALHOST:1"):
            assert (await me.get("/", Host=name))[0] == 200, name


async def test_another_site_can_do_and_read_nothing(tmp_path: Path) -> None:
    async with visited(tmp_path) as (at, _, me):
        request_id = await at.asked()
        form = await form_for(at, request_id)
        path = f"/requests/{request_id}/decide"
        for headers in (
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": ""},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ):
            assert (await me.post(path, form, **headers))[0] == 403, headers
        for headers in (
            {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
            {"Sec-Fetch-Dest": "iframe"},
            {"Sec-Fetch-Dest": "object"},
        ):
            status, text, _ = await me.get(f"/requests/{request_id}", **headers)
            assert status == 403, headers
            assert "Burglary" not in text
        assert await at.state(request_id) == "asked"
        # A link in a message leads here from another site, and that is as it should be.
        status, text, _ = await me.get(f"/requests/{request_id}", **{"Sec-Fetch-Site": "cross-site"})
        assert (status, "Burglary" in text) == (200, True)


async def test_every_answer_says_how_it_may_be_used(tmp_path: Path) -> None:
    async with visited(tmp_path) as (at, site, me):
        request_id = await at.asked()
        for path in ("/", "/login", f"/requests/{request_id}", "/nothing", f"/requests/{request_id}/camera/0/0.mp4"):
            _, _, headers = await me.get(path)
            policy = headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "script-src 'self'" in policy
            assert "unsafe" not in policy
            assert headers["Cache-Control"] == "no-store", path
            assert headers["X-Frame-Options"] == "DENY"
            assert headers["X-Content-Type-Options"] == "nosniff"
        _, page, _ = await me.get("/")
        assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=\"", page)
        (styles,) = re.findall(r'href="(/static/[^"]+\.css)"', page)
        assert "immutable" in (await me.get(styles))[2]["Cache-Control"]
        for name in ("../gate.py", "..%2fgate.py", "page.py", "%2e%2e%2fserver.py"):
            assert (await me.get(f"/static/x/{name}"))[0] == 404
        assert site.origin.startswith("http://")


async def test_without_a_session_nothing_is_shown(tmp_path: Path) -> None:
    async with visited(tmp_path) as (at, site, me):
        request_id = await at.asked()
        nobody = Visitor(site, me.http)
        paths = [str(route.resource.canonical) for route in server.make_app(
            at.agent, at.agent.viewings, at.settings).router.routes() if route.resource]  # fmt: skip
        assert len(paths) > 30
        for path in sorted(set(paths)):
            if path.startswith(("/login", "/static", "/pair", "/language")):
                continue
            real = re.sub(r"\{request_id\}", request_id, path)
            real = re.sub(r"\{position[^}]*\}", "0", real)
            real = re.sub(r"\{[^}]*\}", "x", real)
            status, text, headers = await nobody.get(real)
            assert status == 303, real
            assert headers["Location"].startswith("/login")
            assert "Burglary" not in text
            assert (await nobody.get(real, **{"Sec-Fetch-Mode": "cors"}))[0] == 401
            assert (await nobody.post(real, {}))[0] == 401


async def test_guessing_is_slowed_and_does_not_tell_who_is_there(tmp_path: Path) -> None:
    async with visited(tmp_path, workers=True) as (at, _, me):
        answers = set()
        for person in ("robin", "nobody"):
            status, text, _ = await me.post("/login", {"person": person, "password": "wrong word here"})
            answers.add((status, re.sub(r"\s+", " ", text)))
        assert len(answers) == 1
        for _ in range(brake.FREE):
            await me.post("/login", {"person": "robin", "password": "wrong word here"})
        status, text, _ = await me.post("/login", {"person": "robin", "password": PASSWORD})
        assert status == 403
        assert "Too many wrong passwords" in text
        at.clock.forward(HOUR)
        status, _, headers = await me.post("/login", {"person": "robin", "password": PASSWORD})
        assert status == 303
        cookie = headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie


async def test_guesses_at_the_door_keep_nobody_from_deciding(tmp_path: Path) -> None:
    async with visited(tmp_path, workers=True) as (at, _, me):
        request_id = await at.asked()
        for _ in range(brake.FREE + 1):
            await me.post("/login", {"person": "robin", "password": "wrong word here"})
        status, _, _ = await me.post(f"/requests/{request_id}/decide", await form_for(at, request_id, answer="no"))
        assert status == 303
        assert await at.state(request_id) == "declined"


async def test_a_crowd_at_the_door_is_sent_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with visited(tmp_path, workers=True) as (_, _, me):
        monkeypatch.setattr(proofs, "COST", COST)
        form = {"person": "robin", "password": "wrong word here"}
        answers = await asyncio.gather(*(me.post("/login", form) for _ in range(40)))
        assert {status for status, _, _ in answers} == {403}
        assert sum("Too many people" in text for _, text, _ in answers) > 20


async def test_a_code_counts_once_and_guessed_ones_are_slowed(tmp_path: Path) -> None:
    async with visited(tmp_path) as (at, _, me):
        services = at.agent.services
        async with services.store.transaction() as tx:
            code = await invite(tx, "robin", services.clock.now())
        assert (await me.post("/pair", {"code": code}))[0] == 303
        assert (await me.post("/pair", {"code": code}))[0] == 403
        for _ in range(brake.FREE):
            await me.post("/pair", {"code": "guess"})
        async with services.store.transaction() as tx:
            code = await invite(tx, "robin", services.clock.now())
        assert "Too many wrong" in (await me.post("/pair", {"code": code}))[1]
        at.clock.forward(2 * HOUR)
        assert "not good any more" in (await me.post("/pair", {"code": code}))[1]


async def test_a_stolen_session_decides_nothing(tmp_path: Path) -> None:
    async with visited(tmp_path, workers=True) as (at, _, me):
        request_id = await at.asked()
        for path, form in (
            (f"/requests/{request_id}/decide", await form_for(at, request_id, password="")),
            (f"/requests/{request_id}/decide", await form_for(at, request_id, password="guess guess")),
            (f"/requests/{request_id}/decide", await form_for(at, request_id, passkey='{"rawId": "AAAA"}')),
            ("/welcome/password", {"new": "another long word", "again": "another long word"}),
            ("/people", {"do": "add", "person_id": "eve", "name": "Eve", "role": "approver"}),
        ):
            status, text, _ = await me.post(path, form)
            assert status in (400, 403), (path, text)
        assert await at.state(request_id) == "asked"
        async with at.agent.services.store.transaction() as tx:
            assert len(await tx.all("SELECT * FROM people")) == 1


async def test_sessions_end(tmp_path: Path) -> None:
    async with visited(tmp_path) as (at, site, me):
        assert (await me.get("/"))[0] == 200
        at.clock.forward(UNSEEN + SECOND)
        assert (await me.get("/"))[0] == 303
        me.cookie = await site.session()
        for _ in range(LONGEST // (5 * DAY)):
            assert (await me.get("/"))[0] == 200
            at.clock.forward(5 * DAY)
        assert (await me.get("/"))[0] == 303
        me.cookie = await site.session()
        assert (await me.post("/logout", {}))[0] == 303
        assert (await me.get("/"))[0] == 303
        me.cookie = await site.session()
        async with at.agent.services.store.transaction() as tx:
            await tx.execute("DELETE FROM people")
        assert (await me.get("/"))[0] == 303


async def test_a_viewer_looks_and_does_nothing(tmp_path: Path) -> None:
    async with visited(tmp_path, workers=True) as (at, site, me):
        await site.person("vera", "Vera", Role.VIEWER)
        request_id = await at.asked()
        me.cookie = await site.session("vera")
        status, text, _ = await me.get(f"/requests/{request_id}")
        assert status == 200
        assert "Yes, go on" not in text
        for path in ("decide", "narrow", "keep", "look-again", "pause", "stop"):
            form = await form_for(at, request_id, position="0")
            assert (await me.post(f"/requests/{request_id}/{path}", form))[0] == 403, path
        assert await at.state(request_id) == "asked"
        for path in ("/cameras/recorder", "/cameras/recorder/progress"):
            assert (await me.get(path))[0] == 403, path
        assert (await me.post("/cameras/recorder", {"source": "hikvision"}))[0] == 403


async def test_a_double_click_and_two_tabs_are_one_decision(tmp_path: Path) -> None:
    async with visited(tmp_path, workers=True) as (at, _, me):
        request_id = await at.asked()
        path, form = f"/requests/{request_id}/decide", await form_for(at, request_id)
        no = form | {"answer": "no"}
        answers = await asyncio.gather(me.post(path, form), me.post(path, form), me.post(path, no))
        assert sorted(status for status, _, _ in answers) == [303, 409, 409]
        events = await at.events()
        assert events.count("approved") + events.count("declined") == 1


async def test_a_stale_page_decides_nothing(tmp_path: Path) -> None:
    async with visited(tmp_path, workers=True) as (at, _, me):
        request_id = await at.asked()
        stale = await form_for(at, request_id)
        camera = (await at.shown(request_id))["plan"]["cameras"][0]
        shorter = {"plan": stale["plan"], "position": "0", "from": "", "to": ""}
        from exchange.clock import from_rfc3339

        start = from_rfc3339(camera["requested"]["from"]) + SECOND
        shorter |= {"from": "x", "from-shown": "x", "from-us": str(start)}
        assert (await me.post(f"/requests/{request_id}/narrow", shorter))[0] == 303
        for path in ("check", "decide", "narrow"):
            status, text, _ = await me.post(f"/requests/{request_id}/{path}", stale | {"position": "0"})
            assert status == 409, path
            assert "changed since" in text
        assert await at.state(request_id) == "asked"


async def test_hostile_words_stay_words(tmp_path: Path) -> None:
    async with visited(tmp_path, workers=True) as (at, _, me):
        wild = "</q><script>alert(1)</script><img src=x onerror=alert(1)> {{ 7*7 }} %s %(x)s 𝖯𝗈𝗅𝗂𝖼𝖾"
        request_id = await at.asked(at.request(necessity=wild, purpose=wild, crime_reference="<b>%s</b> %(who)s"))
        for path in (f"/requests/{request_id}", "/", "/requests"):
            status, text, _ = await me.get(path)
            assert status == 200
            assert "<script>alert" not in text
            assert "<img src=x" not in text
            assert "49" not in re.findall(r"onerror=alert\(1\)&gt; (\S+)", text)
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in (await me.get(f"/requests/{request_id}"))[1]
        form = await form_for(at, request_id)
        form |= {"remark": wild, "notes-0": f"{_clock(at)} {wild}"}
        status, text, _ = await me.post(f"/requests/{request_id}/check", form)
        assert status == 200, text
        assert "<script>alert" not in text


def _clock(at: Siege) -> str:
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(at.window.start / SECOND + 4, UTC).astimezone():%H:%M:%S}"


async def test_no_form_makes_it_stumble(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is posted anywhere is answered in words, and decides nothing without the password."""
    async with visited(tmp_path, workers=True) as (at, _, me):
        request_id = await at.asked()
        plan = await at.plan_sha256(request_id)
        rest = random.Random(7)
        words = (
            "plan position from from-us from-shown to to-us answer share-0 notes-0 remark passkey do person_id name "
            "role day who force case identified camera most kind place seen offer_id taken_by how new again code id"
        )
        names = re.findall(r"\S+", words)
        odd = [
            "",
            "0",
            "-1",
            "1e999",
            "9" * 400,
            "\x00",
            "\u202e",
            "💥" * 50,
            "x" * 5000,
            "null",
            "{}",
            '{"rawId": []}',
        ]
        odd += ["2026-02-30", "25:61", "18:40", "../../etc", "'; --", "%n%s", plan, request_id, CAMERA]
        odd += ["yes", "no", "none", "whole", "add"]
        paths = [f"/requests/{request_id}/{name}" for name in (
            "narrow", "check", "decide", "agree", "pause", "stop", "receipt")]  # fmt: skip
        paths += ["/new", "/offer", "/offer/end", "/people", "/welcome/password", "/welcome/passkey", "/language",
                  "/brought/front-door/done"]  # fmt: skip
        for number in range(150):
            form = {name: rest.choice(odd) for name in rest.sample(names, rest.randint(0, 9))}
            status, text, _ = await me.post(rest.choice(paths), form)
            assert status < 500, (number, form, text)
        for path in paths[:3]:
            assert (await me.post(path, "x" * 700_000))[0] in (400, 409, 413)
            body = {"plan": "x" * 600_000}
            assert (await me.post(path, body))[0] in (400, 413)
        assert "error that should not be" not in caplog.text
        assert await at.state(request_id) == "asked"


async def test_video_in_ranges(tmp_path: Path) -> None:
    async with visited(tmp_path, workers=True) as (at, _, me):
        request_id = await at.asked()
        base = f"/requests/{request_id}/camera/0"
        facts = json.loads((await me.get(f"{base}/facts"))[1])
        path = facts["stretches"][0]["src"]
        _, whole, headers = await me.get(path)
        size = int(headers["Content-Length"])
        assert headers["Accept-Ranges"] == "bytes"
        for wanted, length in (
            ("bytes=0-9", 10),
            ("bytes=-5", 5),
            (f"bytes={size - 3}-", 3),
            ("bytes=0-999999999", size),
        ):
            status, _, headers = await me.get(path, Range=wanted)
            assert (status, int(headers["Content-Length"])) == (206, length), wanted
        assert (await me.get(path, Range=f"bytes={size}-"))[0] == 416
        for odd in ("bytes=9-1", "bytes=a-b", "bytes=0-1,5-6", "x", "bytes=-"):
            assert (await me.get(path, Range=odd))[0] in (200, 206, 416)
        assert (await me.get(f"{base}/99.mp4"))[0] == 404
        assert (await me.get(f"{base}/frame?at=x"))[0] == 400
        assert (await me.get("/requests/nothing/camera/0/facts"))[0] == 404
        assert whole


async def test_nothing_leads_to_another_site(tmp_path: Path) -> None:
    async with visited(tmp_path, workers=True) as (_, _, me):
        for to in ("//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "\n//evil"):
            form = {"person": "robin", "password": PASSWORD, "to": to}
            status, _, headers = await me.post("/login", form)
            assert (status, headers["Location"]) == (303, "/"), to


async def test_a_page_that_is_loaded_for_a_week_leaves_nothing(tmp_path: Path) -> None:
    async with visited(tmp_path) as (at, _, me):
        request_id = await at.asked()
        tables = (
            "SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM notes) + (SELECT count(*) FROM deeds) AS n"
        )
        async with at.agent.services.store.transaction() as tx:
            before = await tx.one(tables)
        tasks = len(asyncio.all_tasks())
        for _ in range(40):
            for path in ("/", "/requests", f"/requests/{request_id}", "/cameras", "/log"):
                assert (await me.get(path))[0] == 200
            at.clock.forward(MINUTE)
        async with at.agent.services.store.transaction() as tx:
            after = await tx.one(tables)
        assert before is not None
        assert after is not None
        assert after["n"] == before["n"]
        assert len(asyncio.all_tasks()) <= tasks + 3


async def test_news_end_with_the_page(tmp_path: Path) -> None:
    async with visited(tmp_path) as (at, _, me):
        request_id = await at.asked()
        url = f"{me.site.origin}/requests/{request_id}/events"
        headers = {"Cookie": f"handover={me.cookie}", "Sec-Fetch-Site": "same-origin"}
        async with me.http.get(url, headers=headers) as news:
            line = await asyncio.wait_for(news.content.readline(), 10)
            assert json.loads(line.removeprefix(b"data: "))["state"] == "asked"
            await news.content.readline()
            await at.say(request_id, yes=False)
            line = await asyncio.wait_for(news.content.readline(), 10)
            assert json.loads(line.removeprefix(b"data: "))["state"] == "declined"


async def test_open_to_the_network_it_is_https_with_a_certificate_of_its_own(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at, served(at, address="0.0.0.0", names=("pi.example",)) as site:
        context = ssl.create_default_context(cafile=str(at.settings.keys / "page.pem"))
        async with aiohttp.ClientSession() as http:
            async with http.get(f"{site.origin}/login", ssl=context) as answer:
                assert answer.status == 200
            with pytest.raises(aiohttp.ClientError):
                async with http.get(site.origin.replace("https", "http") + "/login"):
                    pass
            await site.person()
            form = {"person": "robin", "password": "x"}
            headers = {"Origin": site.origin.replace("https", "http")}
            async with http.post(f"{site.origin}/login", ssl=context, data=form, headers=headers) as answer:
                assert answer.status == 403


async def test_a_port_that_is_taken_stops_nothing_else(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        runner = web.AppRunner(web.Application())
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        page = at.settings.page.model_copy(update={"enabled": True, "port": port})
        async with server.serve_page(at.agent, at.agent.viewings, at.settings.model_copy(update={"page": page})):
            assert "can't be served" in at.agent.services.progress.troubles["page"]
        await runner.cleanup()


async def test_an_open_page_goes_on_after_the_daemon_began_again(tmp_path: Path) -> None:
    async with besieged(tmp_path, workers=True) as at, aiohttp.ClientSession() as http:
        async with served(at) as site:
            await site.person()
            me = Visitor(site, http, await site.session())
            request_id = await at.asked()
            form = await form_for(at, request_id, answer="no")
            assert (await me.get(f"/requests/{request_id}/camera/0/facts"))[0] == 200
        assert list(at.settings.work_dir.glob("watch-*")) == []
        async with served(at) as site:
            me.site = site
            assert (await me.get(f"/requests/{request_id}/camera/0/facts"))[0] == 200
            assert (await me.post(f"/requests/{request_id}/decide", form))[0] == 303
            assert await at.state(request_id) == "declined"


async def test_too_many_sessions_end_the_oldest(tmp_path: Path) -> None:
    async with visited(tmp_path) as (at, _, me):
        services = at.agent.services
        for _ in range(25):
            at.clock.forward(SECOND)
            async with services.store.transaction() as tx:
                await open_session(tx, "robin", "password", services.clock.now())
        assert (await me.get("/"))[0] == 303
        async with services.store.transaction() as tx:
            assert len(await tx.all("SELECT * FROM sessions")) == 20
