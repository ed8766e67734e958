"""Whether this host's own clock follows a time server, as the system tells.

Not for: a camera's clock (``agent/cameras/clock.py``).
"""

import asyncio
import shutil
from contextlib import suppress


async def host_synchronised() -> bool | None:
    """True or False as ``timedatectl`` says; None where that program isn't there or doesn't know."""
    program = await asyncio.to_thread(shutil.which, "timedatectl", path="/usr/bin:/bin")
    if program is None:
        return None
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            "show",
            "--property=NTPSynchronized",
            "--value",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(5):
            said, _ = await process.communicate()
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return {b"yes": True, b"no": False}.get(said.strip())
