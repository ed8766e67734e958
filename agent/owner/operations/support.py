"""What a maintainer needs to help, without secrets, places or pictures: as text files, for the owner to read first.

Not for: sending it: that is the owner's to do.
"""

import json
import platform
import re
import sys
from importlib.metadata import distributions
from typing import Any

from agent.owner.operations import doctor
from agent.owner.operations.context import Actor, Json, Nothing, Owned
from agent.owner.operations.status import status
from agent.workers.process import scrub
from exchange import VERSION

_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|\b[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){3,7}\b", re.IGNORECASE)
_KEPT_SETTINGS = {"recordings", "discovery", "requests", "poll", "log", "page", "notify", "decide"}
_LEFT_OUT = {"directory", "hosts", "names", "allow_users", "address"}


async def support(agent: Owned, _: Nothing, actor: Actor) -> Json:
    """File names and their texts."""
    services = agent.services
    now = await status(agent, Nothing(), actor)
    found = await doctor.examine(agent, doctor.Examine(), actor)
    async with services.store.transaction() as tx:
        version = await tx.one("PRAGMA user_version")
        rows = await tx.all("SELECT state, failures, trouble, origin FROM requests")
        cameras = await tx.cameras()
    private = _private(agent, [camera.registration for camera in cameras])
    files: dict[str, Any] = {
        "about.json": {
            "handover": VERSION,
            "python": sys.version,
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
            "schema": 0 if version is None else int(version[0]),
            "libraries": sorted(f"{each.name} {each.version}" for each in distributions()),
        },
        "settings.json": _settings(services.settings.model_dump(mode="json")),
        "status.json": {
            name: now[name]
            for name in ("host_clock", "requests", "held_bytes", "portal_trouble", "disk_trouble", "page_trouble")
        },
        "cameras.json": [
            {"make": each["make"], "model": each["model"], "source": each["source"], "recording": each["recording"]}
            for each in now["cameras"]
        ],
        "requests.json": [dict(row) for row in rows],
    }
    texts = {name: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for name, content in files.items()}
    texts["doctor.txt"] = doctor.as_text(found["findings"])
    return {"files": {name: cleaned(text, private) for name, text in texts.items()}, "private": private}


def _settings(settings: dict[str, Any]) -> dict[str, Any]:
    kept = {name: section for name, section in settings.items() if name in _KEPT_SETTINGS}
    return {
        name: {key: value for key, value in section.items() if key not in _LEFT_OUT} for name, section in kept.items()
    }


def _private(agent: Owned, registrations: list[str]) -> list[str]:
    """Words that must not be in it: names, places, contacts, labels."""
    owner = agent.services.settings.owner
    found = [owner.name, owner.contact]
    for text in registrations:
        registration = json.loads(text)
        place = registration["place"]
        found += [registration["label"], registration["camera_id"], place.get("description") or ""]
        found += [str(place["latitude"]), str(place["longitude"])]
    return sorted({word for word in found if len(word) > 2}, key=len, reverse=True)


def cleaned(text: str, private: list[str]) -> str:
    """Without private words, addresses, and what looks like a secret."""
    for word in private:
        text = text.replace(word, "(left out)")
    text = re.sub(r"[\w.+-]+@[\w-]+\.[\w.-]+", "(address)", scrub(text))
    return _ADDRESS.sub("(address)", text)
