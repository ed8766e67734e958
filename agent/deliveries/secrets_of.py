"""What must not lie in the database: passphrases that packages are sealed with, addresses that a force signed.

Files of mode 0600 under ``keys/``, a request each, until it was handed over. Not for: keys of our own.
"""

import secrets
from pathlib import Path

from mnemonic import Mnemonic

from exchange.durable import durable_file

WORDS = 8
"""Of a list of 2,048: 88 bits, each word told apart by its first four letters, so that it can be read out by telephone.
"""


class RequestSecrets:
    """Every method blocks."""

    def __init__(self, keys: Path) -> None:
        self._folder = keys / "handing-over"

    def passphrase(self, request_id: str) -> str:
        """That of a request, made on first use."""
        found = self.made_passphrase(request_id)
        if found is not None:
            return found
        words = Mnemonic("english").wordlist
        text = "-".join(secrets.choice(words) for _ in range(WORDS))
        self._keep(self._passphrase(request_id), text)
        return text

    def made_passphrase(self, request_id: str) -> str | None:
        """That of a request, if it has one."""
        return self._read(self._passphrase(request_id))

    def addresses(self, request_id: str) -> str | None:
        """What the force gave, as it gave it."""
        return self._read(self._addresses(request_id))

    def keep_addresses(self, request_id: str, text: str) -> None:
        self._keep(self._addresses(request_id), text)

    def uploads(self, request_id: str) -> Path:
        """Where it is noted how far an upload to signed addresses is."""
        return self._folder / f"{request_id}.uploads.json"

    def forget(self, request_id: str, *, passphrase: bool = True) -> None:
        """They are of no use any more. ``passphrase`` False: that one stays."""
        self._addresses(request_id).unlink(missing_ok=True)
        self.uploads(request_id).unlink(missing_ok=True)
        if passphrase:
            self._passphrase(request_id).unlink(missing_ok=True)

    def _passphrase(self, request_id: str) -> Path:
        return self._folder / f"{request_id}.passphrase"

    def _addresses(self, request_id: str) -> Path:
        return self._folder / f"{request_id}.addresses"

    def _read(self, path: Path) -> str | None:
        try:
            return path.read_text()
        except FileNotFoundError:
            return None

    def _keep(self, path: Path, text: str) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with durable_file(path) as file:
            file.write(text.encode())
