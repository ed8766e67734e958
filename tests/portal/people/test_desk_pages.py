"""The desk's pages of what strangers sent, by plain HTTP: whatever they called it and wrote, it stays theirs."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exchange.age.files import Encryptor, parse_recipient
from exchange.documents.people.appeals import Appeal
from exchange.signing.documents import read_unverified
from tests.portal.conftest import Town
from tests.portal.desk.desks import Desk, served
from tests.portal.people.asking import CRIME, ask_as
from tests.portal.people.test_appeals import begin
from tests.portal.people.test_appeals import link_script as link_script
from tests.portal.people.visits import Visitor

HOSTILE = "<img src=x onerror=alert(1)>\u202egnp.\u0007" + "A" * 200 + ".MP4"
PAGE = b"<html><script>alert(document.cookie)</script></html>"


@pytest.fixture(autouse=True)
def _no_blocking() -> None:
    """The desk is on this loop, too."""


@pytest.fixture
async def desk(town: Town, tmp_path: Path) -> AsyncIterator[Desk]:
    async with served(town, tmp_path / "officer") as desk:
        yield desk


def sealed(recipient: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with Encryptor(out, [parse_recipient(recipient)]) as encryptor:
        encryptor.write(content)
    return out.getvalue()


def named(recipient: str, words: dict[str, object]) -> str:
    return base64.b64encode(sealed(recipient, json.dumps(words).encode())).decode()


async def publish(desk: Desk, **changed: str) -> Appeal:
    form = {
        "crime_reference": CRIME,
        "title": "Did you see a red van?",
        "area": "Between Market Street and the canal",
        "when": "yesterday 15:00 to 16:30",
        "description": "A shop was broken into.",
        "days": "28",
    }
    answer = await desk.post("/appeals", form | changed)
    assert answer.status == 303, answer.text
    (made,) = await desk.site.client.all_appeals()
    return read_unverified(made.signed, Appeal)


async def contribute(visitor: Visitor, appeal: Appeal, content: bytes, name: str, **note: str) -> str:
    """As a browser seals it: the contribution's id."""
    code = (await begin(visitor, appeal.appeal_id)).json["code"]
    upload = await visitor.upload(code, sealed(appeal.recipient, content))
    words = named(appeal.recipient, {"name": name, "size": len(content)})
    told = named(appeal.recipient, dict(note)) if note else None
    answer = await visitor.answer(code, upload.headers["Location"], name=words, note=told)
    assert answer.status == 200, answer.content
    return str(answer.json["request_id"])


async def opened(desk: Desk, page: str, part: str) -> str:
    """The page, once what is fetched for it is there."""
    for _ in range(500):
        if "data-running" not in (await desk.get(part)).text:
            break
        await asyncio.sleep(0.02)
    return (await desk.get(page)).text


async def test_whatever_a_stranger_writes_and_calls_it_stays_words(desk: Desk, visitor: Visitor) -> None:
    appeal = await publish(desk)
    at = f"/appeals/{appeal.appeal_id}"
    one = await contribute(visitor, appeal, PAGE, HOSTILE, text=f"{HOSTILE}\nSecond line", contact="<b>me</b>")
    page = (await desk.get(at)).text
    for words in ("&lt;img src=x onerror=alert(1)&gt;", "Second line", "&lt;b&gt;me&lt;/b&gt;"):
        assert words in page
    assert (await desk.post(f"{at}/{one}/open", {})).status == 303
    page = await opened(desk, at, f"{at}/{one}/part")
    assert "Nobody looked for malware in it" in page
    for never in ("<img", "onerror=alert(1)>", "\u202e", "\u0007"):
        assert never not in page.replace('<img class="code"', "")
    (path,) = desk.state.folder.rglob("brought/*.mp4")
    answer = await desk.get(f"/brought/{one}/{path.stem}")
    assert answer.headers["Content-Type"] == "video/mp4"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    saved = await desk.get(f"/brought/{one}/{path.stem}?save=yes")
    assert saved.headers["Content-Disposition"] == f'attachment; filename="{path.name}"'


async def test_a_page_that_a_stranger_sent_is_only_saved(desk: Desk, visitor: Visitor) -> None:
    appeal = await publish(desk)
    one = await contribute(visitor, appeal, PAGE, "readme.html")
    await desk.post(f"/appeals/{appeal.appeal_id}/{one}/open", {})
    await opened(desk, f"/appeals/{appeal.appeal_id}", f"/appeals/{appeal.appeal_id}/{one}/part")
    (path,) = desk.state.folder.rglob("brought/*.html")
    answer = await desk.get(f"/brought/{one}/{path.stem}")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert (await desk.get(f"/brought/{one}/..%2f..%2fofficer.key")).status == 404


async def test_words_that_cannot_be_read_hide_nothing_else(desk: Desk, visitor: Visitor) -> None:
    appeal = await publish(desk)
    code = (await begin(visitor, appeal.appeal_id)).json["code"]
    upload = await visitor.upload(code, b"not sealed at all")
    await visitor.answer(code, upload.headers["Location"], note=base64.b64encode(b"nor this").decode())
    desk.town.clock.forward(1000)
    await contribute(visitor, appeal, b"a film", "film.mp4", text="I saw it")
    page = (await desk.get(f"/appeals/{appeal.appeal_id}")).text
    assert "can’t be read" in page
    assert "I saw it" in page
    first = (await desk.site.client.contributions(appeal.appeal_id))[0].contribution_id
    await desk.post(f"/appeals/{appeal.appeal_id}/{first}/open", {})
    page = await opened(desk, f"/appeals/{appeal.appeal_id}", f"/appeals/{appeal.appeal_id}/{first}/part")
    assert 'role="alert"' in page


async def test_marks_posters_and_the_end(desk: Desk, visitor: Visitor) -> None:
    appeal = await publish(desk)
    at = f"/appeals/{appeal.appeal_id}"
    one = await contribute(visitor, appeal, b"a film", "film.mp4", text="I saw it")
    assert (await desk.post(f"{at}/{one}/mark", {"mark": "good"})).status == 400
    assert (await desk.post(f"{at}/{one}/mark", {"mark": "duplicate"})).status == 303
    assert "I saw it" not in (await desk.get(at)).text
    assert "We have it already" in (await desk.get(f"{at}?all=yes")).text
    poster = await desk.get(f"{at}/poster")
    assert f"/a/{appeal.appeal_id}" in poster.text
    code = await desk.get(f"{at}/code.svg")
    assert (code.headers["Content-Type"].partition(";")[0], "<svg" in code.text) == ("image/svg+xml", True)
    assert (await desk.post(f"{at}/close", {})).status == 303
    assert "Closed" in (await desk.get(at)).text
    wrong = await desk.post("/appeals", {"crime_reference": "", "when": "at tea time", "days": "0"})
    assert wrong.status == 422


async def test_a_case_with_nothing_but_people_has_its_page(desk: Desk, visitor: Visitor) -> None:
    person = await visitor.register()
    request_id = await ask_as(desk, person)
    code = await visitor.next_code()
    recipient = str(desk.state.case_key(CRIME).recipient)
    upload = await visitor.upload(code, sealed(recipient, PAGE))
    words = named(recipient, {"name": HOSTILE, "size": 1})
    assert (await visitor.answer(code, upload.headers["Location"], name=words)).status == 200
    cases = (await desk.get("/cases")).text
    assert "Somebody without an agent: files were sent." in cases
    (case,) = (await desk.site.client.all_person_cases())[:1]
    assert case.request_id == request_id
    assert (await desk.post(f"/people/{request_id}/open", {})).status == 303
    page = await opened(desk, f"/people/{request_id}", f"/people/{request_id}/part")
    assert "no proof of the cut" in page
    assert "<img" not in page
    assert (await desk.post(f"/people/{request_id}/outcome", {"result": "nothing"})).status == 400
    assert (await desk.post(f"/people/{request_id}/outcome", {"result": "not-used"})).status == 303
    assert (await desk.get("/people/nobody")).status == 404
