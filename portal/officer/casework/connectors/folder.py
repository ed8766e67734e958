"""A folder, such as one that an evidence system watches: the case appears in it whole, by one renaming.

Not for: places on other machines, unless they are mounted here.
"""

import asyncio
import errno
import os
import shutil
from pathlib import Path

from exchange.durable import sync_folder
from exchange.errors import PlaceFull, PlaceRefused, PlaceUnreachable
from portal.officer.casework.case_folder import CaseFolder
from portal.officer.casework.connectors.connector import Progress, blocks
from portal.officer.casework.connectors.memo import Memo

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class FolderConnector:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def title(self) -> str:
        return str(self._folder)

    async def put(self, case: CaseFolder, memo: Memo, show: Progress) -> str:
        """See ``connector``. What broke off is copied anew: it lies on this machine."""
        return str(await asyncio.to_thread(self._put, case, memo, show))

    def _put(self, case: CaseFolder, memo: Memo, show: Progress) -> Path:
        target, partial = self._folder / case.name, self._folder / f".{case.name}.partial"
        if not self._folder.is_dir():
            raise PlaceUnreachable(
                f"There is no folder {self._folder}.", do="Make it, or mount what it lies on; then export again."
            )
        begun = memo.get("begun") == case.name
        if target.exists() and begun and memo.get("whole") == case.name:
            return target
        if begun:
            shutil.rmtree(partial, ignore_errors=True)
        if target.exists() or partial.exists():
            raise PlaceRefused(
                f"{case.name} is in {self._folder} already.", meaning="It was left as it is.", do="Export again."
            )
        memo.note(begun=case.name)
        try:
            self._write(case, partial, show)
            memo.note(whole=case.name)
            partial.rename(target)
            sync_folder(self._folder)
        except OSError as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise self._said_no(error, case.size) from error
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        return target

    def _write(self, case: CaseFolder, partial: Path, show: Progress) -> None:
        partial.mkdir(mode=0o700)
        done = 0
        for each in case.files:
            path = partial / each.path
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with path.open("xb") as file:
                for block in blocks(each):
                    file.write(block)
                    done += len(block)
                    show(done)
                file.flush()
                os.fsync(file.fileno())

    def _said_no(self, error: OSError, size: int) -> PlaceFull | PlaceRefused:
        if error.errno in _FULL:
            return PlaceFull(
                f"There is no room for {size} bytes in {self._folder}.",
                meaning="Nothing was left there.",
                do="Make room, or name another folder.",
            )
        return PlaceRefused(
            f"{self._folder} can't be written to: {error.strerror}.",
            meaning="Nothing was left there.",
            do="Ask who runs it for the right to write there, or name another folder.",
        )
