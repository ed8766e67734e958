"""Somebody's hands at a page: with a mouse or by keys alone; what they did is counted, and how long it takes a person.

The time is that of the keystroke-level model of Card, Moran and Newell, in seconds: it knows nothing of how fast this
machine is. Not for: what a page does (tests themselves).
"""

from dataclasses import dataclass

from playwright.async_api import Locator, Page

KEY = 0.28
"""An average typist's key."""
POINT = 1.1
"""Pointing at a thing with a mouse."""
BUTTON = 0.2
"""Pressing and releasing it."""
HOME = 0.4
"""A hand between mouse and keys."""
THINK = 1.35
"""Deciding what to do next; before every field and every press."""
READ = 4.0
"""Looking over a page that has changed."""
_MOST_TABS = 150


@dataclass
class Hands:
    """``presses`` of controls: clicks, or keys that do the same. ``seconds`` of a person's time."""

    page: Page
    keys_alone: bool = False
    presses: int = 0
    seconds: float = 0.0

    async def press(self, control: Locator) -> None:
        """A button, a link, a box."""
        self.presses += 1
        if self.keys_alone:
            await self._go_to(control)
            await self.page.keyboard.press("Enter")
            self.seconds += THINK + KEY
        else:
            await control.click()
            self.seconds += THINK + HOME + POINT + BUTTON

    async def write(self, field: Locator, text: str, then: str = "") -> None:
        """Into a field, which a press of Tab leads to; ``then``: a key at its end."""
        await self._go_to(field)
        await self.page.keyboard.insert_text(text)
        self.seconds += THINK + KEY * (1 + len(text) + bool(then))
        if then:
            await self.page.keyboard.press(then)

    def look(self) -> None:
        self.seconds += READ

    async def _go_to(self, control: Locator) -> None:
        """By Tab, as far as it takes: AssertionError for what keys don't reach."""
        await control.wait_for()
        for _ in range(_MOST_TABS):
            if await control.evaluate("(here) => here === document.activeElement"):
                return
            if not self.keys_alone:
                await control.focus()
                continue
            await self.page.keyboard.press("Tab")
            self.seconds += KEY
        raise AssertionError(f"no Tab leads to {control}")
