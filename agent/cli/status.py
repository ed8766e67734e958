"""``handover status``: how the agent is, in a few lines.

Not for: looking into what hinders it (``doctor``).
"""

from pathlib import Path

import click

from agent.cli.caller import ask_agent
from agent.cli.requests import as_json, out, print_json
from agent.owner.terminal import prompt
from agent.settings.model import load_settings, settings_sha256


@click.command()
@as_json
@click.pass_obj
def status(config: Path, plain: bool) -> None:
    """How the agent is: cameras, portal, what waits for you."""
    reply = ask_agent(config, lambda call: call("status"), needs_daemon=True)
    changed = reply.pop("settings_sha256") != settings_sha256(load_settings(config))
    if plain:
        return print_json(reply | {"settings_changed": changed})
    prompt.show_status(out, reply)
    if changed:
        out.print(
            "The settings were changed since the daemon started. To let them count now: sudo handover restart "
            "(of the recorder: sudo systemctl restart handover-recorder)"
        )
    return None
