"""An SFTP account of an evidence system: the server's key is the one in the settings, the login is by key.

Nothing of ``~/.ssh`` is read. Not for: an owner's places (the agent's).
"""

import asyncio
import contextlib
import importlib
import posixpath
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from exchange.errors import HandoverError, PlaceRefused, PlaceUnreachable
from portal.officer.casework.case_folder import CaseFile, CaseFolder
from portal.officer.casework.connectors.connector import BLOCK, Progress, blocks
from portal.officer.casework.connectors.memo import Memo

if TYPE_CHECKING:
    import asyncssh

_CONNECT = 30
"""Seconds for the connection and the login together."""


@dataclass(frozen=True, slots=True)
class SftpConnector:
    """``host_key`` is the server's public key as OpenSSH writes it; ``login_key`` a private key's file."""

    host: str
    port: int
    user: str
    folder: str
    host_key: str
    login_key: Path

    @property
    def title(self) -> str:
        return f"sftp://{self.user}@{self.host}:{self.port}/{self.folder}"

    async def put(self, case: CaseFolder, memo: Memo, show: Progress) -> str:
        """See ``portal.officer.casework.connectors.connector``. What broke off is left under a name that begins with a
        dot and ends with ``.partial``, and gone on with there."""
        target = posixpath.join(self.folder, case.name)
        partial = posixpath.join(self.folder, f".{case.name}.partial")
        async with self._files() as files:
            begun = memo.get("begun") == case.name
            if begun and memo.get("whole") == case.name and await files.exists(target):
                return f"{self.title}/{case.name}"
            if await files.exists(target) or (await files.exists(partial) and not begun):
                raise PlaceRefused(
                    f"{case.name} is at {self.title} already.", meaning="It was left as it is.", do="Export again."
                )
            await self._remove_strays(files, case, partial, memo)
            await asyncio.to_thread(memo.keep, {"begun": case.name})
            done = 0
            for each in case.files:
                await self._put_file(files, each, posixpath.join(partial, each.path), memo, _from(done, show))
                done += each.size
                show(done)
            await asyncio.to_thread(memo.keep, {"whole": case.name})
            await files.rename(partial, target)
        return f"{self.title}/{case.name}"

    async def _remove_strays(self, files: "asyncssh.SFTPClient", case: CaseFolder, partial: str, memo: Memo) -> None:
        """What an attempt before put there, and is no part of the case any more."""
        wanted = {each.path for each in case.files}
        for path in set(memo.notes) - wanted - {"begun", "whole"}:
            stray = posixpath.join(partial, path)
            if await files.exists(stray):
                await files.remove(stray)

    async def _put_file(
        self, files: "asyncssh.SFTPClient", each: CaseFile, path: str, memo: Memo, show: Progress
    ) -> None:
        """One file, from where it broke off; not at all when it is there."""
        there = await files.getsize(path) or 0 if await files.exists(path) else 0
        if memo.get(each.path) == each.sha256 and there == each.size:
            return
        begun = f"{each.sha256} begun"
        start = _resumed(there) if memo.get(each.path) == begun else 0
        await asyncio.to_thread(memo.keep, {each.path: begun})
        await files.makedirs(posixpath.dirname(path), exist_ok=True)
        async with files.open(path, "r+b" if start else "wb", encoding=None) as file:
            at, content = 0, blocks(each)
            while (block := await asyncio.to_thread(next, content, None)) is not None:
                if at >= start:
                    await file.write(block, at)
                at += len(block)
                show(at)
        if await files.getsize(path) != each.size:
            raise PlaceRefused(
                f"{self.title} did not keep what was written to it.", do="Tell who runs it: its disk may be broken."
            )
        await asyncio.to_thread(memo.keep, {each.path: each.sha256})

    @contextlib.asynccontextmanager
    async def _files(self) -> "AsyncIterator[asyncssh.SFTPClient]":
        """A connection, and what goes wrong on it as errors of this place."""
        ssh = await asyncio.to_thread(importlib.import_module, "asyncssh")
        try:
            async with (
                asyncio.timeout(_CONNECT) as until,
                await self._connect() as connection,
                connection.start_sftp_client() as files,
            ):
                until.reschedule(None)
                yield files
        except HandoverError:
            raise
        except (ssh.HostKeyNotVerifiable, ssh.KeyExchangeFailed) as error:
            raise PlaceRefused(
                f"{self.host} does not show the key that stands in the settings.",
                meaning="It may have been set up anew; or somebody else answers in its place. Nothing was sent.",
                do="Ask who runs it, by another way, for its key.",
            ) from error
        except ssh.PermissionDenied as error:
            raise PlaceRefused(
                f"{self.host} refused the login of {self.user}.",
                meaning="Nothing was sent.",
                do="Have who runs it add your login key.",
            ) from error
        except (ssh.SFTPConnectionLost, ssh.SFTPNoConnection) as error:
            raise self._gone() from error
        except ssh.SFTPError as error:
            raise PlaceRefused(
                f"{self.title} said no: {error.reason[:200]}.",
                meaning="The case does not lie there under its name.",
                do="Ask who runs it for the right to write there, or for room.",
            ) from error
        except (OSError, ssh.Error) as error:  # TimeoutError is an OSError
            raise self._gone() from error

    def _gone(self) -> PlaceUnreachable:
        return PlaceUnreachable(
            f"{self.title} does not answer, or the connection broke.",
            meaning="The case does not lie there under its name.",
            do="Check the address and the line; then export again.",
        )

    async def _connect(self) -> "asyncssh.SSHClientConnection":
        import asyncssh

        key = asyncssh.import_public_key(self.host_key)
        algorithm = key.get_algorithm()
        kinds = ["rsa-sha2-512", "rsa-sha2-256"] if algorithm == "ssh-rsa" else [algorithm]
        login = await asyncio.to_thread(asyncssh.read_private_key, str(self.login_key))
        return await asyncssh.connect(
            self.host,
            self.port,
            username=self.user,
            client_keys=[login],
            known_hosts=([key], [], []),
            server_host_key_algs=kinds,
            agent_path=None,
            config=None,
            gss_host=None,
        )


def _from(done: int, show: Progress) -> Progress:
    return lambda at: show(done + at)


def _resumed(size: int) -> int:
    """Where to go on in a file of so many bytes: its last block may have holes, as parts of it travel side by side."""
    return max(0, (size - 1) // BLOCK) * BLOCK
