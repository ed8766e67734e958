"""An SFTP account as a place: the server's key is the one that was confirmed, a file goes on where it broke off.

Not for: commands over SSH, or the owner's own keys and known hosts (nothing of ``~/.ssh`` is read).
"""

import asyncio
import contextlib
import hashlib
import posixpath
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import asyncssh

from agent.places.accounts import SftpAccount
from agent.places.blocks import BLOCK, blocks, file_sha256
from agent.places.bringing import bring, nothing_there
from agent.places.disk import full
from agent.places.naming import checked_name, is_unfinished, unfinished
from agent.places.pace import Pace, unhindered
from agent.places.place import Progress, Stored
from agent.places.ssh_keys import CONNECT, fingerprint, unreachable
from exchange.errors import HandoverError, PlaceRefused, PlaceUnreachable

_KEEPALIVE = 30
_AT_ONCE = 16
"""Writes of 32 KiB on their way at a time: the server's answers are waited for, so memory holds no more than that."""
_PACED = 32 * 1024
"""Bytes given to the line at a time where it has a limit."""
_MOST_LISTED = 100_000


class SftpPlace:
    """Each call opens a connection of its own and closes it. ``pace`` is asked before each block that goes up."""

    def __init__(self, account: SftpAccount, *, pace: Pace = unhindered) -> None:
        self._account = account
        self._pace = pace

    @property
    def title(self) -> str:
        return self._account.address

    async def put(self, source: Path, name: str, sha256: str, show: Progress) -> None:
        """See ``agent.places.place``. It is read again there; an account that may not read is trusted for what SSH
        brought to it, of the right size.
        """
        size = (await asyncio.to_thread(source.stat)).st_size
        target, part = self._at(checked_name(name)), self._at(unfinished(name, sha256))
        async with self._files() as files:
            if (there := await _size(files, target)) is not None:
                if there == size and await self._digest(files, target) in (sha256, None):
                    return show(size)
                raise PlaceRefused(
                    f"There is another file {name} at {self.title} already.",
                    meaning="It was left as it is.",
                    do="Ask who runs it to move it away.",
                )
            folder = posixpath.dirname(target)
            if folder and not await files.isdir(folder):
                await files.makedirs(folder, exist_ok=True)
            done = await self._already_there(files, source, part, size)
            await self._refuse_if_full(files, size - done)
            show(done)
            await self._write(files, source, part, done, size, show)
            if await self._digest(files, part) not in (sha256, None) or await _size(files, part) != size:
                await files.remove(part)
                if await file_sha256(source) != sha256:
                    raise PlaceRefused(f"{source.name} is not what it was.", meaning="It was not sent.")
                raise PlaceRefused(
                    f"{self.title} did not keep what was written to it.", do="Tell who runs it: its disk may be broken."
                )
            await files.rename(part, target)
        return None

    async def sha256(self, name: str) -> str | None:
        path = self._at(checked_name(name))
        async with self._files() as files:
            if await _size(files, path) is None:
                return None
            found = await self._digest(files, path)
        if found is None:
            raise PlaceRefused(f"{self.title} lets nothing be read.", do="Ask who runs it for the right to read.")
        return found

    async def get(self, name: str, target: Path, sha256: str | None, show: Progress) -> None:
        path = self._at(checked_name(name))
        async with self._files() as files:
            if await _size(files, path) is None:
                raise nothing_there(name, self.title)
            await bring(self._read(files, path), target, sha256, show, self.title)

    async def names(self, prefix: str = "") -> list[Stored]:
        found: list[Stored] = []
        async with self._files() as files:
            waiting = [""]
            while waiting:
                below = waiting.pop()
                async for entry in files.scandir(self._at(below) or "."):
                    name = (
                        entry.filename if isinstance(entry.filename, str) else entry.filename.decode(errors="replace")
                    )
                    if name.startswith("."):
                        continue
                    path = f"{below}/{name}" if below else name
                    if entry.attrs.type == asyncssh.FILEXFER_TYPE_DIRECTORY:
                        if path.startswith(prefix) or prefix.startswith(path + "/"):
                            waiting.append(path)
                    elif entry.attrs.type == asyncssh.FILEXFER_TYPE_REGULAR and path.startswith(prefix):
                        found.append(Stored(path, entry.attrs.size or 0))
                    if len(found) + len(waiting) > _MOST_LISTED:
                        raise PlaceRefused(f"{self.title} holds too many files.", do="Name a folder of its own.")
        return sorted(found, key=lambda stored: stored.name)

    async def remove(self, name: str) -> None:
        path = self._at(checked_name(name))
        folder, last = posixpath.split(path)
        async with self._files() as files:
            if await _size(files, path) is not None:
                await files.remove(path)
            if folder and not await files.isdir(folder):
                return
            async for entry in files.scandir(folder or "."):
                left = entry.filename if isinstance(entry.filename, str) else ""
                if left.startswith(f".{last}.") and is_unfinished(left):
                    await files.remove(posixpath.join(folder, left))

    async def free(self) -> int | None:
        async with self._files() as files:
            return await _free(files, self._account.folder or ".")

    def _at(self, name: str) -> str:
        return posixpath.join(self._account.folder, name) if name else self._account.folder

    @contextlib.asynccontextmanager
    async def _files(self) -> AsyncIterator[asyncssh.SFTPClient]:
        """A connection, and what goes wrong on it as errors of this place."""
        try:
            async with (
                asyncio.timeout(CONNECT) as until,
                await self._connect() as connection,
                connection.start_sftp_client() as files,
            ):
                until.reschedule(None)
                yield files
        except HandoverError:
            raise
        except asyncssh.HostKeyNotVerifiable as error:
            raise self._key_changed() from error
        except asyncssh.KeyExchangeFailed as error:  # it has no key of the kind that was confirmed any more
            raise self._key_changed() from error
        except asyncssh.PermissionDenied as error:
            raise PlaceRefused(
                f"{self._account.host} refused the login of {self._account.user}.",
                meaning="Nothing was sent.",
                do="Check the user name, and the password or key that it knows.",
            ) from error
        except (asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded) as error:
            raise full(self.title) from error
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection) as error:
            raise unreachable(self.title) from error
        except asyncssh.SFTPError as error:
            raise self._said_no(error) from error
        except (OSError, asyncssh.Error) as error:  # TimeoutError is an OSError
            raise unreachable(self.title) from error

    def _said_no(self, error: asyncssh.SFTPError) -> HandoverError:
        if isinstance(error, asyncssh.SFTPPermissionDenied | asyncssh.SFTPWriteProtect):
            return PlaceRefused(
                f"{self._account.user} may not do that at {self.title}.",
                do="Ask who runs it for the right to write in this folder, or name another.",
            )
        if isinstance(error, asyncssh.SFTPNoSuchFile | asyncssh.SFTPNoSuchPath):
            return PlaceRefused(f"The folder of {self.title} is not there.", do="Name one that is.")
        return PlaceUnreachable(
            f"{self.title} failed: {error.reason[:200]}.", meaning="What lies there is gone on with."
        )

    def _key_changed(self) -> PlaceRefused:
        return PlaceRefused(
            f"{self._account.host} does not show the key that you confirmed ({fingerprint(self._account.host_key)}).",
            meaning="It may have been set up anew; or somebody else answers in its place. Nothing was sent, and no "
            "password was told.",
            do="Ask who runs it, by another way, for its fingerprint; if that changed, add the place anew.",
        )

    async def _connect(self) -> asyncssh.SSHClientConnection:
        account = self._account
        key = asyncssh.import_public_key(account.host_key)
        algorithm = key.get_algorithm()
        kinds = ["rsa-sha2-512", "rsa-sha2-256"] if algorithm == "ssh-rsa" else [algorithm]
        return await asyncssh.connect(
            account.host,
            account.port,
            username=account.user,
            password=account.password,
            client_keys=[asyncssh.import_private_key(account.private_key)] if account.private_key else None,
            known_hosts=([key], [], []),
            server_host_key_algs=kinds,
            agent_path=None,
            config=None,
            gss_host=None,
            keepalive_interval=_KEEPALIVE,
            compression_algs=["none"],
        )

    async def _already_there(self, files: asyncssh.SFTPClient, source: Path, part: str, size: int) -> int:
        """Bytes of a part that are those of the file; what can't be read is begun anew."""
        there = await _size(files, part)
        if not there:
            return 0
        done = 0
        try:
            async with files.open(part, "rb", max_requests=_AT_ONCE) as read:
                async for block in blocks(source, 0, min(there, size)):
                    if _bytes(await read.read(len(block), done)) != block:
                        return done
                    done += len(block)
        except asyncssh.SFTPPermissionDenied:
            return 0
        return done

    async def _write(
        self, files: asyncssh.SFTPClient, source: Path, part: str, done: int, size: int, show: Progress
    ) -> None:
        flags = asyncssh.FXF_WRITE | asyncssh.FXF_CREAT
        try:
            async with files.open(part, flags, encoding=None, max_requests=_AT_ONCE) as write:
                await write.truncate(done)
                async for block in blocks(
                    source, done, size - done, BLOCK // 2 if self._pace is unhindered else _PACED
                ):
                    await self._pace(len(block))
                    await write.write(block, done)
                    done += len(block)
                    show(done)
                with contextlib.suppress(asyncssh.SFTPOpUnsupported):
                    await write.fsync()
        except asyncssh.SFTPFailure as error:  # OpenSSH's word for a full disk, and for much else
            free = await _free(files, posixpath.dirname(part) or ".")
            if free is not None and free < BLOCK:
                raise full(self.title, needed=size - done, free=free) from error
            raise

    async def _refuse_if_full(self, files: asyncssh.SFTPClient, needed: int) -> None:
        free = await _free(files, self._account.folder or ".")
        if free is not None and free < needed:
            raise full(self.title, needed=needed, free=free)

    async def _digest(self, files: asyncssh.SFTPClient, path: str) -> str | None:
        """SHA-256 of what lies there; None where the account may not read."""
        digest = hashlib.sha256()
        try:
            async for block in self._read(files, path):
                await asyncio.to_thread(digest.update, block)
        except asyncssh.SFTPPermissionDenied:
            return None
        return digest.hexdigest()

    async def _read(self, files: asyncssh.SFTPClient, path: str) -> AsyncGenerator[bytes, None]:
        done = 0
        async with files.open(path, "rb", max_requests=_AT_ONCE) as read:
            while block := _bytes(await read.read(BLOCK, done)):
                done += len(block)
                yield block


async def _size(files: asyncssh.SFTPClient, path: str) -> int | None:
    try:
        return (await files.stat(path)).size
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
        return None


async def _free(files: asyncssh.SFTPClient, folder: str) -> int | None:
    try:
        disk = await files.statvfs(folder)
    except asyncssh.SFTPError:
        return None
    return (disk.bavail or 0) * (disk.frsize or disk.bsize or 0)


def _bytes(data: str | bytes) -> bytes:
    """What a file that was opened as binary gives, which the library's types don't tell."""
    return data if isinstance(data, bytes) else data.encode()
