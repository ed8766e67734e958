"""An auditor at their desk: what officers did, that nothing of it was taken away, and their quotas."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from exchange.documents.messages import Role
from portal.officer.desk import readings
from portal.officer.supervised.reading import News, read_log
from tests.counterparts.processes.browser import PHONE
from tests.portal.conftest import Town
from tests.portal.desk.desks import look_at, served
from tests.portal.supervision.supervisors import known
from tests.portal.supervision.test_uses import some_use, tamper


async def test_an_auditor_reads_the_log_signs_its_head_and_finds_that_it_was_cut(town: Town, tmp_path: Path) -> None:
    await some_use(town)
    patel = await known(town, Role.AUDITOR, name="Kim Patel", collar_number="9")
    async with served(town, tmp_path / "auditor", who=patel) as desk, desk.opened() as page:
        assert await page.get_by_role("link", name="Supervision").count() == 0
        await page.get_by_role("link", name="Log of use").click()
        await expect(page.get_by_text("4 lines: each follows from the one before")).to_be_visible()
        await expect(page.get_by_text("Nobody signed them yet.")).to_be_visible()
        await expect(page.locator("#lines tbody tr")).to_have_count(4)
        await expect(page.get_by_text("and fetch 120 packages an hour")).to_be_visible()
        await expect(page.get_by_role("row", name="Ada Okafor (4711) 1 1 1 1")).to_be_visible()
        await look_at(page, "officer-audit")
        await page.get_by_role("button", name="Sign the head of today").click()
        await expect(page.get_by_text("Kim Patel signed all of them.")).to_be_visible()
        await page.get_by_label("Only of this crime").fill("C-1")
        await page.get_by_role("button", name="Show").click()
        await expect(page.locator("#lines tbody tr")).to_have_count(1)
        await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        await look_at(page, "officer-audit")
        await tamper(town, 2)
        await page.reload()
        await expect(page.get_by_role("alert")).to_contain_text("had 4 lines")
        await look_at(page, "audit-broken")


async def test_a_long_log_is_read_while_the_page_shows_how_far_it_is(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await some_use(town)
    patel = await known(town, Role.AUDITOR, name="Kim Patel", collar_number="9")
    may_end, begun = asyncio.Event(), 0

    async def slowly(*args: Any, news: News, **how: Any) -> tuple[int, bytes]:
        nonlocal begun
        begun += 1
        news(3, 4000)
        await may_end.wait()
        return await read_log(*args, news=news, **how)

    monkeypatch.setattr(readings, "read_log", slowly)
    monkeypatch.setattr(readings, "AT_ONCE", 0.01)
    async with served(town, tmp_path / "auditor", who=patel) as desk, desk.opened() as page:
        await page.get_by_role("link", name="Log of use").click()
        await expect(page.get_by_text("Checking the log of use: 3 of 4000 lines.")).to_be_visible()
        await expect(page.get_by_role("progressbar", name="Checked")).to_be_visible()
        await look_at(page, "audit-reading")
        assert "Checking the log of use" in (await desk.get("/audit")).text
        monkeypatch.setattr(readings, "AT_ONCE", 20)
        may_end.set()
        await expect(page.get_by_text("4 lines: each follows from the one before")).to_be_visible()
        assert begun == 1
        assert "Checking" not in (await desk.get("/audit?crime=C-1")).text
        assert begun == 2


async def test_the_log_is_shown_to_auditors_alone(town: Town, tmp_path: Path) -> None:
    async with served(town, tmp_path / "officer") as desk:
        refused = await desk.get("/audit")
        assert (refused.status, "is for auditors" in refused.text) == (403, True)
        assert (await desk.get("/audit/part")).status == 403
        assert (await desk.post("/audit/sign", {})).status == 403
        assert "Log of use" not in (await desk.get("/cases")).text
