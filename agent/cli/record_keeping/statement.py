"""``handover statement``: the draft of a witness statement.

Not for: what it says (``agent.records.statement``).
"""

from pathlib import Path

import click

from agent.cli.caller import ask_agent
from agent.cli.record_keeping.files import in_language, refuse_taken, write_file


@click.command()
@click.argument("request_id")
@click.option("--name", help="Who will sign it: their full name.")
@click.option("--occupation", help="Their occupation.")
@click.option("--position", help="What they are to the owner, such as manager.")
@click.option(
    "--as", "form", type=click.Choice(["html", "pdf"]), default="html", show_default=True, help="A page, or a document."
)
@click.option("--out", "target", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
@in_language
@click.pass_obj
def statement(config: Path, /, target: Path | None, **asked: str | None) -> None:
    """Draft a witness statement that produces what was handed over, to be checked and signed."""
    refuse_taken(target)
    given = {name: value for name, value in asked.items() if value is not None}
    write_file(ask_agent(config, lambda call: call("statement", **given)), target)
    if target is not None:
        click.echo(
            "It is a draft: whoever signs it reads every line, fills in what is marked, and strikes out the rest."
        )
