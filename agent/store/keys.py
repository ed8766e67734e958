"""The agent's own keys: the device key that signs, and the archive key that the owner opens packages with.

Not for: cameras' passwords (``agent/cameras/inventory.py``), or the force's key (the store pins that).
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.store.database import Transaction
from exchange.age.files import Identity, generate_identity, read_identities
from exchange.counted import counted
from exchange.durable import durable_file
from exchange.errors import HandoverError
from exchange.signing.documents import PublicKey, SigningKey

_DEVICE_KEYS = "device-keys"
_ENROLLED = "enrolled-device-key"
_ARCHIVE_KEYS = "archive-keys"


@dataclass(frozen=True)
class AgentKeys:
    """``archive`` holds both kinds of age identity: the owner's copy is sealed for the kind that the case key has."""

    device: SigningKey
    archive: tuple[Identity, ...]

    def archive_recipient(self, kind: str) -> str:
        """The owner's own recipient of this kind (age never mixes kinds in one file)."""
        return next(str(identity.recipient) for identity in self.archive if identity.recipient.kind == kind)


def load_or_create_keys(device_path: Path, archive_path: Path) -> AgentKeys:
    """The keys in these two files, made on first use, readable by their owner only."""
    device_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not device_path.exists():
        SigningKey.generate().save(device_path)
    if not archive_path.exists():
        save_archive(archive_path, new_archive())
    _refuse_if_readable(archive_path)
    return AgentKeys(SigningKey.load(device_path), tuple(read_identities(archive_path)))


def new_archive() -> list[Identity]:
    """One of each kind."""
    return [generate_identity("hybrid"), generate_identity("x25519")]


async def device_keys(tx: Transaction, current: PublicKey) -> list[PublicKey]:
    """The device's key, and those that this state had before: what was signed by them stays the owner's word."""
    kept = json.loads(await tx.note(_DEVICE_KEYS) or "[]")
    if not kept or kept[0] != current.line:
        kept = [current.line, *(each for each in kept if each != current.line)]
        await tx.set_note(_DEVICE_KEYS, json.dumps(kept))
    return [PublicKey.parse(each) for each in kept]


async def changed_keys(tx: Transaction, keys: AgentKeys) -> HandoverError | None:
    """What is wrong when a key is not the one that this state had before: its file was lost, and made anew."""
    await device_keys(tx, keys.device.public)
    enrolled = await tx.note(_ENROLLED)
    if await tx.force() is not None and enrolled is None:
        await tx.set_note(_ENROLLED, keys.device.public.line)
    elif await tx.force() is not None and enrolled != keys.device.public.line:
        return HandoverError(
            "This machine has a new device key: the file of the old one was lost.",
            meaning="The portal knows it no more. What was handed over stays as it is.",
            do="Join the portal again: handover setup. Or put the old file back from a backup: handover restore",
        )
    before, now = json.loads(await tx.note(_ARCHIVE_KEYS) or "[]"), _hashes(keys.archive)
    if missing := set(before) - set(now):
        return HandoverError(
            "This machine has another archive key than before "
            f"({counted(len(missing), f'of {len(before)} is', f'of {len(before)} are')} gone).",
            meaning="Your copies from before don't open with it, and the recovery sheet is not of these keys.",
            do="Put it back from the sheet: handover archive-key put. Without a sheet: handover archive-key new",
        )
    if before != now:
        await tx.set_note(_ARCHIVE_KEYS, json.dumps(now))
    return None


async def missing_archive_keys(tx: Transaction, archive: Sequence[Identity]) -> int:
    """How many of the archive keys that this state had are not among these."""
    return len(set(json.loads(await tx.note(_ARCHIVE_KEYS) or "[]")) - set(_hashes(archive)))


def _hashes(archive: Sequence[Identity]) -> list[str]:
    recipients = [str(identity.recipient) for identity in archive]
    return sorted(hashlib.sha256(each.encode()).hexdigest()[:16] for each in recipients)


async def note_enrolled(tx: Transaction, device: PublicKey) -> None:
    """The portal knows the device by this key from now on."""
    await tx.set_note(_ENROLLED, device.line)


async def is_enrolled(tx: Transaction, device: PublicKey) -> bool:
    """Whether the portal that was joined knows the device by this key."""
    return await tx.note(_ENROLLED) in (None, device.line)


async def accept_archive_keys(tx: Transaction) -> None:
    """Those that are there are the ones, whatever there was before."""
    await tx.set_note(_ARCHIVE_KEYS, "[]")


def save_archive(path: Path, identities: Sequence[Identity]) -> None:
    """The archive key's file; the first of each kind is what is sealed for, the others still open. Blocks."""
    text = "# Opens every package that this agent handed over. Keep a copy away from this machine.\n"
    text += "".join(f"# {identity.recipient.kind}: {identity.recipient}\n{identity}\n" for identity in identities)
    with durable_file(path) as file:
        file.write(text.encode())


def _refuse_if_readable(path: Path) -> None:
    if os.stat(path).st_mode & 0o077:
        path.chmod(0o600)
