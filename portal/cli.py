"""``handover-portal``: what a force's administrator types. Not for: officers (``portal.officer.cli``)."""

import click

from portal.console import HandoverGroup

ELSEWHERE = {
    "portal.commands.backups": ("backup", "restore"),
    "portal.commands.moving": ("move", "move-packages"),
    "portal.commands.devices": ("device", "logs"),
    "portal.commands.force": ("force",),
    "portal.commands.keeping": ("retention", "room"),
    "portal.commands.keys": ("keys",),
    "portal.commands.making": ("init", "upgrade"),
    "portal.commands.officers": ("officer",),
    "portal.commands.people": ("people",),
    "portal.commands.serving": ("serve",),
}
"""Which module holds which commands. Only the one that is typed is loaded: all of them take a second and more."""


@click.group(cls=HandoverGroup, elsewhere=ELSEWHERE, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="handover")
def main() -> None:
    """The reference portal: a courier between officers who ask for footage and owners who may hand it over.

    The force's private key has no place in the portal's folder: make it with 'force new' on another machine, and give
    the portal its public half.
    """
