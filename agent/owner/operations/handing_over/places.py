"""What an administrator can do with places that files can be put: see, add, try, remove.

Not for: what goes there (``handing_over``, and the backups).
"""

import asyncio
import hashlib
import secrets
import tempfile
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from agent.owner.operations.context import Actor, Json, Nothing, Owned
from agent.places.named import FolderSetting, NamedPlace, NamedPlaces, S3Setting, SftpSetting, folder_setting
from agent.places.ssh_keys import fingerprint, new_login_key, server_key
from exchange.documents.messages import Id, Line, Part
from exchange.errors import InputInvalid, PlaceRefused

_TRIAL = 1024


class AddFolder(Part):
    kind: Literal["folder"]
    folder: Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^/[^\x00]*$")]


class NewPlace(Part):
    """``title``: what people call it. A place is tried before it is kept."""

    name: Id
    title: Line
    setting: Annotated[AddFolder | SftpSetting | S3Setting, Field(discriminator="kind")]


class PlaceNamed(Part):
    name: Id


class ServerNamed(Part):
    host: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9.:_-]+$")]
    port: Annotated[int, Field(ge=1, le=65535)] = 22


def _places(agent: Owned) -> NamedPlaces:
    return NamedPlaces(agent.services.settings.places)


async def list_places(agent: Owned, _: Nothing, actor: Actor) -> Json:
    """Without logins."""
    found = await asyncio.to_thread(_places(agent).all)
    return {"places": [await asyncio.to_thread(each.shown) for each in found]}


async def ask_server(agent: Owned, server: ServerNamed, actor: Actor) -> Json:
    """The key that an SFTP server shows, for a person to compare; and a login key of our own for it, made now."""
    key = await server_key(server.host, server.port)
    private, public = await asyncio.to_thread(new_login_key, f"handover-{secrets.token_hex(3)}")
    return {
        "host_key": key,
        "fingerprint": await asyncio.to_thread(fingerprint, key),
        "private_key": private,
        "public_key": public,
    }


async def add(agent: Owned, new: NewPlace, actor: Actor) -> Json:
    """Keep a place, once a small file was put there, read again and removed."""
    setting: FolderSetting | SftpSetting | S3Setting
    if isinstance(new.setting, AddFolder):
        setting = await asyncio.to_thread(folder_setting, Path(new.setting.folder))
    else:
        setting = new.setting
    named = NamedPlace(name=new.name, title=new.title, setting=setting)
    known = await asyncio.to_thread(_places(agent).all)
    if any(each.name == new.name for each in known):
        raise InputInvalid(f"There is a place {new.name} already.", do="Remove it first, or take another name.")
    await _try(agent, named)
    await asyncio.to_thread(_places(agent).add, named)
    return await asyncio.to_thread(named.shown)


async def test(agent: Owned, asked: PlaceNamed, actor: Actor) -> Json:
    """Put a small file there, read it again, remove it."""
    named = await asyncio.to_thread(_places(agent).of, asked.name)
    return {"free": await _try(agent, named)}


async def remove(agent: Owned, asked: PlaceNamed, actor: Actor) -> Json:
    """Forget a place and its login. What lies there stays there. InputInvalid while a request is to go there."""
    async with agent.services.store.transaction() as tx:
        rows = await tx.all(
            "SELECT request_id FROM chosen_ways JOIN requests USING (request_id) "
            "WHERE state <> 'closed' AND json_extract(chosen, '$.way.place') = ?",
            [asked.name],
        )

    def used_by(name: str) -> str | None:
        if any(rule.place == name for rule in agent.services.settings.backups.places):
            return "your backups (backups in handover.yaml)"
        return f"request {rows[0]['request_id']}" if rows else None

    await asyncio.to_thread(_places(agent).remove, asked.name, used_by)
    return {}


async def _try(agent: Owned, named: NamedPlace) -> int | None:
    """Bytes that are free there, if that can be told."""
    place = await asyncio.to_thread(lambda: named.open(clock=agent.services.clock))
    name, content = f"handover-trial-{secrets.token_hex(4)}.txt", secrets.token_hex(_TRIAL // 2).encode()
    source = await asyncio.to_thread(_trial_file, agent.services.settings.work_dir, content)
    try:
        sha256 = hashlib.sha256(content).hexdigest()
        await place.put(source, name, sha256, lambda _: None)
        try:
            if await place.sha256(name) != sha256:
                raise PlaceRefused(f"{place.title} did not keep what was written to it.", do="Take another.")
        except PlaceRefused as error:
            if "lets nothing be read" not in error.what:
                raise
        await place.remove(name)
        return await place.free()
    finally:
        await asyncio.to_thread(source.unlink, missing_ok=True)


def _trial_file(folder: Path, content: bytes) -> Path:
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".trial-", delete=False) as file:
        file.write(content)
        return Path(file.name)
