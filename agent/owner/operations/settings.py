"""What an owner can do about settings: let a changed file count, without stopping anything else.

Not for: changing the file, which is theirs.
"""

import asyncio

from agent.owner.operations.context import Actor, Json, Nothing, Owned
from agent.settings.model import load_settings, settings_sha256
from exchange.errors import HandoverError


async def restart(agent: Owned, _: Nothing, actor: Actor) -> Json:
    """Check the settings file, then begin again with it. SettingsInvalid when it can't be used: then nothing stops."""
    progress = agent.services.progress
    if progress.begin_anew is None or progress.config is None:
        raise HandoverError("This daemon can't begin again by itself.", do="sudo systemctl restart handover")
    found = await asyncio.to_thread(load_settings, progress.config)
    changed = settings_sha256(found) != settings_sha256(agent.services.settings)
    asyncio.get_running_loop().call_later(0.5, progress.begin_anew)  # once this has been answered
    return {"changed": changed}
