"""What an owner types: ``handover setup``, ``run``, ``cameras``, ``review`` … Each prompt is answerable by a flag.

Not for: doing any of it. A command calls the desk (``agent/owner``), shows the answer, and ends with an exit code.
"""

import importlib
import io
import logging
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from agent.cli.caller import take_state_of
from agent.settings.model import DEFAULT_PATH, Settings, load_settings
from exchange import VERSION
from exchange.errors import HandoverError

INTERRUPTED = 130

ELSEWHERE = {
    "agent.cli.afterwards.report": ("report",),
    "agent.cli.afterwards.feedback": ("answer", "feedback", "note-feedback", "rate", "send-again"),
    "agent.cli.archive_key": ("archive-key",),
    "agent.cli.backups": ("backups", "hold"),
    "agent.cli.cameras": ("cameras",),
    "agent.cli.handing_over.working_copies": ("working-copies",),
    "agent.cli.doctor": ("doctor", "support", "recovery-sheet"),
    "agent.cli.handing_over.ways": ("deliver", "media", "passphrase"),
    "agent.cli.handing_over.noted": ("request",),
    "agent.cli.notify": ("notify",),
    "agent.cli.offers": ("offer",),
    "agent.cli.people": ("page", "people"),
    "agent.cli.handing_over.places": ("places",),
    "agent.cli.record_keeping.notice": ("notice", "sign"),
    "agent.cli.record_keeping.register": ("basis", "register"),
    "agent.cli.record_keeping.correspondence": ("correspondence",),
    "agent.cli.record_keeping.stamps": ("stamps",),
    "agent.cli.record_keeping.statement": ("statement",),
    "agent.cli.record_keeping.subjects": ("subject-request",),
    "agent.cli.records": ("log", "records", "restored"),
    "agent.cli.requests": (
        "agree", "approve", "decline", "look-again", "narrow", "no-footage", "pause", "requests", "review", "show",
        "stop",
    ),
    "agent.cli.restart": ("restart",),
    "agent.cli.restore": ("restore",),
    "agent.cli.setup": ("setup", "withdraw"),
    "agent.cli.sources": ("keep", "sources"),
    "agent.cli.status": ("status",),
}  # fmt: skip
"""Which module holds which commands. Only the one that is typed is loaded: on a small machine all take seconds."""


class Commands(click.Group):
    """Shows a HandoverError as three sentences and ends with its code; nothing else is swallowed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*self.commands, *(name for names in ELSEWHERE.values() for name in names)])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for module, names in ELSEWHERE.items():
            if cmd_name in names:
                found = vars(importlib.import_module(module)).values()
                return next(each for each in found if isinstance(each, click.Command) and each.name == cmd_name)
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")  # a terminal that lacks a letter shows the rest
        try:
            return super().invoke(ctx)
        except HandoverError as error:
            _fail(error)
        except (click.Abort, KeyboardInterrupt, EOFError):
            click.echo("Stopped.", err=True)
            sys.exit(INTERRUPTED)


def _fail(error: HandoverError) -> NoReturn:
    for sentence in (error.what, error.meaning, error.do):
        if sentence:
            click.echo(sentence, err=True)
    sys.exit(error.exit_code)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="handover")
@click.option(
    "--config", type=click.Path(path_type=Path), default=DEFAULT_PATH, show_default=True, help="The settings file."
)
@click.pass_context
def main(ctx: click.Context, config: Path) -> None:
    """Help the police with your cameras' footage, without giving anyone access to a camera."""
    ctx.obj = config


@main.command()
@click.pass_obj
def run(config: Path) -> None:
    """Run the daemon: fetch requests, ask, hand over what you approve."""
    from agent import daemon

    settings = load_settings(config)
    take_state_of(settings)
    _log_to_stderr(settings)
    daemon.run_with(config)


@main.command()
@click.pass_obj
def record(config: Path) -> None:
    """Run the recorder: for cameras without an NVR."""
    from agent.host.internet_fence import warn_if_open
    from agent.recorder import process as recorder

    settings = load_settings(config)
    _log_to_stderr(settings)
    warn_if_open()
    recorder.main(settings.recorder_config)


def _log_to_stderr(settings: Settings) -> None:
    logging.basicConfig(
        level=settings.log.level.value.upper(), format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    logging.getLogger("apscheduler").setLevel(logging.WARNING)


@main.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
    options_metavar="[OPTIONS] PACKAGE",
)
@click.pass_context
def verify(ctx: click.Context) -> None:
    """Check an evidence package, as handover-verify does ("handover verify --help" lists its options)."""
    from exchange.verify.command import main as verify_package

    sys.argv = ["handover verify", *ctx.args]
    verify_package()
