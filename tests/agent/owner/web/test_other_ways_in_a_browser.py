"""What owners do on the page besides answering a request of the portal: other forces, other apps, offers, cameras."""

import asyncio
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

from playwright.async_api import expect

from agent.cameras.stored import NewCamera
from agent.deliveries.media import Medium
from exchange.clock import SECOND, Window
from exchange.documents.messages import Asked, Stretch
from tests.agent.owner.test_messages import mail_server
from tests.agent.owner.web.pages import PASSWORD, going_on, look_at, plays, served
from tests.counterparts.files.packets import coded_frames
from tests.counterparts.http.hikvision_stand_in import HikvisionStandIn, Recording
from tests.counterparts.onvif.ipycam_camera import ipycam_camera
from tests.counterparts.processes.browser import chromium, window
from tests.journey.home import ACTOR, home, owner_does
from tests.sources.counterpart.pieces import piece


async def test_a_request_at_the_door_is_written_down_reviewed_and_handed_over(tmp_path: Path) -> None:
    async with home(tmp_path, workers=True) as at, served(at) as site, chromium() as browser:
        await site.person()
        async with window(browser, site.origin, accept_downloads=True) as page:
            await site.log_in(page)
            await page.click("text=The police asked me some other way")
            await look_at(page, "new")
            for name, value in (("who", "PC Sam Marsh"), ("force", "Kent Police"), ("case", "46/99/26")):
                await page.fill(f"#{name}", value)
            await page.fill("#day", local(at.window.start, "%Y-%m-%d"))
            await page.fill("#from", local(at.window.start + 2 * SECOND, "%H:%M:%S"))
            await page.fill("#to", local(at.window.end - 2 * SECOND, "%H:%M:%S"))
            await page.select_option("#identified", "card-seen")
            await page.click("main form button")
            await page.wait_for_url("**/requests/*")
            await at.agent.journey.settle()  # the page has news of it, and loads itself anew
            await expect(page.locator("main")).to_contain_text(
                "No signature: it was written down here, and their warrant"
            )
            await look_at(page, "noted")
            await page.click("text=Yes, go on")
            await expect(page.locator(".sentence")).to_contain_text("to PC Sam Marsh of Kent Police")
            await page.fill("#password", PASSWORD)
            await page.click("text=Yes, send it")
            await at.agent.journey.settle()
            await expect(page.locator("#stands")).to_have_text("ready: hand it over")
            await look_at(page, "ready")
            async with page.expect_download() as loading:
                await page.click("text=.zip.age")
            loaded = await (await loading.value).path()
            assert Path(loaded).read_bytes().startswith(b"age-encryption.org/v1\n-> scrypt ")
            await page.click("text=See the secret words")
            await look_at(page, "way")
            assert await page.locator("#passphrase").count() == 0
            await page.fill("form[action$=passphrase] #password", "wrong words here")
            await page.click("text=Show the words")
            await expect(page.locator("main")).to_contain_text("Type your password again")
            await page.go_back()
            await page.fill("form[action$=passphrase] #password", PASSWORD)
            await page.click("text=Show the words")
            words = await page.locator("#passphrase").inner_text()
            assert len(words.split("-")) == 8
            await expect(page.locator("main")).to_contain_text("Call the officer")
            await look_at(page, "words")
            await page.click("main p a")
            assert words not in await page.content()
            await page.click("text=The police have them")
            await page.fill("#taken_by", "PC Marsh")
            await page.fill("#how", "signed the form")
            await page.fill("#password", PASSWORD)
            await page.click("text=Write it down")
            await at.agent.journey.settle()
            await expect(page.locator("#stands")).to_have_text("handed over")


async def test_the_way_is_chosen_on_the_page_and_a_stick_is_offered(tmp_path: Path) -> None:
    stick = Medium(tmp_path / "STICK", "Kingston DataTraveler", "vfat", 16 * 10**9, 15 * 10**9, 2**32 - 1, False)
    locked = Medium(tmp_path / "CARD", "SD card", "vfat", 8 * 10**9, 8 * 10**9, 2**32 - 1, True)
    stick.folder.mkdir()
    with (
        mock.patch("agent.owner.operations.handing_over.delivering.media", return_value=[stick, locked]),
        mock.patch("agent.requests.on_the_way.choosing.medium_of", return_value=Path("/")),
    ):
        async with home(tmp_path, pictures=True) as at, served(at) as site, chromium() as browser:
            await site.person()
            request_id = await at.asked()
            async with window(browser, site.origin) as page:
                await site.log_in(page, to=f"/requests/{request_id}")
                await expect(page.locator("main")).to_contain_text("After a yes it goes by the portal of the police")
                await page.click("text=Take another way")
                await expect(page.locator("input[value^='medium:'][disabled]")).to_have_count(1)
                await page.check(f"input[value='medium:{stick.folder}']")
                await page.fill("#password", PASSWORD)
                await page.click("text=Take this way")
                await expect(page.locator("[role=status]")).to_contain_text("on a stick, card or disk")
                await look_at(page, "medium")
                await at.say(request_id, yes=True)
                await at.agent.journey.settle()
                await page.goto(f"/requests/{request_id}")
                await expect(page.locator("main")).to_contain_text("It lies there, whole")
                await look_at(page, "medium-written")
            assert len(list(stick.folder.glob("*.zip.age"))) == 1
            assert len(list(stick.folder.glob("LABEL*.html"))) == 1


async def test_a_clip_out_of_another_app_is_brought_and_goes_the_same_way(tmp_path: Path) -> None:
    async with home(tmp_path, pictures=True) as at, served(at) as site, chromium() as browser:
        await site.person()
        ring = NewCamera(
            camera_id="doorbell", address="ring", label="Doorbell", latitude=53.76, longitude=-2.7, source="by_hand"
        )
        added = await owner_does(at.agent, "add-camera", ring, ACTOR)
        assert added["registered"], added
        clip = tmp_path / "RingVideo.mp4"
        joined = tmp_path / "joined.txt"
        joined.write_text("".join(f"file '{segment}'\n" for segment in at.segments))
        command = ["ffmpeg", "-v", "error", "-f", "concat", "-safe", "0", "-i", joined, "-c", "copy", clip]
        subprocess.run(command, check=True)
        window_asked = Window(at.window.start + 2 * SECOND, at.window.end - 2 * SECOND)
        asked = Asked(camera_id="doorbell", window=Stretch.of(window_asked))
        request_id = await at.asked(at.request(asked=(asked,)))
        async with going_on(at), window(browser, site.origin) as page:
            await site.log_in(page, to=f"/requests/{request_id}")
            await expect(page.locator("main")).to_contain_text("Open the Ring app")
            await page.click("text=Bring the file")
            await look_at(page, "bring")
            await page.set_input_files("#file", clip)
            await page.fill("#start", local(at.window.start, "%Y-%m-%dT%H:%M:%S"))
            await page.click("text=Bring it")
            await page.wait_for_url(f"**/requests/{request_id}")
            for _ in range(100):
                if (await at.shown(request_id)).get("plan", {"cameras": [{}]})["cameras"][0].get("actual"):
                    break
                await asyncio.sleep(0.1)
            await page.reload()
            await plays(page)
            camera = (await at.shown(request_id))["plan"]["cameras"][0]
            assert (camera["source"]["kind"], camera["source"]["make"]) == ("by_hand", "ring")
            assert "brought by hand" in camera["source"]["how_read"]
            await page.click("text=Yes, go on")
            await page.fill("#password", PASSWORD)
            await page.click("text=Yes, send it")
            await expect(page.locator("#stands")).to_have_text("handed over; the police have not confirmed it yet")


async def test_a_recording_is_offered_unasked(tmp_path: Path) -> None:
    async with home(tmp_path, pictures=True) as at, served(at) as site, chromium() as browser:
        await site.person()
        async with window(browser, site.origin) as page:
            await site.log_in(page)
            await page.click("text=I saw something: offer a recording")
            await page.fill("#kind", "A bicycle was taken")
            await page.fill("#place", "Mill Road")
            await page.fill("#seen", "A red <b>coat</b>")
            await page.fill("#day", local(at.window.start, "%Y-%m-%d"))
            await page.fill("#from", local(at.window.start + 2 * SECOND, "%H:%M:%S"))
            await page.fill("#to", local(at.window.end - 2 * SECOND, "%H:%M:%S"))
            await page.check("input[name=camera]")
            await page.fill("#password", PASSWORD)
            await page.click("text=Offer it")
            await expect(page.locator("main")).to_contain_text("The police were told.")
            await look_at(page, "offer")
            (found,) = (await at.officer.offers()).offers
            assert "A red <b>coat</b>" in found.signed.document
            await page.click("text=Take it back")
            await expect(page.locator("section.card")).to_contain_text("over")


async def test_a_camera_is_found_added_placed_and_turned(tmp_path: Path) -> None:
    extra = "discovery: {interfaces: [lo], enabled: false}"
    async with (
        ipycam_camera() as camera,
        home(tmp_path, pictures=True, extra=extra) as at,
        served(at) as site,
        chromium() as browser,
    ):
        await site.person()
        async with window(browser, site.origin) as page:
            await site.log_in(page, to="/cameras")
            await page.click("text=Add a camera")
            await look_at(page, "add")
            await page.fill("#address", "127.0.0.1:9")
            await page.fill("#camera_id", "yard")
            await page.fill("#label", "Back yard")
            await page.fill("#latitude", "53.7634")
            await page.fill("#longitude", "-2.7033")
            await page.click("text=Add it")
            await expect(page.locator(".box.bad")).to_be_visible()
            await expect(page.locator("#label")).to_have_value("Back yard")  # nothing typed is lost
            await page.fill("#address", camera.onvif)
            await page.click("text=Add it")
            await expect(page.locator("h1")).to_have_text("Back yard")
            await expect(page.locator("[data-again]")).to_be_visible()
            await expect(page.locator("[data-now]")).to_be_visible()
            await look_at(page, "camera")
            before = await page.locator("#latitude").input_value()
            await page.locator("svg.plan").click(position={"x": 60, "y": 60})
            assert await page.locator("#latitude").input_value() != before
            await page.locator("#direction").evaluate(
                "field => { field.value = 270; field.dispatchEvent(new Event('input', {bubbles: true})); }"
            )
            await page.click("text=Keep this")
            await expect(page.locator("#direction")).to_have_value("270")
            await page.goto("/cameras/known")
            await expect(page.locator("main")).to_contain_text("looks to 270° from north")
            await look_at(page, "known")
            text = await page.content()
            assert str(camera.onvif_port) not in text


async def test_a_recorder_s_cameras_come_in_one_go_and_each_shows_its_picture(tmp_path: Path) -> None:
    async with home(tmp_path, pictures=True) as at, served(at) as site, chromium() as browser:
        await site.person()
        recorder = HikvisionStandIn(at.clock)
        recorder.channels = {1: "Gate", 2: "Till"}
        laid = piece("2026-06-10T10:00:00Z", 12)
        start = at.clock.now() - 60 * SECOND
        recorder.held = [Recording(start, coded_frames(laid.path), laid.codec, track) for track in (101, 201)]
        with recorder.running() as where:
            async with window(browser, site.origin) as page:
                await site.log_in(page, to="/cameras")
                await page.click("text=Add a recorder")
                await page.select_option("#source", "hikvision")
                for name, value in (("address", where), ("camera_id", "shop"), ("label", "Shop"), ("user", "viewer")):
                    await page.fill(f"#{name}", value)
                await page.fill("#channels", "one")
                await page.fill("#password", "wrong horse")
                await page.click("text=Add them")
                await expect(page.locator(".box.bad")).to_contain_text("The channels 'one' can't be used")
                await look_at(page, "recorder")
                await page.fill("#channels", "")
                await page.fill("#password", "wrong horse")
                await page.click("text=Add them")
                await expect(page.locator(".box.bad")).to_contain_text("refuses")
                assert "horse" not in await page.content()
                await page.click("text=Try again")
                await expect(page.locator("#address")).to_have_value(where)  # nothing typed is lost, but the password
                await expect(page.locator("#password")).to_have_value("")
                await page.fill("#password", "right horse")
                await page.click("text=Add them")
                await expect(page.locator("[role=status]")).to_have_text("Added: 2 of 2")
                await expect(page.locator(".shots .card")).to_have_count(2)
                for picture in await page.locator(".shots img").all():
                    await expect(picture).to_have_js_property("complete", True)
                    assert await picture.evaluate("image => image.naturalWidth") > 100
                await look_at(page, "adding")
                await page.click(".card:has-text('Till') a")
                await expect(page.locator("#label")).to_have_value("Shop 2 Till")
                await expect(page.locator("main")).to_contain_text("What it recorded last")
        assert not recorder.strange


async def test_who_is_told_is_set_on_the_page_and_an_address_is_never_shown(tmp_path: Path) -> None:
    async with home(tmp_path, workers=True) as at, served(at) as site, chromium() as browser, mail_server() as box:
        await site.person()
        async with window(browser, site.origin) as page:
            await site.log_in(page, to="/settings")
            await expect(page.locator("main")).to_contain_text("Nobody yet: you would have to look here.")
            for address, said in (("nothing://x", "did not take the message"), (box.address, "A test message was")):
                await page.click("text=Add, test or remove")
                await page.fill("#recipient_id", "robin")
                await page.fill("#address", address)
                await page.fill("#password", PASSWORD)
                await page.click("main button[value=add]")
                await expect(page.locator("main")).to_contain_text(said)
                assert address not in await page.content()
            await look_at(page, "messages")
            assert len(box.letters) == 1
            await page.goto("/portal")
            await expect(page.locator("main")).to_contain_text("You belong to the portal of Example Constabulary.")
            await page.fill("#url", at.origin)
            await page.click("text=Go on")
            await expect(page.locator("main")).to_contain_text(at.place.force.key.public.fingerprint)
            await look_at(page, "portal")


def local(at: int, how: str) -> str:
    """As a person here types it."""
    return datetime.fromtimestamp(at / SECOND, UTC).astimezone().strftime(how)
