"""``python -m agent.settings``: the settings' JSON schema, and a check of a file.

Not for: ``handover``'s own commands.
"""

import sys
from pathlib import Path

from agent.settings.json_schema import schema_text
from agent.settings.model import Settings, load_settings
from exchange.errors import SettingsInvalid


def main(arguments: list[str]) -> int:
    """``python -m agent.settings --schema`` prints the JSON schema; ``… FILE`` checks a file."""
    if arguments == ["--schema"]:
        sys.stdout.write(schema_text(Settings))
        return 0
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write("usage: python -m agent.settings --schema | FILE\n")
        return 2
    try:
        load_settings(Path(arguments[0]))
    except SettingsInvalid as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(f"{arguments[0]}: all settings are usable\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
