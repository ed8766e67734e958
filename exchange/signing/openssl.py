"""OpenSSL's own command, in a process of its own: without this machine's settings, and with an end to its patience.

Not for: what it is asked (``timestamps``, ``exchange.media_signing.chains``).
"""

import os
import shutil
import subprocess
from functools import cache

from exchange.errors import TimestampFailed

_PATIENCE = 20.0
"""Seconds for one call of OpenSSL, which takes hundredths of one."""
_LONGEST_REASON = 200


def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """The command with these arguments, whatever it ends with. TimestampFailed where it does not run."""
    # No configuration of this machine, so that it judges as any other does.
    environment = {"PATH": os.defpath, "LC_ALL": "C", "OPENSSL_CONF": os.devnull}
    try:
        return subprocess.run(
            [program(), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TimestampFailed(f"OpenSSL did not run ({type(error).__name__}).") from None


@cache
def program() -> str:
    """Where it is. TimestampFailed where it is not."""
    found = shutil.which("openssl")
    if found is None:
        raise TimestampFailed(
            "The program openssl was not found.",
            meaning="It makes and checks time stamps, and checks chains of certificates.",
            do="On Debian: apt-get install openssl",
        )
    return found


def short(words: str) -> str:
    """What it printed, cut short and printable."""
    return "".join(char for char in words if char.isprintable())[:_LONGEST_REASON]
