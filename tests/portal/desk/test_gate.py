"""The desk's door, tried from outside: other names, other sites, used links, sessions that ended."""

import json

from exchange.clock import HOUR, MINUTE
from portal.officer.desk.door import CODE_LIVES, LONGEST, UNSEEN, Door
from tests.portal.desk.desks import Desk
from tests.portal.wire import SetClock


async def test_another_name_for_this_address_is_another_site(desk: Desk) -> None:
    port = desk.site.port
    for name in ("evil.example", f"evil.example:{port}", f"localhost.evil.example:{port}", "127.0.0.1", "localhost:1"):
        answer = await desk.get("/", Host=name)
        assert answer.status == 421, name
        assert "not called by that name" in answer.text
    for name in (f"127.0.0.1:{port}", f"LOCALHOST:{port}"):
        assert (await desk.get("/", Host=name)).status == 200, name


async def test_another_site_does_and_reads_nothing(desk: Desk) -> None:
    for headers in (
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": f"https://127.0.0.1:{desk.site.port}"},
        {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        assert (await desk.post("/go-out", {}, **headers)).status == 403, headers
    for headers in (
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Dest": "iframe"},
    ):
        assert (await desk.get("/", **headers)).status == 403, headers
    assert (await desk.get("/", **{"Sec-Fetch-Site": "cross-site"})).status == 200  # a link that was followed
    assert (await desk.post("/go-out", {})).status == 303


async def test_who_has_no_session_sees_the_door_and_nothing_behind_it(desk: Desk) -> None:
    for cookie in ("", "handover-desk-1=x", f"handover-desk-{desk.site.port}=x"):
        answer = await desk.get("/", Cookie=cookie)
        assert (answer.status, answer.headers["Location"]) == (303, "/come-in")
        told = await desk.get("/", Cookie=cookie, **{"Sec-Fetch-Mode": "cors"})
        assert (told.status, json.loads(told.text)["what"][:7]) == (401, "You are")
        assert (await desk.post("/go-out", {}, Cookie=cookie)).status == 401
    door = await desk.get("/come-in", Cookie="")
    assert door.status == 200
    assert desk.site.officer.name not in door.text


async def test_a_link_opens_once_and_a_later_one_ends_it(desk: Desk) -> None:
    earlier, later = (desk.link.partition("#")[2] for _ in range(2))
    assert (await desk.post("/come-in", {"code": earlier}, Cookie="")).status == 403
    assert (await desk.post("/come-in", {"code": ""}, Cookie="")).status == 403
    opened = await desk.post("/come-in", {"code": later}, Cookie="")
    cookie = opened.headers["Set-Cookie"]
    assert opened.status == 303
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    again = await desk.post("/come-in", {"code": later}, Cookie="")
    assert again.status == 403
    assert "used already" in again.text


async def test_who_logged_out_is_out(desk: Desk) -> None:
    assert (await desk.get("/")).status == 200
    await desk.post("/go-out", {})
    assert (await desk.get("/")).status == 303


async def test_nothing_is_kept_by_the_browser_and_no_script_of_others_runs(desk: Desk) -> None:
    answer = await desk.get("/")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "script-src 'self'; style-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "style=" not in answer.text
    assert "onclick" not in answer.text
    script = next(part for part in answer.text.split('"') if part.endswith("/desk.js"))
    assert "immutable" in (await desk.get(script, Cookie="")).headers["Cache-Control"]
    old = await desk.get("/static/0123456789ab/desk.js", Cookie="")
    assert old.headers["Cache-Control"] == "no-store"
    for name in ("../site.py", "..%2Fsite.py", "nothing.js", "desk.html"):
        assert (await desk.get(f"/static/0/{name}")).status in (303, 404), name


def test_sessions_and_codes_end() -> None:
    clock = SetClock(0)
    door = Door(clock.monotonic)
    late = door.new_code()
    assert door.code_is_open
    clock.forward(CODE_LIVES)
    assert not door.code_is_open
    assert door.enter(late) is None

    token = door.enter(door.new_code()) or ""
    for _ in range(LONGEST // HOUR - 1):
        clock.forward(HOUR)
        assert door.is_in(token)
    clock.forward(HOUR)
    assert not door.is_in(token)

    unseen = door.enter(door.new_code()) or ""
    clock.forward(UNSEEN - MINUTE)
    assert door.is_in(unseen)
    clock.forward(UNSEEN)
    assert not door.is_in(unseen)


def test_the_oldest_session_makes_room() -> None:
    door = Door(SetClock(0).monotonic)
    tokens = [door.enter(door.new_code()) or "" for _ in range(17)]
    assert [door.is_in(token) for token in tokens] == [False] + [True] * 16
