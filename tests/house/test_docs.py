"""What the documents say exists, exists."""

import configparser
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from agent.cli.main import main as handover
from exchange.errors import HandoverError
from tests.paths import ROOT

DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
by_name = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def code(document: Path) -> str:
    """What stands as code: spans and indented or fenced blocks, without fenced drawings."""
    text = re.sub(r"```mermaid.*?```", "", document.read_text(), flags=re.DOTALL)
    blocks = [line for line in text.splitlines() if line.startswith("    ")]
    return "\n".join([*re.findall(r"`([^`\n]+)`", text), *blocks])


def commands(group: click.Group, prefix: str) -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{prefix} {name}"
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix} {name}")


@by_name
def test_every_link_inside_the_repository_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", document.read_text())
    inside = [link for link in links if "://" not in link]
    assert [link for link in inside if not (document.parent / link).exists()] == []


@by_name
def test_every_command_that_is_named_exists(document: Path) -> None:
    known = set(commands(handover, "handover"))
    groups = {name for name in known if any(other.startswith(f"{name} ") for other in known)}
    named = set()
    typed = "\n".join(
        line for line in code(document).splitlines() if not re.match(r"\s*(sudo )?(system|user|group)", line)
    )
    for match in re.finditer(r"(?<![\w/.-])handover ([a-z]+)\b(?!-)(?: ([a-z]+)\b(?!-))?", typed):
        first = f"handover {match[1]}"
        named.add(f"{first} {match[2]}" if first in groups and match[2] else first)
    assert sorted(named - known) == []


def test_the_readme_names_every_command() -> None:
    text = code(ROOT / "README.md")
    names = [name for name in commands(handover, "handover") if name.count(" ") == 1 and name != "handover cameras"]
    assert [name for name in names if not re.search(rf"{name}\b", text)] == []


def test_the_readme_names_every_program_that_is_installed() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    programs = [line.partition("=")[0].strip() for line in setup["options.entry_points"]["console_scripts"].split("\n")]
    text = (ROOT / "README.md").read_text()
    assert [program for program in programs if program and f"`{program}" not in text] == []


@by_name
def test_every_script_that_is_named_exists(document: Path) -> None:
    scripts = set(re.findall(r"(?<![\w/])scripts/[a-z][a-z/_.]*[a-z]", code(document)))
    assert [script for script in scripts if not (ROOT / script).exists()] == []


def test_every_room_that_the_architecture_names_stands() -> None:
    named = set(re.findall(r"`((?:agent|exchange|portal)/[\w/*.-]+)`", (ROOT / "docs/architecture.md").read_text()))
    assert len(named) > 15
    assert [room for room in sorted(named) if not list(ROOT.glob(room.rstrip("/")))] == []


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_says_its_status_its_context_and_what_was_rejected(decision: Path) -> None:
    text = decision.read_text()
    number = DECISIONS.index(decision) + 1
    assert decision.name.startswith(f"{number:04d}-")
    assert text.startswith(f"# {number}. ")
    for part in ("Status: ", "**Context.**", "**Decision.**", "**Rejected.**"):
        assert part in text, part


def test_the_glossary_has_each_word_once_and_in_order() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text()
    found = re.findall(r"^\| \*\*(.+?)\*\* \|", text, re.MULTILINE)
    assert len(found) > 30
    assert found == sorted(set(found), key=str.lower)


def test_the_exit_codes_that_the_documents_name_are_those_of_the_errors() -> None:
    def kinds(kind: type[HandoverError]) -> Iterator[type[HandoverError]]:
        yield kind
        for below in kind.__subclasses__():
            yield from kinds(below)

    known = {kind.exit_code for kind in kinds(HandoverError)}
    for document in DOCUMENTS:
        for told in re.findall(r"exit codes? (\d+)(?: and (\d+))?", document.read_text().replace("\n", " ")):
            assert {int(number) for number in told if number} <= known, document
