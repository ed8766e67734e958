"""The owner's records on the page: register and papers, mails and notes, the notice, and who was filmed and asks."""

import csv
import io
from email.message import EmailMessage
from pathlib import Path

import aiohttp
from playwright.async_api import Page, expect

from agent.records.correspondence import kept
from tests.agent.owner.web.pages import PASSWORD, look_at, served
from tests.counterparts.processes.browser import DESKTOP, PHONE, barriers, chromium, window
from tests.journey.home import besieged
from tests.journey.records.kept import answered_in_every_way, ask, pdf_text

EVIL = "<script>document.title='evil'</script><img src=x onerror=alert(1)>"


async def saved(page: Page, click: str) -> tuple[str, bytes]:
    """The file that a click saves, and its name."""
    async with page.expect_download() as loading:
        await page.click(click)
    download = await loading.value
    return download.suggested_filename, Path(await download.path()).read_bytes()


async def test_the_register_is_filtered_taken_along_and_its_papers_are_made(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at, served(at) as site, chromium() as browser:
        await site.person()
        ended = await answered_in_every_way(at)
        async with window(browser, site.origin, viewport=PHONE, accept_downloads=True) as page:
            await site.log_in(page, to="/records")
            await expect(page.locator("main a.card")).to_have_count(5)
            await look_at(page, "records")
            name, table = await saved(page, "text=as a table")
            assert name == "register.csv"
            assert len(list(csv.reader(io.StringIO(table.decode("utf-8-sig"), newline="")))) == 6
            name, document = await saved(page, "text=to print (PDF)")
            assert name == "register.pdf"
            assert "04/1234/26" in pdf_text(document)
            await page.select_option("#state", "declined")
            await page.click("text=Show")
            await expect(page.locator("main a.card")).to_have_count(1)
            await page.goto(f"/records/{ended['approved']}")
            await expect(page.locator("dl")).to_contain_text("the sound was asked for and left out")
            await page.click("summary:has-text('By which law')")
            await page.select_option("#basis", "vital-interests")
            await page.fill("#why", "A child was missing.")
            await page.click("details[open] button")
            await expect(page.locator("dl")).to_contain_text("Article 6(1)(d)")
            await page.click("summary:has-text('A statement')")
            await page.fill("#name", "Robin Example")
            name, draft = await saved(page, "text=Save as a page")
            assert name.startswith("statement-")
            assert b'value="Robin Example"' in draft
            await look_at(page, "record")
            await page.set_viewport_size(DESKTOP)
            await look_at(page, "record")
        # What is saved is a page of its own, read by anybody: no barrier there, and nothing but it.
        page_file = tmp_path / "statement.html"
        page_file.write_bytes(draft)
        register = tmp_path / "register.html"
        async with aiohttp.ClientSession(cookies={"handover": await site.session()}) as session:
            async with session.get(f"{site.origin}/records/register.html") as response:
                assert response.headers["Content-Disposition"].startswith('attachment; filename="register.html"')
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                assert response.headers["Cache-Control"] == "no-store"
                assert "sandbox" in response.headers["Content-Security-Policy"]
                register.write_bytes(await response.read())
            async with session.get(f"{site.origin}/records/register.exe") as response:
                assert response.status == 404
        async with window(browser, "file:///") as page:
            for path in (page_file, register):
                await page.goto(path.as_uri())
                assert await barriers(page) == [], path


async def test_mails_and_notes_are_added_and_what_others_wrote_does_nothing(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at, served(at) as site, chromium() as browser:
        await site.person()
        request_id = await at.asked()
        mail = EmailMessage()
        mail["From"] = f'"{EVIL}" <ada@example.police.uk>'
        mail["Subject"] = f"\u202e{EVIL}"
        mail["Date"] = "Sat, 21 Nov 2026 09:30:00 +0000"
        mail.set_content(f"<p>{EVIL}</p><p>Was it grey?</p>", subtype="html")
        mail.add_attachment(b"x" * 900_000, maintype="text", subtype="html", filename="run me.html")
        path = tmp_path / "question.eml"
        path.write_bytes(mail.as_bytes())
        async with window(browser, site.origin, accept_downloads=True) as page:
            await site.log_in(page, to=f"/records/{request_id}")
            await page.set_input_files("#file", path)
            await page.click("text=Add it")
            await expect(page.locator(".theirs").first).to_contain_text("Was it grey?")
            await page.fill("#text", f"I told her: {EVIL}\nOn Tuesday.")
            await page.fill("#note-when", "2026-11-21T11:00")
            await page.click("form[action$=note] button")
            await expect(page.locator(".said li")).to_have_count(3)
            assert await page.title() != "evil"
            assert await page.locator("main img").count() == 0
            await look_at(page, "said")
            name, content = await saved(page, "text=Save question.eml")
            assert (name, content) == ("question.eml", path.read_bytes())
            await page.locator("summary:has-text('Remove')").first.click()
            await page.fill("#password-1", PASSWORD)
            await page.click("text=Delete it")
            await expect(page.locator(".said li")).to_have_count(2)
        async with at.agent.services.store.transaction() as tx:
            assert [item.kind for item in await kept.items_about(tx, request_id)] == ["note"]


async def test_who_was_filmed_and_asks_gets_an_answer_and_the_notice_is_at_hand(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at, served(at) as site, chromium() as browser:
        await site.person()
        async with window(browser, site.origin, accept_downloads=True, locale="de-DE") as page:
            await site.log_in(page, to="/records/notice")
            await expect(page.locator("h1")).to_have_text("Ihr Hinweis und Ihr Schild")
            name, sign = await saved(page, "a[href='/records/sign.html']")
            assert name == "cctv-sign.html"
            assert b"CCTV in operation" in sign
            await look_at(page, "notice")
            await page.goto("/subjects")
            await page.fill("#person", "Kim Roe")
            await page.fill("#described", "roter Mantel")
            await page.fill("#day", "2026-11-20")
            await page.fill("#from", "18:00")
            await page.fill("#to", "19:00")
            await page.fill("#received", "2026-11-21")
            await look_at(page, "subjects")
            await page.click("main form button")
            await expect(page.locator("h1")).to_have_text("Kim Roe")
            await expect(page.locator(".box").first).to_contain_text("Antwort bis")
            await look_at(page, "subject")
            name, letter = await saved(page, "text=Als Seite sichern")
            assert name.startswith("answer-")
            assert b"Dear Kim Roe," in letter  # the law of the United Kingdom has its words in English
            await page.goto("/")
            await expect(page.locator("main")).to_contain_text("wartet bis")
            await page.click("text=wartet bis")
            await page.click("text=Kim Roe")
            await page.click("summary:has-text('Ich habe geantwortet')")
            await page.click("details[open] button")
            await expect(page.locator(".box").first).to_contain_text("die Person bekam alles")
        assert [each["answer"] for each in (await ask(at, "subject-requests"))["requests"]] == ["given"]
