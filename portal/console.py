"""How the portal's commands end in an error: what, meaning, what to do, and the error's exit code.

Not for: what the commands do.
"""

import json
from typing import Any

import click

from exchange.errors import HandoverError

_AS_JSON = "handover.as_json"


def _remember(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
    ctx.meta[_AS_JSON] = value
    return value


json_option = click.option(
    "--json", "as_json", is_flag=True, is_eager=True, callback=_remember, help="Print one line of JSON; errors too."
)


class HandoverGroup(click.Group):
    """A group of commands whose HandoverErrors are told to a person, or with ``--json`` to a script."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except HandoverError as error:
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
