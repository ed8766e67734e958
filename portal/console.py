"""How the portal's commands end in an error: what, meaning, what to do, and the error's exit code.

Not for: what the commands do.
"""

import importlib
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import click

from exchange.errors import HandoverError, NotPermitted
from exchange.refused import in_words, name_of

FILE = click.Path(dir_okay=False, readable=False, path_type=Path)
FOLDER = click.Path(file_okay=False, readable=False, path_type=Path)
"""Whoever may not read them is told so as they are opened, and whose they are."""
_FORCE = "handover.force"
_AS_JSON = "handover.as_json"
LONGEST_SENTENCE = 300
INTERRUPTED = 130
"""How a command ends that a person stopped, or whose input ended at a question."""


def _remember(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
    ctx.meta[_AS_JSON] = value
    return value


json_option = click.option(
    "--json", "as_json", is_flag=True, is_eager=True, callback=_remember, help="Print one line of JSON; errors too."
)


class _PortalFolder(click.Path):
    """A portal's folder, or in it the folder of the force that ``--force`` named."""

    def __init__(self) -> None:
        super().__init__(file_okay=False, readable=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        folder = Path(str(super().convert(value, param, ctx)))
        force = ctx.meta.get(_FORCE) if ctx is not None else None
        if force is None:
            return folder
        from portal.settings import PortalFolder  # not for commands of an officer's

        return PortalFolder(folder).of_force(force).path


def _remember_force(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None and not re.fullmatch(r"[a-z][a-z0-9-]*", value):
        raise click.BadParameter("the force's short name is wanted, such as kent")
    ctx.meta[_FORCE] = value


def portal_folder(command: Callable[..., Any]) -> Callable[..., Any]:
    """The argument FOLDER of a command that works on one portal, and ``--force`` where several are in it."""
    force = click.option(
        "--force", is_eager=True, expose_value=False, callback=_remember_force, metavar="NAME",
        help="Of several forces on one portal, the one that is meant, by its short name.",
    )  # fmt: skip
    return force(click.argument("folder", type=_PortalFolder())(command))


def for_its_user(folder: Path) -> None:
    """NotPermitted where root would leave files in a folder of another user's that this one could not read."""
    if os.geteuid() != 0 or not folder.exists() or folder.stat().st_uid == 0:
        return
    name = name_of(folder.stat().st_uid)
    raise NotPermitted(
        f"{folder} belongs to the user {name}, and you are root.",
        meaning="What root makes there the portal could not read. Nothing was changed.",
        do=f"Type it as that user: sudo -u {name} handover-portal …",
    )


class Group(click.Group):
    """A group whose help says what each command does in a whole sentence, over several lines where it is long."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, command.get_short_help_str(LONGEST_SENTENCE)) for name, command in found if command is not None]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class HandoverGroup(Group):
    """A group of commands whose HandoverErrors are told to a person, or with ``--json`` to a script.

    ``elsewhere``: the names of commands by the module that has them, which is loaded when one of them is typed.
    """

    def __init__(self, *args: Any, elsewhere: Mapping[str, tuple[str, ...]] | None = None, **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        self._elsewhere = {name: module for module, names in (elsewhere or {}).items() for name in names}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*self.commands, *self._elsewhere])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._elsewhere:
            return super().get_command(ctx, cmd_name)
        found = vars(importlib.import_module(self._elsewhere[cmd_name])).values()
        return next(each for each in found if isinstance(each, click.Command) and each.name == cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except HandoverError as error:
            self._end(ctx, error)
        except OSError as error:
            told = in_words(error)
            if told is None:
                raise
            self._end(ctx, told)
        except (click.Abort, KeyboardInterrupt, EOFError):
            click.echo("Stopped.", err=True)
            ctx.exit(INTERRUPTED)

    @staticmethod
    def _end(ctx: click.Context, error: HandoverError) -> NoReturn:
        tell(error, as_json=ctx.meta.get(_AS_JSON, False))
        ctx.exit(error.exit_code)


def tell(error: HandoverError, *, as_json: bool) -> None:
    if as_json:
        found = {"error": error.what, "meaning": error.meaning, "do": error.do, "exit_code": error.exit_code}
        click.echo(json.dumps(found), err=True)
        return
    for line in (error.what, error.meaning, error.do):
        if line:
            click.echo(line, err=True)


def one_line(value: object) -> None:
    """A result for a script: one line of JSON."""
    click.echo(json.dumps(value))
