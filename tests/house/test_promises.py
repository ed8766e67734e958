"""What the code declares is used, and some test meets it: settings, errors, kinds of custody events, columns."""

import re
from collections.abc import Iterable
from functools import cache

import click
import pytest
from pydantic import BaseModel

from agent.cli.main import main as handover
from agent.settings.model import Settings
from exchange import errors
from exchange.custody.log import CustodyKind
from exchange.errors import HandoverError
from portal import cli as portal_cli
from portal.officer import cli as officer_cli
from portal.storage.models import Table
from tests.paths import ROOT


@cache
def text(*wings: str, but: str = "") -> str:
    """All that the modules of some wings say, but for one module."""
    paths = (path for wing in wings for path in sorted((ROOT / wing).rglob("*.py")) if "node_modules" not in path.parts)
    return "\n".join(path.read_text() for path in paths if str(path.relative_to(ROOT)) != but)


def missing(words: Iterable[str], where: str) -> list[str]:
    return [word for word in words if not re.search(rf"\b{re.escape(word)}\b", where)]


def test_every_kind_of_custody_event_is_written_and_some_test_reads_it() -> None:
    written = text("agent")
    tests = text("tests", but="tests/house/test_promises.py")
    assert missing((f"CustodyKind.{kind.name}" for kind in CustodyKind), written) == []
    unread = [
        kind.name for kind in CustodyKind if f'"{kind.value}"' not in tests and f"CustodyKind.{kind.name}" not in tests
    ]
    assert unread == []


def kinds(kind: type[HandoverError]) -> Iterable[type[HandoverError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from kinds(below)


def test_every_error_is_raised_and_some_test_meets_it() -> None:
    declared = [kind.__name__ for kind in kinds(HandoverError) if kind.__module__ == errors.__name__]
    assert len(declared) > 30
    assert missing(declared, text("agent", "exchange", "portal", but="exchange/errors.py")) == []
    assert missing(declared, text("tests", but="tests/house/test_promises.py")) == []


def settings_of(model: type[BaseModel]) -> Iterable[str]:
    for name, field in model.model_fields.items():
        yield name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from settings_of(field.annotation)


def test_every_setting_is_used_and_some_test_sets_it() -> None:
    names = sorted(set(settings_of(Settings)))
    assert len(names) > 15
    used = text("agent")
    assert [name for name in names if not re.search(rf"\.{name}\b", used)] == []
    assert missing(names, text("tests", but="tests/house/test_promises.py")) == []


def commands(group: click.Group) -> Iterable[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from (f"{name} {below}" for below in commands(command))
        else:
            yield name


def is_typed(command: str, tests: str) -> bool:
    """Whether a command stands there as words of a list, or within one text."""
    words = command.split()
    as_list, as_text = '", *"'.join(words), " ".join(words)
    return re.search(rf'"{as_list}"|["( {{]{as_text}["\'\\s\\\\]', tests) is not None


@pytest.mark.parametrize("program", [handover, portal_cli.main, officer_cli.main], ids=["agent", "portal", "officer"])
def test_every_command_is_typed_by_some_test(program: click.Group) -> None:
    tests = text("tests", "scripts", but="tests/house/test_promises.py")
    names = list(commands(program))
    assert len(names) > 5
    assert [name for name in names if not is_typed(name, tests)] == []


def agent_columns() -> set[str]:
    schema = (ROOT / "agent/store/schema.py").read_text()
    return set(re.findall(r"^\s+(\w+) +(?:TEXT|INTEGER|REAL|BLOB)\b", schema, re.MULTILINE))


def portal_columns() -> set[str]:
    return {column.key for table in Table.metadata.tables.values() for column in table.columns}


@pytest.mark.parametrize("wing", ["agent", "portal"])
def test_every_column_is_read_or_written_by_name(wing: str) -> None:
    columns, declared = {
        "agent": (agent_columns(), "agent/store/schema.py"),
        "portal": (portal_columns(), "portal/storage/models.py"),
    }[wing]
    assert len(columns) > 20
    assert missing(sorted(columns), text(wing, but=declared)) == []


def test_every_step_that_makes_a_table_of_the_portal_keeps_forces_apart_in_it() -> None:
    """``portal.storage.separation`` says how; those before its own step were separated by that."""
    steps = sorted((ROOT / "portal/storage/migrations/versions").glob("*.py"))
    numbers = {path: re.search(r'^revision: str = "(\d+)"', path.read_text(), re.MULTILINE) for path in steps}
    later = [path for path, found in numbers.items() if found is not None and found[1] > "0013"]
    assert len(steps) - len(later) > 10
    assert [path.name for path in later if "op.create_table" in path.read_text()] == []
