"""The desktop's keyring, where an officer may keep their passphrase: unlocked with their login.

Not for: machines without one; there the passphrase is asked for at the terminal.
"""

import contextlib
from pathlib import Path

from exchange.errors import KeyFileUnusable, NotFound, SettingsInvalid

_SERVICE = "handover-officer"


def remembered(folder: Path) -> str | None:
    """The passphrase for the officer's folder; None where there is no keyring, or it has none."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return None
    try:
        return keyring.get_password(_SERVICE, str(folder.resolve()))
    except KeyringError:
        return None


def kept_secret(name: str) -> str:
    """Another secret that the officer put there: ``keyring set handover-officer NAME``. SettingsInvalid."""
    found = None
    with contextlib.suppress(ImportError):
        import keyring
        from keyring.errors import KeyringError

        with contextlib.suppress(KeyringError):
            found = keyring.get_password(_SERVICE, name)
    if not found:
        raise SettingsInvalid(
            f"The desktop's keyring has no secret {name!r}.",
            do=f"Put it there: keyring set {_SERVICE} '{name}'; or name a file with secret_file.",
        )
    return found


def remember(folder: Path, passphrase: str) -> None:
    """Keep it there. KeyFileUnusable where there is no keyring."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise _none() from None
    try:
        keyring.set_password(_SERVICE, str(folder.resolve()), passphrase)
    except KeyringError:
        raise _none() from None


def forget(folder: Path) -> None:
    """Keep it there no more. NotFound where it is not."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise _none() from None
    try:
        keyring.delete_password(_SERVICE, str(folder.resolve()))
    except KeyringError:
        raise NotFound("The desktop's keyring has no passphrase of these keys.", do="There is nothing to do.") from None


def _none() -> KeyFileUnusable:
    return KeyFileUnusable(
        "There is no keyring of a desktop here.",
        meaning="The passphrase is kept nowhere.",
        do="Type it when you are asked; or use a desktop that has one (GNOME, KDE), with the Python package keyring.",
    )
