"""Chromium, as the machine has it, driven through Playwright; and axe-core, which finds what keeps people out.

Not for: tests themselves. The pages' policy forbids evaluated strings, so waiting is done by locators.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Page, Playwright, async_playwright, expect
from playwright.async_api import Error as PlaywrightError

from tests.counterparts.processes.npm import npm_package
from tests.counterparts.processes.shared_browser import CHROMIUM as CHROMIUM
from tests.counterparts.processes.shared_browser import shared

expect.set_options(timeout=30_000)
PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 900}


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """One that all tests of this process share: each has windows of its own, and what it opened ends with it."""
    async with async_playwright() as playwright:
        browser = await _connected(playwright)
        try:
            yield browser
        finally:
            for context in browser.contexts[1:]:  # the first is the browser's own
                await context.close()
            await browser.close()


async def _connected(playwright: Playwright) -> Browser:
    """To the one that is shared; to another in its place when that does not answer any more."""
    origin = await asyncio.to_thread(shared().origin)
    try:
        return await playwright.chromium.connect_over_cdp(origin, timeout=30_000)
    except PlaywrightError:
        await asyncio.to_thread(shared().end)
    origin = await asyncio.to_thread(shared().origin)
    return await playwright.chromium.connect_over_cdp(origin, timeout=60_000)


@asynccontextmanager
async def window(browser: Browser, origin: str, **how: object) -> AsyncIterator[Page]:
    """A browser window of its own, without anybody's cookies; it fails for every error that the page's script has."""
    context: BrowserContext = await browser.new_context(  # type: ignore[arg-type]
        **({"viewport": PHONE, "base_url": origin, "locale": "en-GB", "ignore_https_errors": True} | how)
    )
    context.set_default_timeout(30_000)
    page = await context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console",
        lambda message: wrong.append(message.text) if "Content Security Policy" in message.text else None,
    )
    try:
        yield page
        assert wrong == []
    finally:
        await context.close()


async def barriers(page: Page) -> list[str]:
    """What axe-core finds on the page: by WCAG 2.2 A and AA, and its best practices."""
    folder = npm_package("axe-core", "4.11.0")
    script = (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()
    session = await page.context.new_cdp_session(page)
    # Through the debugger, which the page's policy doesn't bind: it allows no script of others.
    await session.send("Runtime.evaluate", {"expression": script})
    found = await session.send(
        "Runtime.evaluate",
        {
            "expression": "axe.run().then(found => JSON.stringify(found.violations.map(each => "
            "each.id + ': ' + each.nodes.map(node => node.target.join(' ')).join(', '))))",
            "awaitPromise": True,
        },
    )
    import json

    return [str(each) for each in json.loads(found["result"]["value"])]


async def too_wide(page: Page) -> bool:
    """Whether the page must be scrolled sideways."""
    return bool(
        await page.evaluate("() => document.documentElement.scrollWidth > document.documentElement.clientWidth")
    )


async def shoot(page: Page, folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=folder / f"{name}.png", full_page=True)
