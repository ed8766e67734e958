"""How the portal's commands end in an error: what, meaning, what to do, and the error's exit code.

Not for: what the commands do.
"""

import json
import sys
from typing import Any

import click

from exchange.errors import HandoverError


class HandoverGroup(click.Group):
    """A group of commands whose HandoverErrors are told to a person, or with ``--json`` to a script."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except HandoverError as error:
            tell(error, as_json="--json" in sys.argv[1:])
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
