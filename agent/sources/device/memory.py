"""What a session found out of a device and need not ask again: a small JSON file in the source's own folder.

Not for: anything that is missed when it is lost, which may happen at any time.
"""

import json
from contextlib import suppress
from pathlib import Path

from agent.sources.device.orders import Json

_MOST = 4096


def recall(path: Path) -> Json:
    """What was kept there; nothing where nothing was, or where it can't be read."""
    try:
        kept = json.loads(path.read_bytes()[:_MOST])
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def keep(path: Path, found: Json) -> None:
    """Keep it, whole or not at all; a disk that takes nothing is no failure."""
    part = path.with_name(f"{path.name}.part")
    with suppress(OSError):
        part.write_text(json.dumps(found))
        part.rename(path)
