"""The agent's own keys: the device key that signs, and the archive key that the owner opens packages with.

Not for: cameras' passwords (``agent/cameras/inventory.py``), or the force's key (the store pins that).
"""

import os
from dataclasses import dataclass
from pathlib import Path

from exchange.age.files import Identity, generate_identity, read_identities
from exchange.durable import durable_file
from exchange.signing.documents import SigningKey


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
        identities = [generate_identity("hybrid"), generate_identity("x25519")]
        text = "# Opens every package that this agent handed over. Keep a copy away from this machine.\n"
        text += "".join(f"# {identity.recipient.kind}: {identity.recipient}\n{identity}\n" for identity in identities)
        with durable_file(archive_path) as file:
            file.write(text.encode())
    _refuse_if_readable(archive_path)
    return AgentKeys(SigningKey.load(device_path), tuple(read_identities(archive_path)))


def _refuse_if_readable(path: Path) -> None:
    if os.stat(path).st_mode & 0o077:
        path.chmod(0o600)
