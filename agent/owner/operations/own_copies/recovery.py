"""The recovery sheet: what an owner needs to open what they handed over when this machine is gone, on paper.

Not for: keeping it: whoever has the sheet can open the owner's own copies.
"""

import asyncio
import hashlib
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined

from agent.owner.operations.context import Actor, Json, Owned
from agent.owner.operations.own_copies.backups import SHEET
from agent.owner.words import Words
from agent.places.named import NamedPlaces
from agent.records.backups.archive_words import groups_of, words_of
from agent.records.backups.second_places import device_name
from exchange.age.files import Identity
from exchange.clock import to_rfc3339
from exchange.documents.messages import Part
from exchange.errors import NotFound


class Sheet(Part):
    language: Literal["en", "de"] = "en"


async def sheet(agent: Owned, asked: Sheet, actor: Actor) -> Json:
    """The sheet as a page to be printed. It holds the archive key."""
    services = agent.services
    number = sheet_number(services.keys.archive)
    async with services.store.transaction() as tx:
        force = await tx.force()
        await tx.set_note(SHEET, f"{to_rfc3339(services.clock.now())} {number}")
    names = [rule.place for rule in services.settings.backups.places]
    page = await asyncio.to_thread(
        _rendered,
        Words(asked.language),
        services.clock.now(),
        archive=services.keys.archive,
        language=asked.language,
        owner=services.settings.owner.name,
        number=number,
        device=services.keys.device.public.fingerprint,
        device_name=device_name(services),
        force=None if force is None else force.name,
        any_age=services.settings.backups.any_age,
        places=await asyncio.to_thread(_addresses, NamedPlaces(services.settings.places), names),
        filed=str(services.settings.filed_dir),
    )
    return {"page": page}


def _rendered(words: Words, now: int, archive: tuple[Identity, ...], **values: object) -> str:
    """Blocks: the catalogue, the template and the words' list are files."""
    keys = [_shown(identity) for identity in _oldest_kind_first(archive)]
    environment = Environment(
        loader=PackageLoader("agent.owner.operations.own_copies", "."), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("recovery_sheet.html").render(_=words, made=words.day(now), keys=keys, **values)


def sheet_number(archive: tuple[Identity, ...]) -> str:
    """Tells whether a sheet is that of these keys: eight hex digits of their public halves."""
    recipients = "\n".join(sorted(str(identity.recipient) for identity in archive))
    return hashlib.sha256(recipients.encode()).hexdigest()[:8]


def _oldest_kind_first(archive: tuple[Identity, ...]) -> list[Identity]:
    return sorted(archive, key=lambda identity: identity.recipient.kind != "x25519")


def _shown(identity: Identity) -> Json:
    """The letters are those of QR's alphanumeric mode, so that the squares stay large enough for any telephone."""
    import segno  # a sheet is made once in years

    code = segno.make_qr(str(identity), error="q", mode="alphanumeric")
    return {
        "kind": identity.recipient.kind,
        "groups": groups_of(identity),
        "words": words_of(identity),
        "code": code.svg_inline(scale=4, border=4, omitsize=True),
    }


def _addresses(places: NamedPlaces, names: list[str]) -> list[str]:
    """Where second places are; nothing that opens them."""
    found = []
    for name in names:
        try:
            found.append(places.of(name).shown()["address"])
        except NotFound:
            continue
    return found
