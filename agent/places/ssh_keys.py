"""Keys of SSH: the one that a server shows, and one of our own to log in with.

asyncssh takes 5 MB and is loaded when a key is first looked at: most agents have no SFTP account.
Not for: files (``agent.places.sftp``).
"""

import asyncio
import importlib

from exchange.errors import InputInvalid, PlaceRefused, PlaceUnreachable

CONNECT = 30
"""Seconds for the connection and the login together."""


async def server_key(host: str, port: int = 22) -> str:
    """The key that a server shows now, as OpenSSH writes it; a person compares its fingerprint. PlaceUnreachable."""
    await asyncio.to_thread(importlib.import_module, "asyncssh")
    import asyncssh

    try:
        async with asyncio.timeout(CONNECT):
            key = await asyncssh.get_server_host_key(host, port, config=None)
    except (OSError, asyncssh.Error) as error:
        raise unreachable(f"{host}:{port}") from error
    if key is None:
        raise PlaceRefused(f"{host} shows no host key.", do="Ask who runs it.")
    return " ".join(key.export_public_key("openssh").decode().split()[:2])


def fingerprint(host_key: str) -> str:
    """``SHA256:…``, as ``ssh-keygen -l`` prints it. InputInvalid when it is no public key."""
    import asyncssh

    try:
        return asyncssh.import_public_key(host_key).get_fingerprint()
    except asyncssh.KeyImportError:
        raise InputInvalid("That is no public key of a server.", do="It reads: ssh-ed25519 AAAA…") from None


def new_login_key(comment: str) -> tuple[str, str]:
    """A private key of our own for logging in, and its public line for the server's ``authorized_keys``."""
    import asyncssh

    key = asyncssh.generate_private_key("ssh-ed25519", comment=comment)
    return key.export_private_key("openssh").decode(), key.export_public_key("openssh").decode().strip()


def unreachable(title: str) -> PlaceUnreachable:
    return PlaceUnreachable(
        f"{title} does not answer, or the connection broke.",
        meaning="What lies there already is kept, and gone on with.",
        do="Check the address and the line; it is tried again by itself where that is of use.",
    )
