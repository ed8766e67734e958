"""Every command and option is documented, and none that is not there."""

import re
from collections.abc import Iterator

import click

from agent.cli.main import main as handover
from tests.paths import ROOT

TEXT = (ROOT / "docs" / "commands.md").read_text()
EVERYWHERE = {"--json", "--help", "-h", "--version", "--config"}


def commands(group: click.Group, prefix: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


def section(name: str) -> str:
    """What stands under a command's heading; both processes share one."""
    found = re.search(rf"^### `{name}(?: [^`]*)?`\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    if found:
        return found[1]
    return TEXT[TEXT.index("## The two processes") :] if f"`{name}`" in TEXT else ""


def test_every_command_has_its_section_and_every_option_stands_in_it() -> None:
    missing = []
    for name, command in commands(handover, "handover"):
        text = section(name)
        assert text, name
        options = {word for param in command.params if isinstance(param, click.Option) for word in param.opts}
        missing += [(name, word) for word in options if not re.search(rf"`{word}\b", text)]
    assert missing == []


def test_no_option_is_documented_that_is_not_there() -> None:
    surplus = []
    for name, command in commands(handover, "handover"):
        known = {word for param in command.params for word in (*param.opts, *param.secondary_opts)} | EVERYWHERE
        surplus += [(name, word) for word in re.findall(r"`(--?[a-z][a-z-]*)", section(name)) if word not in known]
    assert surplus == []


def test_every_command_says_what_it_is_for_in_one_line() -> None:
    for name, command in commands(handover, "handover"):
        assert command.help, name
        first = command.help.split("\n\n")[0]
        assert first.rstrip().endswith((".", ")")), name
        for param in command.params:
            assert not isinstance(param, click.Option) or param.help, (name, param.name)
