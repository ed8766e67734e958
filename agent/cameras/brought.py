"""Files that an owner brings by hand, taken in pieces: a browser that loses its network goes on where it was.

Not for: what is in a file (``agent/sources``), or asking for it (the owner's page does).
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from agent.cameras.footage_sources import SetStart
from agent.cameras.inventory import Inventory
from agent.cameras.known import known_camera
from agent.services import Services
from agent.sources.registry import BY_HAND, setting_of
from agent.store.database import CameraRow
from exchange.durable import raising_disk_full, sync_folder
from exchange.errors import DiskFull, InputInvalid

MOST_BYTES = 50 * 1000**3
MOST_FILES = 1000
_ENDINGS = re.compile(r"^(mp4|m4v|mov|mkv|webm|avi|ts|mts|m2ts|mpg|mpeg|3gp|flv|asf|wmv|dav|h264|h265|264|265|hevc)$")


class Brought:
    """The files of one camera that is known by hand only."""

    def __init__(self, services: Services, row: CameraRow) -> None:
        setting = setting_of(row)
        if setting.kind != BY_HAND:
            raise InputInvalid(
                f"The footage of {row.camera_id} is fetched by itself.",
                meaning="Nothing was taken.",
                do="A file is brought for a camera that was added with: --source by_hand",
            )
        self.camera_id = row.camera_id
        self.folder = Path(str(setting.options["path"]))
        self._free = services.settings.recordings.keep_free

    def name_of(self, name: str, upload_id: str) -> str:
        """A harmless name for a file, its own as far as that goes. InputInvalid when it is no recording's."""
        stem, _, ending = name.rpartition("/")[2].rpartition("\\")[2].rpartition(".")
        if not _ENDINGS.match(ending.lower()) or not re.fullmatch(r"[0-9a-f]{16}", upload_id):
            raise InputInvalid(
                "That is no recording.",
                meaning="Nothing was taken.",
                do="Choose the file that the app saved: its name ends with mp4, mov, mkv or the like.",
            )
        clean = re.sub(r"[^A-Za-z0-9._+-]+", "_", stem).strip("._")[:100] or "recording"
        return f"{clean}-{upload_id[:8]}.{ending.lower()}"

    def have(self, name: str, upload_id: str) -> int:
        """Bytes of it that are here; all of them when it is whole. Blocks."""
        final = self.folder / self.name_of(name, upload_id)
        if final.exists():
            return final.stat().st_size
        part = self._part(upload_id)
        return part.stat().st_size if part.exists() else 0

    def _part(self, upload_id: str) -> Path:
        return self.folder / f".{upload_id}.part"

    async def take(
        self, name: str, upload_id: str, offset: int, total: int, content: AsyncIterator[bytes], most: int
    ) -> int:
        """Append a piece at ``offset``; how many bytes are here then. The last piece makes the file whole.

        InputInvalid when the piece isn't the next one, or the file is too large; DiskFull.
        """
        final = self.folder / self.name_of(name, upload_id)
        if not 0 < total <= MOST_BYTES:
            raise InputInvalid(
                "The file is empty or too large.", meaning="Nothing was taken.", do="Bring a shorter one."
            )
        here = await asyncio.to_thread(self.have, name, upload_id)
        if here != offset:
            raise InputInvalid("That piece is not the next one.", do="Ask how much is here, and go on from there.")
        await asyncio.to_thread(self._refuse_flood, total - offset)
        part, taken = self._part(upload_id), 0
        with raising_disk_full(part), part.open("ab") as file:
            async for piece in content:
                taken += len(piece)
                if taken > most or offset + taken > total:
                    file.truncate(offset)
                    raise InputInvalid("The piece is longer than it said.", meaning="It was not kept.")
                await asyncio.to_thread(file.write, piece)
            await asyncio.to_thread(_flush, file)
        if offset + taken == total:
            await asyncio.to_thread(self._finish, part, final)
        return offset + taken

    def _refuse_flood(self, more: int) -> None:
        if sum(1 for _ in self.folder.iterdir()) >= MOST_FILES:
            raise InputInvalid(f"There are {MOST_FILES} files of this camera.", do="Remove some from its folder first.")
        free = os.statvfs(self.folder)
        if free.f_bavail * free.f_frsize - more < self._free:
            raise DiskFull("There is no room for this file.", meaning="It was not taken.", do="Free some space.")

    def _finish(self, part: Path, final: Path) -> None:
        os.replace(part, final)
        sync_folder(self.folder)


def _flush(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


async def brought_of(services: Services, camera_id: str) -> Brought:
    """NotFound, InputInvalid."""
    async with services.store.transaction() as tx:
        return Brought(services, await known_camera(tx, camera_id))


async def say_start(inventory: Inventory, camera_id: str, name: str, start: str) -> None:
    """The owner's word on when a file begins (RFC 3339)."""
    await inventory.footage_sources.set_start(SetStart(camera_id=camera_id, file=name, time=start))
