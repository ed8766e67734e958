"""``handover notice`` and ``handover sign``: what people whom the cameras see are told.

Not for: what it says (``agent.records.notice``).
"""

from pathlib import Path

import click

from agent.cli.caller import ask_agent
from agent.cli.record_keeping.files import in_language, refuse_taken, write_file

_out = click.option("--out", "target", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")


@click.command()
@click.option(
    "--as", "form", type=click.Choice(["html", "pdf", "txt"]), default="txt", show_default=True,
    help="A page, a document, or text such as for a web site.",
)  # fmt: skip
@_out
@in_language
@click.pass_obj
def notice(config: Path, form: str, target: Path | None, language: str | None) -> None:
    """Make your privacy notice from the settings: who records what, why, how long, and what rights people have."""
    _make(config, "notice", form, target, language)


@click.command()
@click.option(
    "--as", "form", type=click.Choice(["html", "pdf"]), default="html", show_default=True, help="A page, or a document."
)
@_out
@in_language
@click.pass_obj
def sign(config: Path, form: str, target: Path | None, language: str | None) -> None:
    """Make a CCTV sign from the settings: one A4 page to print and put up."""
    _make(config, "sign", form, target, language)


def _make(config: Path, operation: str, form: str, target: Path | None, language: str | None) -> None:
    refuse_taken(target)
    given = {"form": form} | ({} if language is None else {"language": language})
    write_file(ask_agent(config, lambda call: call(operation, **given)), target)
