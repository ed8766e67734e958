"""Opens a state file that lies at a second place: finds the newest that a key opens, and takes it apart with limits.

Whoever can write to that place may have put something else there, so it is read like anything from outside. Not for:
putting it where a daemon uses it (``restore``).
"""

import asyncio
import shutil
import tarfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from agent.places.place import Place, Progress, Stored
from agent.records.backups.own_state import DATABASE, SETTINGS
from agent.records.backups.second_places import STATES, state_made_at
from exchange.age.files import Decryptor, Identity
from exchange.errors import InputInvalid, KeyDoesNotOpen, KeyFileUnusable, NotFound, SealDamaged
from exchange.signing.documents import SigningKey

_MOST_BYTES = 20 * 1000**3
_MOST_FILES = 200_000
_DEVICE_KEY = "keys/device.key"


@dataclass(frozen=True)
class Opened:
    """A state, taken apart into ``folder``. ``device``: the fingerprint of the key that it holds."""

    name: str
    made_at: int
    folder: Path
    device: str


async def states_at(place: Place) -> list[tuple[int, Stored]]:
    """All state files of all agents there, the newest first, each with when it was made (microseconds UTC)."""
    found = [
        (made_at, stored)
        for stored in await place.names(f"{STATES}/")
        if (made_at := state_made_at(stored.name.rpartition("/")[2])) is not None
    ]
    return sorted(found, key=lambda each: each[0], reverse=True)


async def open_newest(
    place: Place, identities: Sequence[Identity], work: Path, show: Progress, wanted: str = ""
) -> Opened:
    """Fetch and open the newest state there that ``identities`` open. ``wanted``: the first letters of its name.

    One that is damaged is passed over for the one before it. NotFound when there is none, KeyDoesNotOpen when the key
    opens none of them, and what a place raises.
    """
    states = await require_state(place, wanted)
    wrong: KeyDoesNotOpen | SealDamaged | InputInvalid | None = None
    for made_at, stored in states:
        fetched = work / "state.age"
        await place.get(stored.name, fetched, None, show)
        try:
            folder = work / f"state-{made_at}"
            await asyncio.to_thread(unpack, fetched, identities, folder)
            device = await asyncio.to_thread(_fingerprint, folder)
            return Opened(stored.name, made_at, folder, device)
        except (KeyDoesNotOpen, SealDamaged, InputInvalid, KeyFileUnusable) as error:
            if wrong is None or isinstance(wrong, KeyDoesNotOpen):
                wrong = error  # type: ignore[assignment]
        finally:
            await asyncio.to_thread(fetched.unlink, missing_ok=True)
    assert wrong is not None
    raise wrong


async def require_state(place: Place, wanted: str = "") -> list[tuple[int, Stored]]:
    """The states there of which the names begin so, the newest first. NotFound, and what a place raises."""
    states = [each for each in await states_at(place) if each[1].name.rpartition("/")[2].startswith(wanted)]
    if not states:
        raise NotFound(
            f"There is no state of Handover in {place.title}.",
            meaning="Nothing was put back.",
            do="Name the folder that holds handover/state.",
        )
    return states


def unpack(sealed: Path, identities: Sequence[Identity], folder: Path) -> None:
    """Take a state apart into a new folder, all of it or nothing. Blocks.

    KeyDoesNotOpen, SealDamaged; InputInvalid when it is none, or holds what no state does: links, devices, names that
    lead out of it, more than is sensible.
    """
    folder.mkdir(mode=0o700)
    try:
        with sealed.open("rb") as file:
            plain = Decryptor(file, identities)
            try:
                with tarfile.open(fileobj=cast("IO[bytes]", plain), mode="r|gz") as tar:
                    _unpack_all(tar, folder)
            except (tarfile.TarError, EOFError, OSError, UnicodeError) as error:
                raise _no_state("it can't be unpacked") from error
            while plain.read(1 << 20):  # to the end: only then is all of it known to be as it was sealed
                pass
        if not (folder / DATABASE).is_file() or not (folder / SETTINGS).is_file():
            raise _no_state("it has no records, or no settings")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _unpack_all(tar: tarfile.TarFile, folder: Path) -> None:
    size = count = 0
    for entry in tar:
        path = PurePosixPath(entry.name)
        size, count = size + entry.size, count + 1
        if not entry.isreg() or path.is_absolute() or ".." in path.parts or not path.parts or "\0" in entry.name:
            raise _no_state("it holds something that is no plain file")
        if size > _MOST_BYTES or count > _MOST_FILES:
            raise _no_state("it is larger than any state is")
        target = folder / path
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        source = tar.extractfile(entry)
        if source is None or target.exists():
            raise _no_state("it holds a file twice")
        with source, target.open("xb") as file:
            target.chmod(0o600)
            shutil.copyfileobj(source, file, 1 << 20)
        if target.stat().st_size != entry.size:
            raise _no_state("it is cut short")


def _fingerprint(folder: Path) -> str:
    key = folder / _DEVICE_KEY
    if not key.is_file():
        return ""
    with suppress(KeyFileUnusable):
        return SigningKey.load(key).public.fingerprint
    return ""


def _no_state(why: str) -> InputInvalid:
    return InputInvalid(
        f"The file is not the state of an agent: {why}.",
        meaning="Nothing of it was used.",
        do="An older one may lie beside it; try that.",
    )
