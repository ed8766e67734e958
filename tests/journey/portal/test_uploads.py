"""An upload goes on after every break, from where the server says; to the reference portal and to others alike."""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from agent.portal.growing import GrowingFile
from agent.portal.tus import Breaks, TusUpload, UploadGone, same_origin
from exchange.clock import HOUR, MINUTE
from exchange.documents import api
from exchange.errors import PackageDamaged, PortalAnswerInvalid, PortalRefused, PortalUnreachable
from exchange.signing.documents import SigningKey
from tests.counterparts.portals.hostile_portal import Call, Handler, HostilePortal, broken_off, each, page, status
from tests.counterparts.processes.npm import npm_package
from tests.journey.home import Siege, besieged

SIZE = 300_000
QUICK = Breaks(first=0.001, longest=0.002, tries=4)


@asynccontextmanager
async def uploading(tmp_path: Path) -> AsyncIterator[tuple[HostilePortal, TusUpload, list[int]]]:
    """A file on its way to a portal; the offsets at which it was resumed."""
    source = tmp_path / "package.zip.age"
    source.write_bytes(bytes(range(256)) * (SIZE // 256) + b"end" * 11 + bytes(SIZE - SIZE // 256 * 256 - 33))
    resumed: list[int] = []

    async def note(offset: int) -> None:
        resumed.append(offset)

    portal = HostilePortal("Force", SigningKey.generate().public)
    async with portal.running(), aiohttp.ClientSession() as session:
        upload = TusUpload(session, lambda: {"Authorization": "Bearer x"}, source, SIZE, breaks=QUICK, on_break=note)
        yield portal, upload, resumed
        for kept in portal.uploads.values():
            assert len(kept.content) <= SIZE


def endpoint(portal: HostilePortal) -> str:
    return portal.origin + api.UPLOADS


async def whole(portal: HostilePortal, upload: TusUpload, tmp_path: Path) -> None:
    url = await upload.create(endpoint(portal), {"delivery": "d-1"})
    await upload.send(url)
    assert bytes(portal.uploads[url.rpartition("/")[2]].content) == (tmp_path / "package.zip.age").read_bytes()


async def growing(
    tmp_path: Path, portal: HostilePortal, upload: TusUpload
) -> tuple[GrowingFile, asyncio.Task[None], str]:
    """An upload that was begun before anything of its file was there."""
    source = GrowingFile(tmp_path / ".being-made", SIZE)
    upload._source = source
    url = await upload.create(endpoint(portal), {})
    return source, asyncio.create_task(upload.send(url)), url


async def test_a_file_is_sent_while_it_is_made_and_breaks_cost_nothing(tmp_path: Path) -> None:
    async with uploading(tmp_path) as (portal, upload, resumed):
        portal.fault("PATCH", api.UPLOADS, broken_off(portal, 70_000), times=1)
        content, made = (tmp_path / "package.zip.age").read_bytes(), tmp_path / ".being-made"
        with made.open("wb", buffering=0) as file:
            file.write(content[:150_000])
            source, sending, url = await growing(tmp_path, portal, upload)
            source.grew(100_000)
            kept = portal.uploads[url.rpartition("/")[2]].content
            async with asyncio.timeout(60):
                while len(kept) < 100_000:  # noqa: ASYNC110 another server's memory
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            assert len(kept) == 100_000, "more was sent than was final"
            file.write(content[150_000:])
        made.rename(tmp_path / "whole")
        source.finished(tmp_path / "whole")
        await sending
        assert bytes(kept) == content
        assert resumed == [70_000]


async def test_a_piece_that_begins_between_the_files_last_name_and_the_word_that_it_is_whole_waits(
    tmp_path: Path,
) -> None:
    async with uploading(tmp_path) as (portal, upload, resumed):
        content, whole_file = (tmp_path / "package.zip.age").read_bytes(), tmp_path / "whole"
        whole_file.write_bytes(content)
        source, sending, url = await growing(tmp_path, portal, upload)
        source.grew(100_000)
        await asyncio.sleep(0.05)
        source.finished(whole_file)
        await sending
        assert bytes(portal.uploads[url.rpartition("/")[2]].content) == content
        assert len([call for call in portal.calls if call.method == "PATCH"]) == 1
        assert resumed == []
        whole_file.unlink()
        with pytest.raises(FileNotFoundError):
            await source.open()


async def test_a_file_whose_making_breaks_off_is_not_sent_any_further(tmp_path: Path) -> None:
    async with uploading(tmp_path) as (portal, upload, _):
        (tmp_path / ".being-made").write_bytes(bytes(SIZE))
        source, sending, url = await growing(tmp_path, portal, upload)
        source.grew(1000)
        await asyncio.sleep(0.05)
        source.broke_off()
        with pytest.raises(PackageDamaged, match="could not be sealed to its end"):
            await sending
        assert len(portal.uploads[url.rpartition("/")[2]].content) <= 1000


@pytest.mark.parametrize("number", [408, 409, 423, 429, 500, 502, 503])
async def test_a_server_that_is_busy_is_asked_again(tmp_path: Path, number: int) -> None:
    async with uploading(tmp_path) as (portal, upload, _):
        portal.fault("PATCH", api.UPLOADS, status(number), times=2)
        portal.fault("HEAD", api.UPLOADS, status(number), times=1)
        await whole(portal, upload, tmp_path)


async def test_a_broken_connection_is_resumed_from_the_offset_that_the_server_tells(tmp_path: Path) -> None:
    async with uploading(tmp_path) as (portal, upload, resumed):
        portal.fault("PATCH", api.UPLOADS, each(broken_off(portal, 70_000), broken_off(portal, 5)), times=2)
        await whole(portal, upload, tmp_path)
        assert resumed == [70_000, 70_005]
        offsets = [int(call.headers["Upload-Offset"]) for call in portal.calls if call.method == "PATCH"]
        assert offsets == [0, 70_000, 70_005]


async def test_an_upload_that_stands_still_is_given_up_for_now(tmp_path: Path) -> None:
    async with uploading(tmp_path) as (portal, upload, _):
        portal.fault("PATCH", api.UPLOADS, status(503), times=99)
        url = await upload.create(endpoint(portal), {})
        with pytest.raises(PortalUnreachable, match="stands still at 0 of 300000"):
            await upload.send(url)
        assert sum(call.method == "PATCH" for call in portal.calls) == QUICK.tries


async def test_a_server_that_says_taken_and_keeps_nothing_is_given_up(tmp_path: Path) -> None:
    async with uploading(tmp_path) as (portal, upload, _):

        async def swallow(call, request):  # type: ignore[no-untyped-def]
            await request.read()
            return await status(204)(call, request)

        portal.fault("PATCH", api.UPLOADS, swallow, times=99)
        url = await upload.create(endpoint(portal), {})
        with pytest.raises(PortalUnreachable, match="stands still"):
            await upload.send(url)


@pytest.mark.parametrize("method", ["HEAD", "PATCH"])
@pytest.mark.parametrize("number", [404, 410])
async def test_an_upload_that_the_server_forgot_is_gone(tmp_path: Path, method: str, number: int) -> None:
    async with uploading(tmp_path) as (portal, upload, _):
        portal.fault(method, api.UPLOADS, status(number))
        url = await upload.create(endpoint(portal), {})
        with pytest.raises(UploadGone):
            await upload.send(url)


async def test_a_file_too_large_for_the_server_is_not_tried_again(tmp_path: Path) -> None:
    async with uploading(tmp_path) as (portal, upload, _):
        portal.fault("POST", api.UPLOADS, status(413))
        with pytest.raises(PortalRefused, match="takes no file of 300000 bytes"):
            await upload.create(endpoint(portal), {})
        assert len(portal.calls) == 1


LOCATIONS = [  # where a server might want the bytes to go
    "https://elsewhere.example/u/1",
    "//elsewhere.example/u",
    "http://u:p@{host}/u",
    "",
    "http://[::1",
    "x" * 3000,
]


@pytest.mark.parametrize("location", LOCATIONS)
async def test_an_upload_at_another_place_is_not_begun(tmp_path: Path, location: str) -> None:
    async with uploading(tmp_path) as (portal, upload, _):
        there = location.format(host=portal.origin.removeprefix("http://"))
        portal.fault("POST", api.UPLOADS, status(201, Location=there))
        with pytest.raises(PortalAnswerInvalid, match="another host"):
            await upload.create(endpoint(portal), {})


def test_a_default_port_is_the_same_place_as_none() -> None:
    assert same_origin("https://a.example/x", "https://a.example:443/y")
    assert not same_origin("https://a.example/x", "http://a.example/x")


OFFSETS = [{"Upload-Offset": str(SIZE + 1)}, {"Upload-Offset": "-1"}, {"Upload-Offset": "9" * 5000}, {},
           {"Upload-Offset": "0", "Upload-Length": "5"}]  # fmt: skip


@pytest.mark.parametrize("headers", OFFSETS, ids=["beyond", "negative", "endless", "none", "another length"])
async def test_an_offset_that_cannot_be_is_refused(tmp_path: Path, headers: dict[str, str]) -> None:
    async with uploading(tmp_path) as (portal, upload, _):
        portal.fault("HEAD", api.UPLOADS, status(200, **headers))
        url = await upload.create(endpoint(portal), {})
        with pytest.raises(PortalAnswerInvalid, match="offset that cannot be"):
            await upload.send(url)


async def test_a_redirected_upload_goes_nowhere(tmp_path: Path) -> None:
    async with uploading(tmp_path) as (portal, upload, _):
        portal.fault("POST", api.UPLOADS, status(307, Location="/v1/elsewhere"))
        with pytest.raises(PortalUnreachable, match="redirect is never followed"):
            await upload.create(endpoint(portal), {})
        assert len(portal.calls) == 1


@pytest.mark.parametrize("handler", [page(), page(404), page(403), status(302, Location="http://login.example/")])
@pytest.mark.parametrize("method", ["HEAD", "PATCH"])
async def test_what_stands_between_ends_no_upload_and_loses_nothing_of_it(
    tmp_path: Path, method: str, handler: Handler
) -> None:
    async with uploading(tmp_path) as (portal, upload, _):
        portal.fault("PATCH", api.UPLOADS, broken_off(portal, 70_000))
        portal.fault(method, api.UPLOADS, handler, times=2)
        await whole(portal, upload, tmp_path)
        assert len(portal.uploads) == 1


def behind_proxy(portal: HostilePortal, named: str) -> Handler:
    """An upload server that was never told how it is reached."""

    async def handler(call: Call, request: web.Request) -> web.StreamResponse:
        answer = await portal.answer(call, request)
        port = portal.origin.rpartition(":")[2]
        answer.headers["Location"] = named.format(port=port) + answer.headers["Location"]
        return answer

    return handler


@pytest.mark.parametrize("named", ["https://127.0.0.1:{port}", "http://127.0.0.1", "http://tusd:1080"])
async def test_an_upload_is_where_it_was_asked_for_whatever_its_server_calls_itself(tmp_path: Path, named: str) -> None:
    async with uploading(tmp_path) as (portal, upload, _):
        portal.fault("POST", api.UPLOADS, behind_proxy(portal, named))
        await whole(portal, upload, tmp_path)


async def test_an_upload_that_its_server_calls_forbidden_is_gone(tmp_path: Path) -> None:
    async with uploading(tmp_path) as (portal, upload, _):
        portal.fault("HEAD", api.UPLOADS, status(403, **{"Tus-Resumable": "1.0.0"}))
        url = await upload.create(endpoint(portal), {})
        with pytest.raises(UploadGone):
            await upload.send(url)


async def test_pieces_that_are_taken_with_another_yes_and_an_offset_told_twice_are_taken(tmp_path: Path) -> None:
    async with uploading(tmp_path) as (portal, upload, _):

        async def another_yes(call: Call, request: web.Request) -> web.StreamResponse:
            answer = await portal.answer(call, request)
            told = answer.headers["Upload-Offset"]
            return web.Response(status=200, headers={"Upload-Offset": f"{told}, {told}"})

        portal.fault("PATCH", api.UPLOADS, another_yes)
        portal.fault("HEAD", api.UPLOADS, status(200, **{"Upload-Offset": "0, 0", "Upload-Length": str(SIZE)}))
        await whole(portal, upload, tmp_path)
        assert [call.method for call in portal.calls] == ["POST", "HEAD", "PATCH", "HEAD"]


async def test_a_file_that_changed_its_size_is_not_sent(tmp_path: Path) -> None:
    async with uploading(tmp_path) as (portal, upload, _):
        url = await upload.create(endpoint(portal), {})
        (tmp_path / "package.zip.age").write_bytes(b"short")
        with pytest.raises(PackageDamaged):
            await upload.send(url)
        assert not portal.uploads["upload-1"].content


# -- within the journey ------------------------------------------------------------------------------------------


async def approved(at: Siege) -> str:
    request_id = await at.asked()
    await at.say(request_id, yes=True)
    return request_id


async def test_a_forgotten_upload_begins_anew_within_the_journey(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await approved(at)
        at.portal.fault("HEAD", api.UPLOADS, status(410))
        await at.walk()
        assert await at.state(request_id) == "delivered"
        events = await at.events()
        assert (events.count("upload-started"), events.count("upload-finished")) == (2, 1)


async def test_an_upload_that_the_line_breaks_is_told_as_that_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.portal.tus.Breaks", lambda: QUICK)
    async with besieged(tmp_path) as at:
        await approved(at)
        at.portal.fault("PATCH", api.UPLOADS, status(503), times=99)
        await at.walk()
        assert (await at.events())[-1] == "upload-interrupted"


async def test_a_finished_upload_that_was_tidied_away_before_its_announcement_is_sent_again(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await approved(at)
        announce = f"/v1/requests/{request_id}/deliveries"
        at.portal.fault("PUT", announce, each(status(503), status(400)), times=2)
        await at.walk()
        at.portal.uploads.clear()
        await at.walk(later=MINUTE)
        assert await at.state(request_id) == "sealed"
        await at.walk(later=HOUR)
        assert await at.state(request_id) == "delivered"
        (package,) = await at.packages(request_id)
        (upload,) = at.portal.uploads.values()
        assert bytes(upload.content) == at.settings.package(package.evidence_id).read_bytes()


async def test_a_size_that_no_server_takes_stops_the_journey_and_says_so(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await approved(at)
        at.portal.fault("POST", api.UPLOADS, status(413), times=99)
        await at.walk()
        assert await at.state(request_id) == "sealed"
        assert "handed over on a medium" in (await at.listed(request_id))["trouble"]


async def test_nothing_but_sealed_bytes_and_opaque_names_reaches_the_courier(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        await approved(at)
        await at.walk()
        (upload,) = at.portal.uploads.values()
        assert bytes(upload.content[:21]) == b"age-encryption.org/v1"
        (create,) = [call for call in at.portal.calls if call.method == "POST" and call.path == api.UPLOADS]
        assert re.fullmatch(r"delivery [A-Za-z0-9+/=]+", create.headers["Upload-Metadata"])


TUS_SERVER = """
import http from "node:http";
import { Server } from "@tus/server";
import { FileStore } from "@tus/file-store";
const tus = new Server({ path: "/files", datastore: new FileStore({ directory: process.argv[2] }) });
const server = http.createServer((request, response) => tus.handle(request, response));
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
"""


async def test_the_tus_server_of_others_is_as_good_a_courier(tmp_path: Path) -> None:
    folder = await asyncio.to_thread(npm_package, "@tus/server", "2.4.5", "@tus/file-store@2.1.1")
    (folder / "serve.mjs").write_text(TUS_SERVER)
    kept = tmp_path / "kept"
    kept.mkdir()
    node = await asyncio.create_subprocess_exec(
        "node", "serve.mjs", str(kept), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert node.stdout is not None
        port = int(await asyncio.wait_for(node.stdout.readline(), 30))
        async with besieged(tmp_path) as at:
            uploads = f"http://127.0.0.1:{port}/files"
            await at.execute("UPDATE force SET uploads = ?", uploads)
            request_id = await approved(at)
            await at.walk()
            assert await at.state(request_id) == "delivered"
            (package,) = await at.packages(request_id)
            assert (package.upload_url or "").startswith(uploads)
            (received,) = [path for path in kept.iterdir() if path.suffix != ".json"]
            assert received.read_bytes() == at.settings.package(package.evidence_id).read_bytes()
            assert not at.portal.uploads
    finally:
        node.kill()
        await node.wait()
