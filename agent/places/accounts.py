"""Where an SFTP account is, and as whom: what the owner's file says, before anything is opened.

Not for: reaching it (``agent.places.sftp``), whose library is loaded when a place is opened.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class SftpAccount:
    """Where and as whom. ``host_key`` is the server's public key as OpenSSH writes it ("ssh-ed25519 AAAA…")."""

    host: str
    port: int
    user: str
    folder: str
    host_key: str
    private_key: str | None = None
    """OpenSSH's text of a private key without a passphrase."""
    password: str | None = None

    @property
    def address(self) -> str:
        """Without any secret."""
        port = "" if self.port == 22 else f":{self.port}"
        return f"sftp://{self.user}@{self.host}{port}/{self.folder}"
